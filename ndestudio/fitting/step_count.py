"""How many steps the fixed-grid solver is given in a fit: as many as the noise of the data deserves."""

from __future__ import annotations

import numpy as np

from ndestudio.data.smoothing import SmoothedTrajectory
from ndestudio.fitting.batches import Batch
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import bucket, whole_rows
from ndestudio.solve import step_count
from ndestudio.solve.step_count import LARGEST, SMALLEST, interpolation_error

SAMPLED = 400
"""Samples up to which each lies on a step of its own where a time grid lays out the steps."""
CHECKED = 8
"""Trajectories on which the number of steps is checked."""


def tolerance(problem: PreparedFit) -> float:
    """Allowed error of the solver relative to the spread: a tenth of the noise, between 1e-6 and 1e-3."""
    return float(np.clip(0.1 * np.sqrt(problem.floor), 1e-6, 1e-3))


def steps_for(problem: PreparedFit) -> int:
    """Steps with which cubic interpolation follows the smooth curves, which takes about what the Runge-Kutta step takes.

    Without curves (hidden states, few rows) twice the number of rows. With a time grid what that asks for.
    """
    longest = max(len(row.index) for row in whole_rows(problem.dataset, with_test=False))
    if problem.time_grid:
        wanted = 1.4 * max(time_grid.total for time_grid in problem.time_grid.values())
        return bucket(int(np.clip(max(wanted, 1.3 * (longest - 1) if longest <= SAMPLED else 0), SMALLEST, LARGEST)))
    return max(bucket(problem.least), _by_curves(problem, longest))


def _by_curves(problem: PreparedFit, longest: int) -> int:
    default = int(np.clip(2 * (longest - 1), 32, 512))
    hidden = any(state not in problem.dataset.measured_names for state in problem.structure.states)
    if not problem.smooth or hidden or longest < 8:
        return bucket(default)
    goal = max(3.0 * tolerance(problem), 3e-5) / turns(problem)
    times = {one.name: one.t for one in problem.dataset.trajectories}
    curves, spread, steps = _curves(problem), problem.space.constants.spread, SMALLEST
    while steps < LARGEST and interpolation_error(curves, times, spread, problem.observed, steps) > goal:
        steps = bucket(steps + 1)
    return bucket(max(steps, min(2 * (longest - 1), 48), min(longest // 4, 256)))


def on_samples(problem: PreparedFit, steps: int) -> int:
    """A number of steps near ``steps`` with which evenly taken samples lie on grid points: nothing to interpolate there."""
    lengths = {len(row.index) for row in whole_rows(problem.dataset, with_test=False)}
    gaps = max(lengths) - 1
    if len(lengths) > 1 or gaps < 1 or problem.time_grid:
        return steps
    near = max(round(steps / gaps), 1) * gaps
    return near if 0.9 * steps <= near <= 1.25 * steps else steps


def turns(problem: PreparedFit) -> float:
    """How often the smooth curves go up and down, at least 1: errors of the solver add up along the way."""
    spread, most = problem.space.constants.spread, 1.0
    by_name = {trajectory.name: trajectory for trajectory in problem.dataset.trajectories}
    for name, curve in _curves(problem).items():
        values = curve.values(by_name[name].t) / spread
        with np.errstate(all="ignore"):
            way = np.nansum(np.abs(np.diff(values, axis=0)), axis=0) / 6.0
        most = max(most, float(np.max(np.where(problem.observed, way, 0.0))))
    return most


def doubling_error(problem: PreparedFit, model: FittedModel, steps: int) -> float:
    """Root mean square change of the predictions, over the spread, when the number of steps is doubled."""
    return step_count.doubling_error(_predictions(problem, model), steps)


def enough_steps(problem: PreparedFit, model: FittedModel, steps: int, allowed: float, most: int) -> int:
    """The first of ``steps``, twice as many, ... up to ``most`` with a ``doubling_error`` of at most ``allowed``."""
    return step_count.enough_steps(_predictions(problem, model), steps, allowed, most)


def accurate(problem: PreparedFit, batch: Batch, model: FittedModel) -> bool:
    """Whether the grid of ``batch`` is fine enough for ``model``."""
    return doubling_error(problem, model, batch.steps) <= max(10 * tolerance(problem), 1e-4)


def _predictions(problem: PreparedFit, model: FittedModel) -> step_count.Predictions:
    rows = whole_rows(problem.dataset, with_test=False)[:CHECKED]
    return step_count.predictions_of(problem.definition, problem.method, problem.time_grid, model, rows)


def _curves(problem: PreparedFit) -> dict[str, SmoothedTrajectory]:
    return dict(list(problem.smooth.items())[:CHECKED])
