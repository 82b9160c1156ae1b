"""Each column of numbers of a file against what was taken as the time, before the file is loaded."""

from __future__ import annotations

import numpy as np

from ndestudio.data.file_preview import ColumnPreview, Preview
from ndestudio.figures.description import Axis, Colour, Curve, Mark, Panel, Points

MOST_COLUMNS = 12
"""Columns that are drawn: those that are used first."""

_DOTS_UP_TO = 2000
_ORDER = ("state", "input", "covariate", "deviation", "trajectory", "ignore", "time")


def column_panels(preview: Preview) -> tuple[Panel, ...]:
    """A panel for each column of numbers over the time, or over the rows where there is none; columns not used are muted."""
    told = preview.with_role("time")
    times = [one for one in told if one.numeric and np.isfinite(one.values).any()]
    together = preview.times if preview.times is not None and np.isfinite(preview.times).any() else None
    time = times[0] if len(times) == 1 and together is None else None
    hidden = told if together is not None else (time,)
    drawn = [
        one
        for one in preview.columns
        if one.numeric and not any(one is other for other in hidden) and np.isfinite(one.values).any()
    ]
    drawn.sort(key=lambda one: _ORDER.index(one.role) if one.role in _ORDER else len(_ORDER))
    if together is not None:
        x, title = together - np.nanmin(together), _since(" + ".join(one.label for one in told))
    else:
        x, title = _axis(time, max((len(one.values) for one in preview.columns), default=0))
    used = 0
    panels = []
    for one in drawn[:MOST_COLUMNS]:
        panels.append(_panel(one, x, title, "muted" if one.role == "ignore" else used))
        used += one.role != "ignore"
    return tuple(panels)


def _axis(time: ColumnPreview | None, rows: int) -> tuple[np.ndarray, str]:
    if time is None:
        return np.arange(1.0, rows + 1), "row"
    if time.kind != "number":
        first = np.nanmin(time.values)
        return time.values - first, _since(time.label)
    return time.values, f"{time.label} [{time.unit}]" if time.unit else time.label


def _since(label: str) -> str:
    return f"{label}, days since the first"


def _panel(column: ColumnPreview, x: np.ndarray, title: str, colour: Colour) -> Panel:
    known = np.isfinite(x) & np.isfinite(column.values)
    x, y = x[known], column.values[known]
    marks: list[Mark] = []
    if len(x) > 1 and np.all(np.diff(x) > 0):
        marks.append(Curve(x, y, colour, faint=len(x) <= _DOTS_UP_TO))
    if len(x) <= _DOTS_UP_TO or not marks:
        thin = max(1, -(-len(x) // _DOTS_UP_TO))
        marks.append(Points(x[::thin], y[::thin], colour))
    unit = f" [{column.unit}]" if column.unit else ""
    return Panel(Axis(title), Axis(f"{column.label}{unit}"), tuple(marks))
