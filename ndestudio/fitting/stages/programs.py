"""Compiled programs of whole trajectories, and what can be afforded."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import Gradient, row_bytes
from ndestudio.fitting.penalties import path_of
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.solve.jax_fixed import Loss

JACOBIAN_BYTES = 8e8
"""Beyond this size of the Jacobian L-BFGS takes the place of Levenberg-Marquardt."""
MOST_WORK = 1.5e11
"""Operations of the normal equations beyond which it does, too."""


def gradient_of(problem: PreparedFit, batch: Batch, chosen) -> Gradient:
    settings = Loss(
        np.full(len(problem.structure.measured), _huber(problem)),
        np.maximum(batch.follows, 0).astype(np.int32),
        np.float64(0.0),
        (batch.follows >= 0).astype(float),
    )
    data = (problem.space.constants, batch.start, batch.grid, batch.target, settings)
    method, along = problem.adaptive or problem.method, path_of(problem, batch)
    path = None
    if along is not None:
        squares = replace(along.problem, train=msgspec.structs.replace(problem.train, loss="squares"))
        path = (problem, gradient_of(squares, along.batch, chosen))
    return Gradient("trajectory", problem.structure, method, data, chosen, "the simulation and its gradient", path)


def _huber(problem: PreparedFit) -> float:
    """Where Huber's loss becomes linear, in spreads; for squares beyond all bounds."""
    if problem.train.loss == "squares":
        return 1e30
    return problem.train.huber_delta * float(np.sqrt(max(problem.floor, 1e-8)))


def affordable(problem: PreparedFit, batch: Batch) -> bool:
    """Whether the Jacobian fits into memory and the normal equations into a few seconds."""
    unknowns = problem.structure.size + len(problem.structure.states)
    rows, samples = batch.grid.step.shape
    values = rows * samples * len(problem.structure.measured)
    flops = 2.0 * min(values, 1.5 * unknowns) * unknowns * values
    return max(8.0 * values * unknowns, row_bytes(problem, batch)) < JACOBIAN_BYTES and flops < MOST_WORK
