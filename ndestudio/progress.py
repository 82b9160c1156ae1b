"""How a long computation talks to whoever started it: a ``Reporter`` and frozen events.

A long computation is a plain function of frozen inputs and a ``Reporter``. It emits events, and it polls
``should_stop()`` often enough to answer within a second. ``should_stop`` may block: that is how a pause works, and
the computation needs no code of its own for it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO, runtime_checkable

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Event:
    """Base of all events; nothing but data, safe to pass between threads and to pickle between our own processes."""


@dataclass(frozen=True)
class Phase(Event):
    """A stage began.

    Parameters
    ----------
    stage
        Short machine name (`"reading"`, `"collocation"`, `"compiling"`, `"search"`, ...).
    text
        A few words for a person.
    index
        Position of the stage among ``total`` (1-based; 0 when not one of a known sequence).
    """

    stage: str
    text: str
    index: int = 0
    total: int = 0


@dataclass(frozen=True)
class Progress(Event):
    """Fraction of the current phase that is done (0..1) and the seconds it will still take, where that is known."""

    fraction: float
    eta_seconds: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Note(Event):
    """A sentence for the person: `level` is `"info"`, `"warning"` or `"error"`."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class TrainStep(Event):
    """Losses (dimensionless, comparable within a stage) after `iteration` steps, parameters in physical units."""

    stage: str
    iteration: int
    loss: float
    validation_loss: float | None
    parameters: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class FitSnapshot(Event):
    """What the model does now, for plots.

    Parameters
    ----------
    model
        The ``FittedModel`` at this moment (NumPy only: evaluating it needs no JAX).
    predictions
        For each trajectory its times and the predicted measured columns, in the units of the file.
    """

    stage: str
    iteration: int
    model: Any
    predictions: Mapping[str, tuple[Float[np.ndarray, " time"], Float[np.ndarray, "time measured"]]]


@dataclass(frozen=True, eq=False)
class FrontUpdate(Event):
    """The Pareto front of one neural term as the search knows it now (``front`` is a ``symbolic.Front``)."""

    neural_term: str
    front: Any


@dataclass(frozen=True, eq=False)
class CandidateScored(Event):
    """A candidate of a neural term was substituted into the equations, refitted and simulated (``scored``:
    ``distil.ScoredCandidate``)."""

    neural_term: str
    index: int
    scored: Any


@runtime_checkable
class Reporter(Protocol):
    """The one thing a computation knows about its surroundings."""

    def emit(self, event: Event) -> None: ...

    def should_stop(self) -> bool: ...


class SilentReporter:
    """Says nothing and never stops; the default of the library functions."""

    def emit(self, event: Event) -> None:
        del event

    def should_stop(self) -> bool:
        return False


@dataclass
class RecordingReporter:
    """Keeps all events, and asks to stop after ``stop_after`` polls (never when None). For tests and scripts."""

    stop_after: int | None = None
    events: list[Event] = field(default_factory=list)
    polls: int = 0

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def should_stop(self) -> bool:
        self.polls += 1
        return self.stop_after is not None and self.polls > self.stop_after


@dataclass
class PlainReporter:
    """Writes phases and notes as plain lines (for a log file or a terminal that is none)."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def emit(self, event: Event) -> None:
        match event:
            case Phase(text=text):
                print(text, file=self.stream, flush=True)
            case Note(text=text, level=level):
                print(text if level == "info" else f"{level}: {text}", file=self.stream, flush=True)
            case _:
                pass

    def should_stop(self) -> bool:
        return False
