"""What running jobs have said so far: accumulated from events, read by ``resolve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from ndestudio.progress import CandidateScored, Event, FitSnapshot, FrontUpdate, Note, Phase, TrainStep
from ndestudio.symbolic.front import Front

_CURVE_POINTS = 4000


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
    """A stage of a computation that was entered, when, and (once over) how long it took."""

    stage: str
    text: str
    started: float
    seconds: float | None = None


@dataclass
class TrainLive:
    """A training as it runs."""

    stages: list[StageTime] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)
    traces: dict[str, list[float]] = field(default_factory=dict)
    snapshot: FitSnapshot | None = None
    notes: list[Note] = field(default_factory=list)
    version: int = 0

    def take(self, event: Event) -> None:
        self.version += 1
        match event:
            case Phase(stage=stage, text=text):
                self._enter(stage, text)
            case TrainStep():
                self._step(event)
            case FitSnapshot():
                self.snapshot = event
            case Note():
                self.notes.append(event)
            case _:
                pass

    def end(self) -> None:
        self.version += 1
        if self.stages and self.stages[-1].seconds is None:
            self.stages[-1].seconds = monotonic() - self.stages[-1].started

    def _enter(self, stage: str, text: str) -> None:
        self.end()
        self.stages.append(StageTime(stage, text, monotonic()))

    def _step(self, event: TrainStep) -> None:
        if not self.curves or self.curves[-1].stage != event.stage:
            self.curves.append(Curve(event.stage))
        self.curves[-1].add(event.iteration, event.loss, event.validation_loss)
        self.parameters = dict(event.parameters)
        for name, value in event.parameters.items():
            trace = self.traces.setdefault(name, [])
            trace.append(value)
            if len(trace) > _CURVE_POINTS:
                del trace[1:-1:2]


@dataclass
class DistilLive:
    """A search as it runs."""

    stages: list[StageTime] = field(default_factory=list)
    fronts: dict[str, Front] = field(default_factory=dict)
    scored: dict[str, dict[int, object]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    version: int = 0

    def take(self, event: Event) -> None:
        self.version += 1
        match event:
            case Phase(stage=stage, text=text):
                self.end()
                self.stages.append(StageTime(stage, text, monotonic()))
            case FrontUpdate(hole=hole, front=front):
                self.fronts[hole] = front
            case CandidateScored(hole=hole, index=index, scored=scored):
                self.scored.setdefault(hole, {})[index] = scored
            case Note():
                self.notes.append(event)
            case _:
                pass

    def end(self) -> None:
        self.version += 1
        if self.stages and self.stages[-1].seconds is None:
            self.stages[-1].seconds = monotonic() - self.stages[-1].started
