"""How many steps the fixed-grid solver needs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, make_batch
from ndestudio.fitting.problem import Problem
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import bucket, grid_times, whole_rows
from ndestudio.solve.numpy_fixed import VectorModel, hermite, march, read_out

SMALLEST, LARGEST = 8, 2048
SAMPLED = 400
"""Samples up to which each lies on a step of its own where a mesh lays out the steps."""
CHECKED = 8
"""Trajectories on which the number of steps is checked."""


def tolerance(problem: Problem) -> float:
    """Allowed error of the solver relative to the spread: a tenth of the noise, between 1e-6 and 1e-3."""
    return float(np.clip(0.1 * np.sqrt(problem.floor), 1e-6, 1e-3))


def steps_for(problem: Problem) -> int:
    """Steps with which cubic interpolation follows the smooth curves, which takes about what the Runge-Kutta step takes.

    Without curves (hidden states, few rows) twice the number of rows. With a mesh what that asks for.
    """
    longest = max(len(row.index) for row in whole_rows(problem.dataset, with_test=False))
    if problem.mesh:
        wanted = 1.4 * max(mesh.total for mesh in problem.mesh.values())
        return bucket(int(np.clip(max(wanted, 1.3 * (longest - 1) if longest <= SAMPLED else 0), SMALLEST, LARGEST)))
    return max(bucket(problem.least), _by_curves(problem, longest))


def _by_curves(problem: Problem, longest: int) -> int:
    default = int(np.clip(2 * (longest - 1), 32, 512))
    hidden = any(state not in problem.dataset.measured_names for state in problem.structure.states)
    if not problem.smooth or hidden or longest < 8:
        return bucket(default)
    goal = max(3.0 * tolerance(problem), 3e-5) / turns(problem)
    steps = SMALLEST
    while steps < LARGEST and interpolation_error(problem, steps) > goal:
        steps = bucket(steps + 1)
    return bucket(max(steps, min(2 * (longest - 1), 48), min(longest // 4, 256)))


def on_samples(problem: Problem, steps: int) -> int:
    """A number of steps near ``steps`` with which evenly taken samples lie on grid points: nothing to interpolate there."""
    lengths = {len(row.index) for row in whole_rows(problem.dataset, with_test=False)}
    gaps = max(lengths) - 1
    if len(lengths) > 1 or gaps < 1 or problem.mesh:
        return steps
    near = max(round(steps / gaps), 1) * gaps
    return near if 0.9 * steps <= near <= 1.25 * steps else steps


def turns(problem: Problem) -> float:
    """How often the smooth curves go up and down, at least 1: errors of the solver add up along the way."""
    spread, most = problem.space.constants.spread, 1.0
    by_name = {trajectory.name: trajectory for trajectory in problem.dataset.trajectories}
    for name, curve in list(problem.smooth.items())[:CHECKED]:
        values = curve.values(by_name[name].t) / spread
        with np.errstate(all="ignore"):
            way = np.nansum(np.abs(np.diff(values, axis=0)), axis=0) / 6.0
        most = max(most, float(np.max(np.where(problem.observed, way, 0.0))))
    return most


def interpolation_error(problem: Problem, steps: int) -> float:
    """Largest over trajectories of the root mean square error of cubic Hermite interpolation of the smooth curves."""
    spread, worst = problem.space.constants.spread, 0.0
    by_name = {trajectory.name: trajectory for trajectory in problem.dataset.trajectories}
    for name, curve in list(problem.smooth.items())[:CHECKED]:
        t = by_name[name].t
        knots = grid_times(t, steps)
        fine = np.linspace(t[0], t[-1], 4 * steps + 1)
        step = np.clip(np.searchsorted(knots, fine, side="right") - 1, 0, steps - 1)
        h = (knots[step + 1] - knots[step])[:, None]
        q = (fine - knots[step])[:, None] / h
        y, d = curve.values(knots), curve.derivatives(knots)
        value = hermite(y[step], y[step + 1], h * d[step], h * d[step + 1], q)
        with np.errstate(all="ignore"):
            squares = ((value - curve.values(fine)) / spread) ** 2
        # a column without values has no curve
        error = np.sqrt(np.nansum(squares, axis=0) / np.maximum(np.isfinite(squares).sum(axis=0), 1))
        worst = max(worst, float(np.max(np.where(problem.observed, error, 0.0))))
    return worst


def doubling_error(problem: Problem, model: FittedModel, steps: int) -> float:
    """Root mean square change of the predictions, over the spread, when the number of steps is doubled."""
    return _apart(_checked(problem, model, steps), _checked(problem, model, 2 * steps))


def enough_steps(problem: Problem, model: FittedModel, steps: int, allowed: float, most: int) -> int:
    """The first of ``steps``, twice as many, ... up to ``most`` with a ``doubling_error`` of at most ``allowed``."""
    coarse = _checked(problem, model, steps) if steps < most else np.zeros(0)
    while steps < most:
        fine = _checked(problem, model, 2 * steps)
        if _apart(coarse, fine) <= allowed:
            break
        steps, coarse = 2 * steps, fine
    return steps


def _checked(problem: Problem, model: FittedModel, steps: int) -> Float[np.ndarray, "measured copy row sample"]:
    """Predictions over spread at the fitted samples of some trajectories, 0 elsewhere."""
    rows = whole_rows(problem.dataset, with_test=False)[:CHECKED]
    batch = make_batch(problem, steps, rows=rows, padded=False)
    vector = VectorModel(problem.structure, model.networks)
    values = [np.array([[model.parameters[name]]]) for name in problem.structure.parameters]
    y0 = np.stack([model.initial[name] for name in batch.names], axis=-1)[:, None, :]
    with np.errstate(all="ignore"):
        states, slopes = march(vector, values, y0, batch.grid, problem.method, problem.space.constants.clip)
        y = read_out(states, slopes, batch.grid)
        inputs = np.moveaxis(batch.grid.sample_u, -1, 0)
        seen = vector.observe([v[..., None] for v in values], batch.grid.sample_t, inputs, y)
    used = np.moveaxis(batch.target.train + batch.target.validation > 0, -1, 0)[:, None]
    return np.where(used, seen / problem.space.constants.spread[:, None, None, None], 0.0)


def _apart(coarse: Float[np.ndarray, "..."], fine: Float[np.ndarray, "..."]) -> float:
    """Root mean square difference; infinite where one is not finite."""
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((fine - coarse) ** 2)))
    return error if np.isfinite(error) else float("inf")


def accurate(problem: Problem, batch: Batch, model: FittedModel) -> bool:
    """Whether the grid of ``batch`` is fine enough for ``model``."""
    return doubling_error(problem, model, batch.steps) <= max(10 * tolerance(problem), 1e-4)
