"""Myokit's `.mmt` (Clerx, Collins, de Lange and Volders 2016, Prog. Biophys. Mol. Biol. 120, 100)."""

from __future__ import annotations

from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.texts.common import Dialect, formula, prepared

_ONE = ("exp", "sqrt", "sin", "cos", "tan", "floor", "abs", "log10", "log")
DIALECT = Dialect(
    "Myokit",
    {
        **{name: f"{name}({{0}})" for name in _ONE},
        **{sign: f"({{0}} {sign} {{1}})" for sign in ("<", "<=", ">", ">=", "==", "and", "or")},
        "not": "(not {0})",
        "if": "if({0}, {1}, {2})",
    },
    time="engine.time",
    reserved={"and", "or", "not", "if", "dot", "piecewise", "bind", "label", "use", "as", "in", "opiecewise", "polynomial", "asin", "acos",
              "atan", "ceil", "partial", "diff", "init", "engine", "time", *_ONE},
)  # fmt: skip


def mmt_text(model: KineticModel) -> str:
    """The model as an `.mmt` file: one component beside the time.

    Raises
    ------
    ExportError
        It has events, delays or a function that Myokit lacks.
    """
    ready = prepared(model, DIALECT)
    called = ready.names
    title = " ".join(model.name.split()) or "model"
    lines = [
        "[[model]]",
        f"name: {title}",
        f'desc: """{" ".join([*ready.remarks()]) or "Written by NDE Studio."}"""',
        "# Initial values",
    ]
    lines += [f"model.{called[name]} = {value!r}" for name, value in ready.starts.items()]
    lines += ["", "[engine]", "time = 0 bind time", "", "[model]"]
    for name, expr in model.rates.items():
        lines += [f"dot({called[name]}) = {formula(expr, DIALECT, called)}", *_told(ready.title(name))]
    for name, expr in ready.quantities.items():
        lines += [f"{called[name]} = {formula(expr, DIALECT, called)}", *_told(ready.title(name))]
    for name, value in ready.constants.items():
        lines += [f"{called[name]} = {value!r}", *_told(ready.title(name))]
    return "\n".join(lines) + "\n"


def _told(title: str) -> list[str]:
    return [f"    desc: {title}"] if title else []
