"""What the terminal shows of a running job, gathered from its events. No terminal here: tests look at the values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ndestudio.progress import CandidateScored, Event, FrontUpdate, Note, Phase, Progress, TrainStep

_KEPT = 2000


@dataclass
class DisplayState:
    """The newest of everything.

    Parameters
    ----------
    losses
        (loss, validation loss) of the steps of the current stage, oldest first, thinned.
    fronts
        Neural term -> its ``symbolic.Front``.
    scored
        (neural term, index) -> mean error of the re-simulated model on held-out rows (on training rows without such).
    notes
        Sentences not yet printed.
    stepping
        Whether the newest news was a training step (and not a phase).
    """

    phase: Phase | None = None
    fraction: float | None = None
    eta: float | None = None
    detail: str = ""
    step: TrainStep | None = None
    losses: list[tuple[float, float | None]] = field(default_factory=list)
    fronts: dict[str, Any] = field(default_factory=dict)
    scored: dict[tuple[str, int], float] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    stepping: bool = False

    def add(self, event: Event) -> None:
        match event:
            case Phase():
                self._begin(event)
            case Progress(fraction=fraction, eta_seconds=eta, text=text):
                self.fraction, self.eta, self.detail = min(max(fraction, 0.0), 1.0), eta, text
            case TrainStep():
                self._add_step(event)
            case FrontUpdate(neural_term=neural_term, front=front):
                self.fronts[neural_term] = front
            case CandidateScored(neural_term=neural_term, index=index, scored=scored):
                self.scored[(neural_term, index)] = held_out_error(scored.metrics)
            case Note():
                self.notes.append(event)
            case _:
                pass

    def take_notes(self) -> list[Note]:
        notes, self.notes = self.notes, []
        return notes

    def _begin(self, phase: Phase) -> None:
        if self.phase is None or phase.stage != self.phase.stage:
            self.fraction = self.eta = None
            self.detail = ""
        self.phase = phase
        self.stepping = False

    def _add_step(self, step: TrainStep) -> None:
        if self.step is not None and step.stage != self.step.stage:
            self.losses.clear()
        self.step = step
        self.stepping = True
        self.losses.append((step.loss, step.validation_loss))
        if len(self.losses) > _KEPT:
            del self.losses[1::2]


def held_out_error(metrics: Any) -> float:
    """Mean NRMSE on validation rows, else on test rows, else on training rows; infinite without any."""
    for part in (metrics.validation, metrics.test, metrics.train):
        if "mean" in part:
            return float(part["mean"])
    return math.inf


def sparkline(values: list[float], width: int) -> str:
    """Values on a logarithmic scale as a row of ``width`` blocks at most; what is not finite and positive is a gap."""
    if not values:
        return ""
    count = min(width, len(values))
    picked = [values[round(n * (len(values) - 1) / max(count - 1, 1))] for n in range(count)]
    logs = [math.log10(value) if value > 0 and math.isfinite(value) else None for value in picked]
    known = [value for value in logs if value is not None]
    if not known:
        return " " * count
    low, high = min(known), max(known)
    blocks = "▁▂▃▄▅▆▇█"

    def block(value: float | None) -> str:
        if value is None:
            return " "
        return blocks[round((value - low) / (high - low) * 7)] if high > low else blocks[0]

    return "".join(map(block, logs))


def clock(seconds: float) -> str:
    """Seconds as `0:07`, `12:34` or `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_ = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds_:02d}" if hours else f"{minutes}:{seconds_:02d}"


def short_front(front: Any, rows: int) -> list[Any]:
    """Members worth a line each: the engine's choice, and of the others the most accurate ones; by rising complexity."""
    members = list(enumerate(front.candidates))
    if len(members) <= rows:
        return members
    chosen = {front.best} if 0 <= front.best < len(members) else set()
    for index, _ in reversed(members):
        if len(chosen) < rows:
            chosen.add(index)
    return [(index, candidate) for index, candidate in members if index in chosen]


def parameters_text(parameters: Mapping[str, float], limit: int = 6) -> str:
    """`alpha 0.523, delta 0.83, ...`"""
    shown = [f"{name} {value:.4g}" for name, value in list(parameters.items())[:limit]]
    return ", ".join(shown) + (f", and {len(parameters) - limit} more" if len(parameters) > limit else "")
