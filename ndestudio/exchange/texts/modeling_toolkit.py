"""A Julia script that builds the model with ModelingToolkit (Ma et al. 2021, arXiv:2103.05244) and solves it."""

from __future__ import annotations

from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.texts.common import Dialect, formula, prepared

_ONE = ("exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "sign", "floor")
_WORDS = [
    "baremodule",
    "begin",
    "break",
    "catch",
    "const",
    "continue",
    "do",
    "else",
    "elseif",
    "end",
    "export",
    "false",
    "finally",
    "for",
    "function",
    "global",
    "if",
    "import",
    "let",
    "local",
    "macro",
    "module",
    "quote",
    "return",
    "struct",
    "true",
    "try",
    "using",
    "while",
    "abstract",
    "mutable",
    "primitive",
    "type",
    "where",
    "in",
    "isa",
    "outer",
    "public",
    "pi",
    "im",
    "inf",
    "nan",
    "e",
    "t",
    "d",
    "ifelse",
    "eqs",
    "sys",
    "prob",
    "sol",
    "base",
    "core",
    "main",
    "min",
    "max",
    "atan",
    "modelingtoolkit",
    "ordinarydiffeq",
    "solve",
    "tspan",
]
DIALECT = Dialect(
    "ModelingToolkit",
    {
        **{name: f"{name}({{0}})" for name in _ONE},
        **{sign: f"({{0}} {sign} {{1}})" for sign in ("<", "<=", ">", ">=", "==")},
        "and": "({0} & {1})",
        "or": "({0} | {1})",
        "not": "(!{0})",
        "if": "ifelse({0}, {1}, {2})",
        "min": "min({0}, {1})",
        "max": "max({0}, {1})",
        "atan2": "atan({0}, {1})",
    },
    time="t",
    reserved=frozenset((*_WORDS, *_ONE)),
)


def julia_text(model: KineticModel) -> str:
    """The model as a Julia script.

    Raises
    ------
    ExportError
        It has events or delays.
    """
    ready = prepared(model, DIALECT)
    called = ready.names
    lines = [f"# {' '.join(model.name.split())}", *(f"# {one}" for one in ready.remarks())]
    lines += ["using ModelingToolkit, OrdinaryDiffEq", "using ModelingToolkit: t_nounits as t, D_nounits as D", ""]
    if ready.constants:
        lines += ["@parameters begin"]
        lines += [
            f"    {called[name]} = {value!r}{_told(ready.title(name))}" for name, value in ready.constants.items()
        ]
        lines += ["end"]
    lines += ["@variables begin"]
    lines += [f"    {called[name]}(t) = {value!r}{_told(ready.title(name))}" for name, value in ready.starts.items()]
    lines += [f"    {called[name]}(t){_told(ready.title(name))}" for name in ready.quantities]
    lines += ["end", "eqs = Equation[]"]
    lines += [
        f"push!(eqs, {called[name]} ~ {formula(expr, DIALECT, called)})" for name, expr in ready.quantities.items()
    ]
    lines += [f"push!(eqs, D({called[name]}) ~ {formula(expr, DIALECT, called)})" for name, expr in model.rates.items()]
    lines += ["@mtkbuild sys = ODESystem(eqs, t)", "prob = ODEProblem(sys, [], (0.0, 10.0))"]
    lines += ["sol = solve(prob; abstol = 1e-9, reltol = 1e-9)"]
    return "\n".join(lines) + "\n"


def _told(title: str) -> str:
    return f" # {title}" if title else ""
