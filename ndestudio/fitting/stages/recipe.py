"""The staged recipe for models with networks: slopes, segments, whole trajectories, each from the best point so far."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.fitting.batches import Batch, fitted_rows, make_batch, start_point, take_rows
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.engines import Gradient, JaxEngine
from ndestudio.fitting.forward_evaluation import best_start, loss_with_fitted_starts, quick_loss, quick_losses
from ndestudio.fitting.horizon import horizon_of
from ndestudio.fitting.initial_values import with_held_point
from ndestudio.fitting.noise import refine as refine_noise
from ndestudio.fitting.noise import tell_unused
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.by_horizon import networks_by_horizon
from ndestudio.fitting.stages.collocation import earlier_curves, interpolated, slopes, with_delayed
from ndestudio.fitting.stages.descent import follow_lbfgs
from ndestudio.fitting.stages.marginal_likelihood import follow_marginal_likelihood, uses_marginal_likelihood
from ndestudio.fitting.stages.multiple_shooting import first_starts, shoot, shoot_apart, shooting_batch
from ndestudio.fitting.stages.programs import affordable, gradient_of
from ndestudio.fitting.stages.refinement import refine
from ndestudio.fitting.stages.second_try import tried_again
from ndestudio.fitting.stages.slope_fit import collocate
from ndestudio.fitting.stages.stages import (
    Budget,
    follow_lm,
    grow,
    penalty,
    weight_prior,
)
from ndestudio.fitting.stages.stages import Outcome as StageOutcome
from ndestudio.fitting.step_count import accurate, enough_steps, steps_for, tolerance
from ndestudio.fitting.tracker import Tracker
from ndestudio.fitting.uncertainty.laplace import normal_equations, uncertainty
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import bucket, whole_rows
from ndestudio.solve.step_count import LARGEST
from ndestudio.solve.stiffness import stiffness

STEPS = {
    "quick": {"collocation": 150, "shooting": 20, "trajectory": 400, "final_refinement": 30},
    "balanced": {"collocation": 250, "shooting": 40, "trajectory": 1500, "final_refinement": 120},
    "thorough": {"collocation": 400, "shooting": 80, "trajectory": 6000, "final_refinement": 500},
}
FACTORS = {"quick": (4.0,), "balanced": (8.0, 1.0), "thorough": (20.0, 4.0, 0.5)}
"""Penalties on weights, strongest first, in units of the prior's; the validation error chooses among the points on the way."""
POOR = 0.15
"""A start whose loss on whole trajectories is above this goes through multiple shooting first."""
LIKELIHOOD_TOLERANCE = 1e-3
"""Relative decrease per step below which a fit under one strength of the penalty counts as converged for the marginal
likelihood."""
FEW_OF = 4
"""Pieces of rows from which training begins on one of them, with so many steps at most:"""
FEW_STEPS = 20
SHORT, SHORT_STEPS = 3, 2
"""Samples of a short segment, and how much finer its steps are than those of whole trajectories."""
SHORT_OF, MISSED = 2.0, 0.05
"""Losses in units of the noise, and in squared spreads, above which a start goes through short segments."""
COARSE, FINER = 5e-3, 8
"""Error of the solver, in spreads, with which whole trajectories are first fitted, and how many times finer they may become."""
SMALL = 1e6
"""Up to so many sensitivities every start is followed along growing horizons."""
LOST = 4.0
"""Validation losses in units of the training loss beyond which the held-out starts are fitted before the final
refinement."""
HORIZONS = (0.25, 0.5, 0.75, 0.9)
"""Parts of whole trajectories that are fitted one after the other."""


def train_networks(tracker: Tracker, chosen) -> str:
    """The staged recipe for models with networks."""
    problem, train, dataset = tracker.problem, tracker.problem.train, tracker.problem.dataset
    steps = steps_for(problem)
    rows = fitted_rows(problem)
    used, there = (
        sum(len(row.index) for row in rows),
        sum(len(row.index) for row in whole_rows(dataset, with_test=False)),
    )
    if used < there and not problem.clean:
        tracker.note(f"{used} of {there} rows are used for fitting, evenly spread; all of them judge the result.")
    batch = make_batch(problem, steps, rows=rows)
    point = start_point(problem, batch)
    wanted = train.stages or ("collocation", "shooting", "trajectory", "final_refinement")
    if train.gradients == "offline":
        wanted = ("collocation",)
    if problem.structure.delays is not None and "shooting" in wanted:
        wanted = tuple(stage for stage in wanted if stage != "shooting")
        if train.stages is not None:
            tracker.note(
                "Multiple shooting is skipped: a segment of equations with delays does not know its past.", "warning"
            )
    if problem.structure.initial.settle or problem.structure.initial.regimens is not None:
        # what settles has no segments
        wanted = tuple(stage for stage in wanted if stage != "shooting")
    budgets = {**STEPS[train.preset], **train.iterations}
    by_jacobian, whole, gradient = _programs(problem, batch, point, chosen)
    starts = [point]
    if "collocation" in wanted:
        starts = _collocation(tracker, problem, batch, point, chosen, budgets["collocation"], len(wanted)) or starts
    point = best_start(tracker, batch, starts)
    if with_suitable_solver(tracker, tracker.model(batch, point), "After the first look at the slopes") is not problem:
        problem, steps = tracker.problem, max(steps_for(tracker.problem), steps)
        batch = make_batch(problem, steps, rows=rows)
        by_jacobian, whole, gradient = _programs(problem, batch, point, chosen)
        point = best_start(tracker, batch, starts)
    _consider(tracker, batch, point)
    loss = quick_loss(problem, batch, point)
    asked = train.stages is not None and "shooting" in wanted
    if by_jacobian and "shooting" in wanted and (asked or _starts_poorly(problem, batch, point)):
        learned = _short_segments(tracker, chosen, batch, point, budgets)
        if learned is not None:
            horizon = horizon_of(problem, learned.theta, batch.steps)
            if horizon is not None and "final_refinement" in wanted:
                return _by_horizon(tracker, chosen, horizon, learned, batch, budgets)
            starts = [*starts, learned]
            finer = _fine_enough(tracker, batch, learned)
            if finer > steps:
                steps, batch = finer, make_batch(problem, finer, rows=rows)
                by_jacobian, whole, gradient = _programs(problem, batch, point, chosen)
            point = best_start(tracker, batch, starts)
            _consider(tracker, batch, point)
            loss = quick_loss(problem, batch, point)
    if asked or not loss <= POOR:
        point = _rescued(tracker, chosen, whole if by_jacobian else None, batch, starts, steps, wanted, budgets)
    outcome: StageOutcome | None = None
    if gradient is not None and ("trajectory" in wanted or (not by_jacobian and "final_refinement" in wanted)):
        outcome = _descend(tracker, gradient, batch, point, budgets["trajectory"], wanted)
        point = outcome.point
    refines_finally = by_jacobian and "final_refinement" in wanted
    if refines_finally:
        point = _on_few(tracker, whole, point, budgets["final_refinement"], wanted)
        outcome = _final_refinement(tracker, whole, point, budgets["final_refinement"], wanted)
        whole, outcome = _refined(tracker, whole, outcome, chosen, budgets["final_refinement"], wanted)
        if "shooting" in wanted:
            outcome = _second_try(tracker, whole, outcome, budgets, wanted)
        _judge(tracker, whole)
    if outcome is None:
        tracker.step(batch, point, 0, quick_loss(problem, batch, point), float("nan"), candidate=True)
        return "limit"

    def again(weighted: Batch, start: Point) -> str:
        if not refines_finally and gradient is not None:
            gradient.use(weighted)
            return _descend(tracker, gradient, weighted, start, budgets["trajectory"] // 2, wanted).reason
        engine = JaxEngine(tracker.problem, weighted, chosen)
        reason = _final_refinement(tracker, engine, start, budgets["final_refinement"] // 2, wanted).reason
        _judge(tracker, engine)
        return reason

    return refine_noise(tracker, again, outcome.reason)


def _by_horizon(tracker: Tracker, chosen: Any, horizon: Horizon, learned: Point, batch: Batch, budgets: dict) -> str:
    """A chaotic model by segments of its horizon."""
    tell_unused(tracker)
    train, budget = tracker.problem.train, Budget(budgets["final_refinement"] // 2)
    factors = FACTORS[train.preset] if train.l2 is None else (1.0,)
    engine, outcome = networks_by_horizon(tracker, chosen, horizon, learned.theta, batch.steps, budget, factors)
    _judge(tracker, engine)
    return outcome.reason


def _second_try(tracker: Tracker, whole: JaxEngine, outcome: StageOutcome, budgets: dict, wanted) -> StageOutcome:
    """With a weak penalty from fresh networks, where the fit is far above the noise."""
    fresh = [Point(tracker.problem.space.theta, start_point(tracker.problem, whole.batch).free)]
    growing, steps = Budget(budgets["shooting"] // 2, 0.02), budgets["final_refinement"] // 2

    def final(engine: JaxEngine, at: Point) -> StageOutcome:
        return _final_refinement(tracker, engine, at, steps, wanted)

    return tried_again(tracker, whole, outcome, fresh, growing, HORIZONS, final)


def _starts_poorly(problem: PreparedFit, batch: Batch, point: Point) -> bool:
    """Whether a start is too far off for whole trajectories to arrive from it (not finite counts as far off)."""
    return not loss_with_fitted_starts(problem, batch, point) <= min(POOR, max(SHORT_OF * problem.floor, MISSED))


def _short_segments(tracker: Tracker, chosen: Any, batch: Batch, point: Point, budgets: dict) -> Point | None:
    """A start from segments of a few samples: what acts between two samples needs no slope there."""
    problem = tracker.problem
    own = replace(problem, adaptive=None)
    pieces = shooting_batch(problem, SHORT, SHORT_STEPS * batch.steps, shared=True)
    if len(pieces.rows) < 2 or not affordable(own, pieces):
        return None
    tracker.enter("shooting", "fitting short segments", 2, 4)
    engine = JaxEngine(own, pieces, chosen)
    engine.prepare()
    _await(tracker, engine)
    outcome = shoot_apart(tracker, engine, point.theta, Budget(2 * budgets["shooting"], 0.01))
    return Point(outcome.point.theta, first_starts(batch, pieces, point, outcome.point))


def _fine_enough(tracker: Tracker, batch: Batch, point: Point) -> int:
    """Steps with which whole trajectories of a law found by segments are what the law says."""
    problem = tracker.problem
    if problem.adaptive is not None or problem.time_grid:
        return batch.steps
    return enough_steps(
        problem, tracker.model(batch, point), batch.steps, max(10 * tolerance(problem), COARSE), FINER * batch.steps
    )


def _programs(problem: PreparedFit, batch: Batch, point: Point, chosen: Any) -> tuple[bool, JaxEngine, Gradient | None]:
    """Whether sensitivities can be afforded, and the programs for whole trajectories, in the making."""
    whole, by_jacobian = JaxEngine(problem, batch, chosen), affordable(problem, batch)
    if problem.adaptive is not None:
        by_jacobian = problem.adaptive.adjoint == "forward"
    chosen_so = "trajectory" in (problem.train.stages or ()) and problem.adaptive is None
    descends = not by_jacobian or chosen_so
    gradient = gradient_of(problem, batch, chosen) if descends else None
    if by_jacobian:
        whole.prepare()
    if gradient is not None:
        gradient.prepare(point)
    return by_jacobian, whole, gradient


def _collocation(
    tracker: Tracker, problem: PreparedFit, batch: Batch, point: Point, chosen: Any, steps: int, total: int
) -> list[Point]:
    """Starts found from slopes: of the smoothing splines, and of interpolating ones where few rows were smoothed a lot."""
    model, found = problem.space.model, []
    tracker.enter("collocation", "fitting slopes of the smoothed data", 1, total)
    for curves in (problem.smooth, interpolated(problem.dataset, problem.smooth)):
        points = slopes(model.system, problem.dataset, curves) if curves or curves is problem.smooth else None
        if points is None:
            continue
        earlier, delays = earlier_curves(model.system, problem.dataset, curves), problem.structure.delays
        if delays is not None and earlier is None:
            continue
        lags = () if delays is None else delays.values(model.parameters)
        data = (problem.space.constants, with_delayed(points[0], earlier, lags))
        program = Gradient("collocation", problem.structure, problem.method, data, chosen, "the field")
        _await(tracker, program, point)
        found.append(collocate(tracker, program, problem, batch, point, Budget(steps)))
    if found:
        best = best_start(tracker, batch, found)
        tracker.snapshot(tracker.model(batch, best), steps)
    else:
        tracker.note(
            "Collocation is skipped: every equation reads a state that was not measured, or states jump on the way."
        )
    return found


def _rescued(
    tracker: Tracker,
    chosen: Any,
    whole: JaxEngine | None,
    batch: Batch,
    starts: list[Point],
    steps: int,
    wanted,
    budgets,
) -> Point:
    """Look for a better start where trajectories from the present ones are far off.

    Segments with free starts (multiple shooting) and growing horizons, from each of ``starts``; what leads to the best
    whole trajectories is returned.
    """
    problem = tracker.problem
    if "shooting" not in wanted:
        return best_start(tracker, batch, starts)
    tracker.enter("shooting", "fitting short segments", 2, len(wanted))
    pieces = shooting_batch(problem, max(problem.train.segment, 2), steps)
    # pieces only find a start: for that the fixed grid is good enough, whatever solver was chosen
    own = replace(problem, adaptive=None)
    engine = JaxEngine(own, pieces, chosen) if len(pieces.rows) > 1 and affordable(problem, pieces) else None
    if engine is not None:
        engine.prepare()
    found = list(starts)
    for start in starts:
        if engine is None:
            break
        _await(tracker, engine)
        outcome = shoot(tracker, engine, start.theta, Budget(budgets["shooting"], 0.01))
        free = first_starts(batch, engine.batch, start, outcome.point)
        for point in (Point(outcome.point.theta, start.free), Point(outcome.point.theta, free)):
            found.append(point)
            _consider(tracker, batch, point)
    best = best_start(tracker, batch, found)
    if whole is None or quick_loss(problem, batch, best) <= POOR:
        return best
    _await(tracker, whole)
    small = batch.grid.step.size * problem.structure.size < SMALL
    for start in [best, *starts] if small else [best]:
        outcome = grow(tracker, whole, start, Budget(budgets["shooting"] // 2, 0.02), HORIZONS)
        # where errors grow along the way, the law is worth nothing without the starts it was found with
        for point in (Point(outcome.point.theta, start.free), outcome.point):
            found.append(point)
            _consider(tracker, batch, point)
    return best_start(tracker, batch, found)


def _consider(tracker: Tracker, batch: Batch, point: Point) -> None:
    """Let a point found otherwise compete for the best one by its whole trajectories."""
    train, validation = quick_losses(tracker.problem, batch, point)
    tracker.step(batch, point, tracker.rows[-1][0] if tracker.rows else 0, train, validation, candidate=True)


def _await(tracker: Tracker, engine: JaxEngine | Gradient, point: Point | None = None) -> None:
    """Wait for a program; the time counts as compiling."""
    before = time.perf_counter()
    if isinstance(engine, JaxEngine):
        engine.ready(tracker.reporter)
    elif point is not None:
        engine.ready(point, tracker.reporter)
    tracker.compiled(time.perf_counter() - before)


def _final_refinement(tracker: Tracker, engine: JaxEngine, point: Point, steps: int, wanted) -> StageOutcome:
    tracker.enter("final_refinement", "fitting whole trajectories (Levenberg-Marquardt)", len(wanted), len(wanted))
    _await(tracker, engine)
    problem = tracker.problem
    loss, validation = quick_losses(problem, engine.batch, point)
    if validation > LOST * max(loss, problem.floor):
        point = with_held_point(problem, engine.batch, point)
    factors = FACTORS[problem.train.preset] if problem.train.l2 is None else (1.0,)
    if uses_marginal_likelihood(problem, engine.batch):
        outcome = follow_lm(tracker, engine, point, Budget(steps), factors=factors[:1])
        outcome = follow_marginal_likelihood(tracker, engine, outcome.point, Budget(steps, LIKELIHOOD_TOLERANCE))
    else:
        outcome = follow_lm(tracker, engine, point, Budget(steps), factors=factors)
    setup = problem.adaptive
    if setup is not None and not np.isfinite(outcome.loss):
        tracker.note(setup.out_of_steps(), "warning")
    return outcome


def _on_few(tracker: Tracker, whole: JaxEngine, point: Point, steps: int, wanted) -> Point:
    """Where there are many rows, the first steps are made on as many of them as the program takes at once."""
    batch, used = whole.batch, len(whole.batch.rows)
    if whole.pieces < FEW_OF:
        return point
    size, trains = len(batch.grid.step) // whole.pieces, int(batch.trains[:used].sum())
    held = min(size // 5, used - trains)
    index = np.linspace(0, trains - 1, size - held).astype(int)  # training rows come first
    index = np.append(index, np.linspace(trains, used - 1, held).astype(int))
    few, theirs = take_rows(batch, point, index)
    engine = JaxEngine(tracker.problem, few, whole.device)
    tracker.enter(
        "final_refinement", "fitting some of the trajectories (Levenberg-Marquardt)", len(wanted), len(wanted)
    )
    _await(tracker, engine)
    outcome = follow_lm(tracker, engine, theirs, Budget(min(steps, FEW_STEPS), 0.02), candidate=False)
    found = Point(outcome.point.theta, point.free)
    _consider(tracker, batch, found)
    return found


def _refined(
    tracker: Tracker, engine: JaxEngine, outcome: StageOutcome, chosen: Any, steps: int, wanted
) -> tuple[JaxEngine, StageOutcome]:
    """Once more with shorter steps, or an implicit solver, where the solver turns out too coarse for what was learned."""
    for _ in range(3):
        problem = tracker.problem
        if tracker.best_point is None or tracker.remaining < 0.25 * (tracker.elapsed + tracker.remaining):
            break
        if problem.adaptive is not None and problem.adaptive.controller == "pid":
            break
        batch, point = tracker.best_point
        model = tracker.model(batch, point)
        if batch.steps >= 1024 or accurate(problem, batch, model):
            break
        finer = _finer(tracker, batch, model)
        if finer is None or not affordable(tracker.problem, finer):
            break
        engine = JaxEngine(tracker.problem, finer, chosen)
        tracker.best_score = np.inf
        outcome = _final_refinement(tracker, engine, point, steps // 2, wanted)
    return engine, outcome


def _judge(tracker: Tracker, engine: JaxEngine) -> None:
    """How sure the parameters are, at the minimum nearest to the best point."""
    problem, count = tracker.problem, len(tracker.problem.structure.parameters)
    if tracker.best_point is None or tracker.best_point[0].steps != engine.batch.steps:
        return
    best = tracker.best_point[1]
    if not problem.space.free[:count].any():
        linear = engine.linearise(best)
        l2 = tracker.strength or penalty(problem, float(np.sum(linear.r**2)))
        prior = weight_prior(problem, engine.batch, best, l2)
        normal = normal_equations(linear, best, prior, len(problem.observed))
        tracker.freedom = normal.freedom(len(problem.observed)) if normal is not None else None
        return
    found = refine(tracker, engine, best)
    if found is not None:
        state, prior = found
        tracker.judge(uncertainty(tracker.problem, state.linear, state.point, prior))


def _finer(tracker: Tracker, batch: Batch, model: FittedModel) -> Batch | None:
    """A batch whose steps suit ``model``; None where no number of steps would do."""
    before = tracker.problem
    problem = with_suitable_solver(tracker, model, "As fitted so far")
    if problem is before:
        stiff = stiffness(model, problem.dataset, problem.method, batch.steps)
        if stiff is not None and stiff.needed > LARGEST:
            return None
    same = make_batch(problem, max(batch.steps, steps_for(problem)), rows=list(batch.rows))
    if problem is not before and accurate(problem, same, model):
        return same
    finer = make_batch(problem, bucket(2 * batch.steps), rows=list(batch.rows))
    tracker.note(f"The learned field needs shorter steps: going on with {finer.steps} instead of {batch.steps}.")
    return finer


def _descend(tracker: Tracker, gradient: Gradient, batch: Batch, point: Point, steps: int, wanted) -> StageOutcome:
    tracker.enter("trajectory", "fitting whole trajectories (L-BFGS)", 3, len(wanted))
    _await(tracker, gradient, point)
    outcome = follow_lbfgs(tracker, gradient, batch, point, Budget(steps))
    setup = tracker.problem.adaptive
    if setup is not None and not np.isfinite(outcome.loss):
        tracker.note(setup.out_of_steps(), "warning")
    return outcome
