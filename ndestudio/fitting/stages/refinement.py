"""To the minimum that confidence limits speak of.

Training stops where held-out data or the clock say so, along a path of penalties that begins strong: its end leans
towards the penalty by a good part of a standard deviation, and limits around it would miss the truth too often. Here
Levenberg-Marquardt goes on under the penalty that stands for the prior until what is left to gain is no news.
"""

from __future__ import annotations

import time

import numpy as np

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior, lm_rebase, lm_start, lm_step
from ndestudio.fitting.problem import Problem
from ndestudio.fitting.stages.stages import PARAMETER_PRECISION, penalty, reweigh, weight_prior
from ndestudio.fitting.tracker import Tracker

MOST = 25
GAIN = 0.02
"""A step that lowers n log(cost) by less moves no parameter by more than a seventh of its standard deviation."""
VAGUE = 0.1
"""Of the penalty on parameters: they are to be judged by the data, so it is wider here than while training."""
SHARE = 0.25
"""Of the time the training took so far that may be spent on settling, and at least a second."""


def settled_prior(problem: Problem, batch: Batch, start: Point, loss: float, strength: float | None = None) -> Prior:
    """The penalty on weights at the noise level ``loss``, or as strong as chosen, and next to none on parameters."""
    prior = weight_prior(problem, batch, start, penalty(problem, loss) if strength is None else strength)
    theta = prior.theta.copy()
    count = len(problem.structure.parameters)
    theta[:count] = np.where(np.isfinite(theta[:count]), VAGUE / PARAMETER_PRECISION * theta[:count], np.inf)
    return prior._replace(theta=theta)


def settle(tracker: Tracker, engine: JaxEngine | VectorEngine, point: Point) -> tuple[LmState, Prior] | None:
    """Go on from ``point`` to the minimum; None where nothing is finite there.

    Better points become the best ones, unless the evidence chose another strength of the penalty for these.
    """
    problem, batch = engine.problem, engine.batch
    values = max(problem.values_used_train, 1)
    end = time.perf_counter() + max(1.0, SHARE * tracker.elapsed)
    prior = settled_prior(problem, batch, point, 1.0)
    state = lm_start(engine.linearise, point, prior, 1e-4)
    if not np.isfinite(state.cost):
        return None
    first = tracker.rows[-1][0] if tracker.rows else 0
    slow = 0
    for k in range(MOST):
        prior = settled_prior(problem, batch, point, state.loss)
        if slow >= 2 or state.damping > 1e6 or time.perf_counter() > end or tracker.remaining <= 0:
            break
        tracker.poll()
        if problem.train.loss == "huber" and state.accepted:
            state = reweigh(engine, batch, state)
        state = lm_step(engine.linearise, lm_rebase(state, prior), prior)
        slow = slow + 1 if state.accepted and state.decrease < GAIN / values else 0
        if state.accepted:
            better, validation = tracker.strength is None, state.linear.validation
            tracker.step(batch, state.point, first + k + 1, state.loss, validation, candidate=better, fraction=1.0)
    return state, prior
