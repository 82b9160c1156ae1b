"""The profile likelihood of a parameter, with its threshold and the quadratic approximation for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Curve, Figure, Level, Mark, Panel, Points, Span
from ndestudio.figures.text import slug

if TYPE_CHECKING:
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile

_SHOWN = 4.0
"""Rises beyond so many thresholds lie outside the panel."""


def profile_figure(profile: Profile) -> Figure:
    """One parameter."""
    caption = f"{profile.sentence} Dashed: the rise at the ends of the 95% interval; shaded: that of the quadratic approximation."
    name, title = f"profile_{slug(profile.parameter)}", f"Profile likelihood of {profile.parameter}"
    return Figure("profile", name, title, caption, (profile_panel(profile),), ratio=0.55)


def profile_panel(profile: Profile) -> Panel:
    """The rise of the misfit over the values of the parameter."""
    marks: list[Mark] = []
    if profile.laplace is not None and np.isfinite(profile.laplace).all():
        marks.append(Span(*profile.laplace, 0, "95%, quadratic approximation"))
    apart = len(profile.values) > 0 and np.abs(profile.misfit - profile.statistic).max() > 0.1 * profile.threshold
    marks += [
        Curve(profile.values, profile.statistic, 0, "profile"),
        Points(profile.values, profile.statistic, 0),
        Curve(profile.values, profile.misfit, 1, "part due to the data", dash=True)
        if apart
        else Curve(*_none(), 1, dash=True),
        Level(profile.threshold),
    ]
    known = profile.statistic[np.isfinite(profile.statistic)]
    top = min(float(known.max()), _SHOWN * profile.threshold) if len(known) else profile.threshold
    reach = (-0.1 * top, max(top, 1.5 * profile.threshold))
    title = f"{profile.parameter} [{profile.unit}]" if profile.unit else profile.parameter
    x = Axis(title, symbol(profile.parameter))
    return Panel(x, Axis("rise of the misfit", limits=reach if reach[0] < reach[1] else None), tuple(marks))


def _none() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0), np.zeros(0)
