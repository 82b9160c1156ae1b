"""Parameters while they are fitted: each relative to its newest value, so that all fit into one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Curve, Figure, Panel

MOST = 8


def traces_figure(traces: Mapping[str, Float[np.ndarray, " step"]]) -> Figure:
    """At most eight parameters, those that moved most.

    Parameters
    ----------
    traces
        Parameter -> its values by step.
    """
    panel = traces_panel(traces, moving(traces))
    caption = "Parameters along the training, each relative to its newest value."
    return Figure("traces", "traces", "Parameters during training", caption, (panel,), ratio=0.45)


def traces_panel(traces: Mapping[str, Float[np.ndarray, " step"]], names: Sequence[str]) -> Panel:
    """The parameters named, in that order."""
    marks = []
    for position, name in enumerate(names):
        values = traces[name]
        last = values[-1] if len(values) and values[-1] else 1.0
        marks.append(Curve(np.arange(float(len(values))), values / last, position, name))
    return Panel(Axis("step", whole=True), Axis("relative to the newest value"), tuple(marks))


def moving(traces: Mapping[str, Float[np.ndarray, " step"]]) -> list[str]:
    """All names, or where they are more than eight those whose range over the newest value is widest."""
    names = list(traces)
    return names if len(names) <= MOST else sorted(names, key=lambda name: -_moved(traces[name]))[:MOST]


def _moved(values: Float[np.ndarray, " step"]) -> float:
    return float(np.ptp(values) / (abs(values[-1]) or 1.0)) if len(values) else 0.0
