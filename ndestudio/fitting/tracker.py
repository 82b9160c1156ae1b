"""The bookkeeping of a fit: best model so far, checkpoints, histories, events, time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, predictions_batch
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.engines import split_theta
from ndestudio.fitting.noise_levels import Noise
from ndestudio.fitting.objective import merit
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.result import Checkpoint, Population, StageHistory
from ndestudio.fitting.uncertainty.laplace import Uncertainty
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import start_values
from ndestudio.problem.initial import FORMULA, FREE, GIVEN, SHARED
from ndestudio.progress import FitSnapshot, Note, Phase, Progress, Reporter, SilentReporter, TrainStep
from ndestudio.solve.numpy_fixed import GridSimulation, VectorModel, initial_values

SNAPSHOT_SECONDS = 0.1
SNAPSHOT_SHARE = 0.1
"""Part of the time that a model for somebody who looks on may take, at most."""
MOST_CHECKPOINTS = 24
LOST = 1e6
"""Added to the score of a model that cannot be simulated on the held-out samples: any that can is better."""
MOST_PASSED = 8
"""Points of a stage that are kept to be simulated as a whole, if the training ends within it."""
SHOWN = 64
"""Trajectories simulated for a snapshot."""


class TimeUp(Exception):
    """The time limit was reached."""


class StopRequested(Exception):
    """The reporter asked to stop."""


def physical_starts(problem: PreparedFit, batch: Batch, point: Point) -> dict[str, Float[np.ndarray, " state"]]:
    """Initial values of the trajectories that begin in the batch."""
    model = VectorModel(problem.structure, problem.space.model.networks)
    parameters, shared = split_theta(problem, point.theta[None])
    y0 = initial_values(model, parameters, shared, batch.start, point.free[None])[:, 0]
    starts: dict[str, Float[np.ndarray, " state"]] = {}
    trains = batch.trains
    for k, row in enumerate(batch.rows):
        if batch.follows[k] < 0:
            # held-out trajectories start from what was measured, whatever the fit used to judge itself
            held = (batch.start.mode[k] == FREE) & ~trains[k]
            starts[row.trajectory.name] = np.where(held, batch.start.given[k], y0[:, k])
    starts |= _elsewhere(problem, batch, point, starts)
    return starts | _held_out(problem, batch, starts)


def _elsewhere(
    problem: PreparedFit, batch: Batch, point: Point, starts: Mapping[str, Float[np.ndarray, " state"]]
) -> dict[str, Float[np.ndarray, " state"]]:
    """Trajectories outside the batch (those of the test part): formulas and shared starts follow the fitted numbers."""
    mode = batch.start.mode
    formula, shared = (mode == FORMULA).any(axis=0), (mode == SHARED).any(axis=0)
    others = [one for one in problem.dataset.trajectories if one.name not in starts]
    if not others or not starts or not (formula | shared).any():
        return {}
    model = problem.space.model
    parameters = problem.space.parameters(point.theta)
    found = start_values(model.system, model.config, parameters, others, model.measured, model.inputs)
    known = list(starts.values())
    sharing = np.argmax(mode[: len(known)] == SHARED, axis=0)
    common = np.array([known[row][k] for k, row in enumerate(sharing)])
    given = np.zeros(len(model.system.states))
    fixed = {one.name: np.array([state in one.initial for state in model.system.states]) for one in others}
    return {
        name: np.where(
            fixed[name] | (formula & ~shared), value, np.where(shared, common, model.initial.get(name, given))
        )
        for name, value in found.items()
    }


def _held_out(problem: PreparedFit, batch: Batch, starts: Mapping[str, Float[np.ndarray, " state"]]):
    """Trajectories that do not train: hidden states nobody gave a value for start at the mean of the estimates."""
    model = problem.space.model
    hidden = [
        k for k, state in enumerate(model.system.states) if state not in model.measured or state in model.system.outputs
    ]
    estimated = np.zeros((0, len(model.system.states)))
    trained = np.zeros(len(model.system.states), dtype=bool)
    rows = [k for k in range(len(batch.rows)) if batch.follows[k] < 0]
    modes = batch.start.mode[rows]
    training = [k for k, mode in zip(rows, modes, strict=True) if (mode != GIVEN).any() and batch.trains[k]]
    if training:
        estimated = np.array([starts[batch.rows[k].trajectory.name] for k in training])
        trained = (batch.start.mode[training] == FREE).any(axis=0)
    found = {}
    fitted = {batch.rows[k].trajectory.name for k in training}
    for trajectory in problem.dataset.trajectories:
        name = trajectory.name
        if name in fitted:
            continue
        value = np.array(starts.get(name, model.initial.get(name, np.zeros(len(model.system.states)))), dtype=float)
        for k in hidden:
            if trained[k] and len(estimated):
                value[k] = float(estimated[:, k].mean())
        found[name] = value
    return found


@dataclass(eq=False)
class Tracker:
    """What a stage reports to after every step.

    Parameters
    ----------
    deadline
        End of training (``time.perf_counter``).
    exact
        Whether the steps of the solver were found short enough for the model as it is.
    clock
        Seconds of ``begin`` and ``deadline``.
    counts_compiling
        Whether the deadline stands while compiled programs are waited for. It does where a person gave it; the limits
        of the presets are meant for training, on slow machines too.
    """

    problem: PreparedFit
    reporter: Reporter
    deadline: float
    begin: float = field(default_factory=time.perf_counter)
    clock: Callable[[], float] = time.perf_counter
    counts_compiling: bool = True
    made: float = field(default_factory=time.perf_counter)
    exact: bool = False
    best: Checkpoint | None = None
    best_score: float = np.inf
    checkpoints: list[Checkpoint] = field(default_factory=list)
    histories: list[StageHistory] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = ""
    next_snapshot: float = 0.0
    rows: list[tuple[int, float, float]] = field(default_factory=list)
    stage_begin: float = 0.0
    compile_seconds: float = 0.0
    best_point: tuple[Batch, Point] | None = None
    underway: tuple[float, tuple[Batch, Point], tuple[str, int, float, float | None]] | None = None
    """Score, point and stage of the best one of a fit that is on its way; it counts once the fit ends."""
    best_stage: tuple[str, int, float, float | None] = ("start", 0, float("nan"), None)
    uncertainty: Uncertainty | None = None
    strength: float | None = None
    """Of the penalty on weights, where the marginal likelihood chose it."""
    noise: Noise | None = None
    horizon: Horizon | None = None
    """Of a chaotic model, whose fit is one of segments."""
    population: Population | None = None
    passed: list[tuple[Batch, Point, int]] = field(default_factory=list)
    """Points of the running stage (with their step) whose loss is not that of whole trajectories, the last one included."""
    freedom: Float[np.ndarray, " measured"] | None = None
    """Part of the training values of each column that the fit leaves free."""

    def enter(self, stage: str, text: str, index: int, total: int) -> None:
        """A stage begins; the last one is filed."""
        self.leave()
        self.passed = []
        self.stage, self.rows, self.stage_begin, self.compile_seconds = stage, [], time.perf_counter(), 0.0
        self.reporter.emit(Phase(stage, text, index, total))

    def leave(self) -> None:
        """File the history of the stage."""
        if self.underway is not None and self.underway[0] < self.best_score:
            self.best_score, self.best_point, self.best_stage = self.underway
        self.underway = None
        if not self.stage:
            return
        spent = time.perf_counter() - self.stage_begin
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + max(spent - self.compile_seconds, 0.0)
        if self.compile_seconds:
            self.seconds["compiling"] = self.seconds.get("compiling", 0.0) + self.compile_seconds
        if self.rows:
            table = np.array(self.rows, dtype=float)
            self.histories.append(
                StageHistory(
                    self.stage,
                    table[:, 0],
                    table[:, 1],
                    table[:, 2],
                    max(spent - self.compile_seconds, 0.0),
                    self.compile_seconds,
                )
            )
        self.stage = ""

    def compiled(self, seconds: float) -> None:
        """A compiled program was waited for."""
        self.compile_seconds += seconds
        if not self.counts_compiling:
            self.deadline += seconds

    def judge(self, found: Uncertainty | None) -> None:
        """Keep how sure the parameters are, and how much of the data the fit leaves free."""
        self.uncertainty = found
        self.freedom = found.normal.freedom(len(self.problem.observed)) if found is not None else None

    def note(self, text: str, level: str = "info") -> None:
        self.notes.append(text)
        self.reporter.emit(Note(text, level))

    def poll(self) -> None:
        """Answer a wish to stop, and the time limit.

        Raises
        ------
        StopRequested
            See their descriptions.
        TimeUp
            See their descriptions.
        """
        before = self.clock()
        if self.reporter.should_stop():
            raise StopRequested
        # a pause happens inside should_stop; it does not count
        self.deadline += max(self.clock() - before - 0.05, 0.0)
        if self.clock() > self.deadline:
            raise TimeUp

    @property
    def elapsed(self) -> float:
        return self.clock() - self.begin

    @property
    def remaining(self) -> float:
        return self.deadline - self.clock()

    def step(
        self,
        batch: Batch,
        point: Point,
        iteration: int,
        loss: float,
        validation: float,
        *,
        candidate: bool,
        fraction: float = 0.0,
        underway: bool = False,
        path: float | None = None,
    ) -> None:
        """A step was made.

        Parameters
        ----------
        candidate
            The loss is that of whole trajectories, so the point may become the best.
        underway
            Not before the stage ends, as the next steps will change it a lot.
        path
            What penalties along the path come to; None: it is simulated where there are any.
        """
        has = np.isfinite(validation)
        self.rows.append((iteration, loss, validation))
        parameters = self.problem.space.parameters(point.theta)
        self.reporter.emit(
            TrainStep(self.stage, iteration, loss, validation if has else None, parameters, self.elapsed)
        )
        if fraction:
            self.reporter.emit(Progress(min(fraction, 1.0), None, ""))
        if candidate and np.isfinite(loss):
            self.consider(batch, point, iteration, loss, validation, path, underway=underway)
        elif not candidate and np.isfinite(loss):
            self.passed.append((batch, point, iteration))
            if len(self.passed) > MOST_PASSED:
                del self.passed[1:-1:2]
        now, busy = time.perf_counter(), time.thread_time()
        if now > self.next_snapshot and not isinstance(self.reporter, SilentReporter):
            # a trial step may be worse on whole trajectories; what is shown is what would be kept
            shown = self.best_point if candidate and self.best_point is not None else (batch, point)
            self.snapshot(self.model(*shown), iteration)
            cost = time.thread_time() - busy
            self.next_snapshot = max(now + max(SNAPSHOT_SECONDS, cost / SNAPSHOT_SHARE), time.perf_counter())

    def consider(
        self,
        batch: Batch,
        point: Point,
        iteration: int,
        loss: float,
        validation: float,
        path: float | None = None,
        *,
        underway: bool = False,
    ) -> None:
        """Keep the point if it is the best so far; see ``step``."""
        value, found = self.score(loss, validation), (batch, point)
        value += merit(self.problem, batch, point, loss, path) - loss
        about = (self.stage, iteration, loss, validation if np.isfinite(validation) else None)
        if underway:
            if self.underway is None or value < self.underway[0]:
                self.underway = value, found, about
        elif value < self.best_score:
            self.best_score, self.best_point, self.best_stage = value, found, about

    def trial(self, fraction: float) -> None:
        """A step was tried and not made."""
        self.reporter.emit(Progress(min(fraction, 1.0), None, ""))

    def score(self, loss: float, validation: float) -> float:
        """What chooses the best: validation error, and how far the training error is above the noise, which is misfit and
        not noise; few validation values are helped out by the training error."""
        if np.isnan(validation):
            return loss
        if np.isinf(validation):
            return LOST + loss
        count = self.problem.values_used_validation
        return validation + max(loss - 2.0 * self.problem.floor, 0.0) + loss * min(1.0, 20.0 / max(count, 1))

    def model(self, batch: Batch, point: Point) -> FittedModel:
        return self.problem.space.fitted(point.theta, physical_starts(self.problem, batch, point))

    def checkpoint(self, batch: Batch, point: Point, iteration: int, loss: float, validation: float) -> None:
        """Keep the model; beyond the limit every other old one goes."""
        model = self.model(batch, point)
        self.checkpoints.append(
            Checkpoint(self.stage, iteration, loss, validation if np.isfinite(validation) else None, model)
        )
        if len(self.checkpoints) > MOST_CHECKPOINTS:
            self.checkpoints = self.checkpoints[1::2]

    def snapshot(self, model: FittedModel, iteration: int) -> None:
        """Show ``model`` with its predictions, if anybody looks."""
        if isinstance(self.reporter, SilentReporter):
            return
        self.reporter.emit(FitSnapshot(self.stage, iteration, model, predict(self.problem, model)))


def predict(
    problem: PreparedFit, model: FittedModel, steps: int | None = None, most: int | None = SHOWN
) -> dict[str, tuple[Float[np.ndarray, " time"], Float[np.ndarray, "time measured"]]]:
    """Predicted measured columns at all times of the trajectories shown, by the fixed-grid solver in NumPy."""
    longest = max(len(trajectory.t) for trajectory in problem.dataset.trajectories)
    batch = predictions_batch(problem, steps or int(np.clip(longest, 24, 256)), most)
    simulation = GridSimulation(problem.definition, problem.method, model)
    conditions = problem.definition.conditions(model, [row.trajectory for row in batch.rows])
    seen = simulation.measured(batch.grid, simulation.states(conditions, batch.grid))
    return {row.name: (row.t, seen[:, k, : len(row.index)].T) for k, row in enumerate(batch.rows)}
