"""Fewer points that look the same, so that a long series neither slows a window down nor swells a file."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Curve, Figure, Points

SHOWN_POINTS = 20_000
"""A longer series is drawn in the window from a decimated copy."""

FILE_POINTS = 4_000
"""Points of a curve in a file: two in each 1/2000 of the series, finer than what can be printed."""

FILE_DOTS = 20_000
"""Single points in a file; beyond `DOTS_AS_PIXELS` they are kept as pixels."""
DOTS_AS_PIXELS = 5_000


def thinned(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], limit: int = SHOWN_POINTS
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """At most `limit` points of a series that look the same: the smallest and largest of each bin are kept."""
    if len(x) <= limit:
        return x, y
    size = math.ceil(len(x) / (limit // 2))
    usable = len(x) // size * size
    blocks = y[:usable].reshape(-1, size)
    filled = np.where(np.isfinite(blocks), blocks, 0.0)
    start = np.arange(len(blocks)) * size
    picks = np.sort(np.stack([start + filled.argmin(axis=1), start + filled.argmax(axis=1)], axis=1), axis=1).ravel()
    return x[picks], y[picks]


def fewer(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], limit: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """At most `limit` points: the extremes of each bin where x rises, else every so many-th and the last."""
    if len(x) <= limit:
        return x, y
    if np.all(np.diff(x) >= 0):
        return thinned(x, y, limit)
    keep = np.unique(np.linspace(0, len(x) - 1, limit).astype(int))
    return x[keep], y[keep]


def thinning_sentence(figure: Figure) -> str:
    """What was left out of a file for its size; "" where nothing was."""
    marks = [mark for panel in figure.panels for mark in panel.marks]
    said = []
    if any(isinstance(mark, Curve) and len(mark.x) > FILE_POINTS for mark in marks):
        said.append(f"Long curves are drawn through the extremes of each 1/{FILE_POINTS // 2} of them.")
    if any(isinstance(mark, Points) and len(mark.x) > FILE_DOTS for mark in marks):
        said.append(f"Of many points {FILE_DOTS:,} are drawn.")
    return " ".join(said)
