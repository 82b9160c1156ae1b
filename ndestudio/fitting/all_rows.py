"""Constants of equations without unknown functions, fitted to all rows once rows that were held out have judged them.

Held-out rows tell whether equations hold where they were not fitted. That answered, leaving them out of the estimate would only
make it worse: a carrying capacity is in the last rows of a growth curve, which are the ones held out.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.split import resplit
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.summary import BEYOND, MISSED
from ndestudio.progress import Event, FitSnapshot, Note, Phase, Reporter
from ndestudio.wording import percent

ALIKE = 1.5
"""Error of all rows, in that of the training rows or of the noise, up to which the equations suit all of them."""


class LaterNotes:
    """Passes everything on but notes, which are kept: they are about a fit that another may take the place of."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._notes: list[Note] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self._notes.append(event)
        elif not isinstance(event, FitSnapshot):
            self._reporter.emit(event)

    def should_stop(self) -> bool:
        return self._reporter.should_stop()

    def say(self) -> None:
        """The fit is the one: say what was kept."""
        for note in self._notes:
            self._reporter.emit(note)


class WithoutSteps:
    """Passes on phases, notes and the model: losses of a second fit do not continue those of the first."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        if isinstance(event, (Note, Phase, FitSnapshot)):
            self._reporter.emit(event)

    def should_stop(self) -> bool:
        return self._reporter.should_stop()


def holds_out(dataset: Dataset) -> bool:
    """Whether some rows do not train."""
    return dataset.has(Part.VALIDATION) or dataset.has(Part.TEST)


def worth_all_rows(fit: Fit) -> bool:
    """Whether a fit of constants to the training rows is to be followed by one to all rows."""
    usable = fit.outcome in (Outcome.CONVERGED, Outcome.DOUBTFUL)
    settings = fit.model.config.parameters
    return usable and any(name not in settings or not settings[name].fixed for name in fit.model.parameters)


def rows_of(fit: Fit, dataset: Dataset) -> Dataset:
    """The data as ``fit`` was fitted to them: with all rows training where its constants are of all rows."""
    return resplit(dataset, SplitConfig(by="none")) if fit.all_rows else dataset


def of_all_rows(first: Fit, second: Fit, level: float) -> Fit:
    """The fit to all rows with the errors that the one to the training rows made on held-out rows.

    Parameters
    ----------
    level
        Of the noise, in spreads.
    """
    if second.outcome not in (Outcome.CONVERGED, Outcome.DOUBTFUL):
        return first
    before, error = (one.metrics.train.get("mean", math.inf) for one in (first, second))
    held = [getattr(first.metrics, part).get("mean") for part in ("validation", "test")]
    worst = max((one for one in held if one is not None), default=math.inf)
    suits = error <= max(ALIKE * before, ALIKE * level, MISSED)
    missed = worst > max(BEYOND * max(before, level), MISSED)
    outcome, sentence = second.outcome, second.sentence
    if missed and not suits and outcome is not Outcome.DOUBTFUL:
        outcome = Outcome.DOUBTFUL
        sentence = f"Training ended, with doubts (training error {percent(error)} of the spread): the equations do not suit all of the data."
    told = (
        f"Constants are fitted to all rows. Fitted without the held-out rows, the equations miss those by {percent(worst)} of the "
        "spread (errors of validation and test below are of that fit)."
    )
    if missed and suits:
        told += " The training rows alone do not determine the constants well enough for that; all rows together are fitted well."
    metrics = Metrics(second.metrics.train, first.metrics.validation, first.metrics.test)
    seconds = {**first.seconds, "all_rows": second.seconds.get("total", 0.0)}
    seconds["total"] = first.seconds.get("total", 0.0) + second.seconds.get("total", 0.0)
    return replace(
        second,
        outcome=outcome,
        sentence=f"{sentence} {told}",
        metrics=metrics,
        history=first.history,
        checkpoints=(*first.checkpoints[:-1], *second.checkpoints[-1:]),
        seconds=seconds,
        all_rows=True,
    )
