"""How many steps a time grid needs: by doubling their number, or by how cubic interpolation follows known curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.smoothing import SmoothedTrajectory
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.problem import Problem
from ndestudio.problem.rows import Rows, make_target
from ndestudio.solve.delays import grid_breaks
from ndestudio.solve.event_times import happening_in
from ndestudio.solve.interpolation import hermite
from ndestudio.solve.numpy_fixed import GridSimulation
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import TimeGrid, grid_times, make_grid

SMALLEST, LARGEST = 8, 2048
"""Steps of a grid."""

Predictions = Callable[[int], Float[np.ndarray, "..."]]
"""Predictions with so many steps, over the spread."""


def doubling_error(predictions: Predictions, steps: int) -> float:
    """Root mean square change of the predictions when the number of steps is doubled; infinite where one is not finite."""
    return _apart(predictions(steps), predictions(2 * steps))


def enough_steps(predictions: Predictions, steps: int, allowed: float, most: int) -> int:
    """The first of ``steps``, twice as many, ... up to ``most`` with a ``doubling_error`` of at most ``allowed``."""
    coarse = predictions(steps) if steps < most else np.zeros(0)
    while steps < most:
        fine = predictions(2 * steps)
        if _apart(coarse, fine) <= allowed:
            break
        steps, coarse = 2 * steps, fine
    return steps


def predictions_of(
    problem: Problem, method: Tableau, time_grid: Mapping[str, TimeGrid], model: FittedModel, rows: Sequence[Rows]
) -> Predictions:
    """What ``model`` predicts (its logarithm where that is compared) over the spread at the fitted samples of ``rows``, 0 at
    others, by the number of steps."""
    simulation = GridSimulation(problem, method, model)
    conditions = problem.conditions(model, [row.trajectory for row in rows])
    breaks = grid_breaks(problem, method, model, conditions)
    numbers, longest = problem.numbers, max(len(row.index) for row in rows)
    target = make_target(rows, problem.dataset, problem.observed, numbers.log, longest)
    used = np.moveaxis(target.train + target.validation > 0, -1, 0)
    happen = happening_in(model, conditions)

    def predicted(steps: int) -> Float[np.ndarray, "measured row sample"]:
        grid = make_grid(rows, steps, method, longest, time_grid, breaks, events=happen)
        seen = simulation.measured(grid, simulation.states(conditions, grid))
        compared = [
            np.log(np.maximum(column, numbers.floor[k])) if numbers.log[k] else column for k, column in enumerate(seen)
        ]
        return np.where(used, np.array(compared) / numbers.spread[:, None, None], 0.0)

    return predicted


def interpolation_error(
    curves: Mapping[str, SmoothedTrajectory],
    times: Mapping[str, Float[np.ndarray, " time"]],
    spread: Float[np.ndarray, " measured"],
    observed: Bool[np.ndarray, " measured"],
    steps: int,
) -> float:
    """Largest over trajectories of the root mean square error of cubic Hermite interpolation of smooth curves.

    It takes about as many steps as the Runge-Kutta method takes for a solution of that shape.
    """
    worst = 0.0
    for name, curve in curves.items():
        t = times[name]
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
        worst = max(worst, float(np.max(np.where(observed, error, 0.0))))
    return worst


def _apart(coarse: Float[np.ndarray, "..."], fine: Float[np.ndarray, "..."]) -> float:
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((fine - coarse) ** 2)))
    return error if np.isfinite(error) else float("inf")
