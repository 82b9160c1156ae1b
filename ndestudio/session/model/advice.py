"""What is to be put right in the equations, each with the one step that would do it, where there is one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ndestudio.expression.functions import RESERVED
from ndestudio.expression.parse import NEAR_WORD
from ndestudio.model.config import ModelConfig
from ndestudio.session.model.state import Advice, TextProblem, Words

if TYPE_CHECKING:
    from ndestudio.model.units import UnitProblem
    from ndestudio.session.model.analysis import Analysis

_NEAR = 0.75
"""How alike two names must be (as `difflib` measures it) for one to be taken as a slip of the other."""


def advice(model: ModelConfig, analysis: Analysis, of_doses: tuple[str, ...] = ()) -> tuple[Advice, ...]:
    """Unknown functions first, then the other problems in the order of the text, then slips that are none for certain.

    ``of_doses`` are lines that are taken for doses no equation speaks of. That an equation is missing is said once the others can be read: it may be the one that is being written.
    """
    from ndestudio.expression.tree import names

    words = analysis.words
    used = {name for _, _, expression in analysis.statements for name in names(expression)}
    unknown = [_unknown(name, words) for name in words.undeclared]
    others = [_other(problem, used) for problem in analysis.problems if problem.kind != "undeclared"]
    written = [one for one in others if one.kind not in ("ignore", "input")]
    others = written or others
    doses = [
        Advice(
            f"The equations say nothing of the doses: `{line}` is taken. Into a concentration a dose goes as `amount/V`",
            "info",
            "Write that line",
            "append",
            value=line,
        )
        for line in of_doses
    ]
    return (*asked(analysis), *unknown, *others, *_units(analysis), *doses, *_slips(model, analysis))


def asked(analysis: Analysis) -> list[Advice]:
    """Simulators that the equations call and that nobody has allowed to run yet."""
    return [
        Advice(
            f"The equations call the {'FMU' if one.path.lower().endswith('.fmu') else 'program'} `{one.title}`, which runs as a program "
            f"on this computer: {one.path}, SHA-256 {one.sha256[:16]}... May it run, now and whenever its content is this?",
            "question",
            f"Allow {one.title} to run",
            "allow",
            one.title,
            one.path,
        )
        for one in analysis.not_allowed
    ]


def _unknown(name: str, words: Words) -> Advice:
    near = _like(name, (*RESERVED, *words.networks)) or _like(name, words.functions, NEAR_WORD)
    if near:
        return Advice(
            f"`{name}` is not known; did you mean `{near}`?", "warning", f"Write {near}", "replace", name, near
        )
    return Advice(
        f"`{name}` is not known yet; as a network it is learned from the data",
        "warning",
        f"Declare {name} as network",
        "declare",
        name,
    )


def _other(problem: TextProblem, used: set[str]) -> Advice:
    name = problem.name
    if problem.kind == "silent":
        if name in used:
            sentence = f"`{name}` is used, but no equation says what becomes of it: is it a measured input?"
            return Advice(sentence, "error", f"Use {name} as input", "input", name)
        return Advice(problem.sentence, "error", f"Ignore {name}", "ignore", name)
    if problem.kind == "given":
        action = f"Remove the equation of {name}"
        return Advice(problem.sentence, "error", action, "remove", name, problem=problem)
    return Advice(problem.sentence, "error", problem=problem)


def doubts(analysis: Analysis) -> tuple[TextProblem, ...]:
    """Where the units of the text do not fit."""
    return tuple(_place(one) for one in analysis.unit_problems)


def _place(problem: UnitProblem) -> TextProblem:
    return TextProblem(problem.line, problem.column, problem.length, problem.sentence, "unit")


def _units(analysis: Analysis) -> list[Advice]:
    """Units that do not fit; a step for the first of several that the same one mends."""
    found, offered = [], set()
    for one in analysis.unit_problems:
        action = ""
        if one.conversions and one.conversions not in offered:
            offered.add(one.conversions)
            names = ", ".join(conversion.name for conversion in one.conversions)
            action = f"Convert {names} to {one.conversions[0].unit}"
        kind = "convert" if action else ""
        steps = one.conversions if action else ()
        found.append(Advice(one.sentence, "warning", action, kind, problem=_place(one), conversions=steps))
    return found


def _slips(model: ModelConfig, analysis: Analysis) -> list[Advice]:
    """Parameters that nobody has touched and that are spelt nearly like something measured."""
    words = analysis.words
    found = []
    for name in analysis.parameters:
        near = _like(name, (*words.states, *words.measured, *words.inputs))
        if near and name not in model.parameters and len(name) > 2:
            sentence = f"`{name}` is taken as a parameter; did you mean `{near}`?"
            found.append(Advice(sentence, "info", f"Write {near}", "replace", name, near))
    return found


def _like(name: str, known: tuple[str, ...], alike: float = _NEAR) -> str:
    same = [one for one in known if one.lower() == name.lower()]
    return next(iter(same or difflib.get_close_matches(name, known, n=1, cutoff=alike)), "")
