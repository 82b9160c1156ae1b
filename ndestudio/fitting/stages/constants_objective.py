"""What a fit of constants makes smallest, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import reweigh, with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, LookAhead, Point, Prior
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Stopping, minimise
from ndestudio.fitting.optimizers.side_by_side import minimise_together
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.stages import MOST_NOISE, Outcome, Reported, outcome_of
from ndestudio.fitting.tracker import Tracker

WEAK = 1e-9
"""Precision of everything: where data say nothing, values stay where they are."""
CLOSE = 1e-14
"""A loss (squared error over the spread) that no further step is worth."""
CONVERGED = Stopping(100, decrease=1e-7, loss=CLOSE, promise=1e-8, promise_below=1e-3)
"""A fit of constants to its end."""
ROUGHLY = Stopping(100, decrease=1e-3, loss=1e-7, promise=1e-4, promise_below=1e-3)
"""For a part of the data on long steps."""
AGAIN = Stopping(100, decrease=1e-7, loss=CLOSE, promise=1e-8, promise_below=1e-6)
"""From next to the minimum, with little damping."""
GUESSED = Stopping(30, decrease=1e-6, slow=4, slow_rejected=4, least=1e-9)
"""Parameters that fit slopes."""
TRIED, EXPLORED = replace(GUESSED, steps=6), replace(GUESSED, steps=15)
"""A start among others, and one to be judged by where it leads."""
MARQUARDT = LevenbergMarquardt()


def constants_objective(engine: VectorEngine, batch: Batch, start: Point) -> LeastSquares:
    """Errors of whole trajectories by the parameters and initial values of ``batch``, with everything asked for."""
    problem = engine.problem
    robust = (lambda state: reweigh(engine, batch, state)) if problem.train.loss == "huber" else None
    ahead = LookAhead(engine.linearise_many) if engine.few else None
    return replace(plain_objective(problem, engine.linearise, batch, start, robust), ahead=ahead)


def plain_objective(
    problem: PreparedFit,
    linearise: Callable[[Point], Linear],
    batch: Batch | None,
    start: Point,
    robust: Callable[[LmState], LmState] | None = None,
) -> LeastSquares:
    return LeastSquares(linearise, prior_maker(problem, batch, start, MOST_NOISE), robust)


def prior_maker(
    problem: PreparedFit, batch: Batch | None, start: Point, most: float
) -> Callable[[LmState | None], Prior]:
    plain = weak_prior(problem, batch, start)
    if problem.priors is None:
        return lambda state: plain
    return lambda state: with_priors(problem, batch, plain, most if state is None else state.loss, most)


def weak_prior(problem: PreparedFit, batch: Batch | None, point: Point) -> Prior:
    theta = np.where(problem.space.free, WEAK, np.inf)
    theta[problem.space.weights] = np.inf
    free = np.full(point.free.shape, np.inf) if batch is None else np.where(batch.moves, WEAK, np.inf)
    return Prior(point, theta, free)


def descend(
    tracker: Tracker, batch: Batch, point: Point, stopping: Stopping = CONVERGED, damping: float = 1e-3
) -> Outcome:
    """Levenberg-Marquardt to convergence, reported step by step."""
    engine, optimizer = VectorEngine(tracker.problem, batch), LevenbergMarquardt(damping)
    objective, monitor = constants_objective(engine, batch, point), Reported(tracker, batch, stopping.steps)
    found = minimise(optimizer, objective, point, stopping=stopping, monitor=monitor)
    if not found.finite:
        return Outcome(point, np.inf, np.nan, "stuck")
    if tracker.problem.priors is not None and found.state.loss > MOST_NOISE:
        # the misfit that is left is noise after all, and priors count by it
        objective.prior = prior_maker(tracker.problem, batch, point, np.inf)
        found = minimise(optimizer, objective, found.state, stopping=stopping, monitor=monitor)
    if tracker.problem.train.loss == "huber" and not np.isfinite(found.state.linear.validation):
        # the weights change from step to step, and with them what the loss counts: a step on the way may seem better
        tracker.best_score = np.inf
        tracker.consider(batch, found.state.point, found.steps, found.state.loss, np.nan)
    return outcome_of(found)


def tried(tracker: Tracker, batch: Batch, starts: Sequence[Point], stopping: Stopping) -> list[LmState]:
    """Where a few steps lead from each start, side by side; those that cannot be simulated have an infinite cost."""
    problem = tracker.problem
    if problem.train.loss == "huber":  # each weighs the errors its own way
        ends = []
        for start in starts:
            tracker.poll()
            engine = VectorEngine(problem, batch)
            ends.append(minimise(MARQUARDT, constants_objective(engine, batch, start), start, stopping=stopping).state)
    else:
        engine = VectorEngine(problem, batch)
        objectives = [constants_objective(engine, batch, start) for start in starts]
        found = minimise_together(engine.linearise_many, objectives, starts, stopping=stopping, poll=tracker.poll)
        ends = [result.state for result in found]
    return [end if np.isfinite(end.cost) else replace(end, cost=np.inf, loss=np.inf) for end in ends]
