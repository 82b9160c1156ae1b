"""What a chaotic model predicts over segments of its horizon, each from the start that suits its samples best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.optimizers.minimise import Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.stages.constants_objective import MARQUARDT, constants_objective
from ndestudio.fitting.stages.multiple_shooting import shooting_batch
from ndestudio.model.fitted import FittedModel, Simulation

FINER = 2
"""How much shorter the steps of the solver are than on whole trajectories."""
STARTS = Stopping(6, decrease=1e-3)
"""Fit of the starts alone."""


def with_fitted_starts(problem: PreparedFit, batch: Batch) -> tuple[PreparedFit, Point]:
    """The problem in which nothing moves but the starts of segments, and the starts that suit them best."""
    space = replace(problem.space, free=np.zeros_like(problem.space.free))
    frozen = replace(problem, space=space)
    point = start_point(frozen, batch)
    found = minimise(
        MARQUARDT, constants_objective(VectorEngine(frozen, batch), batch, point), point, stopping=STARTS
    ).state
    return frozen, (found.point if np.isfinite(found.cost) else point)


def simulated_by_pieces(
    model: FittedModel, problem: PreparedFit, horizon: Horizon, part: Part, steps: int
) -> dict[str, Simulation]:
    """Predictions at the samples of a part, as simulations of whole trajectories are; NaN at other samples.

    Parameters
    ----------
    problem
        Of a model of the same data.
    steps
        Of a grid for whole trajectories.
    """
    own = prepare_fit(model, problem.dataset, problem.train, train_networks=False)
    own = replace(own, method=problem.method, time_grid=problem.time_grid, least=problem.least, smooth=problem.smooth)
    found = {one.name: np.full((len(one.t), len(model.measured)), np.nan) for one in problem.dataset.trajectories}
    own = replace(own, dataset=_shown(problem.dataset, part))
    if own.dataset.trajectories:
        batch = shooting_batch(own, horizon.samples, FINER * steps)
        frozen, point = with_fitted_starts(own, batch)
        _fill(found, frozen, batch, point)
    times = {one.name: one.t for one in problem.dataset.trajectories}
    return {name: Simulation(times[name], np.zeros((len(seen), 0)), seen) for name, seen in found.items()}


def _shown(dataset: Dataset, part: Part) -> Dataset:
    """The trajectories that have samples of a part, which train in the place of all others."""
    found = [
        replace(one, part=np.where(one.part == part, int(Part.TRAIN), int(Part.TEST)).astype(one.part.dtype))
        for one in dataset.trajectories
        if np.count_nonzero(one.part == part) > 1
    ]
    return replace(dataset, trajectories=tuple(found))


def _fill(
    found: dict[str, Float[np.ndarray, "time measured"]], problem: PreparedFit, batch: Batch, point: Point
) -> None:
    constants = problem.space.constants
    error = VectorEngine(problem, batch).errors(point.theta[None], point.free[None])[0][0]
    compared = batch.target.values + error * constants.spread
    with np.errstate(all="ignore"):
        seen = np.where(constants.log, np.exp(compared), compared)
    for k, row in enumerate(batch.rows):
        found[row.trajectory.name][row.index] = seen[k, : len(row.index)]
