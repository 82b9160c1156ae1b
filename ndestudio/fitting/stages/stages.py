"""What the stages of training share: penalties on weights, reports to the tracker, Levenberg-Marquardt on whole rows.

NaN and divergence end in the optimiser's own rejection of a step; what is left is handled by going back to the best point
with smaller steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.objective import reweigh, with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, Point, Prior
from ndestudio.fitting.optimizers.minimise import (
    LeastSquares,
    LevenbergMarquardt,
    Monitor,
    OptimisationResult,
    Stopping,
    minimise,
)
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.tracker import Tracker

PRIOR_VARIANCE = 1.0
"""Variance of network weights before the data are seen; with noise variance s^2 and n values the penalty is s^2/(n v)."""
MOST_NOISE = 0.02
"""Largest noise variance, in squared spreads, that the penalty is made for."""
CLOSE_ENOUGH = {"quick": 1e-7, "balanced": 3e-9, "thorough": 1e-12}
"""Losses (squared errors over spreads) at which data without noise count as fitted."""
STALLED = 5e-3
"""Relative gain of the validation error below which a step has taught the model nothing."""
STEEP, ABOVE_NOISE = 0.02, 1.25
"""Relative decrease of the cost in a step, and loss over that of the noise, above which a fit is on its way down still."""
CLEARLY = 0.5
"""Part of the validation error at the start below which a fit on its way down is better for certain."""
PARAMETER_PRECISION = 1.0
"""Penalty on parameters (towards their start values) as a part of that on weights: a standard deviation of 1."""


@dataclass(frozen=True)
class Budget:
    """Limits of one stage: steps, and the relative decrease per step below which it counts as converged."""

    steps: int
    tolerance: float = 3e-3


def penalty(problem: PreparedFit, loss: float, factor: float = 1.0) -> float:
    """Strength of the penalty on weights: as set, else that of a Gaussian prior at the present noise level."""
    if problem.train.l2 is not None:
        return problem.train.l2
    n = max(problem.values_used_train, 1)
    # a bad fit is not noise: a strong penalty would keep it bad; with few values the splines do not know the noise
    if problem.clean:
        loss = max(0.01 * loss, problem.floor)
    variance = min(max(loss, 0.5 * problem.floor if n > 100 else 0.0, 1e-14), MOST_NOISE)
    return factor * variance / (n * PRIOR_VARIANCE)


def weight_prior(problem: PreparedFit, batch: Batch, start: Point, l2: float) -> Prior:
    """Penalty on weights (towards zero), a trace of one on everything else (towards where it began)."""
    theta = np.where(problem.space.free, PARAMETER_PRECISION * l2, np.inf)
    theta[problem.space.weights] = np.where(problem.space.free[problem.space.weights], l2, np.inf)
    anchor = problem.space.theta.copy()
    anchor[problem.space.weights] = np.where(
        problem.space.free[problem.space.weights], 0.0, anchor[problem.space.weights]
    )
    return Prior(Point(anchor, start.free), theta, np.where(batch.moves, 1e-3 * l2, np.inf))


@dataclass(frozen=True)
class Outcome:
    """Where a stage ended. ``reason``: `"converged"`, `"limit"`, `"overfit"` or `"stuck"`; ``linear``: the fit there, if at hand."""

    point: Point
    loss: float
    validation: float
    reason: str
    linear: Linear | None = None


def outcome_of(found: OptimisationResult[LmState]) -> Outcome:
    """The end of a least-squares fit; one whose loss is next to nothing has converged."""
    state = found.state
    reason = "converged" if found.reason == "close" else found.reason
    return Outcome(state.point, state.loss, state.linear.validation, reason, state.linear)


class Reported(Monitor[LmState]):
    """Tells the tracker of every step of Levenberg-Marquardt.

    Parameters
    ----------
    steps
        Of the whole stage, for its progress.
    first
        Number of the step before the first.
    candidate
        Whether the points may become the best model.
    """

    def __init__(self, tracker: Tracker, batch: Batch, steps: int, first: int = 0, *, candidate: bool = True) -> None:
        self.tracker, self.batch, self.steps = tracker, batch, steps
        self.first, self.candidate = first, candidate

    def poll(self) -> None:
        self.tracker.poll()

    def begin(self, state: LmState) -> None:
        self.report(state, self.first, 0.0)

    def step(self, number: int, state: LmState) -> None:
        fraction = number / self.steps
        if state.accepted:
            self.report(state, self.first + number, fraction)
        else:
            self.tracker.trial(fraction)

    def report(self, state: LmState, number: int, fraction: float) -> None:
        loss, validation, path = state.loss, state.linear.validation, state.linear.path_loss
        self.tracker.step(
            self.batch, state.point, number, loss, validation, candidate=self.candidate, fraction=fraction, path=path
        )


class _Followed(Reported):
    """Watches the validation error along a path of penalties: it may end a strength, or all of it."""

    def __init__(self, tracker: Tracker, batch: Batch, steps: int, first: int, *, candidate: bool) -> None:
        super().__init__(tracker, batch, steps, candidate=candidate)
        self.best, self.since, self.stalled, self.made, self.begun = np.inf, 0, 0, first, np.nan
        self.origin, self.arrived, self.told = first, False, False

    def begin(self, state: LmState) -> None:
        self.stalled = 0
        if not self.told:
            self.begun, self.told = state.linear.validation, True
            self.report(state, self.made, 0.0)

    def step(self, number: int, state: LmState) -> None:
        del number
        tracker, problem, validation = self.tracker, self.tracker.problem, state.linear.validation
        self.made += 1
        fraction = (self.made - self.origin) / self.steps
        if not state.accepted:
            tracker.trial(fraction)
            return
        score = tracker.score(state.loss, validation)
        self.arrived = self.arrived or validation < CLEARLY * self.begun or not _steep(problem, state)
        tracker.step(
            self.batch,
            state.point,
            self.made,
            state.loss,
            validation,
            candidate=self.candidate,
            fraction=fraction,
            underway=not self.arrived,
            path=state.linear.path_loss,
        )
        self.stalled = self.stalled + 1 if score > (1 - STALLED) * self.best else 0
        better = score < 0.999 * self.best
        self.best, self.since = (score, 0) if better else (min(self.best, score), self.since + 1)
        if self.made % 5 == 0 and self.candidate:
            tracker.checkpoint(self.batch, state.point, self.made, state.loss, validation)

    def ended(self, number: int, state: LmState) -> str | None:
        if not np.isfinite(state.linear.validation):
            return None
        noisy = state.loss < 4 * max(self.tracker.problem.floor, 1e-12)
        if noisy and self.stalled >= 2:
            return "converged"
        return "overfit" if self.since >= (12 if noisy else 50) else None


def follow_lm(
    tracker: Tracker,
    engine: JaxEngine | VectorEngine,
    point: Point,
    budget: Budget,
    *,
    factors: tuple[float, ...] = (1.0,),
    candidate: bool = True,
    damping: float = 1e-3,
    first: int = 0,
) -> Outcome:
    """Levenberg-Marquardt on a batch, the penalty on weights going down along ``factors``.

    The noise level in the penalty follows the loss. Each strength is left when a step gains less than the tolerance, or,
    once the loss is that of the noise, lowers the validation error by less than ``STALLED``; the path ends when the
    validation error has risen for some time.
    """
    problem, batch = tracker.problem, engine.batch
    monitor = _Followed(tracker, batch, budget.steps, first, candidate=candidate)
    rules = Stopping(
        budget.steps, decrease=budget.tolerance, slow=3, slow_rejected=12, loss=CLOSE_ENOUGH[problem.train.preset]
    )
    at: Point | LmState = point
    found: OptimisationResult[LmState] | None = None
    for factor in factors:
        objective = weights_objective(engine, batch, point, factor)
        left = max(budget.steps - (monitor.made - first), 0)
        optimizer = LevenbergMarquardt(damping if isinstance(at, Point) else at.damping)
        found = minimise(optimizer, objective, at, stopping=replace(rules, steps=left), monitor=monitor)
        if not found.finite:
            return Outcome(point, np.inf, np.nan, "stuck")
        at = found.state
        if found.reason != "converged":
            break
    assert found is not None
    return replace(outcome_of(found), linear=None)


def weights_objective(
    engine: JaxEngine | VectorEngine, batch: Batch, start: Point, factor: float = 1.0
) -> LeastSquares:
    """Errors under a penalty on weights that follows the noise level, with everything asked for."""
    problem = engine.problem

    def prior(state: LmState | None) -> Prior:
        loss = 1.0 if state is None else state.loss
        plain = weight_prior(problem, batch, start, penalty(problem, loss, factor))
        return with_priors(problem, batch, plain, loss, MOST_NOISE)

    robust = (lambda state: reweigh(engine, batch, state)) if problem.train.loss == "huber" else None
    return LeastSquares(engine.linearise, prior, robust)


def _steep(problem: PreparedFit, state: LmState) -> bool:
    """Whether a fit is on its way down still, far above the noise: held-out trajectories may say too much for it."""
    return np.isfinite(state.linear.validation) and state.decrease > STEEP and state.loss > ABOVE_NOISE * problem.floor


def grow(tracker: Tracker, engine: JaxEngine, point: Point, budget: Budget, fractions: tuple[float, ...]) -> Outcome:
    """Whole trajectories, at first only their beginnings: each horizon starts from the fit of the shorter one.

    Only weights of samples change, so nothing is compiled.
    """
    whole = engine.batch
    outcome = Outcome(point, np.inf, np.nan, "stuck")
    for fraction in fractions:
        engine.use(with_horizon(whole, fraction))
        outcome = follow_lm(tracker, engine, point, budget, candidate=False, damping=1e-2)
        if np.isfinite(outcome.loss):
            point = outcome.point
    engine.use(whole)
    return outcome


def with_horizon(batch: Batch, fraction: float) -> Batch:
    """The batch with training weights in the first ``fraction`` of the samples of each row only."""
    train = batch.target.train.copy()
    for k, row in enumerate(batch.rows):
        used = np.flatnonzero(train[k].any(axis=1))
        if len(used) > 3:
            train[k, used[max(2, int(np.ceil(fraction * len(used)))) - 1] + 1 :] = 0.0
        del row
    return replace(batch, target=batch.target._replace(train=train / max(train.sum(), 1e-300)))
