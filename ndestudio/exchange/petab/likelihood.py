"""Log densities of measurements (PEtab, section "Noise distributions").

On the linear scale with m measured, y simulated and noise s: normal, -(1/2) log(2 pi s^2) - (1/2) ((m - y)/s)^2; Laplace,
-log(2 s) - |m - y|/s. On a logarithmic scale the same of the logarithms, times the derivative of the logarithm: the density
is always that of the measurement itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ndestudio.exchange.petab.problem import Observable, Scale

Groups = Sequence[tuple[Observable, np.ndarray]]


def scaled(values: Any, scale: Scale, xp: Any) -> Any:
    """Values on the scale of the noise."""
    if scale == "lin":
        return values
    if xp is np:
        with np.errstate(all="ignore"):
            return np.log(values) if scale == "log" else np.log10(values)
    return xp.log(values) if scale == "log" else xp.log10(values)


def residuals(groups: Groups, measured: np.ndarray, simulated: Any, noise: Any, xp: Any) -> Any:
    """(m - y)/s of each measurement, on the scale of its noise."""
    parts = [
        (scaled(measured[rows], one.scale, np) - scaled(simulated[rows], one.scale, xp)) / noise[rows]
        for one, rows in groups
    ]
    return _joined(groups, parts, xp)


def log_likelihoods(groups: Groups, measured: np.ndarray, simulated: Any, noise: Any, xp: Any) -> Any:
    """Logarithm of the density of each measurement."""
    parts = []
    for one, rows in groups:
        m, sigma = measured[rows], noise[rows]
        r = (scaled(m, one.scale, np) - scaled(simulated[rows], one.scale, xp)) / sigma
        if one.laplace:
            density = -xp.log(2.0 * sigma) - xp.abs(r)
        else:
            density = -0.5 * xp.log(2.0 * math.pi * sigma**2) - 0.5 * r**2
        if one.scale != "lin":
            density = density - np.log(m) - (math.log(math.log(10.0)) if one.scale == "log10" else 0.0)
        parts.append(density)
    return _joined(groups, parts, xp)


def _joined(groups: Groups, parts: Sequence[Any], xp: Any) -> Any:
    if not parts:
        return xp.zeros(0)
    order = np.argsort(np.concatenate([rows for _, rows in groups]), kind="stable")
    return xp.concatenate(parts)[order]
