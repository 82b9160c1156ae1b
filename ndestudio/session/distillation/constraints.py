"""What formulas must respect beside the data: units, and a form that is known in part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ndestudio.data.dataset import Dataset
from ndestudio.model.fitted import FittedModel
from ndestudio.session.workspace import Workspace
from ndestudio.symbolic.registry import ENGINES


@dataclass(frozen=True)
class ConstraintsState:
    """Arguments:
    units: whether formulas must respect units. possible: whether there are any to respect; text: which, or what is missing.
    neural_term: the one shown, "" without any. call: it with its arguments.
    form: what is known of its formula, "" for nothing. problem: why that cannot be used, "" when it can.
    """

    units: bool = False
    possible: bool = False
    text: str = ""
    neural_term: str = ""
    call: str = ""
    form: str = ""
    problem: str = ""


class Constraints:
    """Intents of the part of the search settings that is about constraints, and its state."""

    def __init__(self, workspace: Workspace, change_settings: Callable[..., None]) -> None:
        self._workspace, self._change = workspace, change_settings
        self._seen: tuple[FittedModel, Dataset] | None = None
        self._said: tuple[bool, str] = (False, "")
        self._read: tuple[str, tuple[str, ...], str] = ("", (), "")

    def use_units(self, used: bool) -> None:
        self._change(units=used)

    def know_form(self, neural_term: str, text: str) -> None:
        """Say what is known of the formula of a neural term; nothing for "nothing"."""
        templates = dict(self._workspace.project.spec.distil.templates)
        templates.pop(neural_term, None)
        if text.strip():
            templates[neural_term] = text.strip()
        if templates != self._workspace.project.spec.distil.templates:
            self._change(templates=templates)

    def state(self, neural_term: str) -> ConstraintsState:
        project = self._workspace.project
        config = project.spec.distil
        if project.fit is None or project.dataset is None:
            return ConstraintsState(config.units, text="Units are looked at once there is a trained model.")
        model, dataset = project.fit.model, project.dataset
        if self._seen is None or self._seen[0] is not model or self._seen[1] is not dataset:
            self._seen, self._said = (model, dataset), _units_said(model, dataset)
        arguments = model.networks[neural_term].arguments if neural_term in model.networks else ()
        form = config.templates.get(neural_term, "")
        problem = self._problem(form, arguments)
        if form and not problem and not _takes_templates(config.engine):
            problem = f"{ENGINES.title(config.engine)} takes no known form here; choose the embedded engine to use it."
        possible, text = self._said
        call = f"{neural_term}({', '.join(arguments)})" if neural_term else ""
        return ConstraintsState(config.units, possible, text, neural_term, call, form, problem)

    def _problem(self, form: str, arguments: tuple[str, ...]) -> str:
        if not form:
            return ""
        if self._read[:2] != (form, arguments):
            self._read = form, arguments, _misread(form, arguments)
        return self._read[2]


def _takes_templates(engine: str) -> bool:
    return engine not in ENGINES or getattr(ENGINES.get(engine), "takes_templates", False)


def _misread(form: str, arguments: tuple[str, ...]) -> str:
    from ndestudio.symbolic.template import parse_template

    try:
        parse_template(form, arguments)
    except ValueError as error:
        sentence = str(error)
        return f"{sentence[:1].upper()}{sentence[1:]}."
    return ""


def _units_said(model: FittedModel, dataset: Dataset) -> tuple[bool, str]:
    """Whether units can be respected, and a sentence about those that are known."""
    from ndestudio.distil.units import neural_term_units
    from ndestudio.expression.units import parse_unit

    parts, known, whole = [], False, True
    for neural_term in model.system.neural_terms:
        units, output = neural_term_units(model, dataset, neural_term.name)
        for unit in (*units, output):
            try:
                parse_unit(unit or "1")
            except ValueError as error:
                return (
                    False,
                    f"{str(error).rstrip('.')}. Write it differently in Data or Model to have units respected.",
                )
        known = known or any(units) or bool(output)
        whole = whole and all(units) and bool(output)
        inside = ", ".join(f"{name} [{unit or 'any'}]" for name, unit in zip(neural_term.arguments, units, strict=True))
        parts.append(f"{neural_term.name}({inside}) in {output or 'any unit'}")
    if not known:
        return False, (
            "Nothing that the unknown functions read has a unit. Give units to columns in Data, or to parameters and networks "
            "in Model."
        )
    said = f"{'; '.join(parts)}."
    if not whole:
        said += " What has any unit fits everywhere; give it one in Data or Model to have it respected."
    return True, said
