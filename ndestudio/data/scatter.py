"""How far values scatter around what they should be: a constant part, and one that grows with the value.

variance = s0^2 + (s1 y)^2
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

SMALLEST = 1e-3
"""Smallest constant part, as a part of the errors' root mean square: a value met exactly must not weigh everything."""
FEWEST = 8
"""Values of a column from which a proportional part is estimated."""


def levels(e: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"] | None, delta: float = np.inf) -> tuple[float, float]:
    """s0 and s1 that make errors ``e`` at values ``y`` most likely (s1 = 0 for ``y`` None).

    The variance is written as k (1 - p + p y^2 / mean(y^2)): k is profiled out, p found on a line.

    Parameters
    ----------
    delta
        Errors beyond this many levels count as that many (Huber 1981, Robust Statistics, proposal 2).
    """
    size = float(np.sqrt(np.mean(e**2)))
    if size == 0:
        return 1e-12 * (1.0 if y is None else max(float(np.max(y)), 1e-300)), 0.0
    mean_square = 0.0 if y is None else float(np.mean(y**2))
    if y is None or mean_square == 0:
        return float(np.sqrt(_scale(e**2, delta))), 0.0
    shape = y**2 / mean_square
    least = SMALLEST**2
    logits = np.linspace(-9.0, -np.log(least), 65)

    def cost(logit: float) -> float:
        part = 1.0 / (1.0 + np.exp(-logit))
        relative = np.maximum(1.0 - part, least) + part * shape
        return len(e) * float(np.log(_scale(e**2 / relative, delta))) + float(np.sum(np.log(relative)))

    costs = [cost(z) for z in logits]
    best = int(np.argmin(costs))
    fine = np.linspace(logits[max(best - 1, 0)], logits[min(best + 1, len(logits) - 1)], 21)
    part = 1.0 / (1.0 + np.exp(-min(fine, key=cost)))
    # as likely without a proportional part: the simpler noise
    if costs[0] - min(costs) < 2.0:
        return float(np.sqrt(_scale(e**2, delta))), 0.0
    rest = max(1.0 - part, least)
    k = _scale(e**2 / (rest + part * shape), delta)
    return float(np.sqrt(k * rest)), float(np.sqrt(k * part / mean_square))


def _scale(squares: Float[np.ndarray, " n"], delta: float) -> float:
    """Mean square, or its robust counterpart where errors beyond ``delta`` levels are cut."""
    value = float(np.mean(squares))
    if not np.isfinite(delta):
        return max(value, 1e-300)
    # E min(z^2, d^2) of a standard normal z
    inside = math.erf(delta / math.sqrt(2.0))
    density = math.exp(-0.5 * delta**2) / math.sqrt(2.0 * math.pi)
    expected = inside - 2.0 * delta * density + delta**2 * (1.0 - inside)
    value = max((1.4826**2) * float(np.median(squares)), 1e-300)
    for _ in range(30):
        new = max(float(np.mean(np.minimum(squares, delta**2 * value))) / expected, 1e-300)
        if abs(new - value) < 1e-6 * value:
            break
        value = new
    return value


PRIOR = 10.0
"""Degrees of freedom that the common spread of readings counts as, beside the spread of those at one time."""


@dataclass(frozen=True, eq=False)
class Readings:
    """Means of readings at one time, and how sure each is.

    Parameters
    ----------
    deviation
        Standard deviation of each mean, NaN where it cannot be told.
    constant, proportional
        Of single readings at one time: variance = constant^2 + (proportional * mean)^2.
    """

    deviation: Float[np.ndarray, " time"]
    constant: float
    proportional: float

    def sentence(self, name: str) -> str:
        """How far readings scatter, for a person; "" where it cannot be told."""
        if not self.constant > 0:
            return ""
        size = f"by {self.constant:.2g}"
        if self.proportional > 0:
            part = f"{self.proportional:.1%} of the value"
            size = f"by {part}" if self.constant < 1e-2 * self.proportional else f"by {self.constant:.2g} and {part}"
        return f"readings of `{name}` at one time scatter {size}, by which their means are weighted"


def of_readings(
    values: Float[np.ndarray, " reading"], time: Int64[np.ndarray, " reading"], mean: Float[np.ndarray, " time"]
) -> Readings:
    """How sure the means of readings are: by their own spread and that of all, which few readings at a time tell better.

    Variances of single times are drawn towards a common law of a constant and a proportional part, as of empirical Bayes with
    ``PRIOR`` degrees of freedom (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3, 3).

    Parameters
    ----------
    time
        Number of the time of each reading.
    mean
        Of the readings at each time.
    """
    known = np.isfinite(values)
    values, time = values[known], time[known]
    count = np.bincount(time, minlength=len(mean))
    several = count[time] > 1
    n = count[time[several]]
    away = values[several] - mean[time[several]]
    if len(away) < 2 or not np.any(away):
        return Readings(np.full(len(mean), np.nan), 0.0, 0.0)
    e, y = away * np.sqrt(n / (n - 1.0)), np.abs(mean[time[several]])
    constant, proportional = levels(e, y if len(e) >= FEWEST else None)
    # no further than to means whose readings tell it
    law = constant**2 + (proportional * np.clip(np.abs(mean), y.min(), y.max())) ** 2
    squares = np.bincount(time[several], away**2, minlength=len(mean))
    variance = (PRIOR * law + squares) / (PRIOR + np.maximum(count - 1, 0))
    with np.errstate(all="ignore"):
        return Readings(np.sqrt(variance / count), constant, proportional)
