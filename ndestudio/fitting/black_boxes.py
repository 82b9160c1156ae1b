"""How a fit differentiates through black boxes: which derivatives they are asked for, and of which steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ndestudio.blackbox import opened
from ndestudio.blackbox.label import Derivatives
from ndestudio.data.dataset import Dataset
from ndestudio.errors import BlackBoxError, DataError, SpecError
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.black_boxes import black_boxes, with_derivatives
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.base import TracedMethod
from ndestudio.solve.compiled import finish_compiling
from ndestudio.solve.tableau import STEPS, Tableau
from ndestudio.solve.time_grid import off_steps

PATIENCE = 30.0
"""Seconds for which the programs that are being compiled are waited for after a failure, which often ends the process."""
_SOURCES: dict[str, Derivatives] = {
    "exact": "exact",
    "differences": "differences",
    "euler": "auto",
    "euler-static": "none",
    "offline": "auto",
}


def gradients_of(model: FittedModel, train: TrainConfig) -> str:
    """The setting with `"auto"` made up; "" for a model without black boxes.

    Raises
    ------
    BlackBoxError
        A black box cannot be opened: it is not allowed, or does not start.
    SpecError
        Exact derivatives are asked of one that has none, or a setting is given to a model without black boxes.
    """
    found = black_boxes(model.system.expressions)
    if not found:
        if train.gradients != "auto":
            raise SpecError(f'[train] `gradients = "{train.gradients}"` is for models with black boxes; leave it out')
        return ""
    if train.gradients == "offline" and not model.networks:
        raise SpecError(
            '[train] `gradients = "offline"` fits networks to slopes, and the equations have none; leave it out'
        )
    without = next((label for label in found if not opened(label).box.exact), None)
    if train.gradients == "exact" and without is not None:
        raise SpecError(
            f'[train] `gradients = "exact"`: `{without.title}` gives no derivatives'
            f"{' of its steps' if without.step else ''}; choose `euler` or `differences`"
        )
    return train.gradients if train.gradients != "auto" else "exact" if without is None else "euler"


def with_sources(model: FittedModel, train: TrainConfig) -> FittedModel:
    """The model whose black boxes are asked for the derivatives of the setting; as it was where it has none."""
    kind = gradients_of(model, train)
    return model if not kind else replace(model, system=with_derivatives(model.system, _SOURCES[kind]))


def with_gradients(
    model: FittedModel, dataset: Dataset, train: TrainConfig, method: Tableau, adaptive: TracedMethod | None
) -> tuple[Tableau, TracedMethod | None]:
    """The solver with the derivatives of the setting, or the steps of a system in steps.

    Raises
    ------
    SpecError
        A solver was chosen that does not go with them.
    DataError
        Samples lie between steps.
    """
    if model.system.step:
        return _in_steps(dataset, train, model.system.step), None
    if train.gradients in ("euler", "euler-static") or (train.gradients == "auto" and _any_without(model)):
        if adaptive is not None or method.implicit:
            raise SpecError(
                f'`gradients = "{train.gradients}"` approximates the steps of an explicit method, and `{train.solver}` is none; choose the '
                'solver `auto`, or `gradients = "differences"`'
            )
        return replace(method, euler_gradient=True), None
    return method, adaptive


def _any_without(model: FittedModel) -> bool:
    return any(not opened(label).box.exact for label in black_boxes(model.system.expressions))


def _in_steps(dataset: Dataset, train: TrainConfig, each: float) -> Tableau:
    if train.solver != "auto":
        raise SpecError(
            f'the equations go in steps of {each:g}, which need no solver; leave out `solver = "{train.solver}"`'
        )
    for one in dataset.trajectories:
        between = off_steps(one.t, each)
        if between is not None:
            raise DataError(
                f"trajectory `{one.name}` has a sample at t = {between:.6g}, which is no whole number of steps of {each:g} from its begin "
                f"({one.t[0]:.6g}); choose a step that leads from sample to sample"
            )
    return replace(STEPS, each=each)


@contextmanager
def failures_said() -> Iterator[None]:
    """Failures of black boxes that come out of compiled programs, as the sentence that they were raised with."""
    try:
        yield
    except BlackBoxError:
        finish_compiling(PATIENCE)
        raise
    except Exception as error:
        sentence = _sentence_in(error)
        if sentence is None:
            raise
        finish_compiling(PATIENCE)
        raise BlackBoxError(sentence) from None


def _sentence_in(error: BaseException) -> str | None:
    """The sentence of a ``BlackBoxError`` in the text of another error, which JAX makes of what a callback raises."""
    lines = [line.strip().removeprefix("ndestudio.errors.") for line in str(error).splitlines()]
    found = next((line for line in reversed(lines) if line.startswith(_MARK)), None)
    return None if found is None else found.removeprefix(_MARK)


_MARK = f"{BlackBoxError.__name__}: "
