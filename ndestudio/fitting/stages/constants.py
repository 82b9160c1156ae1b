"""Fits without networks to train: mechanistic and symbolic models, by Levenberg-Marquardt in NumPy.

Nothing is compiled: a candidate formula is fitted in the time a compiler would need to look at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ndestudio.data.dataset import Part
from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.engines import SlopeEngine, VectorEngine
from ndestudio.fitting.noise import refine as refine_noise
from ndestudio.fitting.objective import reweigh, with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, Point, Prior, lm_start
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.collocation import slopes
from ndestudio.fitting.stages.stages import MOST_NOISE, Outcome, Reported, outcome_of
from ndestudio.fitting.step_count import enough_steps, on_samples, steps_for, tolerance
from ndestudio.fitting.tracker import Tracker
from ndestudio.fitting.uncertainty.laplace import uncertainty
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import whole_rows

STARTS = 6
"""Start values tried when the first ones fit badly."""
WEAK = 1e-9
"""Precision of everything: where data say nothing, values stay where they are."""
CLOSE = 1e-14
"""A loss (squared error over the spread) that no further step is worth."""
ENOUGH_ROWS = 24
"""Trajectories on which a fit of constants begins."""
LEAST_ACCURATE = 1e-4
"""Largest change of the predictions, over the spread, by doubling the steps."""
LOST = 0.1
"""A loss above this is worth a look from other start values."""


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
MOST_STEPS = 1024
UNMOVED = 0.03
"""Change of the trained numbers (which are of order one) that asks for no new choice of steps."""


def fit_constants(tracker: Tracker, *, explore: bool = True, steps: int = 100) -> str:
    """Estimate parameters and initial values.

    Parameters
    ----------
    explore
        Guess by collocation first, and try further start values while the fit is bad.

    Returns
    -------
    str
        Why it ended.
    """
    problem = tracker.problem
    batch, whole = _some(
        problem, steps_for(problem) if problem.smooth or problem.time_grid or problem.least else _coarse(problem)
    )
    point = start_point(problem, batch)
    starts = [point]
    tracker.enter("collocation", "guessing parameters from slopes", 1, 2)
    if explore:
        starts += guesses(problem, point)
    tracker.enter("final_refinement", "fitting parameters through the solver (Levenberg-Marquardt)", 2, 2)
    outcome = best_of(tracker, batch, starts, replace(CONVERGED if whole else ROUGHLY, steps=steps))
    if explore:
        outcome = _explored(tracker, batch, outcome, steps)
    for _ in range(6):
        model = tracker.model(batch, outcome.point)
        finer = _finer(problem, model, batch.steps, outcome.loss)
        if whole and finer == batch.steps:
            tracker.exact = finer < MOST_STEPS
            break
        if finer > batch.steps and with_suitable_solver(tracker, model, "As fitted so far") is not problem:
            problem = tracker.problem
            finer = _finer(problem, model, max(batch.steps, steps_for(problem)), outcome.loss)
        before, batch, whole = outcome.point, make_batch(problem, finer, padded=False), True
        tracker.best_score = np.inf
        outcome = descend(tracker, batch, _continued(problem, batch, before), replace(AGAIN, steps=steps), 1e-6)
        if np.abs(outcome.point.theta - before.theta).max() < UNMOVED:
            tracker.exact = finer < MOST_STEPS
            break
    _understood(tracker, batch, outcome)

    def again(weighted: Batch, start: Point) -> str:
        found = descend(tracker, weighted, start, replace(CONVERGED, steps=steps))
        _understood(tracker, weighted, found)
        return found.reason

    return refine_noise(tracker, again, outcome.reason)


def _understood(tracker: Tracker, batch: Batch, outcome: Outcome) -> None:
    """How sure the parameters are where a fit ended."""
    problem, linear = tracker.problem, outcome.linear
    if linear is None or problem.train.loss == "huber":
        engine = VectorEngine(problem, batch)
        state = lm_start(engine.linearise, outcome.point, _prior(problem, batch, outcome.point))
        # at the minimum of Huber's loss that of the squares is elsewhere: the errors count as they did in the fit
        linear = (reweigh(engine, batch, state) if problem.train.loss == "huber" else state).linear
    prior = with_priors(problem, batch, _prior(problem, batch, outcome.point), linear.loss)
    tracker.judge(uncertainty(problem, linear, outcome.point, prior))


def _some(problem: PreparedFit, steps: int) -> tuple[Batch, bool]:
    """Trajectories to begin with, evenly chosen where there are many, and whether they are all.

    A few dozen lead next to the minimum for a fraction of the price; the last steps are made on all.
    """
    rows, steps = whole_rows(problem.dataset, with_test=False), on_samples(problem, steps)
    thin = len(rows) // ENOUGH_ROWS
    if thin < 2 or not any((row.trajectory.part[row.index] == Part.TRAIN).any() for row in rows[::thin]):
        return make_batch(problem, steps, rows=rows, padded=False), True
    return make_batch(problem, steps, rows=rows[::thin], padded=False), False


def _coarse(problem: PreparedFit) -> int:
    """Steps to begin with where no smooth curves tell: one for every second row."""
    return int(np.clip(max(len(trajectory.t) for trajectory in problem.dataset.trajectories) // 2, 32, 512))


def _finer(problem: PreparedFit, model: FittedModel, steps: int, loss: float) -> int:
    """Steps with which doubling changes predictions by less than a tenth of what they miss the data by."""
    allowed = float(np.clip(0.1 * np.sqrt(loss), tolerance(problem), LEAST_ACCURATE)) if np.isfinite(loss) else 0.0
    found = enough_steps(problem, model, steps, allowed, MOST_STEPS)
    return on_samples(problem, found) if found > steps else found


def _continued(problem: PreparedFit, batch: Batch, point: Point) -> Point:
    """``point`` with the initial values of the same rows, or fresh ones where other rows had been fitted."""
    free = point.free if point.free.shape == batch.start.mode.shape else start_point(problem, batch).free
    return Point(point.theta, free)


def guesses(problem: PreparedFit, point: Point) -> list[Point]:
    """Parameters that fit the slopes of the smooth curves, from several starts."""
    found = slopes(problem.space.model.system, problem.dataset, problem.smooth, padded=False)
    if found is None:
        return []
    engine = SlopeEngine(problem, found[0])
    if not len(engine.moves):
        return []
    ends = []
    for start in (point, *scattered(problem, point, 3)):
        state = None
        for _ in range(2):
            state = minimise(
                MARQUARDT, _objective(problem, engine.linearise, None, start), start, stopping=GUESSED
            ).state
            start = state.point
            engine.reweigh(start)
        if state is not None and np.isfinite(state.cost):
            ends.append((state.loss, Point(state.point.theta, point.free)))
        engine.scale = np.ones_like(engine.scale)
    ends.sort(key=lambda pair: pair[0])
    return [end for _, end in ends[:1]]


def scattered(problem: PreparedFit, point: Point, count: int, width: float = 1.0) -> list[Point]:
    """Further start values around ``point`` (in the unbounded space), the same for the same seed."""
    generator = np.random.default_rng(problem.train.seed + 17)
    free = problem.space.free.copy()
    free[problem.space.weights] = False
    found = []
    for _ in range(count):
        theta = point.theta.copy()
        theta[free] += width * generator.normal(size=int(free.sum()))
        found.append(Point(theta, point.free.copy()))
    return found


def best_of(tracker: Tracker, batch: Batch, starts: list[Point], stopping: Stopping) -> Outcome:
    """Fit from the start whose few first steps lead furthest."""
    problem = tracker.problem
    if len(starts) > 1:
        ends = []
        for start in starts:
            tracker.poll()
            ends.append(_tried(problem, batch, start, TRIED))
        starts = [min(ends, key=lambda state: state.cost if np.isfinite(state.cost) else np.inf).point]
    return descend(tracker, batch, starts[0], stopping)


def _tried(problem: PreparedFit, batch: Batch, start: Point, stopping: Stopping) -> LmState:
    engine = VectorEngine(problem, batch)
    return minimise(MARQUARDT, constants_objective(engine, batch, start), start, stopping=stopping).state


def _explored(tracker: Tracker, batch: Batch, outcome: Outcome, steps: int) -> Outcome:
    """While the fit is bad, look from further start values and keep what is better."""
    problem = tracker.problem
    goal = max(LOST, 3 * problem.floor)
    if np.isfinite(outcome.loss) and outcome.loss <= goal:
        return outcome
    origin = start_point(problem, batch)
    for start in scattered(problem, origin, STARTS, 1.5):
        tracker.poll()
        if tracker.remaining < 0.3 * (tracker.elapsed + tracker.remaining):
            break
        state = _tried(problem, batch, start, EXPLORED)
        if np.isfinite(state.cost) and state.loss < 0.9 * outcome.loss:
            outcome = descend(tracker, batch, state.point, replace(CONVERGED, steps=steps))
            if outcome.loss <= goal:
                break
    return outcome


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
        objective.prior = _prior_maker(tracker.problem, batch, point, np.inf)
        found = minimise(optimizer, objective, found.state, stopping=stopping, monitor=monitor)
    if tracker.problem.train.loss == "huber" and not np.isfinite(found.state.linear.validation):
        # the weights change from step to step, and with them what the loss counts: a step on the way may seem better
        tracker.best_score = np.inf
        tracker.consider(batch, found.state.point, found.steps, found.state.loss, np.nan)
    return outcome_of(found)


def constants_objective(engine: VectorEngine, batch: Batch, start: Point) -> LeastSquares:
    """Errors of whole trajectories by the parameters and initial values of ``batch``, with everything asked for."""
    problem = engine.problem
    robust = (lambda state: reweigh(engine, batch, state)) if problem.train.loss == "huber" else None
    return _objective(problem, engine.linearise, batch, start, robust)


def _objective(
    problem: PreparedFit,
    linearise: Callable[[Point], Linear],
    batch: Batch | None,
    start: Point,
    robust: Callable[[LmState], LmState] | None = None,
) -> LeastSquares:
    return LeastSquares(linearise, _prior_maker(problem, batch, start, MOST_NOISE), robust)


def _prior_maker(
    problem: PreparedFit, batch: Batch | None, start: Point, most: float
) -> Callable[[LmState | None], Prior]:
    plain = _prior(problem, batch, start)
    if problem.priors is None:
        return lambda state: plain
    return lambda state: with_priors(problem, batch, plain, most if state is None else state.loss, most)


def _prior(problem: PreparedFit, batch: Batch | None, point: Point) -> Prior:
    theta = np.where(problem.space.free, WEAK, np.inf)
    theta[problem.space.weights] = np.inf
    free = np.full(point.free.shape, np.inf) if batch is None else np.where(batch.moves, WEAK, np.inf)
    return Prior(point, theta, free)
