"""Prior distributions of PEtab: densities, truncated at bounds in version 2, and draws from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.errors import DataError

_COUNTS = {
    "uniform": 2, "normal": 2, "laplace": 2, "log-uniform": 2, "log-normal": 2, "log-laplace": 2, "cauchy": 2, "chisquare": 1,
    "exponential": 1, "gamma": 2, "rayleigh": 1,
}  # fmt: skip
KINDS = tuple(_COUNTS)


@dataclass(frozen=True)
class Prior:
    """What is known of a parameter beforehand.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    numbers
        Those of PEtab, in its order: location and scale (of the logarithm for `log-`), shape and scale, or bounds.
    scale
        Scale on which it is meant: `"lin"`, `"log"` or `"log10"` (version 1's `parameterScale...`).
    truncated
        Bounds outside of which nothing is possible; the density is that of what is left.
    """

    kind: str
    numbers: tuple[float, ...]
    scale: str = "lin"
    truncated: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        if self.kind not in _COUNTS:
            raise DataError(f"the prior `{self.kind}` is not known; there are {', '.join(KINDS)}")
        if len(self.numbers) != _COUNTS[self.kind] or not all(map(math.isfinite, self.numbers)):
            raise DataError(f"the prior `{self.kind}` takes {_COUNTS[self.kind]} numbers, and has {self.numbers}")

    def log_density(self, value: float) -> float:
        """Logarithm of the density at a value on the linear scale; -inf outside of the bounds.

        On another ``scale`` it is the density of the scaled value, as PEtab 1 means it.
        """
        x = _scaled(value, self.scale)
        low, high = (_scaled(one, self.scale) for one in self.truncated)
        if not low <= x <= high:
            return -math.inf
        known = self._scipy()
        kept = 0.0
        if math.isfinite(low) or math.isfinite(high):
            share = float(known.cdf(high) - known.cdf(low))
            kept = math.log(share) if share > 0 else -math.inf
        return float(known.logpdf(x)) - kept

    def log_density_of(self, values: np.ndarray) -> float:
        """Sum over an array of values."""
        return float(np.sum([self.log_density(float(one)) for one in np.ravel(values)]))

    def slope(self, value: float) -> float:
        """Derivative of ``log_density`` by the value."""
        h = 1e-6 * max(abs(value), 1e-3)
        above, below = self.log_density(value + h), self.log_density(value - h)
        if not math.isfinite(above) or not math.isfinite(below):
            middle = self.log_density(value)
            above, below = (above, middle) if math.isfinite(above) else (middle, below)
            h /= 2
        return (above - below) / (2 * h)

    def _scipy(self) -> Any:
        from scipy import stats

        a = self.numbers
        match self.kind:
            case "uniform":
                return stats.uniform(a[0], a[1] - a[0])
            case "normal":
                return stats.norm(a[0], a[1])
            case "laplace":
                return stats.laplace(a[0], a[1])
            case "log-uniform":
                return stats.loguniform(a[0], a[1])
            case "log-normal":
                return stats.lognorm(a[1], scale=math.exp(a[0]))
            case "log-laplace":
                return stats.loglaplace(1.0 / a[1], scale=math.exp(a[0]))
            case "cauchy":
                return stats.cauchy(a[0], a[1])
            case "chisquare":
                return stats.chi2(a[0])
            case "exponential":
                return stats.expon(scale=a[0])
            case "gamma":
                return stats.gamma(a[0], scale=a[1])
        return stats.rayleigh(scale=a[0])


def _scaled(value: float, scale: str) -> float:
    if scale == "lin":
        return value
    if value <= 0:
        return -math.inf
    if math.isinf(value):
        return math.inf
    return math.log(value) if scale == "log" else math.log10(value)


def total(priors: Sequence[tuple[Prior, float]]) -> float:
    return sum(prior.log_density(value) for prior, value in priors)
