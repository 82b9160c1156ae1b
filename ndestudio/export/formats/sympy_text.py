"""A model as a Python script of SymPy expressions, and expressions as text that ``sympify`` reads."""

from __future__ import annotations

import keyword
import math
from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from ndestudio.export.code import commented, header, number_list, number_text, remark, unit_text
from ndestudio.export.content import Content
from ndestudio.export.event_parts import dose_numbers, event_text
from ndestudio.export.exporter import Exporter
from ndestudio.export.formats.python_code import text
from ndestudio.export.helpers import names_taken, used, used_in
from ndestudio.export.names import identifiers
from ndestudio.export.printer import ATOM, SIGN, IntegerExponents
from ndestudio.expression.functions import BUILT_IN, RESERVED
from ndestudio.expression.tree import Delay, Expr
from ndestudio.model.events import GIVEN


class SympyPrinter(IntegerExponents):
    """Whole numbers are integers, all others decimal."""

    language: ClassVar[str] = "sympy"

    def number(self, value: float) -> str:
        return str(int(value)) if value.is_integer() and value < 1e15 else super().number(value)

    def write(self, expr: Expr) -> tuple[str, int]:
        if isinstance(expr, Delay):
            return f"delay({self(expr.operand)}, {self(expr.lag)})", ATOM
        return super().write(expr)

    def signed_number(self, value: float) -> tuple[str, int]:
        if math.isfinite(value):
            return super().signed_number(value)
        return ("nan", ATOM) if math.isnan(value) else ("oo", ATOM) if value > 0 else ("-oo", SIGN)


def sympifiable(names: Iterable[str], expressions: Iterable[Expr] = ()) -> dict[str, str]:
    """Name in the model -> name in text for ``sympify``: the same, but Python's own words get `_` behind.

    Parameters
    ----------
    expressions
        What is to be written; functions of SymPy that it calls are not taken by names either.
    """
    names = tuple(names)
    called = names_taken(used_in(expressions), "sympy")
    chosen: dict[str, str] = {}
    for name in names:
        safe = name
        while keyword.iskeyword(safe) or safe in called or (safe != name and safe in names):
            safe += "_"
        chosen[name] = safe
    return chosen


def sympify_text(expr: Expr, names: Mapping[str, str] | None = None, neural_terms: Collection[str] = ()) -> str:
    """``expr`` as text for ``sympy.sympify(text, locals={name: Symbol(name) for name in symbols})``.

    Parameters
    ----------
    names
        As given by ``sympifiable``.
    neural_terms
        Names of networks.
    """
    return SympyPrinter(names, neural_terms)(expr)


def sympy_text(content: Content) -> str:
    """A script that defines the symbols and the dictionaries `rhs`, `outputs`, `parameters` and `initial`."""
    names = identifiers(content.names, "sympy", ("diffusion", "calculus") if content.noises else ())
    write = _ScriptPrinter(names, content.networks)
    lines = commented(header(content, names), "#")
    lines += [
        "",
        "import sympy",
        f"from sympy import {', '.join(_imported(content))}",
        "",
    ]
    lines.append('t = Symbol("t", real=True)')
    for quantity in (*content.states, *content.inputs, *content.parameters):
        note = remark(unit_text(quantity.unit), quantity.note)
        lines.append(
            f"{names[quantity.name]} = Symbol({text(quantity.name)}, real=True){f'  # {note}' if note else ''}"
        )
    if content.delays is not None:
        lines += ['delay = Function("delay")  # delay(x, tau) is x(t - tau)']
        given = zip(content.states, content.delays.past, strict=True)
        past = [f"{names[q.name]}: {write(one)}" for q, one in given if one is not None]
        lines += ["# States before the begin; others were at their initial values.", f"past = {{{', '.join(past)}}}"]
    for neural_term, network in content.networks.items():
        arguments = ", ".join(network.arguments)
        lines.append(
            f"{names[neural_term]} = Function({text(neural_term)})  # of {arguments}: still a neural network, see the code exports"
        )
    lines += ["", "# Time derivative of each state." if not content.noises else "# Drift of each state.", "rhs = {"]
    lines += [f"    {names[q.name]}: {write(expr)}," for q, expr in zip(content.states, content.equations, strict=True)]
    lines += ["}", "", *_diffusion(content, write, names), "# Observed quantities.", "outputs = {"]
    lines += [f"    {text(quantity.name)}: {write(expr)}," for quantity, expr in content.outputs]
    lines += ["}", "", *_events(content, write, names), "parameters = {"]
    lines += [f"    {names[q.name]}: Float({text(number_text(q.value))}, 17)," for q in content.parameters]
    lines += [
        "}",
        "",
        "# Initial values by trajectory, in the order of `rhs`, and the time they belong to.",
        "initial = {",
    ]
    for track in content.tracks:
        lines.append(
            f"    {text(track.name)}: ({number_text(track.start)}, [{', '.join(number_list(track.initial))}]),"
        )
    lines += [
        "}",
        "",
        "# Right-hand sides with numbers filled in.",
        "substituted = {state: sympy.sympify(expr).subs(parameters) for state, expr in rhs.items()}",
    ]
    lines += [
        "",
        'if __name__ == "__main__":',
        "    for state, expr in substituted.items():",
        *(
            [
                '        terms = [f"({sympy.sympify(one).subs(parameters)}) dW{k}" for k, one in enumerate(diffusion[state], start=1)]',
                '        print(" + ".join([f"d{state} = ({expr}) dt", *terms]))',
            ]
            if content.noises
            else ['        print(f"d({state})/dt = {expr}")']
        ),
    ]
    return "\n".join(lines) + "\n"


def _diffusion(content: Content, write: SympyPrinter, names: Mapping[str, str]) -> list[str]:
    """`diffusion` and `calculus` of a model with noise."""
    if not content.noises:
        return []
    named = ", ".join(content.noises)
    lines = [f"# What each noise ({named}) is multiplied by in the equation of each state.", "diffusion = {"]
    for quantity, row in zip(content.states, content.spread, strict=True):
        lines.append(f"    {names[quantity.name]}: [{', '.join(write(term) for term in row)}],")
    return [*lines, "}", f"calculus = {text(content.calculus)}", ""]


def _events(content: Content, write: SympyPrinter, names: Mapping[str, str]) -> list[str]:
    """`events`: when, and states after it; `doses` of the data that make them happen."""
    if not content.events:
        return []
    lines = []
    if content.doses:
        lines += [
            f'{names[GIVEN]} = Symbol("amount", real=True)  # what is given: the amount of a dose, the rate of an infusion',
            "",
        ]
    lines += [
        "# What changes states at a moment: right sides are the states just before it. A condition rises through 0 there."
    ]
    lines.append("events = [")
    for event in content.events:
        times = ", ".join(f"sympy.sympify({write(one)})" for one in event.times)
        condition = "None" if event.condition is None else f"sympy.sympify({write(event.condition)})"
        lines += ["    {", f'        "text": {text(event_text(event))},', f'        "kind": {text(event.kind)},']
        lines += [f'        "times": [{times}],', f'        "condition": {condition},', '        "changes": {']
        lines += [f"            {names[state]}: sympy.sympify({write(value)})," for state, value in event.changes]
        lines += ["        },", "    },"]
    lines += ["]", ""]
    if content.doses:
        lines += [
            "# By trajectory: number of the event, time and amount of each dose (and until when at most it happens).",
            "doses = {",
        ]
        for track in content.tracks:
            rows = [(k, row) for k in range(len(content.events)) for row in dose_numbers(content, track, k)]
            listed = ", ".join(f"({k}, {', '.join(row)})" for k, row in rows)
            lines.append(f"    {text(track.name)}: [{listed}],")
        lines += ["}", ""]
    return lines


def _imported(content: Content) -> list[str]:
    """What the script takes from SymPy: always the same, and what its equations call besides."""
    needed = {"Float", "Function", "Symbol", "pi", *(BUILT_IN[name].written("sympy").text for name in RESERVED)}
    return sorted(needed.union(names_taken(used(content), "sympy")))


class _ScriptPrinter(SympyPrinter):
    """Numbers become Floats of 17 digits, so that none is lost; whole numbers stay as they are."""

    def number(self, value: float) -> str:
        text = super().number(value)
        return text if text.isdigit() else f'Float("{text}", 17)'

    def quotient(self, left: Expr, right: Expr) -> tuple[str, int]:
        text, strength = super().quotient(left, right)
        numerator = self.write(left)[0]
        if numerator.isdigit() and self.write(right)[0].isdigit():
            return f"sympy.Rational({numerator}, {self.write(right)[0]})", ATOM
        return text, strength


EXPORTER = Exporter(
    "sympy",
    "SymPy",
    "model_sympy.py",
    lambda subject, options: sympy_text(subject.content),
    label="SymPy",
    description="Text that SymPy reads",
    language="python",
    proof="Equations to read, not a simulation; there is nothing to run.",
    delays=True,
    events=True,
    noise=True,
)
