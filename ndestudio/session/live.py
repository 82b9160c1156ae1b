"""What running jobs have said so far: accumulated from events, read by ``resolve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from jaxtyping import Float

from ndestudio.model.fitted import FittedModel
from ndestudio.progress import CandidateScored, Event, FitSnapshot, FrontUpdate, Note, Phase, TrainStep
from ndestudio.symbolic.front import Front

_CURVE_POINTS = 4000
_MOMENTS = 60


@dataclass
class Curve:
    """Losses along one stage, thinned to a few thousand points."""

    stage: str
    iteration: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def add(self, iteration: int, loss: float, validation: float | None) -> None:
        self.iteration.append(iteration)
        self.loss.append(loss)
        self.validation.append(float("nan") if validation is None else validation)
        if len(self.loss) > _CURVE_POINTS:
            for values in (self.iteration, self.loss, self.validation):
                del values[1:-1:2]


@dataclass
class StageTime:
    """A stage of a computation that was entered, when, and (once over) how long it took. `held`: since when it is paused."""

    stage: str
    text: str
    started: float
    seconds: float | None = None
    index: int = 0
    held: float | None = None
    total: int = 0

    @property
    def spent(self) -> float:
        """Seconds so far, without pauses."""
        if self.seconds is not None:
            return self.seconds
        return (monotonic() if self.held is None else self.held) - self.started


@dataclass
class StageClock:
    """The stages entered so far."""

    stages: list[StageTime] = field(default_factory=list)

    @property
    def current(self) -> StageTime | None:
        """The stage that goes on, None before the first and after the last."""
        return self.stages[-1] if self.stages and self.stages[-1].seconds is None else None

    def enter(self, stage: str, text: str, index: int = 0, total: int = 0) -> None:
        self.end()
        self.stages.append(StageTime(stage, text, monotonic(), index=index, total=total))

    def end(self) -> None:
        if current := self.current:
            current.seconds = current.spent

    def hold(self, on: bool) -> None:
        """Let the clock of the stage that goes on rest, or run again."""
        current = self.current
        if current is None or on == (current.held is not None):
            return
        if current.held is None:
            current.held = monotonic()
        else:
            current.started += monotonic() - current.held
            current.held = None


@dataclass(frozen=True, eq=False)
class Moment:
    """A model on the way."""

    stage: str
    iteration: int
    loss: float
    model: FittedModel


@dataclass
class TrainLive:
    """A training as it runs.

    Parameters
    ----------
    moments
        Models on the way, thinned to a few dozen: what the time slider goes through.
    traces
        Parameter -> its values by step.
    version
        Grows with each event.
    """

    clock: StageClock = field(default_factory=StageClock)
    curves: list[Curve] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)
    traces: dict[str, list[float]] = field(default_factory=dict)
    snapshot: FitSnapshot | None = None
    moments: list[Moment] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    version: int = 0

    def take(self, event: Event) -> None:
        self.version += 1
        match event:
            case Phase(stage=stage, text=text, index=index):
                self.clock.enter(stage, text, index)
            case TrainStep():
                self._step(event)
            case FitSnapshot():
                self._snapshot(event)
            case Note():
                self.notes.append(event)
            case _:
                pass

    def end(self) -> None:
        self.version += 1
        self.clock.end()

    def arrays(self) -> dict[str, Float[np.ndarray, " step"]]:
        """The traces as arrays."""
        return {name: np.asarray(values, dtype=float) for name, values in self.traces.items()}

    def _step(self, event: TrainStep) -> None:
        current = self.clock.current
        if current is None or current.stage != event.stage:  # compilation is over, the stage that waited for it goes on
            text = next((one.text for one in self.clock.stages if one.stage == event.stage), event.stage)
            self.clock.enter(event.stage, text)
        last = self.curves[-1] if self.curves else None
        if last is None or last.stage != event.stage or event.iteration < last.iteration[-1]:
            self.curves.append(Curve(event.stage))
        self.curves[-1].add(event.iteration, event.loss, event.validation_loss)
        self.parameters = dict(event.parameters)
        for name, value in event.parameters.items():
            trace = self.traces.setdefault(name, [])
            trace.append(value)
            if len(trace) > _CURVE_POINTS:
                del trace[1:-1:2]

    def _snapshot(self, event: FitSnapshot) -> None:
        self.snapshot = event
        loss = self.curves[-1].loss[-1] if self.curves else float("nan")
        self.moments.append(Moment(event.stage or "preparing", event.iteration, loss, event.model))
        if len(self.moments) > _MOMENTS:
            del self.moments[1:-1:2]


@dataclass
class DistilLive:
    """A search as it runs.

    Parameters
    ----------
    scored
        Neural term -> position -> ``distil.ScoredCandidate``.
    """

    clock: StageClock = field(default_factory=StageClock)
    fronts: dict[str, Front] = field(default_factory=dict)
    scored: dict[str, dict[int, object]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    version: int = 0

    def take(self, event: Event) -> None:
        self.version += 1
        match event:
            case Phase(stage=stage, text=text, index=index, total=total):
                self.clock.enter(stage, text, index, total)
            case FrontUpdate(neural_term=neural_term, front=front):
                self.fronts[neural_term] = front
            case CandidateScored(neural_term=neural_term, index=index, scored=scored):
                self.scored.setdefault(neural_term, {})[index] = scored
            case Note():
                self.notes.append(event)
            case _:
                pass

    def end(self) -> None:
        self.version += 1
        self.clock.end()
