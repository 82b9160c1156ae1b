"""Our expressions as formulas of PEtab, which its own parser and those of others read alike.

Powers, signs and quotients stand in brackets of their own, so that no rule of precedence matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ndestudio.errors import ExportError
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number

_SAME = ("exp", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "sign", "log10", "min", "max", "log")
_SIGNS = {"and": "&&", "or": "||"}
_HALF = Number(0.5)


def formula_text(expr: Expr, aliases: Mapping[str, str] | None = None) -> str:
    """The formula.

    Parameters
    ----------
    aliases
        Name here -> name in the files, where they differ.

    Raises
    ------
    ExportError
        It has something that PEtab has no way to say: `floor`, `erf`, delays, networks.
    """
    aliases = aliases or {}
    match expr:
        case Number(value):
            return number_text(value)
        case Name("t"):
            return "time"
        case Name("pi"):
            return repr(math.pi)
        case Name(name):
            return aliases.get(name, name)
        case Negate(operand):
            return f"(-{formula_text(operand, aliases)})"
        case Binary(operator, left, right):
            return f"({formula_text(left, aliases)} {operator} {formula_text(right, aliases)})"
        case Call(function, arguments):
            return _call(function, arguments, aliases)
    raise ExportError("the formula reads a delayed value, which PEtab has no way to say")


def number_text(value: float) -> str:
    """A number with all its digits; infinity by its name."""
    if math.isnan(value):
        raise ExportError("a formula holds a number that is none (NaN), which PEtab has no way to say")
    if math.isinf(value):
        return "inf" if value > 0 else "(-inf)"
    return repr(value) if value >= 0 and math.copysign(1.0, value) > 0 else f"({value!r})"


def _call(function: str, arguments: tuple[Expr, ...], aliases: Mapping[str, str]) -> str:
    written = [formula_text(one, aliases) for one in arguments]
    if function in _SAME:
        return f"{function}({', '.join(written)})"
    if function in ("<", "<=", ">", ">=", "=="):
        return f"({written[0]} {function} {written[1]})"
    if function in _SIGNS:
        return f"({written[0]} {_SIGNS[function]} {written[1]})"
    if function == "not":
        return f"(!{written[0]})"
    if function == "if":
        return f"piecewise({written[1]}, {written[0]}, {written[2]})"
    if function == "softplus":
        # without overflow on either side
        x = written[0]
        return f"(max({x}, 0.0) + log(1.0 + exp(-abs({x}))))"
    if function == "heaviside":
        return formula_text(Binary("*", _HALF, Binary("+", Number(1.0), Call("sign", arguments))), aliases)
    known = find(function)
    if (
        known is not None
        and known.kinds(len(arguments)) is not None
        and (known.rewrite is not None or known.definition)
    ):
        return formula_text(definition(known, arguments), aliases)
    raise ExportError(f"`{function}` is no function of PEtab and cannot be written out by others")
