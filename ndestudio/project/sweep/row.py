"""One result of a sweep, and the computation that makes it on a worker."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ndestudio import __version__
from ndestudio.data.dataset import Dataset
from ndestudio.errors import NdeStudioError
from ndestudio.progress import Reporter
from ndestudio.project.project import Project, Spec

if TYPE_CHECKING:
    from ndestudio.fitting.metrics import Metrics
    from ndestudio.model.fitted import FittedModel

Work = Literal["run", "train", "recover"]
"""What is done with each variant: train and distil, train alone, or the recovery test of its table `[recovery]`."""
FAILED = "failed"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one variant.

    Parameters
    ----------
    key
        Stands for the content: spec, data, program.
    values
        Setting -> the value of this variant.
    outcome
        Of the training, or of the distilling or the recovery test where there was one; `"failed"` where the sentence is an error.
    train_error, validation_error, test_error
        Mean NRMSE of the simulated model (None: no such rows, or no simulation).
    complexity
        Of all formulas together, None while a term is a network.
    equations
        As text, a line for each state.
    parameters
        In the units of the spec.
    seconds
        Stage -> wall seconds.
    """

    key: str
    number: int
    values: dict[str, Any]
    outcome: str
    sentence: str
    train_error: float | None = None
    validation_error: float | None = None
    test_error: float | None = None
    complexity: int | None = None
    equations: tuple[str, ...] = ()
    parameters: dict[str, float] = {}
    seconds: dict[str, float] = {}
    worker: str = ""
    program: str = __version__
    ended: str = ""

    @property
    def held_out(self) -> float | None:
        """Error on rows that were not trained on: of validation, else of test."""
        return self.validation_error if self.validation_error is not None else self.test_error


def computed(
    datasets: Mapping[str, Dataset],
    work: Work,
    keep: bool,
    key: str,
    number: int,
    values: Mapping[str, Any],
    spec: Spec,
    data: str,
    *,
    reporter: Reporter,
) -> tuple[Row, bytes]:
    """One variant, computed: its row and, where that is to be kept, its project as the bytes of a project file.

    Parameters
    ----------
    datasets
        The data of all variants; ``data`` names those of this one.
    """
    from ndestudio.project.pipeline import run

    dataset = datasets[data]
    only = _Until(reporter, work)
    try:
        if work == "recover":
            return _recovered(spec, dataset, key, number, values, reporter), b""
        project = run(spec, only, dataset=dataset, on_stage=only.reached)
    except NdeStudioError as error:
        return failed(key, number, values, str(error)), b""
    row = _row(project, key, number, values)
    if not keep:
        return row, b""
    from ndestudio.project.store import project_bytes

    return row, project_bytes(project)


def failed(key: str, number: int, values: Mapping[str, Any], sentence: str, worker: str = "") -> Row:
    """The row of a variant that came to nothing."""
    return Row(
        key=key, number=number, values=dict(values), outcome=FAILED, sentence=sentence, worker=worker, ended=_now()
    )


def _row(project: Project, key: str, number: int, values: Mapping[str, Any]) -> Row:
    from ndestudio.export.gather import job

    found = job(project)
    fit, distillation = project.fit, project.distillation
    if fit is None or found.model is None:
        return failed(key, number, values, "nothing was trained")
    outcome, sentence = str(fit.outcome), fit.sentence
    if distillation is not None:
        outcome, sentence = distillation.outcome, distillation.sentence
    metrics = found.metrics
    return Row(
        key=key,
        number=number,
        values=dict(values),
        outcome=outcome,
        sentence=sentence,
        train_error=_mean(metrics, "train"),
        validation_error=_mean(metrics, "validation"),
        test_error=_mean(metrics, "test"),
        complexity=_complexity(project, found.model),
        equations=_equations(found.model, project.spec.export.digits),
        parameters={name: float(value) for name, value in found.model.parameters.items()},
        seconds={stage: round(float(value), 3) for stage, value in project.seconds.items()},
        worker=platform.node(),
        ended=_now(),
    )


def _recovered(
    spec: Spec, dataset: Dataset, key: str, number: int, values: Mapping[str, Any], reporter: Reporter
) -> Row:
    from ndestudio.expression.text import short_text
    from ndestudio.project.pipeline import recover

    found = recover(spec, reporter, dataset=dataset)
    terms = [
        f"{one.neural_term}({', '.join(one.arguments)}) = {short_text(one.found, spec.export.digits)}"
        for one in found.neural_terms
        if one.found is not None
    ]
    return Row(
        key=key,
        number=number,
        values=dict(values),
        outcome=found.outcome,
        sentence=found.sentence,
        train_error=_finite(found.errors.get("train")),
        validation_error=_finite(found.errors.get("validation")),
        test_error=_finite(found.errors.get("test")),
        equations=tuple(terms),
        parameters={name: float(value) for name, (_, value) in found.parameters.items()},
        seconds={stage: round(float(value), 3) for stage, value in found.seconds.items()},
        worker=platform.node(),
        ended=_now(),
    )


def _mean(metrics: Metrics | None, part: str) -> float | None:
    return _finite(getattr(metrics, part).get("mean") if metrics is not None else None)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _complexity(project: Project, model: FittedModel) -> int | None:
    if model.system.neural_terms or project.distillation is None:
        return None
    terms = project.distillation.neural_terms
    chosen = [terms[name].scored[index] for name, index in project.accepted.items() if index >= 0 and name in terms]
    return sum(one.candidate.complexity for one in chosen) if chosen else None


def _equations(model: FittedModel, digits: int) -> tuple[str, ...]:
    from ndestudio.expression.text import short_text
    from ndestudio.model.replace import numbers_filled
    from ndestudio.model.steps import left_side, next_values

    step = model.system.step
    filled = next_values(numbers_filled(model), step)
    return tuple(f"{left_side(state, step)} = {short_text(expr, digits)}" for state, expr in filled.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Until:
    """Passes on the wish to stop; after training, where that is all that is to be done, it has one of its own."""

    def __init__(self, reporter: Reporter, work: Work) -> None:
        self._reporter, self._work, self._done = reporter, work, False
        self.emit = reporter.emit

    def reached(self, project: Project) -> None:
        self._done = self._work == "train" and project.fit is not None

    def should_stop(self) -> bool:
        return self._done or self._reporter.should_stop()
