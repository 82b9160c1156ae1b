"""Inputs of trajectories as the paths that equations read: steps where they are held, curves where they are smooth."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.figures.description import Axis, Colour, Curve, Mark, Panel, Points

MOST_INPUTS = 4
"""Inputs that are drawn beside the measured columns of trajectories."""
BETWEEN = 8
"""Points drawn between two samples of a smooth input."""
MOST_POINTS = 4000


def moving_inputs(dataset: Dataset) -> tuple[int, ...]:
    """Places of the first inputs that change within a trajectory, rates of change aside."""
    if dataset in _moving:
        return _moving[dataset]
    rates = {k for one in dataset.trajectories for k, _ in one.rate_of}
    found = []
    for k in range(len(dataset.inputs)):
        columns = (one.inputs[np.isfinite(one.inputs[:, k]), k] for one in dataset.trajectories)
        if k not in rates and any(len(column) and np.ptp(column) > 0 for column in columns):
            found.append(k)
    return _moving.setdefault(dataset, tuple(found[:MOST_INPUTS]))


_moving: WeakKeyDictionary[Dataset, tuple[int, ...]] = WeakKeyDictionary()


def input_panel(dataset: Dataset, place: int, shown: Sequence[tuple[Colour, Trajectory]]) -> Panel:
    """An input of the trajectories drawn, (colour, trajectory): its samples, and its path between them."""
    marks: list[Mark] = []
    for number, (colour, one) in enumerate(shown):
        t, values = input_path(one, place)
        marks.append(Curve(t, values, colour, "input" if number == 0 else ""))
        known = np.isfinite(one.inputs[:, place])
        if np.count_nonzero(known) <= MOST_POINTS // 10:
            ink = "data" if len(shown) == 1 else colour
            marks.append(Points(one.t[known], one.inputs[known, place], ink, soft=True))
    return Panel(Axis(dataset.time.title), Axis(dataset.inputs[place].title), tuple(marks))


def input_path(one: Trajectory, place: int) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Times and values of the line that draws the path of an input: two points at one time where it jumps; empty without samples."""
    control = one.control
    pieces = control.pieces[place]
    if pieces is None or not np.isfinite(one.t).all():  # a steady state has no time
        return np.zeros(0), np.zeros(0)
    begin, end = float(one.t[0]), float(one.t[-1])
    breaks = pieces.function.breaks
    t = np.concatenate([[begin], breaks[(breaks > begin) & (breaks < end)], [end]])
    if np.any(pieces.function.coefficients[:, 2:]) and BETWEEN * len(t) <= MOST_POINTS:
        t = np.append(np.add.outer(t[:-1], np.zeros(BETWEEN)) + np.outer(np.diff(t), np.arange(BETWEEN) / BETWEEN), end)
    before, after = control(t, left=True)[:, place], control(t)[:, place]
    before[0] = after[0]
    twice = before != after
    twice &= np.isin(t, pieces.jumps)
    doubled = np.repeat(t, 1 + twice)
    values = np.repeat(after, 1 + twice)
    values[(np.cumsum(1 + twice) - 2)[twice]] = before[twice]
    return doubled, values
