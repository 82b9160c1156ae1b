"""Fit a hybrid model: prepare, run the stages, choose the best, say how it went."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.model.initial import initial_model
from ndestudio.model.metrics import Metrics, score
from ndestudio.progress import Phase, Reporter, SilentReporter
from ndestudio.train.backend import device, plain_cpu
from ndestudio.train.batch import bucket, whole_rows
from ndestudio.train.collocation import interpolated, slopes, smooth_training
from ndestudio.train.config import TrainConfig
from ndestudio.train.constants import fit_constants
from ndestudio.train.engines import Gradient, JaxEngine, VectorEngine
from ndestudio.train.ensemble import fit_seeds
from ndestudio.train.lm import Point
from ndestudio.train.problem import Batch, Problem, fitted_rows, make_batch, make_problem, start_point, take_rows
from ndestudio.train.programs import Stopped
from ndestudio.train.result import Device, Fit, Outcome
from ndestudio.train.sensitivity import Loss
from ndestudio.train.stages import (
    Budget,
    collocate,
    follow_lbfgs,
    follow_lm,
    grow,
    penalty,
    shoot,
    shooting_batch,
    weight_prior,
)
from ndestudio.train.stages import Outcome as StageOutcome
from ndestudio.train.steps import LARGEST, accurate, steps_for
from ndestudio.train.stiffness import stiffness
from ndestudio.train.tracker import StopRequested, TimeUp, Tracker, predict
from ndestudio.train.uncertainty import uncertainty

SECONDS = {"quick": 10.0, "balanced": 40.0, "thorough": 180.0}
"""Longest training of the presets."""
STEPS = {
    "quick": {"collocation": 150, "shooting": 20, "trajectory": 400, "polish": 30},
    "balanced": {"collocation": 250, "shooting": 40, "trajectory": 1500, "polish": 120},
    "thorough": {"collocation": 400, "shooting": 80, "trajectory": 6000, "polish": 500},
}
FACTORS = {"quick": (4.0,), "balanced": (8.0, 1.0), "thorough": (20.0, 4.0, 0.5)}
"""Penalties on weights, strongest first, in units of the prior's; the validation error chooses among the points on the way."""
POOR = 0.15
"""A start whose loss on whole trajectories is above this goes through multiple shooting first."""
LOOKED_AT = 64
"""Rows on which points are compared where there are many more."""
MOST_SCORED = 300
"""Trajectories up to which each is simulated by itself for the metrics."""
SMALL = 1e6
"""Up to so many sensitivities every start is followed along growing horizons."""
JACOBIAN_BYTES = 1.5e9
"""Beyond this size of the sensitivities L-BFGS takes the place of Levenberg-Marquardt."""


def fit(
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
    start: FittedModel | None = None,
) -> Fit:
    """Fit ``config`` to ``dataset``.

    Arguments:
        start: a model to go on from (its networks and parameters), such as a checkpoint; None: a fresh one.

    Returns:
        The best model by validation error with its history. Not converging is an outcome, not an exception.

    Raises:
        EquationError, DataError, DeviceError: the inputs cannot be used.
    """
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    if train.seeds > 1:
        return fit_seeds(lambda settings: fit(config, dataset, settings, reporter, start), train, dataset, reporter)
    begin = time.perf_counter()
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    model = _starting_model(config, dataset, train, start)
    _check(model, dataset)
    problem = make_problem(model, dataset, train)
    tracker = Tracker(problem, reporter, deadline=begin + limit, begin=begin)
    tracker.snapshot(model, 0)
    reporter.emit(Phase("preparing", "smoothing the measurements"))
    problem = make_problem(model, dataset, train, smooth_training(dataset))
    tracker.problem = problem
    stiff = stiffness(problem, model, steps_for(problem))
    if stiff is not None:
        tracker.note(stiff.sentence("At the start values"), "warning")
    if problem.structure.holes:
        chosen, described = device(train.device)
        ending = guarded(tracker, lambda: _train_networks(tracker, chosen))
    else:
        described = plain_cpu()
        ending = guarded(tracker, lambda: fit_constants(tracker))
    return finish(tracker, ending, described)


@dataclass(frozen=True)
class Ending:
    """Why training ended; ``reason``: one of ``StageOutcome.reason``, or `"stopped"`, `"time"`."""

    reason: str


def guarded(tracker: Tracker, run) -> Ending:
    try:
        reason = run()
    except (StopRequested, Stopped):
        reason = "stopped"
    except TimeUp:
        reason = "time"
    tracker.leave()
    return Ending(reason)


def _starting_model(
    config: ModelConfig, dataset: Dataset, train: TrainConfig, start: FittedModel | None
) -> FittedModel:
    fresh = initial_model(config, dataset, train.seed)
    if start is None:
        return fresh
    parameters = {name: start.parameters.get(name, value) for name, value in fresh.parameters.items()}
    networks = {
        name: start.networks[name] if _same_shape(start, name, network) else network
        for name, network in fresh.networks.items()
    }
    return replace(fresh, parameters=parameters, networks=networks, initial={**fresh.initial, **start.initial})


def _same_shape(start: FittedModel, name: str, network) -> bool:
    old = start.networks.get(name)
    return (
        old is not None
        and old.arguments == network.arguments
        and old.config == network.config
        and [w.shape for w in old.weights] == [w.shape for w in network.weights]
    )


def _check(model: FittedModel, dataset: Dataset) -> None:
    if not dataset.has(Part.TRAIN):
        raise DataError("there are no training rows; give the training part of the split a larger share")
    observed = [k for k, name in enumerate(dataset.measured_names) if model.system.observation(name) is not None]
    if not observed:
        known = ", ".join(f"`{name}`" for name in dataset.measured_names)
        raise DataError(
            f"no equation or output is named like a measured column ({known}); name a state or an output like the column "
            "it is measured by"
        )
    if not any(trajectory.mask(Part.TRAIN)[:, observed].any() for trajectory in dataset.trajectories):
        raise DataError("the columns that the model describes have no measured values in the training rows")


def _train_networks(tracker: Tracker, chosen) -> str:
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
    wanted = train.stages or ("collocation", "shooting", "trajectory", "polish")
    budgets = {**STEPS[train.preset], **train.iterations}
    whole = JaxEngine(problem, batch, chosen)
    by_jacobian = _affordable(problem, batch)
    gradient = None if by_jacobian and "trajectory" not in (train.stages or ()) else _gradient(problem, batch, chosen)
    if by_jacobian:
        whole.prepare()
    if gradient is not None:
        gradient.prepare(point)
    starts = [point]
    if "collocation" in wanted:
        starts = _collocation(tracker, problem, batch, point, chosen, budgets["collocation"], len(wanted)) or starts
    point = _best(tracker, batch, starts)
    _consider(tracker, batch, point)
    loss = quick_loss(problem, batch, point)
    if not loss <= POOR:
        point = _rescued(tracker, chosen, whole if by_jacobian else None, batch, starts, steps, wanted, budgets)
    outcome: StageOutcome | None = None
    if gradient is not None and "trajectory" in wanted:
        outcome = _descend(tracker, gradient, batch, point, budgets["trajectory"], wanted)
        point = outcome.point
    if by_jacobian and ("polish" in wanted or gradient is None):
        outcome = _polish(tracker, whole, point, budgets["polish"], wanted)
        outcome = _refined(tracker, whole, outcome, chosen, budgets["polish"], wanted)
    if outcome is None:
        tracker.step(batch, point, 0, quick_loss(problem, batch, point), float("nan"), candidate=True)
        return "limit"
    return outcome.reason


def _collocation(
    tracker: Tracker, problem: Problem, batch: Batch, point: Point, chosen: Any, steps: int, total: int
) -> list[Point]:
    """Starts found from slopes: of the smoothing splines, and of interpolating ones where few rows were smoothed a lot."""
    model, found = problem.space.model, []
    tracker.enter("collocation", "fitting slopes of the smoothed data", 1, total)
    for curves in (problem.smooth, interpolated(problem.dataset, problem.smooth)):
        points = slopes(model.system, problem.dataset, curves)
        if points is None:
            continue
        data = (problem.space.constants, points[0])
        program = Gradient("collocation", problem.structure, problem.method, data, chosen, "the field")
        _await(tracker, program, point)
        found.append(collocate(tracker, program, problem, batch, point, Budget(steps)))
    if found:
        best = _best(tracker, batch, found)
        tracker.snapshot(tracker.model(batch, best), steps)
    else:
        tracker.note("Collocation is skipped: every equation reads a state that was not measured.")
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
        return _best(tracker, batch, starts)
    tracker.enter("shooting", "fitting short segments", 2, len(wanted))
    pieces = shooting_batch(problem, max(problem.train.segment, 2), steps)
    engine = JaxEngine(problem, pieces, chosen) if len(pieces.rows) > 1 and _affordable(problem, pieces) else None
    if engine is not None:
        engine.prepare()
    found = list(starts)
    for start in starts:
        if engine is None:
            break
        _await(tracker, engine)
        outcome = shoot(tracker, engine, start.theta, Budget(budgets["shooting"], 0.01))
        found.append(Point(outcome.point.theta, start.free))
        _consider(tracker, batch, found[-1])
    best = _best(tracker, batch, found)
    if whole is None or quick_loss(problem, batch, best) <= POOR:
        return best
    _await(tracker, whole)
    small = batch.grid.step.size * problem.structure.size < SMALL
    for start in [best, *starts] if small else [best]:
        outcome = grow(tracker, whole, start, Budget(budgets["shooting"] // 2, 0.02), (0.25, 0.5, 0.75))
        found.append(Point(outcome.point.theta, start.free))
        _consider(tracker, batch, found[-1])
    return _best(tracker, batch, found)


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
    tracker.compile_seconds += time.perf_counter() - before


def _polish(tracker: Tracker, engine: JaxEngine, point: Point, steps: int, wanted) -> StageOutcome:
    tracker.enter("polish", "fitting whole trajectories (Levenberg-Marquardt)", len(wanted), len(wanted))
    _await(tracker, engine)
    factors = FACTORS[tracker.problem.train.preset] if tracker.problem.train.l2 is None else (1.0,)
    outcome = follow_lm(tracker, engine, point, Budget(steps), factors=factors)
    if tracker.best_point is not None and tracker.best_point[0].steps == engine.batch.steps:
        best = tracker.best_point[1]
        linear = engine.linearise(best)
        prior = weight_prior(tracker.problem, engine.batch, best, penalty(tracker.problem, float((linear.r**2).sum())))
        tracker.uncertainty = uncertainty(tracker.problem, linear, best, prior)
    return outcome


def _refined(
    tracker: Tracker, engine: JaxEngine, outcome: StageOutcome, chosen: Any, steps: int, wanted
) -> StageOutcome:
    """Once more with twice the steps where the solver turns out too coarse for what was learned."""
    problem = tracker.problem
    for _ in range(2):
        if tracker.best_point is None or tracker.remaining < 0.25 * (tracker.elapsed + tracker.remaining):
            break
        batch, point = tracker.best_point
        if batch.steps >= 1024 or accurate(problem, batch, tracker.model(batch, point)):
            break
        stiff = stiffness(problem, tracker.model(batch, point), batch.steps)
        if stiff is not None and stiff.needed > LARGEST:
            break
        finer = make_batch(problem, bucket(2 * batch.steps), rows=list(batch.rows))
        if not _affordable(problem, finer):
            break
        tracker.note(f"The learned field needs shorter steps: going on with {finer.steps} instead of {batch.steps}.")
        engine = JaxEngine(problem, finer, chosen)
        tracker.best_score = np.inf
        outcome = _polish(tracker, engine, point, steps // 2, wanted)
    return outcome


def _descend(tracker: Tracker, gradient: Gradient, batch: Batch, point: Point, steps: int, wanted) -> StageOutcome:
    tracker.enter("trajectory", "fitting whole trajectories (L-BFGS)", 3, len(wanted))
    _await(tracker, gradient, point)
    return follow_lbfgs(tracker, gradient, batch, point, Budget(steps))


def _gradient(problem: Problem, batch: Batch, chosen) -> Gradient:
    settings = Loss(
        np.float64(_huber(problem)),
        np.maximum(batch.follows, 0).astype(np.int32),
        np.float64(0.0),
        (batch.follows >= 0).astype(float),
    )
    data = (problem.space.constants, batch.start, batch.grid, batch.target, settings)
    return Gradient("trajectory", problem.structure, problem.method, data, chosen, "the simulation and its gradient")


def _huber(problem: Problem) -> float:
    """Where Huber's loss becomes linear, in spreads; for squares beyond all bounds."""
    if problem.train.loss == "squares":
        return 1e30
    return problem.train.huber_delta * float(np.sqrt(max(problem.floor, 1e-8)))


def _affordable(problem: Problem, batch: Batch) -> bool:
    """Whether the sensitivities fit into memory and the normal equations into a few seconds."""
    unknowns = problem.structure.size + len(problem.structure.states)
    rows, samples = batch.grid.step.shape
    states, measured = len(problem.structure.states), len(problem.structure.measured)
    carried = 2 * (batch.steps + 1) * rows * states * unknowns
    read = rows * samples * (4 * states + 2 * measured) * unknowns
    flops = 2.0 * min(rows * samples * measured, 1.5 * unknowns) * unknowns * rows * samples * measured
    return 8.0 * (carried + read) < JACOBIAN_BYTES and flops < 6e10


def quick_losses(problem: Problem, batch: Batch, point: Point) -> tuple[float, float]:
    """Training and validation loss of whole trajectories by the solver in NumPy; nothing to compile.

    Of very many rows an even choice is looked at.
    """
    if len(point.free) > 2 * LOOKED_AT:
        batch, point = take_rows(batch, point, np.arange(0, len(point.free), len(point.free) // LOOKED_AT))
    model = problem.space.fitted(point.theta, {})
    engine = VectorEngine(replace(problem, space=replace(problem.space, model=model)), batch)
    errors, _ = engine.errors(point.theta[None], point.free[None])
    with np.errstate(all="ignore"):
        train = float(np.sum(batch.target.train * errors[0] ** 2))
        validation = float(np.sum(batch.target.validation * errors[0] ** 2))
    has = bool(batch.target.validation.any())
    return (train if np.isfinite(train) else float("inf")), (validation if has else float("nan"))


def quick_loss(problem: Problem, batch: Batch, point: Point) -> float:
    """Training loss of whole trajectories."""
    return quick_losses(problem, batch, point)[0]


def _best(tracker: Tracker, batch: Batch, starts: list[Point]) -> Point:
    """The start with the best score; a validation error beyond all bounds counts as a large one."""

    if len(starts) == 1:
        return starts[0]

    def value(point: Point) -> float:
        train, validation = quick_losses(tracker.problem, batch, point)
        if not np.isfinite(validation):
            return train if not batch.target.validation.any() else 1e3 + train
        return train + min(validation, 1e3)

    return min(starts, key=value)


def finish(tracker: Tracker, ending: Ending, described: Device) -> Fit:
    """The best model with its figures and a sentence."""
    problem, reporter = tracker.problem, tracker.reporter
    reporter.emit(Phase("validating", "simulating with the accurate solver"))
    model = problem.space.model
    if tracker.best_point is not None:
        model = tracker.model(*tracker.best_point)
    model = _with_support(problem, model)
    metrics = _scored(problem, model)
    outcome, sentence = _judged(tracker, ending, metrics)
    for text in tracker.uncertainty.notes if tracker.uncertainty is not None else ():
        tracker.note(text, "warning")
    if tracker.best_point is not None and not accurate(problem, tracker.best_point[0], model):
        stiff = stiffness(problem, model, tracker.best_point[0].steps)
        tracker.note(
            stiff.sentence("As fitted")
            if stiff is not None
            else "The steps of the training solver are too long for this model; its predictions differ from those of the "
            "accurate solver. Train on from this model, or choose the preset `thorough`.",
            "warning",
        )
    tracker.snapshot(model, 0)
    stage, iteration, loss, validation = tracker.best_stage
    from ndestudio.train.result import Checkpoint

    best = Checkpoint(stage, iteration, loss, validation, model)
    seconds = {**tracker.seconds, "total": time.perf_counter() - tracker.begin}
    return Fit(
        outcome=outcome,
        sentence=sentence,
        model=model,
        metrics=metrics,
        seed=problem.train.seed,
        device=described,
        history=tuple(tracker.histories),
        checkpoints=(*tracker.checkpoints, best),
        seconds=seconds,
        noise=_residual_noise(problem, model),
        intervals=tracker.uncertainty.intervals if tracker.uncertainty is not None else {},
        notes=tuple(tracker.notes),
    )


def _scored(problem: Problem, model: FittedModel) -> Metrics:
    """Metrics by the accurate solver; of very many trajectories by the batched one on short steps, a hundred times faster."""
    if len(problem.dataset.trajectories) <= MOST_SCORED:
        return score(model, problem.dataset)
    longest = max(len(trajectory.t) for trajectory in problem.dataset.trajectories)
    found = predict(problem, model, int(np.clip(4 * longest, 64, 1024)), None)
    nothing = np.zeros((0, 0))
    simulations = {name: Simulation(t, nothing, measured) for name, (t, measured) in found.items()}
    return score(model, problem.dataset, simulations=simulations)


def _judged(tracker: Tracker, ending: Ending, metrics: Metrics) -> tuple[Outcome, str]:
    train, held = metrics.train.get("mean", float("nan")), metrics.validation.get("mean")
    if tracker.best_point is None:
        if ending.reason == "stopped":
            return (
                Outcome.STOPPED,
                "Training was stopped before the first fit of whole trajectories; the start is kept.",
            )
        return Outcome.DIVERGED, (
            "No simulation of the whole trajectories stayed finite. Check the equations and units, bound the parameters, "
            "or shorten the trajectories."
        )
    error = f"training error {train:.2%}" + (f", validation error {held:.2%}" if held is not None else "")
    match ending.reason:
        case "stopped":
            return Outcome.STOPPED, f"Training was stopped; the best model so far is kept ({error} of the spread)."
        case "time" | "limit":
            limit = "time" if ending.reason == "time" else "number of steps"
            return Outcome.LIMIT, f"The limit of {limit} was reached; the best model is kept ({error} of the spread)."
        case "overfit":
            return (
                Outcome.CONVERGED,
                f"Stopped when the validation error began to rise; the best model is kept ({error} of the spread).",
            )
        case "stuck":
            return (
                Outcome.DIVERGED,
                f"No step improved the fit ({error} of the spread). Try another seed, other start values, or the preset `thorough`.",
            )
    if np.isfinite(train) and train > 0.7:
        return (
            Outcome.CONVERGED,
            f"Converged, but the model explains little ({error} of the spread): the equations may not suit the data.",
        )
    return Outcome.CONVERGED, f"Converged ({error} of the spread)."


def _residual_noise(problem: Problem, model: FittedModel) -> dict[str, float]:
    """Standard deviation of the residuals at training rows, in the unit of the column."""
    found: dict[str, float] = {}
    predictions = predict(problem, model)
    for k, name in enumerate(problem.dataset.measured_names):
        errors = []
        for trajectory in problem.dataset.trajectories:
            if problem.observed[k] and trajectory.name in predictions:
                mask = trajectory.mask(Part.TRAIN)[:, k]
                errors.append((predictions[trajectory.name][1][:, k] - trajectory.measured[:, k])[mask])
        residuals = np.concatenate(errors) if errors else np.zeros(0)
        residuals = residuals[np.isfinite(residuals)]
        if residuals.size:
            found[name] = float(np.sqrt(np.mean(residuals**2)))
    return found


def _with_support(problem: Problem, model: FittedModel) -> FittedModel:
    """Networks with samples of the arguments that the training trajectories visit."""
    from ndestudio.train.support import with_support

    return with_support(problem, model)
