"""What a sweep found, as figures: error against complexity, and each result as a line over its settings (parallel coordinates)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ndestudio.figures.description import Axis, Curve, Figure, Note, Panel, Points
from ndestudio.project.sweep.row import FAILED, Row

GOOD_SHARE = 0.25
"""Part of the results that counts as the best ones."""

ALIKE = 1e-3
"""Relative difference of the ends of an axis below which all values are drawn alike: it says nothing."""

LEAST = 0.05
"""Decades of the error that are shown at least, an eighth of it: what is alike looks alike."""


def error_of(row: Row) -> float:
    """On what was held out, else of training (NRMSE); infinite where there is none."""
    error = row.held_out if row.held_out is not None else row.train_error
    return math.inf if error is None or row.outcome == FAILED else error


def front(rows: Sequence[Row]) -> list[Row]:
    """Those that no other result beats in error without being larger, by rising complexity."""
    found: list[Row] = []
    sized = [row for row in rows if row.complexity is not None and math.isfinite(error_of(row))]
    for row in sorted(sized, key=lambda one: (one.complexity or 0, error_of(one))):
        if not found or error_of(row) < error_of(found[-1]):
            found.append(row)
    return found


def sweep_figure(rows: Sequence[Row]) -> Figure | None:
    """Both panels, as far as there is something to show; None without results."""
    panels = [one for one in (_front_panel(rows), _parallel_panel(rows)) if one is not None]
    if not panels:
        return None
    caption = "Results of a sweep: error against complexity, and a line for each result over its settings."
    return Figure("window", "sweep", "Sweep", caption, tuple(panels), columns=2)


def _front_panel(rows: Sequence[Row]) -> Panel | None:
    sized = [row for row in rows if row.complexity is not None and math.isfinite(error_of(row))]
    if not sized:
        return None
    best = front(sized)
    size = lambda some: np.array([float(row.complexity or 0) for row in some])  # noqa: E731
    error = lambda some: np.array([100.0 * max(error_of(row), 1e-8) for row in some])  # noqa: E731
    marks = (
        Points(size(sized), error(sized), colour=0, name="results", soft=True),
        Curve(size(best), error(best), colour=1, name="front"),
    )
    return Panel(
        Axis("complexity", whole=True, least=2.0),
        Axis("error (%)", log=True, least=LEAST),
        marks,
        "Error against complexity",
    )


def _parallel_panel(rows: Sequence[Row]) -> Panel | None:
    good = [row for row in rows if math.isfinite(error_of(row))]
    names = list(dict.fromkeys(name for row in good for name in row.values))
    names = [name for name in names if len({str(row.values.get(name)) for row in good}) > 1]
    if len(good) < 2 or not names:
        return None
    columns = [_places([row.values.get(name) for row in good]) for name in names]
    errors = np.log10([max(error_of(row), 1e-8) for row in good])
    columns.append((_scaled(errors), f"{100 * 10 ** errors.min():.3g}%", f"{100 * 10 ** errors.max():.3g}%"))
    limit = float(np.quantile(errors, GOOD_SHARE))
    place = np.arange(len(columns), dtype=float)
    marks: list[Curve | Note] = []
    for mine, name, colour in ((errors > limit, "others", 0), (errors <= limit, "best quarter", 1)):
        x = np.concatenate([np.append(place, np.nan) for _ in range(int(mine.sum()))] or [np.zeros(0)])
        chosen = np.flatnonzero(mine)
        y = np.concatenate([[*(column[0][k] for column in columns), np.nan] for k in chosen] or [np.zeros(0)])
        marks.append(Curve(x, y, colour=colour, name=name, faint=not colour))
    for k, (name, (_, low, high)) in enumerate(zip([*names, "error"], columns, strict=True)):
        short = name.rpartition(".")[2]
        marks += [Note(float(k), 1.16, short), Note(float(k), 1.07, high), Note(float(k), -0.16, low)]
    x_axis = Axis("settings and error", limits=(-0.4, len(columns) - 0.4), whole=True)
    return Panel(x_axis, Axis("low to high", limits=(-0.25, 1.3)), tuple(marks), "Settings and error")


def _places(values: Sequence[object]) -> tuple[np.ndarray, str, str]:
    """Where values lie between 0 and 1, and the words of the ends: numbers by size, others in the order they came."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        numbers = np.array([float(one) for one in values])  # type: ignore[arg-type]
        return _scaled(numbers), f"{numbers.min():.4g}", f"{numbers.max():.4g}"
    words = list(dict.fromkeys(str(one) for one in values))
    return _scaled(np.array([float(words.index(str(one))) for one in values])), words[0][:16], words[-1][:16]


def _scaled(numbers: np.ndarray) -> np.ndarray:
    low, high = float(numbers.min()), float(numbers.max())
    return (
        (numbers - low) / (high - low) if high - low > ALIKE * max(abs(low), abs(high)) else np.full(len(numbers), 0.5)
    )
