"""Modelica 3.x (Modelica Association, modelica.org): one model with equations, events as `when`."""

from __future__ import annotations

import re

from ndestudio.errors import ExportError
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.texts.common import Dialect, formula, prepared

_ONE = ("exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "sign", "floor")
_WORDS = [
    "algorithm",
    "and",
    "annotation",
    "block",
    "break",
    "class",
    "connect",
    "connector",
    "constant",
    "constrainedby",
    "der",
    "discrete",
    "each",
    "else",
    "elseif",
    "elsewhen",
    "encapsulated",
    "end",
    "enumeration",
    "equation",
    "expandable",
    "extends",
    "external",
    "false",
    "final",
    "flow",
    "for",
    "function",
    "if",
    "import",
    "impure",
    "in",
    "initial",
    "inner",
    "input",
    "loop",
    "model",
    "not",
    "operator",
    "or",
    "outer",
    "output",
    "package",
    "parameter",
    "partial",
    "protected",
    "public",
    "pure",
    "record",
    "redeclare",
    "replaceable",
    "return",
    "stream",
    "then",
    "true",
    "type",
    "when",
    "while",
    "within",
    "time",
    "pre",
    "edge",
    "change",
    "reinit",
    "sample",
    "noevent",
    "smooth",
    "delay",
    "min",
    "max",
    "sum",
    "product",
    "size",
    "fill",
    "zeros",
    "ones",
    "real",
    "integer",
    "boolean",
    "string",
    "ceil",
    "div",
    "mod",
    "rem",
    "integer",
    "asin",
    "acos",
    "atan",
    "atan2",
    "cardinality",
    "homotopy",
    "terminal",
    "assert",
]
DIALECT = Dialect(
    "Modelica",
    {
        **{name: f"{name}({{0}})" for name in _ONE},
        **{sign: f"({{0}} {sign} {{1}})" for sign in ("<", "<=", ">", ">=", "and", "or")},
        "not": "(not {0})",
        "if": "(if {0} then {1} else {2})",
        "min": "min({0}, {1})",
        "max": "max({0}, {1})",
        "atan2": "atan2({0}, {1})",
    },
    reserved=frozenset((*_WORDS, *_ONE)),
)


def modelica_text(model: KineticModel) -> str:
    """The model as a `.mo` file.

    Raises
    ------
    ExportError
        It has delays, events that wait or have a rank, or a function that Modelica lacks.
    """
    ready = prepared(model, DIALECT, events=True)
    called = ready.names
    title = re.sub(r"\W", "_", model.name, flags=re.ASCII).strip("_") or "Model"
    title = title if title[0].isalpha() and title.lower() not in DIALECT.reserved else f"Model_{title}"
    while title in called.values():
        title += "_"
    comment = lambda name: f' "{_quoted(ready.title(name))}"' if ready.title(name) else ""  # noqa: E731
    lines = [f"// {one}" for one in ready.remarks()] + [f"model {title}"]
    lines += [f"  parameter Real {called[name]} = {value!r}{comment(name)};" for name, value in ready.constants.items()]
    lines += [
        f"  Real {called[name]}(start = {value!r}, fixed = true){comment(name)};"
        for name, value in ready.starts.items()
    ]
    lines += [f"  Real {called[name]}{comment(name)};" for name in ready.quantities]
    lines.append("equation")
    lines += [f"  {called[name]} = {formula(expr, DIALECT, called)};" for name, expr in ready.quantities.items()]
    lines += [f"  der({called[name]}) = {formula(expr, DIALECT, called)};" for name, expr in model.rates.items()]
    for one in model.triggers:
        if one.delay is not None or one.priority is not None:
            raise ExportError(
                f"the event `{one.name}` has a delay or a priority, which Modelica's `when` has no way to say"
            )
        condition = formula(one.condition, DIALECT, called)
        start = "" if one.holds_before else "initial() and "
        head = f"{{{start}{condition}, {condition}}}" if start else condition
        # right-hand sides read the values before the event
        before = {name: f"pre({other})" if name in model.rates else other for name, other in called.items()}
        lines.append(f"  when {head} then")
        lines += [f"    reinit({called[name]}, {formula(value, DIALECT, before)});" for name, value in one.changes]
        lines.append("  end when;")
    return "\n".join([*lines, f"end {title};"]) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
