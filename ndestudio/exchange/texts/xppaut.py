"""XPPAUT's `.ode` (Ermentrout 2002, Simulating, Analyzing, and Animating Dynamical Systems, SIAM).

Names have nine characters and no case; comparisons are numbers; lines of a thousand characters fail, so that they are refused.
"""

from __future__ import annotations

from ndestudio.errors import ExportError
from ndestudio.exchange.kinetic import KineticModel, margin
from ndestudio.exchange.texts.common import Dialect, formula, prepared

LONGEST = 900
_ONE = ("exp", "log", "log10", "sqrt", "abs", "sin", "cos", "tan", "sinh", "cosh", "tanh")
_TAKEN = [
    "ln",
    "sign",
    "heav",
    "flr",
    "ran",
    "mod",
    "max",
    "min",
    "normal",
    "if",
    "then",
    "else",
    "sum",
    "of",
    "i",
    "delay",
    "besselj",
    "bessely",
    "erf",
    "erfc",
    "asin",
    "acos",
    "atan",
    "atan2",
    "par",
    "param",
    "number",
    "init",
    "aux",
    "global",
    "wiener",
    "markov",
    "table",
    "set",
    "done",
    "solve",
    "bdry",
    "volt",
    "only",
    "pi",
    "t",
    "x",
    "y",
    "hom_bcs",
    "del_shft",
    "shift",
    "arg1",
    "arg2",
    "arg3",
    "poisson",
    "lgamma",
    "rndint",
    "not",
    "p",
    "e",
]
DIALECT = Dialect(
    "XPPAUT",
    {
        **{name: f"{name}({{0}})" for name in _ONE},
        **{sign: f"({{0}}{sign}{{1}})" for sign in ("<", "<=", ">", ">=", "==")},
        "and": "({0}&{1})",
        "or": "({0}|{1})",
        "not": "not({0})",
        "if": "(if({0})then({1})else({2}))",
        "min": "min({0},{1})",
        "max": "max({0},{1})",
        "atan2": "atan2({0},{1})",
        "floor": "flr({0})",
        "sign": "sign({0})",
        "erf": "erf({0})",
    },
    time="t",
    reserved=frozenset((*_TAKEN, *_ONE)) - {"x", "y", "p", "e"},
    folds_case=True,
    longest=9,
)


def ode_text(model: KineticModel) -> str:
    """The model as an `.ode` file.

    Raises
    ------
    ExportError
        It has delays, events that wait or have a rank, a function that XPPAUT lacks, or a formula of more than 900 characters.
    """
    ready = prepared(model, DIALECT, events=True)
    called = ready.names
    lines = [f"# {' '.join(model.name.split())}", *(f"# {one}" for one in ready.remarks())]
    lines += [f"par {called[name]}={value!r}" for name, value in ready.constants.items()]
    lines += [f"{called[name]}={formula(expr, DIALECT, called)}" for name, expr in ready.quantities.items()]
    lines += [f"{called[name]}'={formula(expr, DIALECT, called)}" for name, expr in model.rates.items()]
    lines += [f"init {called[name]}={value!r}" for name, value in ready.starts.items()]
    for one in model.triggers:
        if one.delay is not None or one.priority is not None:
            raise ExportError(f"the event `{one.name}` has a delay or a priority, which XPPAUT has no way to say")
        if not one.holds_before:
            raise ExportError(
                f"the event `{one.name}` may happen at the begin, where XPPAUT looks for none; begin with its values instead"
            )
        changes = ";".join(f"{called[name]}={formula(value, DIALECT, called)}" for name, value in one.changes)
        lines.append(f"global 1 {{{formula(margin(one.condition), DIALECT, called)}}} {{{changes}}}")
    lines += [f"aux a{k + 1}={called[name]}" for k, name in enumerate(ready.quantities)]
    lines += ["done"]
    long = next((line for line in lines if len(line) > LONGEST and not line.startswith("#")), None)
    if long is not None:
        raise ExportError(
            f"a formula has {len(long)} characters ({long[:40]}...), and XPPAUT fails on lines of a thousand; give its parts names of their own"
        )
    return "\n".join(lines) + "\n"
