"""What a comparison of models comes to."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.fitting.result import Fit
from ndestudio.fitting.uncertainty.information_criteria import Information
from ndestudio.model.config import ModelConfig
from ndestudio.progress import Event, Note, Phase, Reporter


@dataclass(frozen=True, eq=False)
class Compared:
    """One model of a comparison.

    Parameters
    ----------
    words
        How it came from the model as written.
    train_error
        Mean NRMSE on training rows.
    held_out
        On test rows, else on validation rows, see ``held_out_error``; None without any.
    """

    name: str
    words: str
    config: ModelConfig
    fit: Fit
    information: Information | None
    train_error: float
    held_out: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models fitted to the same data, best first.

    Parameters
    ----------
    held_out
        Which rows judge: `"test"`, `"validation"`, or `"none"`.
    chosen
        Name of the model that the data support.
    sentence
        Which, and by how much.
    notes
        Models that could not be made.
    """

    models: tuple[Compared, ...]
    held_out: str
    chosen: str
    sentence: str
    notes: tuple[str, ...] = ()
    complete: bool = True


def quiet(reporter: Reporter) -> Reporter:
    """Passes phases and notes on, and no models."""
    return _Quiet(reporter)


class _Quiet:
    """Passes phases and notes on, and no models: those of a comparison are not to be shown as the one that is trained."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        if isinstance(event, Phase):
            self._reporter.emit(Phase(event.stage, event.text))
        elif isinstance(event, Note):
            self._reporter.emit(event)

    def should_stop(self) -> bool:
        return self._reporter.should_stop()
