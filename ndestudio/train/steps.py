"""How many steps the fixed-grid solver needs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.model.fitted import FittedModel
from ndestudio.train.batch import bucket, grid_times, whole_rows
from ndestudio.train.batches import Batch, make_batch
from ndestudio.train.problem import Problem
from ndestudio.train.vector import VectorModel, hermite, march, read_out

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
            error = np.sqrt(np.nanmean(((value - curve.values(fine)) / spread) ** 2, axis=0))
        worst = max(worst, float(np.nanmax(np.where(problem.observed, error, 0.0))))
    return worst


def doubling_error(problem: Problem, model: FittedModel, steps: int) -> float:
    """Root mean square change of the predictions, over the spread, when the number of steps is doubled."""
    rows = whole_rows(problem.dataset, with_test=False)[:CHECKED]
    found: list[Float[np.ndarray, "..."]] = []
    for count in (steps, 2 * steps):
        batch = make_batch(problem, count, rows=rows, padded=False)
        vector = VectorModel(problem.structure, model.networks)
        values = [np.array([[model.parameters[name]]]) for name in problem.structure.parameters]
        y0 = np.stack([model.initial[name] for name in batch.names], axis=-1)[:, None, :]
        with np.errstate(all="ignore"):
            states, slopes = march(vector, values, y0, batch.grid, problem.method, problem.space.constants.clip)
            y = read_out(states, slopes, batch.grid)
            inputs = np.moveaxis(batch.grid.sample_u, -1, 0)
            seen = vector.observe([v[..., None] for v in values], batch.grid.sample_t, inputs, y)
        used = np.moveaxis(batch.target.train + batch.target.validation > 0, -1, 0)[:, None]
        scale = problem.space.constants.spread[:, None, None, None]
        found.append(np.where(used, seen / scale, 0.0))
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((found[1] - found[0]) ** 2)))
    return error if np.isfinite(error) else float("inf")


def accurate(problem: Problem, batch: Batch, model: FittedModel) -> bool:
    """Whether the grid of ``batch`` is fine enough for ``model``."""
    return doubling_error(problem, model, batch.steps) <= max(10 * tolerance(problem), 1e-4)
