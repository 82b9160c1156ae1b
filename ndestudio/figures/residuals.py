"""What a model leaves of the data: over time, against itself some samples earlier, against a normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.dataset import Part
from ndestudio.figures.description import Axis, Bars, Curve, Figure, Level, Panel, Points
from ndestudio.figures.text import slug

if TYPE_CHECKING:
    from ndestudio.fitting.residuals import ColumnResiduals

_MOST = 4000


def residuals_figure(column: ColumnResiduals, time: str = "") -> Figure:
    """The three panels of a column.

    Parameters
    ----------
    time
        Title of the time axis.
    """
    caption = (
        f"{column.sentence} Top: {'quantile residuals' if column.noise else 'measured minus model'}. Left: correlation of the training "
        f"residuals of {column.name} with those some samples earlier, with the limits that 95% of white noise keeps. Right: "
        + (
            f"quantile residuals under {column.noise} noise against normal quantiles; they lie on the line where the noise is of this "
            "kind."
            if column.noise
            else "residuals over their standard deviation against normal quantiles; normal ones lie on the line."
        )
    )
    panels = time_panel(column, time), correlation_panel(column), quantile_panel(column)
    name, title = f"residuals_{slug(column.name)}", f"Residuals of {column.name}"
    return Figure("residuals", name, title, caption, panels, columns=2, ratio=0.6)


def time_panel(column: ColumnResiduals, time: str = "") -> Panel:
    """Residuals over time: measured minus model, or quantile residuals where the noise of the column has a law, with the limits
    within which 95% of these lie."""
    trains = column.part == Part.TRAIN
    shown = column.standard if column.noise else column.residual
    marks = (
        Level(0.0, dash=False, guest=False),
        *((Level(1.96, guest=False), Level(-1.96, guest=False)) if column.noise else ()),
        Points(*_every(column.t[trains], shown[trains]), 0, "training"),
        Points(*_every(column.t[~trains], shown[~trains]), 1, "held out" if (~trains).any() else ""),
    )
    if column.noise:
        return Panel(Axis(time), Axis("quantile residual"), marks, wide=2)
    unit = "" if column.log else f" [{column.unit}]" if column.unit else ""
    title = "log measured − log model" if column.log else f"measured − model{unit}"
    return Panel(Axis(time), Axis(title), marks, wide=2)


def correlation_panel(column: ColumnResiduals) -> Panel:
    """Autocorrelation of the training residuals, with its limits for white noise."""
    lags, values = np.arange(1.0, len(column.correlation)), column.correlation[1:]
    marks = (
        Bars(lags, values, 0, width=0.4),
        Level(0.0, dash=False, guest=False),
        Level(column.band, guest=False),
        Level(-column.band, guest=False),
    )
    return Panel(Axis("lag (samples)", whole=True), Axis("autocorrelation"), marks)


def quantile_panel(column: ColumnResiduals) -> Panel:
    """Ordered training residuals against normal quantiles (QQ plot)."""
    keep = np.unique(np.linspace(0, len(column.ordered) - 1, min(_MOST, len(column.ordered))).astype(int))
    expected, ordered = column.expected[keep], column.ordered[keep]
    ends = expected[[0, -1]] if len(expected) else expected
    marks = (Curve(ends, ends, "muted", dash=True), Points(expected, ordered, 0))
    return Panel(Axis("normal quantile"), Axis("quantile residual" if column.noise else "residual / deviation"), marks)


def _every(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    step = max(1, -(-len(x) // _MOST))
    return x[::step], y[::step]
