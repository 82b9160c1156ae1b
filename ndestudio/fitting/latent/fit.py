"""Fit a model whose starts are read from histories: mini-batches of runs, Adam, an end by the bound of held-out runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.fitting.batches import make_batch
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.latent.coordinates import coordinates
from ndestudio.fitting.latent.encoder import fresh_encoder
from ndestudio.fitting.latent.history import histories, history_rows, history_scales
from ndestudio.fitting.latent.inference import posterior
from ndestudio.fitting.latent.predict import future_scores, futures, simulator_of, widening
from ndestudio.fitting.latent.program import (
    Data,
    Form,
    Trained,
    inference_program,
    judging_program,
    training_program,
)
from ndestudio.fitting.latent.reach import FINE, by_prior, state_scales
from ndestudio.fitting.latent.refusals import check_latent
from ndestudio.fitting.latent.result import FutureScores, LatentFit, StartPriors
from ndestudio.fitting.metrics import score
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.priors import LOG_NORMAL, NONE, model_priors
from ndestudio.fitting.result import Checkpoint, Fit, Outcome, StageHistory
from ndestudio.fitting.step_count import doubling_error
from ndestudio.fitting.work_clock import WorkClock
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.problem.initial import GIVEN
from ndestudio.problem.rows import Rows, whole_rows
from ndestudio.progress import FitSnapshot, Note, Phase, Reporter, SilentReporter, TrainStep
from ndestudio.solve.compiled import CACHE, Stopped, wait
from ndestudio.solve.jax_backend import device, get_jax

STEPS = {"quick": 400, "balanced": 1000, "thorough": 5000}
SECONDS = {"quick": 40.0, "balanced": 150.0, "thorough": 900.0}
EACH = 20
"""Steps of Adam in one call, after which held-out runs are looked at."""
LEAST_RATE = 0.03
"""Rate at the end over that at the begin."""
JUDGING = 16
"""Draws by which held-out runs are judged."""
NOISE_START = 0.5
"""Noise at the begin, over the spread of a column."""
WEIGHT_PRIOR = 0.3
"""Penalty on the squares of weights in nats: a normal prior of variance 3."""
INFERENCE = 30
"""Steps towards the starts of held-out runs at each look, without an encoder."""


@dataclass
class _Run:
    """What goes on while a model is fitted."""

    problem: PreparedFit
    train: TrainConfig
    reporter: Reporter
    form: Form
    data: Data
    trained: Trained
    free: Trained
    parts: dict[Part, np.ndarray]
    template: LatentFit
    deadline: float
    begun: float
    clock: Callable[[], float]
    notes: list[str] = field(default_factory=list)
    losses: list[tuple[int, float, float]] = field(default_factory=list)
    compile_seconds: float = 0.0

    def note(self, text: str, level: str = "warning") -> None:
        self.notes.append(text)
        self.reporter.emit(Note(text, level))


def fit_latent(
    model: FittedModel, dataset: Dataset, train: TrainConfig | None = None, reporter: Reporter | None = None
) -> Fit:
    """Fit a model whose starts are read from the history of each run.

    Parameters
    ----------
    model
        With start values and fresh networks; some initial values have `encoder = "history"`.

    Returns
    -------
    Fit
        With ``Fit.latent``; the initial values of its model are the mean starts given the history of each run.

    Raises
    ------
    SpecError
        Settings or data that such a fit does not know.
    EquationError
        Settings or data that such a fit does not know.
    DataError
        Settings or data that such a fit does not know.
    """
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    check_latent(model, dataset, train)
    begun = time.perf_counter()
    reporter.emit(Phase("preparing", "laying out histories"))
    run = _prepared(model, dataset, train, reporter, begun)
    try:
        best, bound, reason = _trained(run)
    except Stopped:
        best, bound, reason = run.trained, {}, "stopped"
    return _finished(run, best, bound, reason)


def _prepared(model: FittedModel, dataset: Dataset, train: TrainConfig, reporter: Reporter, begun: float) -> _Run:
    known = coordinates(model.config, model.system.states, state_scales(model))
    problem = prepare_fit(model, dataset, train)
    if problem.adaptive is not None:
        raise DataError(
            "a model with an encoder is solved on a fixed grid; choose the solver `auto` or one without `diffrax-`"
        )
    notes: list[tuple[str, str]] = []
    length = train.latent.history
    if length is None:
        length = dataset.span() / 3.0
        unit = f" {dataset.time.unit}" if dataset.time.unit else ""
        notes.append(
            (
                f"Nothing was said of the history, so the first {length:.4g}{unit} of each run are read by the encoder (a third of the longest run).",
                "info",
            )
        )
    reach = by_prior(problem, known, train)
    problem, steps = reach.problem, reach.steps
    rows = whole_rows(dataset, with_test=True)
    batch = make_batch(problem, steps, rows=rows, padded=False)
    log = problem.space.constants.log
    scales = history_scales(dataset, length, log)
    parts = {
        part: np.array([k for k, row in enumerate(rows) if row.trajectory.part[0] == part], dtype=np.int32)
        for part in Part
    }
    _check_parts(problem, rows, parts, length)
    data = _data(problem, batch, rows, scales, known, train)
    latent = train.latent
    form = Form(
        problem.structure,
        problem.method,
        latent.encoder,
        latent.objective,
        latent.samples,
        problem.structure.weights_at,
    )
    trained, free = _begin(problem, train, data, len(rows))
    states = tuple(model.system.states[k] for k in known.place)
    template = LatentFit(
        states,
        latent.encoder,
        latent.objective,
        {},
        StartPriors(*known),
        scales,
        {},
        steps=steps,
        draws=latent.draws,
        refine=latent.refine,
        seed=train.seed,
    )
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    clock = time.perf_counter if train.time_limit is not None else WorkClock()
    run = _Run(problem, train, reporter, form, data, trained, free, parts, template, clock() + limit, begun, clock)
    for text, level in notes:
        run.note(text, level)
    return run


def _check_parts(problem: PreparedFit, rows: list[Rows], parts: dict[Part, np.ndarray], length: float) -> None:
    if not len(parts[Part.TRAIN]):
        raise DataError("there are no training runs; give the training part of the split a larger share")
    early = late = False
    for row in rows:
        there = row.trajectory.present[:, problem.observed]
        before = history_rows(row.trajectory, length)
        early, late = early or bool(there[before].any()), late or bool(there[~before].any())
    if not early or not late:
        what = "Nothing is measured within the history" if not early else "Everything is measured within the history"
        raise DataError(f"{what} (the first {length:.4g} of a run); set `history` in [train.latent]")


def _data(problem: PreparedFit, batch: Any, rows: list[Rows], scales: Any, known: Any, train: TrainConfig) -> Data:
    shape = batch.target.values.shape
    mask, early = np.zeros(shape), np.zeros(shape)
    for k, row in enumerate(rows):
        n = len(row.index)
        with np.errstate(all="ignore"):
            logs = np.where(problem.space.constants.log, np.log(row.trajectory.measured), row.trajectory.measured)
        mask[k, :n] = np.isfinite(logs) & problem.observed
        early[k, :n] = mask[k, :n] * history_rows(row.trajectory, scales.length)[:, None]
    mode = batch.start.mode.copy()
    mode[:, known.place] = GIVEN
    table = model_priors(problem.space.model).parameters
    given = (table.kind != NONE).astype(float)
    prior = (table.middle, table.sd, given, (table.kind == LOG_NORMAL).astype(float))
    return Data(
        problem.space.constants,
        batch.start._replace(mode=mode),
        batch.grid,
        batch.target.values,
        mask,
        early,
        histories([row.trajectory for row in rows], scales),
        known,
        prior,
        np.float64(WEIGHT_PRIOR if train.l2 is None else train.l2),
        (scales.center, scales.spread),
    )


def _begin(problem: PreparedFit, train: TrainConfig, data: Data, runs: int) -> tuple[Trained, Trained]:
    """What is trained at the begin, and 1 where it moves."""
    encoded, latent = len(data.coordinates.place), train.latent
    if latent.encoder == "none":
        numbers = 2 * encoded + encoded * (encoded - 1) // 2
        table = np.zeros((runs, numbers))
        encoder: dict[str, np.ndarray] = {"table": table}
    else:
        encoder = fresh_encoder(
            latent.encoder,
            latent.width,
            data.history.values.shape[-1],
            data.history.known.shape[-1],
            encoded,
            train.seed,
        )
    names = problem.dataset.measured_names
    log_noise, moves = np.full(len(names), np.log(NOISE_START)), np.ones(len(names))
    for name, one in train.column_noise.items():
        if one.constant is not None:
            k = names.index(name)
            log_noise[k], moves[k] = np.log(one.constant / problem.space.constants.spread[k]), 0.0
    trained = Trained(problem.space.theta.copy(), log_noise, encoder)
    ones = {name: np.ones_like(part) for name, part in encoder.items()}
    return trained, Trained(problem.space.free.astype(float), moves, ones)


def _trained(run: _Run) -> tuple[Trained, dict[str, float], str]:
    """The best of the training by the bound of held-out runs, the bounds, and why it ended."""
    jax = get_jax()
    place, _ = device(run.train.device)
    with jax.default_device(place):
        return _descended(run, jax, place)


def _descended(run: _Run, jax: Any, place: Any) -> tuple[Trained, dict[str, float], str]:
    train, latent = run.train, run.train.latent
    most = latent.steps or STEPS[train.preset]
    generator = np.random.default_rng([train.seed, 5])
    runs, held = run.parts[Part.TRAIN], run.parts[Part.VALIDATION]
    size = min(latent.batch, len(runs))
    values = float(np.sum(run.data.mask[runs]))
    moments = tuple(jax.tree_util.tree_map(np.zeros_like, run.trained) for _ in range(2))
    number, trained, best = np.float64(0.0), run.trained, run.trained
    best_bound, waited, done, reason = -np.inf, 0, 0, "limit"
    data = run.data
    noise = generator.normal(size=(JUDGING, len(held) or size, len(data.coordinates.place)))
    looking = _Looking(run, jax, place, held, noise) if len(held) else None
    trains, losses = None, np.full(EACH, np.nan)
    while done < most:
        at = done + np.arange(EACH)
        rates = latent.rate * (LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + np.cos(np.pi * np.minimum(at / most, 1.0))))
        rates = rates * np.minimum((at + 1) / 20.0, 1.0)
        arguments = (
            trained,
            moments,
            number,
            data,
            _batches(generator, runs, size),
            _keys(generator),
            rates,
            run.free,
            np.float64(len(runs) / size),
            np.float64(values),
        )
        if trains is None:
            trains = _compiled(run, ("latent", run.form), lambda: training_program(run.form), arguments, place)
        trained, moments, number, told = trains(*arguments)
        done += EACH
        losses = np.asarray(told[0])
        if not np.isfinite(losses).any():
            run.trained = best
            return best, {}, "diverged"
        bound = np.nan
        if looking is not None:
            trained, bound = looking(trained)
            waited += 1
            if bound > best_bound + 1e-4:
                best, best_bound, waited = trained, bound, 0
        else:
            best = trained
        run.trained = best
        _told(run, done, float(np.nanmean(losses)), float(-bound), trained)
        if run.reporter.should_stop():
            reason = "stopped"
            break
        if run.clock() > run.deadline:
            reason = "time"
            break
        if waited >= latent.patience:
            reason = "held out"
            break
    bounds = {"train": -float(np.nanmean(losses))} | ({"validation": float(best_bound)} if looking is not None else {})
    return jax.tree_util.tree_map(np.asarray, best), bounds, reason


class _Looking:
    """Bound of held-out runs per value; without an encoder their starts are moved towards their history first."""

    def __init__(self, run: _Run, jax: Any, place: Any, held: np.ndarray, noise: np.ndarray) -> None:
        self.run, self.jax, self.held, self.noise, self.place = run, jax, held, noise, place
        self.values = float(np.sum(run.data.mask[held]))
        self.judges: Any = None
        self.infers: Any = None
        numbers = run.trained.encoder.get("table", np.zeros((0, 0))).shape[1]
        self.moments = tuple(np.zeros((len(held), numbers)) for _ in range(2))
        self.number = np.float64(0.0)
        self.generator = np.random.default_rng([run.train.seed, 9])

    def __call__(self, trained: Trained) -> tuple[Trained, float]:
        run = self.run
        if run.form.encoder == "none":
            keys, rates = _keys(self.generator, INFERENCE), np.full(INFERENCE, 0.05)
            arguments = (trained, self.moments, self.number, run.data, self.held, keys, rates)
            if self.infers is None:
                self.infers = _compiled(
                    run, ("latent starts", run.form), lambda: inference_program(run.form), arguments, self.place
                )
            trained, self.moments, self.number = self.infers(*arguments)
        arguments = (trained, run.data, self.held, self.noise)
        if self.judges is None:
            self.judges = _compiled(
                run,
                ("latent bound", run.form),
                lambda: judging_program(replace(run.form, objective="importance")),
                arguments,
                self.place,
            )
        found = np.asarray(self.judges(*arguments))
        return trained, float(found.sum() / self.values) if np.isfinite(found).all() else -np.inf


def _compiled(run: _Run, key: Any, make: Any, arguments: tuple[Any, ...], place: Any) -> Any:
    at = run.clock()
    program, seconds = wait(CACHE.get(key, make, arguments, place), run.reporter, "the model and its encoder")
    run.compile_seconds += seconds
    if run.train.time_limit is None:
        run.deadline += run.clock() - at
    return program


def _batches(generator: np.random.Generator, runs: np.ndarray, size: int) -> np.ndarray:
    return np.stack([generator.permutation(runs)[:size] for _ in range(EACH)]).astype(np.int32)


def _keys(generator: np.random.Generator, count: int = EACH) -> np.ndarray:
    return generator.integers(0, 2**32, size=(count, 2), dtype=np.uint32)


def _told(run: _Run, done: int, loss: float, held: float, trained: Trained) -> None:
    run.losses.append((done, loss, held))
    known = None if not np.isfinite(held) else held
    parameters = run.problem.space.parameters(np.asarray(trained.theta))
    run.reporter.emit(TrainStep("latent", done, loss, known, parameters, time.perf_counter() - run.begun))


def _finished(run: _Run, best: Trained, bound: dict[str, float], reason: str) -> Fit:
    problem, train, dataset = run.problem, run.train, run.problem.dataset
    run.reporter.emit(Phase("validating", "predicting each run from its history"))
    spread = problem.space.constants.spread
    noise = {
        name: float(np.exp(best.log_noise[k])) * float(spread[k])
        for k, name in enumerate(dataset.measured_names)
        if problem.observed[k]
    }
    weights = {} if run.form.encoder == "none" else {name: np.asarray(part) for name, part in best.encoder.items()}
    model = problem.space.fitted(np.asarray(best.theta), {})
    latent = replace(run.template, weights=weights, noise=noise, bound=bound)
    model = replace(model, initial=_shared_starts(run, best, model))
    simulator = simulator_of(model, latent, np.asarray(problem.space.constants.clip))
    starts = _mean_starts(simulator, dataset)
    model = replace(model, initial=starts)
    if (error := doubling_error(problem, model, latent.steps)) > 3 * FINE:
        run.note(
            f"Predictions change by {error:.1%} of the spread when the steps of the solver are halved; choose the preset `thorough` or an "
            "implicit solver (`sdirk4`)."
        )
    seen = {part: futures(replace(simulator, model=model), dataset, part) for part in Part}
    latent = replace(latent, widening=widening(seen[Part.VALIDATION], latent, model.measured))
    future = {part.name.lower(): future_scores(found, latent, model.measured) for part, found in seen.items()}
    latent = replace(latent, future={name: one for name, one in future.items() if one is not None})
    simulations = _simulated(replace(simulator, model=model, latent=latent), dataset)
    metrics = score(model, dataset, simulations=simulations)
    outcome, sentence = _judged(reason, latent)
    seconds = time.perf_counter() - run.begun
    steps = np.array(run.losses or [(0, np.nan, np.nan)])
    run.reporter.emit(
        FitSnapshot(
            "latent", int(steps[-1, 0]), model, {name: (one.t, one.measured) for name, one in simulations.items()}
        )
    )
    return Fit(
        outcome=outcome,
        sentence=sentence,
        model=model,
        metrics=metrics,
        seed=train.seed,
        device=device(train.device)[1],
        history=(StageHistory("latent", steps[:, 0], steps[:, 1], steps[:, 2], seconds, run.compile_seconds),),
        checkpoints=(Checkpoint("latent", int(steps[-1, 0]), float(steps[-1, 1]), None, model),),
        seconds={"latent": seconds - run.compile_seconds, "compiling": run.compile_seconds, "total": seconds},
        noise=noise,
        notes=tuple(run.notes),
        latent=latent,
    )


def _shared_starts(run: _Run, best: Trained, model: FittedModel) -> dict[str, np.ndarray]:
    """Starts of the states without an encoder, as trained: given, shared or by a formula."""
    from ndestudio.solve.numpy_fixed import VectorModel, initial_values

    problem = run.problem
    vector = VectorModel(problem.structure, model.networks)
    parameters = [np.array([[model.parameters[name]]]) for name in problem.structure.parameters]
    states = len(problem.structure.states)
    shared = [np.array([[value]]) for value in problem.space.constants.shared.forward(np.asarray(best.theta)[-states:])]
    start = run.data.start
    y0 = initial_values(vector, parameters, shared, start, np.zeros((1, *start.mode.shape)))[:, 0]
    names = [one.name for one in problem.dataset.trajectories]
    return {name: y0[:, k] for k, name in enumerate(names)}


def _mean_starts(simulator: Any, dataset: Dataset) -> dict[str, np.ndarray]:
    """The start of each run at the mean, in its coordinates, of its distribution given the history."""
    runs = list(dataset.trajectories)
    found = posterior(simulator, runs, simulator.latent.draws, simulator.latent.seed)
    mean = np.einsum("sr,sri->ri", found.weights, found.z)
    y0 = simulator.starts(runs, mean[None])[:, 0]
    return {one.name: y0[:, k].copy() for k, one in enumerate(runs)}


def _simulated(simulator: Any, dataset: Dataset) -> dict[str, Simulation]:
    runs = list(dataset.trajectories)
    y0 = np.stack([simulator.model.initial[one.name] for one in runs], axis=-1)[:, None]
    y, seen = simulator.simulated(simulator.grid(runs), y0)
    return {
        one.name: Simulation(one.t, y[:, 0, k, : len(one.t)].T, seen[:, 0, k, : len(one.t)].T)
        for k, one in enumerate(runs)
    }


def _told_scores(scores: FutureScores, part: str) -> str:
    return (
        f"{scores.runs} {part} runs after their history: RMSE {scores.rmse:.3f} and CRPS {scores.crps:.3f} of the spread, "
        f"{scores.coverage:.0%} of the values within their 90% bands"
    )


def _judged(reason: str, latent: LatentFit) -> tuple[Outcome, str]:
    if reason == "diverged":
        return Outcome.DIVERGED, (
            "The bound of the likelihood has no value: the equations are not finite at the starts that the priors allow. Look at the "
            "priors of the starts, and at roots and logarithms in the equations."
        )
    names = {"test": "test", "validation": "held-out", "train": "training"}
    chosen = next((name for name in names if name in latent.future), None)
    told = "" if chosen is None else f" {_told_scores(latent.future[chosen], names[chosen])}."
    if chosen is not None and not np.isfinite(latent.future[chosen].rmse):
        return Outcome.DIVERGED, f"The fitted model cannot be simulated from the starts it reads.{told}"
    if reason == "stopped":
        return Outcome.STOPPED, f"Stopped.{told}"
    if reason == "time":
        return Outcome.LIMIT, f"The time was over before the bound of the likelihood stood still.{told}"
    if reason == "limit":
        return Outcome.CONVERGED, f"All steps were made.{told}"
    return Outcome.CONVERGED, f"Held-out runs got no better.{told}"
