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
from ndestudio.fitting.objective import reweigh, with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.stages import PARAMETER_PRECISION, Reported, penalty, weight_prior
from ndestudio.fitting.tracker import Tracker

MOST = 25
GAIN = 0.02
"""A step that lowers n log(cost) by less moves no parameter by more than a seventh of its standard deviation."""
VAGUE = 0.1
"""Of the penalty on parameters: they are to be judged by the data, so it is wider here than while training."""
SHARE = 0.25
"""Of the time the training took so far that may be spent on the refinement, and at least a second."""


def refined_prior(
    problem: PreparedFit, batch: Batch, start: Point, loss: float, strength: float | None = None
) -> Prior:
    """The penalty on weights at the noise level ``loss``, or as strong as chosen, next to none on parameters, and the priors."""
    prior = weight_prior(problem, batch, start, penalty(problem, loss) if strength is None else strength)
    theta = prior.theta.copy()
    count = len(problem.structure.parameters)
    theta[:count] = np.where(np.isfinite(theta[:count]), VAGUE / PARAMETER_PRECISION * theta[:count], np.inf)
    return with_priors(problem, batch, prior._replace(theta=theta), loss)


def refined_objective(engine: JaxEngine | VectorEngine, batch: Batch, start: Point) -> LeastSquares:
    """Errors under the penalty that stands for the prior, with everything asked for."""
    problem = engine.problem
    robust = (lambda state: reweigh(engine, batch, state)) if problem.train.loss == "huber" else None
    prior = lambda state: refined_prior(problem, batch, start, 1.0 if state is None else state.loss)  # noqa: E731
    return LeastSquares(engine.linearise, prior, robust)


def refine(tracker: Tracker, engine: JaxEngine | VectorEngine, point: Point) -> tuple[LmState, Prior] | None:
    """Go on from ``point`` to the minimum; None where nothing is finite there.

    Better points become the best ones, unless the marginal likelihood chose another strength of the penalty for these.
    """
    problem, batch = engine.problem, engine.batch
    values = max(problem.values_used_train, 1)
    rules = Stopping(MOST, decrease=GAIN / values, rejected_count=False, damping=1e6)
    first = tracker.rows[-1][0] if tracker.rows else 0
    monitor = _Refinement(tracker, batch, MOST, first, candidate=tracker.strength is None)
    monitor.end = time.perf_counter() + max(1.0, SHARE * tracker.elapsed)
    objective = refined_objective(engine, batch, point)
    found = minimise(LevenbergMarquardt(1e-4), objective, point, stopping=rules, monitor=monitor)
    if not found.finite:
        return None
    return found.state, refined_prior(problem, batch, point, found.state.loss)


class _Refinement(Reported):
    """Reports accepted steps until the time for them is over."""

    end = np.inf

    def begin(self, state: LmState) -> None:
        pass

    def step(self, number: int, state: LmState) -> None:
        if state.accepted:
            self.report(state, self.first + number, 1.0)

    def ended(self, number: int, state: LmState) -> str | None:
        return "limit" if time.perf_counter() > self.end or self.tracker.remaining <= 0 else None
