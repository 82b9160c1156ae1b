"""From the expression form to text: one printer for all target languages, each a small dialect of it.

The base class owns what must be right once: precedence, parentheses, signs and shortest exact numbers. A dialect names
its operators, functions and number format, and overrides how it writes powers where a language has no operator for them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import ClassVar

from ndestudio.blackbox.label import is_label, label_of
from ndestudio.errors import ExportError
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.numeric import number_of
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number

SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)
"""Binding strengths: a part is put in parentheses where its own is weaker than its place asks for."""


def positive_part(expr: Expr) -> Expr | None:
    """``expr`` without its leading minus sign, None if it has none: `-3*x` gives `3*x`.

    Sums use it to write `a - 3*x` for `a + -3*x`; a change of sign is exact in floating point.
    """
    match expr:
        case Number(value) if math.copysign(1.0, value) < 0 and not math.isnan(value):
            return Number(-value)
        case Negate(operand):
            return operand
        case Binary("*" | "/" as operator, left, right):
            inner = positive_part(left)
            return None if inner is None else Binary(operator, inner, right)
        case _:
            return None


def exact(value: float) -> str:
    """The shortest decimal that reads back as the same 64-bit float, always with a point or an exponent."""
    return repr(float(value))


class Printer:
    """Writes expressions in one language.

    Parameters
    ----------
    names
        Name in the model -> identifier in the target language (a missing name is written as it is).
    neural_terms
        Names of networks, which are called by their identifiers even where a known function has that name.

    Raises
    ------
    ExportError
        For a number that no language can write (inf, NaN).
    """

    language: ClassVar[str] = "julia"
    """Whose spelling of functions is used; one of ``ndestudio.expression.functions.LANGUAGES``."""
    power_operator: ClassVar[str] = "**"
    pi: ClassVar[str] = "pi"

    def __init__(self, names: Mapping[str, str] | None = None, neural_terms: Collection[str] = ()) -> None:
        self.names = dict(names or {})
        self.neural_terms = frozenset(neural_terms)

    def __call__(self, expr: Expr) -> str:
        return self.write(expr)[0]

    def write(self, expr: Expr) -> tuple[str, int]:
        """Text of ``expr`` and how strongly its outermost operator binds."""
        match expr:
            case Number(value):
                return self.signed_number(value)
            case Name("pi"):
                return self.pi, ATOM
            case Name(name):
                return self.name(name), ATOM
            case Negate(operand):
                return self.negative(operand)
            case Binary("^", base, exponent):
                return self.power(base, exponent)
            case Binary("+" | "-" as operator, left, right):
                return self.sum(operator, left, right)
            case Binary("*", left, right):
                return self.product(left, right)
            case Binary(_, left, right):
                return self.quotient(left, right)
            case Call(function, arguments):
                return self.call(function, arguments)
            case Delay():
                raise ExportError(f"`{to_text(expr)}` is a delayed value, which this form has no text for")

    def placed(self, expr: Expr, at_least: int) -> str:
        """Text of ``expr`` for a place that needs ``at_least`` this binding strength."""
        text, strength = self.write(expr)
        return text if strength >= at_least else self.parenthesised(text)

    def parenthesised(self, text: str) -> str:
        return f"({text})"

    def name(self, name: str) -> str:
        return self.names.get(name, name)

    def number(self, value: float) -> str:
        """A non-negative finite number."""
        return exact(value)

    def signed_number(self, value: float) -> tuple[str, int]:
        if not math.isfinite(value):
            raise ExportError(f"the expression holds the number {value}, which cannot be written; change that constant")
        if math.copysign(1.0, value) < 0:
            return f"-{self.number(-value)}", SIGN
        return self.number(value), ATOM

    def negative(self, operand: Expr) -> tuple[str, int]:
        inner = positive_part(operand)
        if inner is not None:
            return self.write(inner)
        text, strength = self.write(operand)
        if strength < PRODUCT or text.startswith("-"):
            text, strength = self.parenthesised(text), ATOM
        return f"-{text}", min(strength, SIGN)

    def sum(self, operator: str, left: Expr, right: Expr) -> tuple[str, int]:
        flipped = positive_part(right)
        if flipped is not None:
            operator, right = ("-" if operator == "+" else "+"), flipped
        place = SUM if operator == "+" else PRODUCT
        return f"{self.placed(left, SUM)} {operator} {self.placed(right, place)}", SUM

    def product(self, left: Expr, right: Expr) -> tuple[str, int]:
        return f"{self.placed(left, PRODUCT)}*{self._factor(right, PRODUCT)}", PRODUCT

    def quotient(self, left: Expr, right: Expr) -> tuple[str, int]:
        return f"{self.placed(left, PRODUCT)}/{self._factor(right, SIGN)}", PRODUCT

    def power(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        return f"{self.placed(base, ATOM)}{self.power_operator}{self._exponent(exponent)}", POWER

    def call(self, function: str, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        if is_label(function):
            # for what is read; programs that are run write a call of their own
            return f"{label_of(function).text}({', '.join(self(argument) for argument in arguments)})", ATOM
        known = find(function, self.neural_terms)
        if known is None or known.kinds(len(arguments)) is None:
            return f"{self.name(function)}({', '.join(self(argument) for argument in arguments)})", ATOM
        code = known.written(self.language)
        if known.rewrite is not None or not code.text:
            return self.write(definition(known, arguments))
        written = [self(argument) for argument in arguments]
        return code.text.format(*written) if code.pattern else f"{code.text}({', '.join(written)})", ATOM

    def _factor(self, expr: Expr, at_least: int) -> str:
        """A right-hand factor: a sign is never left next to an operator."""
        text, strength = self.write(expr)
        return text if strength >= at_least and not text.startswith("-") else self.parenthesised(text)

    def _exponent(self, exponent: Expr) -> str:
        return self.placed(exponent, ATOM)


class IntegerExponents(Printer):
    """For languages in which `x^2` with an integer exponent is exact and allowed for negative x."""

    def _exponent(self, exponent: Expr) -> str:
        value = number_of(exponent)
        if value is not None and value.is_integer() and abs(value) < 2**31:
            text = str(int(value))
            return text if value >= 0 else self.parenthesised(text)
        return super()._exponent(exponent)
