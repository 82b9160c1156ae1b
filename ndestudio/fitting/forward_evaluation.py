"""Losses of whole trajectories by the solver in NumPy: nothing is compiled to compare a few points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.fitting.batches import Batch, take_rows, weighted_sum
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import merit
from ndestudio.fitting.optimizers.levenberg_marquardt import Point, profile
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.robust import robust_factor, robust_limit
from ndestudio.fitting.tracker import Tracker
from ndestudio.problem.initial import FREE

HELD_ROWS = 24
"""Held-out trajectories whose initial values are fitted to judge a point."""
LOOKED_AT = 64
"""Rows on which points are compared where there are many more."""


def quick_losses(problem: PreparedFit, batch: Batch, point: Point) -> tuple[float, float]:
    """Training and validation loss of whole trajectories by the solver in NumPy; nothing to compile.

    Of very many rows an even choice is looked at.
    """
    if len(point.free) > 2 * LOOKED_AT:
        batch, point = take_rows(batch, point, np.arange(0, len(point.free), len(point.free) // LOOKED_AT))
    model = problem.space.fitted(point.theta, {})
    engine = VectorEngine(replace(problem, space=replace(problem.space, model=model)), batch)
    errors, _ = engine.errors(point.theta[None], point.free[None])
    with np.errstate(all="ignore"):
        used = (batch.target.train > 0) & np.isfinite(errors[0])
        factor = robust_factor(errors[0], robust_limit(errors[0], used, problem.train))
    train = weighted_sum(batch.target.train, factor * errors[0] ** 2)
    validation = weighted_sum(batch.target.validation, errors[0] ** 2)
    return train, (validation if batch.target.validation.any() else float("nan"))


def held_out(problem: PreparedFit, batch: Batch, point: Point) -> float | None:
    """Validation loss of trajectories that do not train, their initial values fitted to first order (see ``lm.profile``).

    None where none is held out as a whole, or no initial value is estimated: then the plain loss says the same.
    """
    held = batch.target.validation.any(axis=(1, 2)) & ~batch.trains & (batch.start.mode == FREE).any(axis=1)
    index = np.flatnonzero(held)
    if not len(index):
        return None
    few, theirs = take_rows(batch, point, index[:: -(-len(index) // HELD_ROWS)])
    space = replace(problem.space, model=problem.space.fitted(point.theta, {}), free=np.zeros_like(problem.space.free))
    found = VectorEngine(replace(problem, space=space), few).linearise(theirs).validation
    return found if np.isfinite(found) else float("inf")


def loss_with_fitted_starts(problem: PreparedFit, batch: Batch, point: Point) -> float:
    """Training loss with the initial values fitted to first order: what the law misses, without the noise of first samples."""
    index = np.flatnonzero(batch.trains)
    few, theirs = take_rows(batch, point, index[:: -(-len(index) // HELD_ROWS)])
    space = replace(problem.space, model=problem.space.fitted(point.theta, {}), free=np.zeros_like(problem.space.free))
    linear = VectorEngine(replace(problem, space=space), few).linearise(theirs)
    share = float(few.target.train.sum()) / max(float(batch.target.train.sum()), 1e-300)
    found = profile(linear.r, linear.d_free, few.trains & (few.start.mode == FREE).any(axis=1))[0] / max(share, 1e-300)
    return found if np.isfinite(found) else float("inf")


def quick_loss(problem: PreparedFit, batch: Batch, point: Point) -> float:
    """Training loss of whole trajectories."""
    return quick_losses(problem, batch, point)[0]


def best_start(tracker: Tracker, batch: Batch, starts: list[Point]) -> Point:
    """The start with the best score; a validation error beyond all bounds counts as a large one."""

    if len(starts) == 1:
        return starts[0]

    def value(point: Point) -> float:
        train, validation = quick_losses(tracker.problem, batch, point)
        train = merit(tracker.problem, batch, point, train)
        if not np.isfinite(validation):
            return train if not batch.target.validation.any() else 1e3 + train
        return train + min(validation, 1e3)

    return min(starts, key=value)
