"""Fits of chaotic models: segments as long as the data tell of the law, each with a start of its own."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.divergence import FIRST, SHORTEST, Horizon
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.stages.constants_objective import CONVERGED, descend
from ndestudio.fitting.stages.multiple_shooting import shooting_batch
from ndestudio.fitting.stages.stages import Budget, Outcome, follow_lm
from ndestudio.fitting.tracker import Tracker

FINER = 2
"""How much shorter the steps of the solver are than on whole trajectories."""
MOST_FINER, UNMOVED = 3, 1e-3
"""Times that the steps are halved, until the trained numbers (which are of order one) stay where they are."""


def constants_by_horizon(
    tracker: Tracker, horizon: Horizon, theta: Float[np.ndarray, " theta"], steps: int
) -> tuple[Batch, Outcome]:
    """Constants of a chaotic model, from ``theta``; ``steps``: of a grid for whole trajectories."""
    tracker.enter("final_refinement", "fitting segments of two divergence times (Levenberg-Marquardt)", 2, 2)
    tracker.horizon, tracker.exact = horizon, True
    fine = FINER * steps
    _, outcome = _segments(tracker, horizon, FIRST, theta, fine)
    batch, outcome = _segments(tracker, horizon, 1.0, outcome.point.theta, fine)
    for _ in range(MOST_FINER):
        before, fine = outcome.point.theta, 2 * fine
        batch, outcome = _segments(tracker, horizon, 1.0, before, fine)
        if np.abs(outcome.point.theta - before).max() < UNMOVED:
            break
    return batch, outcome


def _segments(
    tracker: Tracker, horizon: Horizon, part: float, theta: Float[np.ndarray, " theta"], steps: int
) -> tuple[Batch, Outcome]:
    batch = shooting_batch(tracker.problem, _length(horizon, part), steps)
    tracker.best_score = np.inf
    return batch, descend(tracker, batch, Point(theta, start_point(tracker.problem, batch).free), CONVERGED)


def networks_by_horizon(
    tracker: Tracker,
    chosen: Any,
    horizon: Horizon,
    theta: Float[np.ndarray, " theta"],
    steps: int,
    budget: Budget,
    factors: tuple[float, ...],
) -> tuple[JaxEngine, Outcome]:
    """Networks and constants of a chaotic model, from ``theta``."""
    tracker.horizon, tracker.exact = horizon, True
    problem = tracker.problem
    batch = shooting_batch(problem, _length(horizon, 1.0), FINER * steps)
    engine = JaxEngine(problem, batch, chosen)
    tracker.enter("final_refinement", "fitting segments of two divergence times (Levenberg-Marquardt)", 3, 4)
    before = time.perf_counter()
    engine.ready(tracker.reporter)
    tracker.compiled(time.perf_counter() - before)
    tracker.best_score = np.inf
    start = Point(theta, start_point(problem, batch).free)
    outcome = follow_lm(tracker, engine, start, budget, factors=factors)
    return engine, outcome


def _length(horizon: Horizon, part: float) -> int:
    return max(round(part * horizon.samples), SHORTEST)
