"""Axes: a range, a scale and ticks at round numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis.

    Arguments:
        low, high: its ends. log: its scale is logarithmic.
    """

    low: float
    high: float
    title: str
    ticks: Float[np.ndarray, " tick"]
    labels: tuple[str, ...]
    log: bool = False

    def fraction(self, value: Float[np.ndarray, " n"] | float) -> Float[np.ndarray, " n"]:
        """Position between the ends, 0 to 1; NaN where the scale has none."""
        value = np.asarray(value, dtype=float)
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        with np.errstate(all="ignore"):
            return (np.log10(value) - np.log10(self.low)) / (np.log10(self.high) - np.log10(self.low))


def axis(
    values: Float[np.ndarray, " n"],
    title: str,
    *,
    count: int = 6,
    margin: float = 0.04,
    log: bool = False,
    zero: bool = False,
    whole: bool = False,
) -> Axis:
    """An axis that holds all finite values.

    Arguments:
        count: about how many ticks. margin: free space at both ends, as a fraction of the range.
        zero: begin at 0 when all values are positive and 0 is near. whole: ticks at whole numbers only.
    """
    values = np.asarray(values, dtype=float).ravel()
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    low, high = (float(values.min()), float(values.max())) if len(values) else (1.0, 10.0) if log else (0.0, 1.0)
    return _log_axis(low, high, title) if log else _linear_axis(low, high, title, count, margin, zero, whole)


def _linear_axis(low: float, high: float, title: str, count: int, margin: float, zero: bool, whole: bool) -> Axis:
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    from_zero = zero and 0 <= low < 0.5 * high
    room = margin * (high - low)
    low, high = (0.0 if from_zero else low - room), high + room
    step = nice_step(high - low, count)
    step = max(step, 1.0) if whole else step
    ticks = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return Axis(low, high, title, ticks, tick_labels(ticks, step))


def _log_axis(low: float, high: float, title: str) -> Axis:
    a, b = np.log10(low), np.log10(high)
    room = max(0.06 * (b - a), 0.08)
    a, b = max(a - room, -305.0), min(b + room, 305.0)
    if np.floor(b) - np.ceil(a) < 1:  # two powers of ten at least, for a scale to be read
        a, b = min(a, np.floor(b) - 1 + 0.0), max(b, np.floor(b))
    first, last = np.ceil(a - 1e-9), np.floor(b + 1e-9)
    every = max(1, int(np.ceil((last - first) / 7)))
    exponents = np.arange(first, last + 1, every)
    plain = first >= -3 and last <= 4
    labels = tuple(f"{10.0**exponent:g}" if plain else _power_label(int(exponent)) for exponent in exponents)
    return Axis(10.0**a, 10.0**b, title, 10.0**exponents, labels, log=True)


def nice_step(span: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, such that ``span`` holds about ``count`` steps."""
    power = 10.0 ** np.floor(np.log10(span / count))
    steps = [power * factor for factor in (1.0, 2.0, 5.0, 10.0)]
    return float(min(steps, key=lambda step: abs(np.log(span / step / count))))


def tick_labels(ticks: Float[np.ndarray, " tick"], step: float) -> tuple[str, ...]:
    """Labels with just the decimals the step needs; a minus sign is a minus sign."""
    largest = float(np.max(np.abs(ticks))) if len(ticks) else 0.0
    if largest >= 1e5 or (0 < largest < 1e-3):
        texts = [f"{value:.4g}" if abs(value) > step / 2 else "0" for value in ticks]
        return tuple(
            text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e").replace("-", "−") for text in texts
        )
    decimals = next((d for d in range(7) if abs(round(step, d) - step) < 1e-9 * step), 7)
    return tuple(f"{value + 0.0 if abs(value) > step / 2 else 0.0:.{decimals}f}".replace("-", "−") for value in ticks)


def _power_label(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
