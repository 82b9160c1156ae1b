"""The numbers behind a figure as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

from ndestudio.figures.description import (
    Band,
    Bars,
    Curve,
    Field,
    Figure,
    Level,
    Mark,
    Moments,
    Note,
    Points,
    Span,
    Stretch,
    Veil,
)

_HEAD = ("panel", "mark", "series", "x", "y", "value", "low", "high")


def csv_text(figure: Figure) -> str:
    """One row for each value: panel (title of its y axis), kind of mark, series, x, y, the value of a field there, and for bands
    and stretches the two ends.

    Numbers are written in full; a gap is an empty cell.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEAD)
    for panel in figure.panels:
        title = panel.title or panel.y.title
        for mark in panel.marks:
            for series, *numbers in _rows(mark):
                writer.writerow((title, type(mark).__name__.lower(), series, *(_cell(number) for number in numbers)))
    return out.getvalue()


def _rows(mark: Mark) -> Iterator[tuple[str, float, float, float, float, float]]:
    """(series, x, y, value, low, high)"""
    none = float("nan")
    match mark:
        case Curve() | Points():
            yield from ((mark.name, x, y, none, none, none) for x, y in zip(mark.x, mark.y, strict=True))
        case Bars():
            yield from ((mark.name, x, y, none, none, none) for x, y in zip(mark.x, mark.height, strict=True))
        case Band():
            yield from ((mark.name, x, none, none, a, b) for x, a, b in zip(mark.x, mark.low, mark.high, strict=True))
        case Field():
            grid = ((x, y, mark.values[j, i]) for j, y in enumerate(mark.y) for i, x in enumerate(mark.x))
            yield from ((mark.title, x, y, value, none, none) for x, y, value in grid)
        case Span():
            yield mark.name, none, none, none, mark.start, mark.stop
        case Stretch():
            yield mark.title, none, none, none, mark.start, mark.stop
        case Level():
            across = mark.axis == "x"
            yield mark.name, mark.value if across else none, none if across else mark.value, none, none, none
        case Moments():
            yield from ((words, x, none, none, none, none) for x, words in zip(mark.x, mark.words, strict=True))
        case Note():
            yield mark.text, mark.x, mark.y, none, none, none
        case Veil():
            return


def _cell(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else ""
