"""What a model leaves of the data: are errors related to the ones before them, and are they those of a normal distribution."""

from __future__ import annotations

import numpy as np

from ndestudio.export.figure import Figure, slug
from ndestudio.export.gather import Job
from ndestudio.export.svg import OKABE_ITO, Panel, drawing, label
from ndestudio.export.ticks import axis
from ndestudio.fitting.residuals import ColumnResiduals

BLUE, VERMILION, *_ = OKABE_ITO
LEFT, TOP, SIZE, GAP = 84.0, 64.0, 262.0, 84.0
MOST_POINTS = 400
"""Points of a QQ plot that are drawn, spread over the quantiles, the outermost among them."""


def residual_figure(job: Job, column: str) -> Figure | None:
    """Autocorrelation of the training residuals of a column, and their quantiles against normal ones (QQ plot).

    None where the column has too few residuals to say anything.
    """
    found = next((one for one in job.residuals.columns if one.name == column), None) if job.residuals else None
    if found is None or len(found.correlation) < 2 or len(found.ordered) < 2:
        return None
    caption = (
        f"{found.sentence} Left: correlation of the training residuals of {column} with those some samples earlier, with the "
        "limits that 95% of white noise keeps. Right: residuals over their standard deviation against normal quantiles; "
        "normal ones lie on the line."
    )
    panels = [_correlation(found), _quantiles(found)]
    head = label(LEFT, 22.0, f"Residuals of {column}", size=14, weight="600")
    body = [panel.svg() for panel in panels]
    drawn = drawing(LEFT + 2 * SIZE + GAP + 24, TOP + SIZE + 48, [head, *body], caption)
    return Figure(f"residuals_{slug(column)}", caption, drawn)


def _correlation(found: ColumnResiduals) -> Panel:
    lags, values = np.arange(1, len(found.correlation)), found.correlation[1:]
    reach = np.array([-1.2 * found.band, 1.2 * found.band, *values])
    x = axis(np.array([0.0, len(values) + 0.5]), "lag (samples)", count=5, margin=0.0, whole=True)
    panel = Panel(LEFT, TOP, SIZE, SIZE, x, axis(reach, "autocorrelation", count=5), "Autocorrelation")
    ends = np.array([0.0, len(values) + 0.5])
    band = np.full(2, found.band)
    panel.band(ends, -band, band, BLUE, opacity=0.15)
    panel.line(ends, np.zeros(2), "#57606a", width=1.0)
    for lag, value in zip(lags, values, strict=True):
        panel.line(np.full(2, lag), np.array([0.0, value]), BLUE, width=2.4)
    panel.dots(lags, values, BLUE)
    return panel


def _quantiles(found: ColumnResiduals) -> Panel:
    keep = np.unique(np.linspace(0, len(found.ordered) - 1, MOST_POINTS).astype(int))
    expected, ordered = found.expected[keep], found.ordered[keep]
    x, y = axis(expected, "normal quantile", count=5), axis(ordered, "residual / deviation", count=5)
    panel = Panel(LEFT + SIZE + GAP, TOP, SIZE, SIZE, x, y, "Quantiles (QQ)")
    ends = np.array([x.low, x.high])
    panel.line(ends, ends, VERMILION, width=1.4, dash=True)
    panel.dots(expected, ordered, BLUE, radius=2.6)
    return panel
