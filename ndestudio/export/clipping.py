"""Curves and areas cut off at the edges of a rectangle.

Readers of SVG differ in what they know of clipping paths, and PDF is written by one that knows none; a figure whose geometry
is cut already looks the same everywhere.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

Points: TypeAlias = Float[np.ndarray, "n xy"]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

FAR = 1e7
"""Coordinates beyond this are taken as this: further out differences of them would overflow."""


def inside(points: Points, box: Box) -> np.ndarray:
    """Whether each point lies within the box or on its edge (False where a coordinate is not finite)."""
    low, high = np.array(box[:2]), np.array(box[2:])
    with np.errstate(invalid="ignore"):
        return np.all((points >= low) & (points <= high), axis=-1)


def clip_line(points: Points, box: Box) -> list[Points]:
    """The parts of a polyline within a box, each with at least two points; the line breaks where a value is not finite.

    Each segment p + s*(q - p) is cut to the s in [0, 1] for which both coordinates are within (Liang and Barsky 1984,
    "A New Concept and Method for Line Clipping").
    """
    if len(points) < 2:
        return []
    low, high = np.array(box[:2]), np.array(box[2:])
    good = np.all(np.isfinite(points), axis=-1)
    near = np.clip(np.where(good[:, None], points, 0.0), -FAR, FAR)
    p, step = near[:-1], np.diff(near, axis=0)
    with np.errstate(all="ignore"):
        a, b = (low - p) / step, (high - p) / step
    still, within = step == 0, (p >= low) & (p <= high)
    enter = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(a, b)).max(axis=1)
    leave = np.where(still, np.where(within, np.inf, -np.inf), np.maximum(a, b)).min(axis=1)
    enter, leave = np.maximum(enter, 0.0), np.minimum(leave, 1.0)
    kept = (enter <= leave) & good[:-1] & good[1:]
    pieces: list[list[np.ndarray]] = []
    reached = -1
    for k in np.flatnonzero(kept):
        end = p[k] + leave[k] * step[k] if leave[k] < 1 else near[k + 1]
        if reached != k or enter[k] > 0:
            pieces.append([p[k] + enter[k] * step[k]])
        pieces[-1].append(end)
        reached = k + 1 if leave[k] == 1 else -1
    found = [np.clip(np.array(piece), low, high) for piece in pieces]
    return [piece for piece in found if np.any(piece != piece[0])]


def clip_area(points: Points, box: Box) -> Points:
    """The part of a polygon within a box (Sutherland and Hodgman 1974, "Reentrant Polygon Clipping"); not finite points go."""
    corners = np.clip(points[np.all(np.isfinite(points), axis=-1)], -FAR, FAR)
    for axis in (0, 1):
        for edge, sign in ((box[axis], 1.0), (box[axis + 2], -1.0)):
            corners = _half(corners, axis, edge, sign)
    return corners


def _half(corners: Points, axis: int, edge: float, sign: float) -> Points:
    """The part of a polygon on one side of a line."""
    if not len(corners):
        return corners
    depth = sign * (corners[:, axis] - edge)
    after, deep = np.roll(corners, -1, axis=0), np.roll(depth, -1)
    crosses = (depth >= 0) != (deep >= 0)
    share = np.where(crosses, depth / np.where(crosses, depth - deep, 1.0), 0.0)
    cut = corners + share[:, None] * (after - corners)
    cut[:, axis] = edge
    both = np.stack([corners, cut], axis=1)
    return both[np.stack([depth >= 0, crosses], axis=1)]
