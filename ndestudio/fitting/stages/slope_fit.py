"""Stage A: fit the field to slopes, by L-BFGS."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import Gradient
from ndestudio.fitting.forward_evaluation import quick_losses
from ndestudio.fitting.objective import prior_terms
from ndestudio.fitting.optimizers.lbfgs import Lbfgs
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.optimizers.minimise import LimitedMemory, Monitor, Smooth, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.stages import PARAMETER_PRECISION, PRIOR_VARIANCE, Budget
from ndestudio.fitting.tracker import StopRequested, TimeUp, Tracker

MOST_SLOPE_NOISE = 0.05
"""Largest noise variance of slopes, in squared typical slopes, that the penalty is made for."""
EVERY = 20
"""Steps after which the penalty follows the noise level."""


def collocate(
    tracker: Tracker, program: Gradient, problem: PreparedFit, batch: Batch, point: Point, budget: Budget
) -> Point:
    """Stage A by L-BFGS: fit the field to slopes. ``program`` is a compiled collocation loss."""
    objective = _slope_objective(program, problem, point)
    monitor = _OnSlopes(tracker, batch, point)
    rules = Stopping(budget.steps, window=EVERY, decrease=0.3 * budget.tolerance)
    try:
        found = minimise(LimitedMemory(), objective, point.theta, stopping=rules, monitor=monitor)
    except (TimeUp, StopRequested):
        # what the slopes have taught so far is more than the start
        assert monitor.last is not None
        reached = Point(monitor.last.x, point.free)
        tracker.step(batch, reached, monitor.number, *quick_losses(problem, batch, reached), candidate=True)
        raise
    end = Point(found.state.x, point.free)
    tracker.step(batch, end, found.steps, found.state.extra, np.nan, candidate=False)
    return end


def _slope_objective(program: Gradient, problem: PreparedFit, point: Point) -> Smooth:
    """Errors of slopes, a penalty on weights as strong as their noise asks for, and the priors."""
    free = problem.space.free
    values = max(int((program.data[1].weight > 0).sum()), 1)
    mask, precision = free.astype(float), np.where(free, PARAMETER_PRECISION, 0.0)
    precision[problem.space.weights] = free[problem.space.weights]
    if problem.priors is not None:
        given = problem.priors.parameters.given
        precision[: len(given)] = np.where(given, 0.0, precision[: len(given)])
    anchor = np.where(free, 0.0, problem.space.theta)
    terms = prior_terms(problem, None)

    def strength(loss: float) -> float:
        return min(max(loss, 1e-9), MOST_SLOPE_NOISE) / (values * PRIOR_VARIANCE)

    l2 = strength(1.0)

    def value(theta: Float[np.ndarray, " n"]) -> tuple[float, np.ndarray, float]:
        found, away = program(Point(theta, point.free)), theta - anchor
        total = found.loss + l2 * float(precision @ away**2)
        gradient = found.theta * mask + 2 * l2 * precision * away
        if terms is not None:
            by = terms.rows(Point(theta, point.free))[0]
            total += PRIOR_VARIANCE * l2 * float(by.rho @ by.rho)
            gradient = gradient + 2 * PRIOR_VARIANCE * l2 * by.rho * by.slope * mask
        return total, gradient, found.loss

    def strengthen(state: Lbfgs) -> bool:
        nonlocal l2
        l2 = strength(state.extra)
        return True

    def refined(state: Lbfgs) -> bool:
        return strength(state.extra) > 0.5 * l2

    return Smooth(value, strengthen, refined, EVERY)


class _OnSlopes(Monitor[Lbfgs]):
    """Reports every tenth step of collocation."""

    def __init__(self, tracker: Tracker, batch: Batch, point: Point) -> None:
        self.tracker, self.batch, self.point = tracker, batch, point
        self.last: Lbfgs | None = None
        self.number = 0

    def begin(self, state: Lbfgs) -> None:
        self.last = state
        self.tracker.poll()
        self._report(state)

    def step(self, number: int, state: Lbfgs) -> None:
        self.last, self.number = state, number
        if number % 10 == 0:
            self.tracker.poll()
            self._report(state)

    def _report(self, state: Lbfgs) -> None:
        at = Point(state.x, self.point.free)
        self.tracker.step(self.batch, at, self.number, state.extra, np.nan, candidate=False)
