"""Other ways to write a law: the curated list of forms that count as the same.

SymPy's: multiplied out, over one denominator, a saturation as its limit and what lacks to it (`V*S/(K + S)` as
`V - V*K/(K + S)`). By hand: addition theorems, squares and products of sines, hyperbolic tangents and logistic curves by
exponentials, powers by exponentials of logarithms, roots as powers. What is the same function anyway (`w*sqrt(w^2)` for
`w*abs(w)`, `log(x) - 4` for `log(x/55)`) needs no form of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ndestudio.distil.forms import REFUSED, summands
from ndestudio.expression import Binary, Call, Expr, Negate, Number, from_sympy, to_sympy, to_text
from ndestudio.expression.tree import names, transform

PHASE = 0.02
"""A phase this near to a multiple of a right angle is one (radians)."""


def equal_forms(truth: Expr) -> Iterator[Expr]:
    """``truth`` as it is written, then each other way of writing it, made when it is asked for."""
    seen = {to_text(truth)}
    yield truth
    for rule in RULES:
        other = transform(truth, lambda node, rule=rule: rule(node) or node)
        if to_text(other) not in seen:
            seen.add(to_text(other))
            yield other
    for other in _by_sympy(truth):
        if to_text(other) not in seen:
            seen.add(to_text(other))
            yield other


def without_phases(found: Expr) -> Expr:
    """``found`` with sines and cosines instead of those shifted by right angles: `sin(q + 3.14)` is `-sin(q)`."""
    return transform(found, lambda node: _unshifted(node) or node)


def _unshifted(node: Expr) -> Expr | None:
    match node:
        case Call("sin" | "cos" as function, (argument,)):
            operands = summands(argument)
            shift = sum(sign * one.value for sign, one in operands if isinstance(one, Number))
            rest = [(sign, one) for sign, one in operands if not isinstance(one, Number)]
            turns = round(shift / (math.pi / 2))
            if not rest or not turns or abs(shift - turns * math.pi / 2) > PHASE:
                return None
            return _turned(function, _total(rest), turns)
    return None


def _turned(function: str, argument: Expr, turns: int) -> Expr:
    """sin or cos of ``argument`` plus ``turns`` right angles."""
    turns = (turns + (1 if function == "cos" else 0)) % 4  # as a sine
    one: Expr = Call("sin" if turns % 2 == 0 else "cos", (argument,))
    return Negate(one) if turns >= 2 else one


def _total(operands: Sequence[tuple[int, Expr]]) -> Expr:
    sign, total = operands[0]
    total = Negate(total) if sign < 0 else total
    for sign, one in operands[1:]:
        total = Binary("+" if sign > 0 else "-", total, one)
    return total


def _addition(node: Expr) -> Expr | None:
    match node:
        case Call("sin" | "cos" as function, (Binary("+" | "-" as operator, a, b),)):
            sin_a, cos_a, sin_b, cos_b = Call("sin", (a,)), Call("cos", (a,)), Call("sin", (b,)), Call("cos", (b,))
            if function == "sin":
                return Binary(operator, Binary("*", sin_a, cos_b), Binary("*", cos_a, sin_b))
            other = "-" if operator == "+" else "+"
            return Binary(other, Binary("*", cos_a, cos_b), Binary("*", sin_a, sin_b))
    return None


def _square_of_sine(node: Expr) -> Expr | None:
    match node:
        case Binary("^", Call("sin" | "cos" as function, (argument,)), Number(2.0)):
            twice = Call("cos", (Binary("*", Number(2.0), argument),))
            return Binary("+" if function == "cos" else "-", Number(0.5), Binary("*", Number(0.5), twice))
        case Binary("*", Call("sin", (a,)), Call("cos", (b,))) | Binary("*", Call("cos", (a,)), Call("sin", (b,))) if (
            a == b
        ):
            return Binary("*", Number(0.5), Call("sin", (Binary("*", Number(2.0), a),)))
    return None


def _half_angle(node: Expr) -> Expr | None:
    match node:
        case Call("cos", (Binary("*", Number(2.0), argument),)):
            return Binary(
                "-", Number(1.0), Binary("*", Number(2.0), Binary("^", Call("sin", (argument,)), Number(2.0)))
            )
        case Call("sin", (Binary("*", Number(2.0), a),)):
            return Binary("*", Binary("*", Number(2.0), Call("sin", (a,))), Call("cos", (a,)))
    return None


def _exponential(argument: Expr, factor: float) -> Expr:
    return Call("exp", (Binary("*", Number(factor), argument),))


def _tanh_quotient(node: Expr) -> Expr | None:
    match node:
        case Call("tanh", (u,)):
            grown = _exponential(u, 2.0)
            return Binary("/", Binary("-", grown, Number(1.0)), Binary("+", grown, Number(1.0)))
    return None


def _tanh_logistic(node: Expr) -> Expr | None:
    match node:
        case Call("tanh", (u,)):
            return Binary("-", Number(1.0), Binary("/", Number(2.0), Binary("+", Number(1.0), _exponential(u, 2.0))))
    return None


def _tanh_falling(node: Expr) -> Expr | None:
    match node:
        case Call("tanh", (u,)):
            return Binary("-", Binary("/", Number(2.0), Binary("+", Number(1.0), _exponential(u, -2.0))), Number(1.0))
    return None


def _logistic_tanh(node: Expr) -> Expr | None:
    """`A/(1 + exp(u))` by a hyperbolic tangent."""
    match node:
        case Binary("/", above, Binary("+", Number(1.0), Call("exp", (u,)))):
            pass
        case Binary("/", above, Binary("+", Call("exp", (u,)), Number(1.0))):
            pass
        case _:
            return None
    half = Call("tanh", (Binary("*", Number(0.5), u),))
    return Binary("*", above, Binary("-", Number(0.5), Binary("*", Number(0.5), half)))


def _logistic_turned(node: Expr) -> Expr | None:
    """`A/(1 + exp(u))` as `A*exp(-u)/(1 + exp(-u))`."""
    match node:
        case Binary("/", above, Binary("+", Number(1.0), Call("exp", (u,)))):
            falling = _exponential(u, -1.0)
            return Binary("/", Binary("*", above, falling), Binary("+", Number(1.0), falling))
    return None


def _power(node: Expr) -> Expr | None:
    match node:
        case Binary("^", base, Number(value)) if value != int(value):
            return Call("exp", (Binary("*", Number(value), Call("log", (base,))),))
        case Call("sqrt", (base,)):
            return Binary("^", base, Number(0.5))
    return None


RULES: tuple[Callable[[Expr], Expr | None], ...] = (
    _addition,
    _square_of_sine,
    _half_angle,
    _tanh_quotient,
    _tanh_logistic,
    _tanh_falling,
    _logistic_tanh,
    _logistic_turned,
    _power,
)


def _by_sympy(truth: Expr) -> Iterator[Expr]:
    import sympy

    try:
        exact = sympy.nsimplify(to_sympy(truth), rational=True)
    except REFUSED:
        return
    for way in (
        sympy.expand,
        _one_fraction,
        *(lambda x, name=name: _divided(x, sympy.Symbol(name)) for name in names(truth)),
    ):
        try:
            yield decimal(from_sympy(way(exact)))
        except (*REFUSED, sympy.PolynomialError):
            continue


def _one_fraction(x: Any) -> Any:
    import sympy

    above, below = sympy.fraction(sympy.together(x))
    return sympy.expand(above) / sympy.expand(below)


def _divided(x: Any, variable: Any) -> Any:
    """Each term of the sum with its fraction divided out by ``variable``: limit and rest."""
    import sympy

    total = sympy.Integer(0)
    for term in sympy.Add.make_args(x):
        above, below = sympy.fraction(sympy.together(term))
        if not below.has(variable):
            total += term
            continue
        whole, rest = sympy.div(sympy.expand(above), sympy.expand(below), variable)
        total += whole + rest / below
    return total


def decimal(expr: Expr) -> Expr:
    """Quotients of whole numbers, which SymPy writes for decimal fractions, as numbers."""

    def change(node: Expr) -> Expr:
        match node:
            case Binary("/", Number(above), Number(below)) if below:
                return Number(above / below)
        return node

    return transform(expr, change)
