"""Initial values of trajectories that took no part in a fit: fitted to their training samples, the model as it is."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Part
from ndestudio.model.fitted import FittedModel
from ndestudio.train.batch import FREE, whole_rows
from ndestudio.train.batches import make_batch, start_point
from ndestudio.train.engines import VectorEngine
from ndestudio.train.lm import Point, profile
from ndestudio.train.problem import Problem
from ndestudio.train.tracker import physical_starts

AT_ONCE = 512
"""Trajectories fitted side by side."""
ROUNDS = 2
"""Gauss-Newton steps; measured starts are near enough for the second to finish it."""


def with_starts(
    problem: Problem, model: FittedModel, fitted: set[str], steps: int, seconds: float
) -> tuple[FittedModel, int]:
    """``model`` with estimated initial values of the training trajectories not ``fitted``, and how many were left.

    Arguments:
        steps: of the grid. seconds: time after which the rest keeps its measured start.
    """
    end = time.perf_counter() + seconds
    space = replace(problem.space, model=model, free=np.zeros_like(problem.space.free))
    frozen = replace(problem, space=space)
    rows = [row for row in whole_rows(problem.dataset, with_test=False) if row.trajectory.name not in fitted]
    rows = [row for row in rows if (row.trajectory.part[row.index] == Part.TRAIN).any()]
    initial: dict[str, Float[np.ndarray, " state"]] = {}
    for first in range(0, len(rows), AT_ONCE):
        if time.perf_counter() > end:
            return replace(model, initial={**model.initial, **initial}), len(rows) - first
        batch = make_batch(frozen, steps, rows=rows[first : first + AT_ONCE], padded=False)
        if not (batch.start.mode == FREE).any():
            return model, 0
        engine, point = VectorEngine(frozen, batch), start_point(frozen, batch)
        for _ in range(ROUNDS):
            linear = engine.linearise(point)
            moved = np.where(batch.moves, profile(linear.r, linear.d_free, batch.trains)[1], 0.0)
            point = Point(point.theta, point.free + moved)
        names = set(batch.names)
        found = physical_starts(frozen, batch, point)
        initial |= {name: start for name, start in found.items() if name in names}
    return replace(model, initial={**model.initial, **initial}), 0
