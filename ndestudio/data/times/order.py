"""Files whose newest row comes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ndestudio.data.assemble import Rows

_LOOKED_AT = 10_000
"""Times that rise among so many first rows are not looked at further."""


def oldest_first(sources: Sequence[Rows]) -> tuple[list[Rows], tuple[str, ...]]:
    """Sources in which the time falls from each row of a trajectory to the next, turned round; and a note about it."""
    found: list[Rows] = []
    notes: list[str] = []
    for source in sources:
        order = _turned(source)
        if order is None:
            found.append(source)
            continue
        found.append(source.rows_at(order))
        where = f"{source.path}: " if source.path else ""
        notes.append(f"{where}the newest row comes first; the rows were turned round.")
    return found, tuple(notes)


def _turned(source: Rows) -> np.ndarray | None:
    """The rows, those of each trajectory from the last to the first; None where the time does not fall throughout."""
    steps = np.diff(source.t[:_LOOKED_AT])
    steps = steps[np.isfinite(steps) & (steps != 0)]
    if len(source.t) < 3 or not len(steps) or steps[0] > 0:
        return None
    runs = _numbered(source.group, len(source.t))
    series = runs if source.observable is None else runs * len(source.t) + _numbered(source.observable, len(source.t))
    order = np.argsort(series, kind="stable")
    order = order[np.isfinite(source.t[order])]
    inside = np.diff(series[order]) == 0
    falls = np.diff(source.t[order])[inside]
    if not len(falls) or falls.max() > 0 or falls.min() == 0:
        return None
    return np.lexsort((-np.arange(len(source.t)), runs))


def _numbered(names: np.ndarray | None, rows: int) -> np.ndarray:
    """The number of each name, in order of appearance."""
    if names is None:
        return np.zeros(rows, dtype=np.int64)
    _, first, inverse = np.unique(names.astype(str), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
