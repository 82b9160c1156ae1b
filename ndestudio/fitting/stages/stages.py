"""The stages of training, each usable alone: collocation, multiple shooting, whole trajectories.

Every stage is a plain loop: one step of an optimiser, one report, one look at the clock. NaN and divergence end in the
optimiser's own rejection of a step; what is left is handled here by going back to the best point with smaller steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import Gradient, JaxEngine, VectorEngine
from ndestudio.fitting.forward_evaluation import held_out, quick_losses
from ndestudio.fitting.optimizers.lbfgs import Lbfgs, Objective
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, Point, Prior, lm_rebase, lm_start, lm_step
from ndestudio.fitting.problem import Problem
from ndestudio.fitting.tracker import StopRequested, TimeUp, Tracker

PRIOR_VARIANCE = 1.0
"""Variance of network weights before the data are seen; with noise variance s^2 and n values the penalty is s^2/(n v)."""
MOST_NOISE = 0.02
"""Largest noise variance, in squared spreads, that the penalty is made for."""
CLOSE_ENOUGH = {"quick": 1e-7, "balanced": 3e-9, "thorough": 1e-12}
"""Losses (squared errors over spreads) at which data without noise count as fitted."""
JUDGED_EVERY = 3
"""Steps of L-BFGS from one look at held-out trajectories to the next."""
STALLED = 5e-3
"""Relative gain of the validation error below which a step has taught the model nothing."""
STEEP, ABOVE_NOISE = 0.02, 1.25
"""Relative decrease of the cost in a step, and loss over that of the noise, above which a fit is on its way down still."""
CLEARLY = 0.5
"""Part of the validation error at the start below which a fit on its way down is better for certain."""
MOST_SLOPE_NOISE = 0.05
"""The same for slopes, in squared typical slopes."""
PARAMETER_PRECISION = 1.0
"""Penalty on parameters (towards their start values) as a part of that on weights: a standard deviation of 1."""


@dataclass(frozen=True)
class Budget:
    """Limits of one stage: steps, and the relative decrease per step below which it counts as converged."""

    steps: int
    tolerance: float = 3e-3


def penalty(problem: Problem, loss: float, factor: float = 1.0) -> float:
    """Strength of the penalty on weights: as set, else that of a Gaussian prior at the present noise level."""
    if problem.train.l2 is not None:
        return problem.train.l2
    n = max(problem.values_used_train, 1)
    # a bad fit is not noise: a strong penalty would keep it bad; with few values the splines do not know the noise
    if problem.clean:
        loss = max(0.01 * loss, problem.floor)
    variance = min(max(loss, 0.5 * problem.floor if n > 100 else 0.0, 1e-14), MOST_NOISE)
    return factor * variance / (n * PRIOR_VARIANCE)


def weight_prior(problem: Problem, batch: Batch, start: Point, l2: float) -> Prior:
    """Penalty on weights (towards zero), a trace of one on everything else (towards where it began)."""
    theta = np.where(problem.space.free, PARAMETER_PRECISION * l2, np.inf)
    theta[problem.space.weights] = np.where(problem.space.free[problem.space.weights], l2, np.inf)
    anchor = problem.space.theta.copy()
    anchor[problem.space.weights] = np.where(
        problem.space.free[problem.space.weights], 0.0, anchor[problem.space.weights]
    )
    return Prior(Point(anchor, start.free), theta, np.where(batch.moves, 1e-3 * l2, np.inf))


def collocate(
    tracker: Tracker, program: Gradient, problem: Problem, batch: Batch, point: Point, budget: Budget
) -> Point:
    """Stage A by L-BFGS: fit the field to slopes. ``program`` is a compiled collocation loss."""
    free = problem.space.free
    values = max(int((program.data[1].weight > 0).sum()), 1)
    mask, precision = free.astype(float), np.where(free, PARAMETER_PRECISION, 0.0)
    precision[problem.space.weights] = free[problem.space.weights]
    anchor = np.where(precision == 1.0, 0.0, problem.space.theta)

    def strength(loss: float) -> float:
        return min(max(loss, 1e-9), MOST_SLOPE_NOISE) / (values * PRIOR_VARIANCE)

    l2 = strength(1.0)

    def objective(theta: Float[np.ndarray, " n"]) -> tuple[float, np.ndarray, float]:
        found, away = program(Point(theta, point.free)), theta - anchor
        value = found.loss + l2 * float(precision @ away**2)
        return value, found.theta * mask + 2 * l2 * precision * away, found.loss

    state = Lbfgs.begin(objective, point.theta)
    before, k = state.value, 0
    try:
        for k in range(budget.steps):
            if k % 10 == 0:
                tracker.poll()
                tracker.step(batch, Point(state.x, point.free), k, state.extra, np.nan, candidate=False)
            state.step(objective)
            if state.stuck:
                break
            if k % 20 == 19:
                weaker = strength(state.extra)
                if weaker > 0.5 * l2 and before - state.value < 20 * 0.3 * budget.tolerance * state.value:
                    break
                l2 = weaker
                state = replace_value(state, objective)
                before = state.value
    except (TimeUp, StopRequested):
        # what the slopes have taught so far is more than the start
        reached = Point(state.x, point.free)
        tracker.step(batch, reached, k, *quick_losses(problem, batch, reached), candidate=True)
        raise
    tracker.step(batch, Point(state.x, point.free), k + 1, state.extra, np.nan, candidate=False)
    return Point(state.x, point.free)


@dataclass(frozen=True)
class Outcome:
    """Where a stage ended. ``reason``: `"converged"`, `"limit"`, `"overfit"` or `"stuck"`; ``linear``: the fit there, if at hand."""

    point: Point
    loss: float
    validation: float
    reason: str
    linear: Linear | None = None


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
    prior = weight_prior(problem, batch, point, penalty(problem, 1.0, factors[0]))
    state = lm_start(engine.linearise, point, prior, damping)
    best, since, iteration, arrived = np.inf, 0, first, False
    if not np.isfinite(state.cost):
        return Outcome(point, np.inf, np.nan, "stuck")
    tracker.step(batch, state.point, iteration, state.loss, state.linear.validation, candidate=candidate)
    begun, reason = state.linear.validation, "limit"
    for factor in factors:
        slow = stalled = 0
        while iteration - first < budget.steps:
            tracker.poll()
            prior = weight_prior(problem, batch, point, penalty(problem, state.loss, factor))
            if problem.train.loss == "huber" and state.accepted:
                state = reweigh(engine, batch, state)
            state = lm_step(engine.linearise, lm_rebase(state, prior), prior)
            iteration += 1
            if state.accepted:
                validation = state.linear.validation
                score = tracker.score(state.loss, validation)
                arrived = arrived or validation < CLEARLY * begun or not _steep(problem, state)
                tracker.step(
                    batch,
                    state.point,
                    iteration,
                    state.loss,
                    validation,
                    candidate=candidate,
                    fraction=(iteration - first) / budget.steps,
                    underway=not arrived,
                )
                stalled = stalled + 1 if score > (1 - STALLED) * best else 0
                best, since = (score, 0) if score < 0.999 * best else (min(best, score), since + 1)
                if iteration % 5 == 0 and candidate:
                    tracker.checkpoint(batch, state.point, iteration, state.loss, validation)
            else:
                tracker.trial((iteration - first) / budget.steps)
            if state.loss < CLOSE_ENOUGH[problem.train.preset]:
                return Outcome(state.point, state.loss, state.linear.validation, "converged")
            slow = slow + 1 if state.decrease < budget.tolerance else 0
            if state.damping > 1e8 or slow >= (3 if state.accepted else 12):
                reason = "converged"
                break
            noisy = state.loss < 4 * max(problem.floor, 1e-12)
            if noisy and stalled >= 2 and np.isfinite(state.linear.validation):
                reason = "converged"
                break
            patience = 12 if noisy else 50
            if since >= patience and np.isfinite(state.linear.validation):
                return Outcome(state.point, state.loss, state.linear.validation, "overfit")
        else:
            reason = "limit"
            break
    return Outcome(state.point, state.loss, state.linear.validation, reason)


def _steep(problem: Problem, state: LmState) -> bool:
    """Whether a fit is on its way down still, far above the noise: held-out trajectories may say too much for it."""
    return np.isfinite(state.linear.validation) and state.decrease > STEEP and state.loss > ABOVE_NOISE * problem.floor


def reweigh(engine: JaxEngine | VectorEngine, batch: Batch, state: LmState) -> LmState:
    """Huber's loss by iterated weights: errors beyond ``huber_delta`` noise levels weigh in proportion less.

    The noise level is the median of the errors, made one of a normal distribution (Huber and Ronchetti 2009, section 7.8).
    """
    problem = engine.problem
    now = np.sqrt(engine.batch.target.train)
    with np.errstate(all="ignore"):
        error = np.abs(np.where(now > 0, state.linear.r.reshape(now.shape) / now, 0.0))
    used = now > 0
    if not used.any():
        return state
    level = max(1.4826 * float(np.median(error[used])), 1e-12) * problem.train.huber_delta
    factor = np.where(used, level / np.maximum(error, level), 0.0)
    before = np.sqrt(np.where(used, engine.batch.target.train, 1.0))
    train = batch.target.train * factor
    engine.use(replace(batch, target=batch.target._replace(train=train)))
    ratio = (np.sqrt(train) / before).reshape(len(train), -1)
    linear = state.linear._replace(
        r=state.linear.r * ratio,
        d_theta=state.linear.d_theta * ratio[..., None],
        d_free=state.linear.d_free * ratio[..., None],
    )
    return replace(state, linear=linear, loss=float(np.sum(linear.r**2)))


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


def follow_lbfgs(tracker: Tracker, program: Gradient, batch: Batch, point: Point, budget: Budget) -> Outcome:
    """L-BFGS on a batch, for models and data too large for a Jacobian."""
    problem = tracker.problem
    count, shape = len(point.theta), point.free.shape
    mask = np.concatenate([problem.space.free, batch.moves.ravel()]).astype(float)
    # a start matters to its own trajectory only: in these units its curvature is like that of the rest
    unit = float(np.sqrt(max(batch.trains.sum(), 1)))
    weights = np.zeros(count + point.free.size)

    def objective(x: Float[np.ndarray, " n"]) -> tuple[float, np.ndarray, np.ndarray]:
        found = program(at(x))
        gradient = np.concatenate([found.theta, unit * found.free.ravel()]) * mask + 2 * weights * x
        return found.loss + float(weights @ x**2), gradient, found.extra

    def at(x: Float[np.ndarray, " n"]) -> Point:
        return Point(x[:count].copy(), unit * x[count:].reshape(shape))

    def strengthen(loss: float) -> None:
        weights[problem.space.weights] = penalty(problem, loss) * problem.space.free[problem.space.weights]

    has_validation = bool(batch.target.validation.any())
    strengthen(0.1)
    state = Lbfgs.begin(objective, np.concatenate([point.theta, point.free.ravel() / unit]))
    if not np.isfinite(state.value):
        return Outcome(point, np.inf, np.nan, "stuck")
    best, since, before, reason = np.inf, 0, state.value, "limit"
    train, validation = float(state.extra[0]), float(state.extra[1]) if has_validation else float("nan")
    for k in range(budget.steps):
        train, judged = float(state.extra[0]), True
        tracker.poll()
        if has_validation:
            judged = k % JUDGED_EVERY == 0
            fitted = held_out(problem, batch, at(state.x)) if judged else None
            validation = validation if not judged else float(state.extra[1]) if fitted is None else fitted
        tracker.step(batch, at(state.x), k, train, validation, candidate=judged, fraction=k / budget.steps)
        score = tracker.score(train, validation) if judged else np.inf
        best, since = (score, 0) if score < 0.999 * best else (best, since + 1)
        if k % 40 == 39:
            tracker.checkpoint(batch, at(state.x), k, train, validation)
            if before - state.value < 40 * 0.1 * budget.tolerance * state.value:
                reason = "converged"
                break
            strengthen(train)
            state = replace_value(state, objective)
            before = state.value
        state.step(objective)
        if state.stuck:
            reason = "converged"
            break
        if since > 150 and has_validation:
            reason = "overfit"
            break
    return Outcome(at(state.x), train, validation, reason)


def replace_value(state: Lbfgs, objective: Objective) -> Lbfgs:
    """The same point and memory under an objective that changed a little."""
    value, gradient, extra = objective(state.x)
    return Lbfgs(state.x, value, gradient, extra, state.memory, state.pairs, state.evaluations + 1)
