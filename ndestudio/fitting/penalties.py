"""Penalties along the path: what should hold everywhere, such as a conserved sum, as residuals on the solver's grid.

    weight/T sum over rows of  integral (expression/scale)^2 dt,   T: time of all training trajectories together

by the trapezoidal rule. A penalty is read out like a measured column that is always 0, at every point of the grid: the
programs that simulate a model, in NumPy or JAX, serve as they are, for one that observes the expressions in the place of
its columns. So Levenberg-Marquardt sees residuals and L-BFGS their squares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.problem.observation import Observation
from ndestudio.problem.rows import Target
from ndestudio.solve.time_grid import Grid


@dataclass(frozen=True, eq=False)
class Path:
    """A problem that observes its penalties, and the batch of the points at which it does."""

    problem: PreparedFit
    batch: Batch


def path_of(problem: PreparedFit, batch: Batch) -> Path | None:
    """The penalties of ``problem`` on the grid of ``batch``; None where there are none."""
    if not problem.penalties:
        return None
    return Path(observing(problem), along(problem, batch))


def observing(problem: PreparedFit) -> PreparedFit:
    """The problem with its penalties as further columns, and the measured ones left out."""
    structure, constants = problem.structure, problem.space.constants
    count, added = len(structure.measured), problem.penalties
    names = tuple(f"penalty {k + 1}" for k in range(len(added)))
    seen = (*(None for _ in range(count)), *(penalty.expression for penalty in added))
    structure = replace(structure, observation=Observation((*structure.measured, *names), seen))
    scales = np.array([penalty.scale for penalty in added])
    constants = constants._replace(
        log=np.zeros(count + len(added), dtype=bool),
        floor=np.ones(count + len(added)),
        spread=np.concatenate([constants.spread, scales]),
    )
    space = replace(problem.space, structure=structure, constants=constants)
    return replace(problem, space=space, penalties=())


def along(problem: PreparedFit, batch: Batch) -> Batch:
    """The batch whose samples are the points of its grid, up to the last training sample of each row."""
    grid = batch.grid
    rows, count, added = len(grid.step), len(problem.structure.measured), len(problem.penalties)
    steps = len(grid.h) - 1
    knots = grid.sample_t[:, :1] + np.concatenate([np.zeros((rows, 1)), np.cumsum(grid.h[:-1], axis=0).T], axis=1)
    inputs = np.zeros((rows, steps + 1, grid.sample_u.shape[2]))
    if inputs.shape[2]:
        for k in range(rows):
            inputs[k] = batch.rows[k if k < len(batch.rows) else 0].control(knots[k])
    weight = _trapezoidal(grid, knots, batch)
    train = np.zeros((rows, steps + 1, count + added))
    train[..., count:] = weight[..., None] * np.array([penalty.weight for penalty in problem.penalties])
    number = np.broadcast_to(np.arange(steps + 1), (rows, steps + 1))
    points = Grid(
        grid.h,
        grid.t,
        grid.u,
        np.minimum(number, steps - 1).astype(grid.step.dtype),
        (number == steps).astype(float),
        knots,
        inputs,
        grid.paths,
        grid.event,
        grid.given,
        grid.moment,
    )
    nothing = np.zeros_like(train)
    return replace(batch, grid=points, target=Target(nothing, train, nothing))


def _trapezoidal(grid: Grid, knots: Float[np.ndarray, "row knot"], batch: Batch) -> Float[np.ndarray, "row knot"]:
    """Part of the time of all rows that each point of the grid stands for."""
    used = batch.target.train.any(axis=2)
    last = np.where(used, grid.sample_t, -np.inf).max(axis=1)
    h = grid.h[:-1].T
    # a step counts if it begins before the last sample that trains
    h = np.where(knots[:, :-1] < last[:, None], h, 0.0)
    weight = np.zeros_like(knots)
    weight[:, :-1] += 0.5 * h
    weight[:, 1:] += 0.5 * h
    return weight / max(float(weight.sum()), 1e-300)
