"""How far ahead a chaotic model can be compared with data."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 0.25
"""Length of the segments that a fit of constants begins with, in horizons."""
SHORTEST = 4
"""Samples of a segment, at least."""


@dataclass(frozen=True)
class Horizon:
    """Arguments:
    divergence: time in which distances grow e-fold. samples: of a segment. time: its length."""

    divergence: float
    samples: int
    time: float
