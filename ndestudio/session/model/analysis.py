"""What the equation text means, for the Model view: problems, names by meaning, equations to typeset, defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.expression.functions import words as function_words
from ndestudio.expression.tree import Expr, names
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.system import System
from ndestudio.model.units import UnitProblem, unit_problems
from ndestudio.session.model.state import TextProblem, Words

if TYPE_CHECKING:
    from ndestudio.blackbox.label import Label
    from ndestudio.model.events import Event
    from ndestudio.model.statements import Statement


@dataclass(frozen=True, eq=False)
class Analysis:
    """Arguments:
    statements: (line, LaTeX of the left side, right side) of what can be read, also while other lines have errors.
    neural_terms: network -> formal arguments.
    unit_problems: where units do not fit together; the model can be used all the same.
    """

    system: System | None = None
    problems: tuple[TextProblem, ...] = ()
    words: Words = Words()
    statements: tuple[tuple[int, str, Expr], ...] = ()
    parameters: tuple[str, ...] = ()
    neural_terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    summary: str = ""
    unit_problems: tuple[UnitProblem, ...] = ()

    @property
    def not_allowed(self) -> tuple[Label, ...]:
        """Programs of somebody that the equations call and that nobody has allowed to run."""
        from ndestudio.blackbox.describe import kind_of
        from ndestudio.blackbox.permission import is_allowed
        from ndestudio.model.black_boxes import black_boxes

        found = black_boxes(self.system.expressions) if self.system is not None else ()
        by_hash = {one.sha256: one for one in found if kind_of(one.file) in ("fmu", "program")}
        return tuple(one for sha256, one in by_hash.items() if not is_allowed(sha256))

    @property
    def taken(self) -> frozenset[str]:
        """Names that mean something already."""
        w = self.words
        return frozenset(
            (*w.states, *w.measured, *w.inputs, *w.outputs, *w.parameters, *w.networks, *w.functions, "t", "pi")
        )


def analyse(model: ModelConfig, dataset: Dataset | None) -> Analysis:
    """Read the text as far as it can be read."""
    if not model.equations.strip():
        measured = dataset.measured_names if dataset else ()
        inputs = dataset.input_names if dataset else ()
        return Analysis(words=Words(measured=measured, inputs=inputs, functions=function_words()))
    from ndestudio.expression import to_latex
    from ndestudio.expression.tree import Name
    from ndestudio.model.parse import read_system
    from ndestudio.model.several import member
    from ndestudio.model.statements import read_text

    measured = dataset.measured_names if dataset else ()
    inputs = dataset.input_names if dataset else ()
    reading = read_system(model, measured, inputs)
    statements = [statement for statement in reading.statements if statement.expr is not None]
    left = {
        id(s): "0"
        if s.kind == "algebraic"
        else rf"{to_latex(Name(s.name))}(t + {s.step:.12g})"
        if s.step
        else rf"\frac{{d\,{to_latex(Name(s.name))}}}{{dt}}"
        if s.kind == "derivative"
        else to_latex(Name(s.name))
        for s in statements
    }
    system = reading.system
    known = set(model.networks)
    states = tuple(s.name for s in reading.statements if s.kind == "derivative")
    outputs = tuple(s.name for s in reading.statements if s.kind != "derivative")
    parameters = (
        system.parameters
        if system
        else _guessed_parameters(statements, {*states, *outputs, *inputs, *measured, *known, "t"})
    )
    words = Words(
        states=states,
        measured=measured,
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        networks=tuple(model.networks),
        undeclared=reading.undeclared,
        functions=function_words(),
    )
    neural_terms = (
        {neural_term.name: neural_term.arguments for neural_term in system.neural_terms}
        if system
        else _called(statements, known)
    )
    for statement in statements:
        if statement.shared and (own := member(statement.shared, statement.name)) in neural_terms:
            neural_terms = {**neural_terms, statement.shared: neural_terms[own]}
    return Analysis(
        system=system,
        problems=tuple(_problem(error) for error in reading.errors),
        words=words,
        statements=(
            *((s.target.line, left[id(s)], s.expr) for s in statements if s.expr is not None),
            *((one.token.line, *_event_sides(one.event)) for one in read_text(model.equations)[1]),
        ),
        parameters=parameters,
        neural_terms=neural_terms,
        summary=_summary(system),
        unit_problems=unit_problems(model, dataset) if system is not None and dataset is not None else (),
    )


def _event_sides(event: Event) -> tuple[str, Expr]:
    """What stands left and right of the last `=` of an event: `at t = 24: G = 0, A`, and its value."""
    from ndestudio.export.formats.latex_events import when
    from ndestudio.expression import to_latex
    from ndestudio.expression.tree import Name, substitute
    from ndestudio.model.events import GIVEN, given_name

    if event.kind == "span":
        begin, end = (to_latex(one) for one in event.times)
        head, targets = (
            rf"\text{{from }} {begin} \text{{ to }} {end}:\; ",
            [rf"\frac{{d\,{to_latex(Name(state))}}}{{dt}} \mathrel{{+}}" for state, _ in event.changes],
        )
    else:
        head, targets = when(event) + r"\;", [to_latex(Name(state)) for state, _ in event.changes]
    values = [substitute(value, {GIVEN: Name(given_name(event.kind))}) for _, value in event.changes]
    before = [f"{name} = {to_latex(value)}" for name, value in zip(targets[:-1], values[:-1], strict=True)]
    return head + r",\; ".join([*before, targets[-1]]), values[-1]


def default_equations(dataset: Dataset) -> ModelConfig:
    """One unknown function of all measured columns and inputs per measured column."""
    arguments = ", ".join((*dataset.measured_names, *dataset.input_names))
    lines, networks = [], {}
    taken = {*dataset.measured_names, *dataset.input_names}
    for name in dataset.measured_names:
        neural_term = f"f_{name}" if len(dataset.measured_names) > 1 else "f"
        while neural_term in taken:
            neural_term += "_"
        lines.append(f"d({name})/dt = {neural_term}({arguments})")
        networks[neural_term] = NetworkConfig()
    return ModelConfig(equations="\n".join(lines) + "\n", networks=networks)


def renamed(model: ModelConfig, old: str, new: str) -> ModelConfig:
    """The model with a name replaced in text and tables."""

    def keys(table: dict) -> dict:  # type: ignore[type-arg]
        return {new if key == old else key: value for key, value in table.items()}

    initial = {
        state: msgspec.structs.replace(
            config,
            value=replaced(config.value, old, new) if isinstance(config.value, str) else config.value,
            past=None if config.past is None else replaced(config.past, old, new),
        )
        for state, config in model.initial.items()
    }
    penalties = {
        name: msgspec.structs.replace(one, expression=replaced(one.expression, old, new))
        for name, one in model.penalties.items()
    }
    return msgspec.structs.replace(
        model,
        equations=replaced(model.equations, old, new),
        penalties=penalties,
        parameters=keys(model.parameters),
        networks=keys(model.networks),
        initial=initial,
    )


def replaced(text: str, old: str, new: str) -> str:
    """The text with a name replaced wherever it stands as a word of its own."""
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, text)


def without_line(text: str, line: int) -> str:
    """The text without a line, counted from 1."""
    return "".join(one for number, one in enumerate(text.splitlines(keepends=True), 1) if number != line)


def renewed(model: ModelConfig, before: Dataset | None, dataset: Dataset) -> ModelConfig:
    """The model for data that were read anew: equations that nobody has touched follow the columns, those of a person stay.

    Parameters
    ----------
    before
        The data that the equations were written for, None where these are not known.
    """
    untouched = before is not None and model.equations.strip() == default_equations(before).equations.strip()
    if model.equations.strip() and not untouched:
        return model
    made = default_equations(dataset)
    networks = {name: model.networks.get(name, one) for name, one in made.networks.items()}
    if not model.equations.strip():
        return made
    return msgspec.structs.replace(model, equations=made.equations, networks=networks)


def _problem(error: EquationError) -> TextProblem:
    return TextProblem(error.line, error.column, error.length, error.sentence, error.kind, error.name)


def _guessed_parameters(statements: Sequence[Statement], known: set[str]) -> tuple[str, ...]:
    """Free names while the system as a whole cannot be read yet."""
    found: dict[str, None] = {}
    for statement in statements:
        for name in names(statement.expr) if statement.expr is not None else ():
            if name not in known:
                found.setdefault(name)
    return tuple(found)


def _called(statements: Sequence[Statement], known: set[str]) -> dict[str, tuple[str, ...]]:
    from ndestudio.expression.tree import calls
    from ndestudio.model.parse import formal_arguments

    return {
        call.function: formal_arguments(call.arguments)
        for statement in statements
        if statement.expr is not None
        for call in calls(statement.expr, known)
        if call.function in known
    }


def _summary(system: System | None) -> str:
    if system is None:
        return ""
    counts = (
        (len(system.states), "state"),
        (len(system.neural_terms), "neural term"),
        (len(system.parameters), "parameter"),
        (len(system.inputs), "input"),
        (len(system.events), "event"),
    )
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
