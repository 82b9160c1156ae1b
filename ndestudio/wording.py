"""How the program writes numbers for a person, the same everywhere: in the window, the terminal, reports and notes."""

from __future__ import annotations

import math

EXACT = 1e-9
"""Relative errors below this are those of the arithmetic."""
_LEAST = 1e-5


def percent(value: float, *, failed: str = "failed") -> str:
    """A relative error in percent, with three significant digits and never an exponent.

    Parameters
    ----------
    value
        As a part of one: 0.05 is 5%.
    failed
        What is said of an error that is not finite.
    """
    if not math.isfinite(value):
        return failed
    if value < EXACT:
        return "exact"
    if value < _LEAST:
        return "< 0.001%"
    if value >= 10:
        return "> 1000%"
    shown = 100.0 * value
    digits = max(0, 2 - math.floor(math.log10(shown) + 1e-12))
    return f"{shown:.{digits}f}%"
