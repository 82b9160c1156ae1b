"""A reach tube: each state over time, and two states against each other, with trajectories inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ndestudio.data.dataset import Column, Dataset
from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Band, Curve, Figure, Mark, Panel
from ndestudio.reach.tube import ReachTube

PATHS = 12
"""Trajectories that are drawn."""
OUTLINES = 40
"""Borders of the tube in the phase portrait."""
MOST = 6
"""States with a panel of their own."""


def tube_figure(tube: ReachTube, dataset: Dataset | None = None) -> Figure:
    """The tube over time for each state (the first six) and, with two states or more, in the plane of the first two.

    Parameters
    ----------
    dataset
        Whose titles of columns are taken.
    """
    panels = [tube_panel(tube, k, dataset) for k in range(min(len(tube.states), MOST))]
    if len(tube.states) > 1:
        panels.append(tube_portrait(tube, 0, 1, dataset))
    said = " ".join([tube.sentence, *(one.sentence for one in tube.verdicts)])
    caption = f"{kind_sentence(tube)} {said}"
    return Figure("tube", "tube", "Reach tube", caption, tuple(panels), ratio=0.32 if len(panels) < 4 else 0.24)


def kind_sentence(tube: ReachTube) -> str:
    """Which of the two kinds of tubes a picture shows."""
    if tube.kind == "interval":
        return "Shaded: an interval tube, which every start stays in (proved by interval arithmetic)."
    return (
        "Shaded: a statistical tube, which nearly every start stays in (from samples, with a confidence; not proved)."
    )


def tube_panel(tube: ReachTube, state: int, dataset: Dataset | None = None) -> Panel:
    """One state over time."""
    name = "interval tube" if tube.kind == "interval" else f"{100 * tube.confidence:g}% tube"
    first = state == 0
    marks: list[Mark] = [Band(tube.t, tube.lower[:, state], tube.upper[:, state], 0, name if first else "")]
    marks += [
        Curve(tube.t, path[:, state], "muted", "trajectories" if first and not k else "", faint=True)
        for k, path in enumerate(_paths(tube))
    ]
    marks.append(Curve(tube.t, tube.centre[:, state], 0, "middle" if first else ""))
    return Panel(
        Axis(dataset.time.title if dataset else "t", "" if dataset else "t"), _axis(tube, state, dataset), tuple(marks)
    )


def tube_portrait(tube: ReachTube, first: int, second: int, dataset: Dataset | None = None) -> Panel:
    """Two states against each other: borders of the tube at some of its times."""
    ended = np.isfinite(tube.centre).all(axis=1)
    places = np.flatnonzero(ended)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, OUTLINES).astype(int))] if len(places) else places
    pieces = [np.concatenate([tube.outline(int(k), first, second), [[np.nan, np.nan]]]) for k in chosen]
    border = np.concatenate(pieces) if pieces else np.zeros((0, 2))
    marks: list[Mark] = [Curve(path[:, first], path[:, second], "muted", faint=True) for path in _paths(tube)]
    marks.append(Curve(border[:, 0], border[:, 1], 0))
    return Panel(_axis(tube, first, dataset), _axis(tube, second, dataset), tuple(marks))


def _paths(tube: ReachTube) -> Sequence[np.ndarray]:
    return [] if tube.paths is None else list(tube.paths[:PATHS])


def _axis(tube: ReachTube, state: int, dataset: Dataset | None) -> Axis:
    name = tube.states[state]
    for column in dataset.measured if dataset else ():
        if column.name == name:
            return Axis(column.title)
    return Axis(Column(name, name, "").title, symbol(name))
