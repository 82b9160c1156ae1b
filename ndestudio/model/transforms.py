"""Between bounded parameters and the unbounded numbers that are trained.

    identity   p = s z                        log        p = exp(z)
    lower      p = l + s softplus(z)          log-lower  p = l exp(softplus(z))
    upper      p = u - s softplus(-z)         log-upper  p = u exp(-softplus(-z))
    both       p = l + (u - l) sigmoid(z)     log-both   log p = log l + (log u - log l) sigmoid(z)

`s` is a typical magnitude, so that steps of z mean the same for every parameter. All rise with z. They work on NumPy
and on JAX alike (``xp``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ndestudio.model.config import ParameterConfig

Kind = Literal["identity", "lower", "upper", "both", "log", "log-lower", "log-upper", "log-both"]

MARGIN = 1e-6
"""A start on a bound is moved inside by this fraction of the range: on the bound itself z would be infinite."""


def softplus(z: Any, xp: Any = np) -> Any:
    """log(1 + exp(z)), without overflow."""
    return xp.logaddexp(z, 0.0)


def sigmoid(z: Any, xp: Any = np) -> Any:
    """1 / (1 + exp(-z)), without overflow."""
    return 0.5 * (1.0 + xp.tanh(0.5 * z))


def inverse_softplus(p: Any, xp: Any = np) -> Any:
    """log(exp(p) - 1) for p > 0, without overflow and without loss for small p."""
    return p + xp.log(-xp.expm1(-p))


def logit(q: Any, xp: Any = np) -> Any:
    return xp.log(q) - xp.log1p(-q)


@dataclass(frozen=True)
class Transform:
    """One of the eight kinds with its numbers; ``lower`` and ``upper`` are logarithms in the kinds that begin with log."""

    kind: Kind = "identity"
    lower: float = 0.0
    upper: float = 0.0
    scale: float = 1.0

    def forward(self, z: Any, xp: Any = np) -> Any:
        """The parameter of the unbounded number ``z``."""
        if self.kind == "log":
            return xp.exp(z)
        kind = self.kind.removeprefix("log-")
        if kind == "identity":
            return self.scale * z
        if kind == "lower":
            value = self.lower + self.scale * softplus(z, xp)
        elif kind == "upper":
            value = self.upper - self.scale * softplus(-z, xp)
        else:
            value = self.lower + (self.upper - self.lower) * sigmoid(z, xp)
        return xp.exp(value) if self.kind.startswith("log-") else value

    def inverse(self, p: Any, xp: Any = np) -> Any:
        """The unbounded number of the parameter ``p``; values on or outside a bound are first moved just inside."""
        if self.kind == "identity":
            return p / self.scale
        if self.kind.startswith("log"):
            p = xp.log(xp.maximum(p, 1e-300))
        if self.kind == "log":
            return p
        kind = self.kind.removeprefix("log-")
        if kind == "lower":
            return inverse_softplus(xp.maximum((p - self.lower) / self.scale, MARGIN), xp)
        if kind == "upper":
            return -inverse_softplus(xp.maximum((self.upper - p) / self.scale, MARGIN), xp)
        return logit(xp.clip((p - self.lower) / (self.upper - self.lower), MARGIN, 1.0 - MARGIN), xp)


def transform_of(
    value: float, lower: float | None = None, upper: float | None = None, log: bool = False, scale: float | None = None
) -> Transform:
    """The transform of a parameter with these bounds.

    Parameters
    ----------
    scale
        Typical magnitude; None: that of ``value``, or of the bounds where the value is 0.
    """
    if log:
        low = None if lower is None or lower <= 0 else float(np.log(lower))
        high = None if upper is None else float(np.log(upper))
        if low is None and high is None:
            return Transform("log")
        if high is None:
            return Transform("log-lower", lower=low or 0.0)
        if low is None:
            return Transform("log-upper", upper=high)
        return Transform("log-both", low, high)
    if scale is None:
        scale = next((abs(number) for number in (value, lower, upper) if number), 1.0)
    if lower is None and upper is None:
        return Transform("identity", scale=scale)
    if upper is None:
        return Transform("lower", lower=float(lower or 0.0), scale=scale)
    if lower is None:
        return Transform("upper", upper=upper, scale=scale)
    return Transform("both", lower, upper)


def parameter_transform(config: ParameterConfig) -> Transform:
    """The transform of a parameter; it depends on its settings only, never on where the fit stands."""
    return transform_of(config.value, *config.bounds, config.log)
