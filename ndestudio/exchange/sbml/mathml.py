"""Our expressions as MathML of SBML Level 3 Version 1: every operation is an element of its own, so that nothing depends on how a
reader takes signs and powers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.sax.saxutils import escape

from ndestudio.errors import ExportError
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">time</csymbol>'
DELAY = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">delay</csymbol>'
_BINARY = {"+": "plus", "-": "minus", "*": "times", "/": "divide", "^": "power"}
_SAME = {
    "exp": "exp", "log": "ln", "sqrt": "root", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "abs": "abs", "floor": "floor", "log10": "log", "<": "lt", "<=": "leq", ">": "gt", ">=": "geq", "==": "eq",
    "and": "and", "or": "or", "not": "not",
}  # fmt: skip
ZERO, ONE = Number(0.0), Number(1.0)


def mathml(expr: Expr, aliases: Mapping[str, str], *, guard: bool = False) -> str:
    """A `math` element.

    Parameters
    ----------
    aliases
        Name here -> name in the file, where they differ.
    guard
        Write (x^y)^z as (1*x^y)^z: programs that go through text lose the brackets of the one, not of the other.

    Raises
    ------
    ExportError
        A function that SBML has not.
    """
    return f'<math xmlns="{NAMESPACE}">{_Writer(aliases, guard).text(expr)}</math>'


def number(value: float) -> str:
    """A `cn` element that reads back as exactly ``value``."""
    if math.isnan(value):
        return "<notanumber/>"
    if math.isinf(value):
        return "<infinity/>" if value > 0 else "<apply><minus/><infinity/></apply>"
    if value == int(value) and abs(value) < 2**31:
        return f'<cn type="integer">{int(value)}</cn>'
    text = repr(float(value))
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f'<cn type="e-notation">{mantissa}<sep/>{int(exponent)}</cn>'
    return f"<cn>{text}</cn>"


class _Writer:
    def __init__(self, aliases: Mapping[str, str], guard: bool) -> None:
        self._aliases, self._guard = aliases, guard

    def text(self, expr: Expr) -> str:
        match expr:
            case Number(value):
                return number(value)
            case Name("t"):
                return TIME
            case Name("pi"):
                return "<pi/>"
            case Name(name):
                return f"<ci>{escape(self._aliases.get(name, name))}</ci>"
            case Negate(operand):
                return self._apply("minus", operand)
            case Binary("^", Binary("^", _, _) as base, exponent) if self._guard:
                return self._apply("power", Binary("*", ONE, base), exponent)
            case Binary(operator, left, right):
                return self._apply(_BINARY[operator], left, right)
            case Delay(operand, lag):
                return f"<apply>{DELAY}{self.text(operand)}{self.text(lag)}</apply>"
            case Call(function, arguments):
                return self._call(function, arguments)
        raise TypeError(f"not an expression: {expr!r}")

    def _apply(self, element: str, *arguments: Expr) -> str:
        return f"<apply><{element}/>{''.join(self.text(one) for one in arguments)}</apply>"

    def _piecewise(self, *parts: Expr) -> str:
        """Value, condition, value, condition, ..., otherwise."""
        pieces = "".join(
            f"<piece>{self.text(value)}{self.text(holds)}</piece>"
            for value, holds in zip(parts[:-1:2], parts[1::2], strict=True)
        )
        return f"<piecewise>{pieces}<otherwise>{self.text(parts[-1])}</otherwise></piecewise>"

    def _call(self, function: str, a: tuple[Expr, ...]) -> str:
        if function in _SAME:
            return self._apply(_SAME[function], *a)
        if function in ("min", "max"):
            return self._piecewise(a[0], Call("<=" if function == "min" else ">=", (a[0], a[1])), a[1])
        if function == "if":
            return self._piecewise(a[1], a[0], a[2])
        if function == "piecewise":
            return self._piecewise(*a)
        if function == "sign":
            below, above = Call("<", (a[0], ZERO)), Call(">", (a[0], ZERO))
            return self._piecewise(Number(-1.0), below, ONE, above, Binary("*", ZERO, a[0]))
        if function == "heaviside":
            below, above = Call("<", (a[0], ZERO)), Call(">", (a[0], ZERO))
            return self._piecewise(ZERO, below, ONE, above, Number(0.5))
        if function == "atan2":
            return self._angle(*a)
        if function == "softplus":
            # max(x, 0) + log(1 + exp(-|x|)) does not overflow
            rest = Call("log", (Binary("+", ONE, Call("exp", (Negate(Call("abs", (a[0],))),))),))
            return self.text(Binary("+", Call("max", (a[0], ZERO)), rest))
        known = find(function)
        if known is None or function == "erf" or not (known.definition or known.rewrite):
            raise ExportError(f"SBML has no function like `{function}`; it cannot be written")
        return self.text(definition(known, a))

    def _angle(self, y: Expr, x: Expr) -> str:
        ratio = Binary("/", y, x)
        arc = f"<apply><arctan/>{self.text(ratio)}</apply>"
        if isinstance(x, Number) and x.value > 0:
            return arc
        pieces = [
            (arc, Call(">", (x, ZERO))),
            (f"<apply><plus/>{arc}<pi/></apply>", Call("and", (Call("<", (x, ZERO)), Call(">=", (y, ZERO))))),
            (f"<apply><minus/>{arc}<pi/></apply>", Call("and", (Call("<", (x, ZERO)), Call("<", (y, ZERO))))),
            (f"<apply><divide/><pi/>{number(2.0)}</apply>", Call(">", (y, ZERO))),
            (f"<apply><divide/><apply><minus/><pi/></apply>{number(2.0)}</apply>", Call("<", (y, ZERO))),
        ]
        text = "".join(f"<piece>{value}{self.text(holds)}</piece>" for value, holds in pieces)
        return f"<piecewise>{text}<otherwise>{number(0.0)}</otherwise></piecewise>"
