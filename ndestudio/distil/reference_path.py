"""Paths through the states along which the data are asked: a model's own, or the smooth curves through the measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.smoothing import smooth
from ndestudio.fitting.measure import Measure
from ndestudio.model.events import added_only
from ndestudio.model.fitted import FittedModel

NODES = 480
"""Points, over all trajectories, at which a term is evaluated at least, and rows that are asked at most:"""
MOST_ROWS = 900
FAR = 1.5
"""Ratio of what the model misses the data by to the noise up to which its own path is the reference."""
LEAST_NOISE = 1e-4
"""Smallest noise that is assumed, of the spread of a column: below, solvers and linearisation err more."""
EVALUATIONS, SECONDS = 20_000, 5.0
"""Of the right-hand side, for one path, and wall time at most."""


@dataclass(frozen=True, eq=False)
class ReferencePath:
    """States of one trajectory at its nodes.

    Parameters
    ----------
    x
        States.
    slope
        Of the path where it is no solution of the model, else None.
    rows, places
        Rows of the trajectory that are compared, and which nodes they are.
    deviation
        Standard deviation of each value of these rows, NaN where it does not count. Of a column that is compared by its
        logarithm, that of the logarithm.
    """

    trajectory: Trajectory
    t: Float[np.ndarray, " node"]
    x: Float[np.ndarray, "node state"]
    slope: Float[np.ndarray, "node state"] | None
    rows: Int[np.ndarray, " row"]
    places: Int[np.ndarray, " row"]
    deviation: Float[np.ndarray, "row measured"]


@dataclass(frozen=True, eq=False)
class _Nodes:
    t: Float[np.ndarray, " node"]
    rows: Int[np.ndarray, " row"]
    places: Int[np.ndarray, " row"]


def reference_paths(model: FittedModel, dataset: Dataset, measure: Measure) -> tuple[list[ReferencePath], bool] | None:
    """Paths of all trajectories, and whether they are the model's own; None where there are none.

    They are where the model misses the data by little more than the noise, or where a state is not measured.

    Parameters
    ----------
    measure
        How errors count: weights, logarithms, and from where on one is an outlier.
    """
    nodes = _nodes(dataset)
    if not nodes or not all(added_only(one, model.system.states) for one in model.system.events):
        return None
    used = [one for one in dataset.trajectories if one.name in nodes]
    curves = {one.name: smooth(one, use=_counting(one)) for one in used}
    noise = np.sqrt(np.mean([one.noise**2 for one in curves.values()], axis=0))
    steady = any(one.settles for one in used)
    floor = LEAST_NOISE * dataset.spread()
    own, missed = _own_paths(model, dataset, used, nodes, measure)
    # a measured steady state is none of the model's, so that the model's own is the reference whatever it misses it by
    if own is not None and (steady or bool((missed <= FAR * np.maximum(noise, floor))[np.isfinite(missed)].all())):
        sigma = np.where(noise > 0, np.clip(noise, 0.7 * missed, missed), missed)
        return [_path(one, nodes, measure, np.maximum(sigma, floor), x, None) for one, x in own], True
    if model.system.events or steady or direct_columns(model) is None:
        return (
            None
            if own is None
            else (
                [_path(one, nodes, measure, np.maximum(missed, floor), x, None) for one, x in own],
                True,
            )
        )
    found = curves_of(model, dataset, measure)
    return (found, False) if found else None


def curves_of(model: FittedModel, dataset: Dataset, measure: Measure) -> list[ReferencePath]:
    """Smooth curves through the measurements of all trajectories; empty where a state is not measured."""
    direct, nodes = direct_columns(model), _nodes(dataset)
    used = [one for one in dataset.trajectories if one.name in nodes and not one.is_steady_state]
    if direct is None or not used:
        return []
    curves = {one.name: smooth(one, use=_counting(one)) for one in used}
    noise = np.sqrt(np.mean([one.noise**2 for one in curves.values()], axis=0))
    sigma, found = np.maximum(noise, LEAST_NOISE * dataset.spread()), []
    for one in used:
        t, curve = nodes[one.name].t, curves[one.name]
        x, slope = curve.values(t)[:, direct], curve.derivatives(t)[:, direct]
        if np.isfinite(x).all():
            found.append(_path(one, nodes, measure, sigma, x, slope))
    return found


def _path(
    trajectory: Trajectory,
    nodes: Mapping[str, _Nodes],
    measure: Measure,
    sigma: Float[np.ndarray, " measured"],
    x: Float[np.ndarray, "node state"],
    slope: Float[np.ndarray, "node state"] | None,
) -> ReferencePath:
    mine = nodes[trajectory.name]
    weight = measure.weights.get(trajectory.name)
    own = np.ones(trajectory.measured.shape) if weight is None else weight
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(own > 0, sigma / np.sqrt(own), np.nan)[mine.rows]
    for k in np.flatnonzero(measure.problem.space.constants.log):
        # the spread of such a column is that of its logarithms, and so is the noise
        level = np.abs(trajectory.measured[mine.rows, k])
        deviation[:, k] = np.where(level > 0, deviation[:, k] / np.nanmean(level), np.nan)
    return ReferencePath(trajectory, mine.t, x, slope, mine.rows, mine.places, deviation)


def _own_paths(
    model: FittedModel,
    dataset: Dataset,
    trajectories: Sequence[Trajectory],
    nodes: Mapping[str, _Nodes],
    measure: Measure,
) -> tuple[list[tuple[Trajectory, Float[np.ndarray, "node state"]]] | None, Float[np.ndarray, " measured"]]:
    """Simulated states, and by how much they miss each column (NaN: it is not compared); None where one cannot be
    simulated."""
    from ndestudio.solve.scipy_reference import Budget, simulate_trajectory

    columns = dataset.measured_names
    squares, count, found = np.zeros(len(columns)), np.zeros(len(columns)), []
    for one in trajectories:
        mine = nodes[one.name]
        result = simulate_trajectory(model, dataset, one, t=mine.t, budget=Budget(SECONDS, EVALUATIONS))
        if not np.isfinite(result.states).all():
            return None, np.full(len(columns), np.inf)
        found.append((one, result.states))
        for k, column in enumerate(columns):
            if column in model.measured and model.system.observation(column) is not None:
                error = result.measured[mine.places, model.measured.index(column)] - one.measured[mine.rows, k]
                spread = float(measure.problem.space.constants.spread[k])
                limit = float(measure.limit[k]) * spread if not measure.problem.space.constants.log[k] else np.inf
                good = np.isfinite(error) & _counting(one)[mine.rows, k] & (np.abs(error) <= limit)
                squares[k] += float(np.sum(error[good] ** 2))
                count[k] += int(good.sum())
    return found, np.where(count > 0, np.sqrt(squares / np.maximum(count, 1)), np.nan)


def direct_columns(model: FittedModel) -> list[int] | None:
    """The measured column that is each state; None if a state is not measured."""
    from ndestudio.expression.tree import Name

    found = []
    for state in model.system.states:
        places = [k for k, name in enumerate(model.measured) if model.system.observation(name) == Name(state)]
        if not places:
            return None
        found.append(places[0])
    return found


def _counting(trajectory: Trajectory) -> Bool[np.ndarray, "time measured"]:
    """Values that are measured and not kept for the test."""
    return (trajectory.part != Part.TEST)[:, None] & trajectory.present


def _nodes(dataset: Dataset) -> dict[str, _Nodes]:
    """Nodes of each trajectory: the rows that are asked, thinned out where they are many, with more between where few."""
    rows = {one.name: np.flatnonzero(_counting(one).any(axis=1)) for one in dataset.trajectories}
    rows = {one.name: rows[one.name] for one in dataset.trajectories if len(rows[one.name]) > (not one.is_steady_state)}
    total = sum(len(own) for own in rows.values())
    thin = int(np.ceil(total / MOST_ROWS))
    between = int(np.clip(NODES * thin // max(total, 1), 1, 8))
    found = {}
    for one in dataset.trajectories:
        if one.name not in rows:
            continue
        if one.is_steady_state:
            found[one.name] = _Nodes(one.t, rows[one.name], np.zeros(1, dtype=int))
            continue
        kept = rows[one.name][:: min(thin, max(1, len(rows[one.name]) // 4))]
        times = one.t[kept] if kept[0] == 0 else np.append(one.t[0], one.t[kept])
        parts = np.linspace(0.0, 1.0, between, endpoint=False)
        t = np.append((times[:-1, None] + np.diff(times)[:, None] * parts).ravel(), times[-1])
        first = 0 if kept[0] == 0 else between
        found[one.name] = _Nodes(t, kept, first + between * np.arange(len(kept)))
    return found
