"""Expressions as fast scalar functions: nested closures, nothing generated and nothing evaluated as code.

A vector field is called thousands of times per simulation, one point at a time; there NumPy's overhead per operation
(about 0.5 us) is what costs. Closures over a plain list of floats with `math` functions need a tenth of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.expression.functions import find
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, names

Scalar: TypeAlias = Callable[[Sequence[float]], float]
"""Value of an expression; the argument holds the values of the names by slot."""
ScalarNeuralTerm: TypeAlias = Callable[..., float]
"""A neural term as a function of as many floats as it has arguments."""


def compile_scalar(
    expr: Expr, slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm] | None = None
) -> Scalar:
    """A function of a list of values.

    Parameters
    ----------
    slots
        Name -> its place in the list.
    neural_terms
        Name -> function of floats.

    Returns
    -------
    Scalar
        A function that never raises for numerical reasons: where `math` would (division by zero, overflow, a negative
        logarithm), it answers as NumPy does (inf or NaN), so that it agrees with ``evaluate``.

    Raises
    ------
    EquationError
        A name without a slot or a call of an unknown neural term.
    """
    return compile_system((expr,), slots, neural_terms)[0]


def compile_system(
    exprs: Sequence[Expr], slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm] | None = None
) -> tuple[Scalar, ...]:
    """``compile_scalar`` of several expressions."""
    return tuple(_guarded(expr, _compile(expr, slots, neural_terms or {}), slots, neural_terms or {}) for expr in exprs)


def _guarded(
    expr: Expr, fast: Scalar, slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm]
) -> Scalar:
    used = {name: slots[name] for name in names(expr)}

    def value(v: Sequence[float]) -> float:
        try:
            return fast(v)
        except (ArithmeticError, ValueError):
            values = {name: np.float64(v[slot]) for name, slot in used.items()}
            return float(evaluate(expr, values, neural_terms=neural_terms))

    return value


def _compile(expr: Expr, slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm]) -> Scalar:
    match expr:
        case Number(value):
            return _constant(value)
        case Name(name):
            return _slot(name, slots)
        case Negate(operand):
            return _negate(_compile(operand, slots, neural_terms))
        case Binary(operator, left, right):
            return _binary(operator, left, right, slots, neural_terms)
        case Call(function, arguments):
            known = find(function, neural_terms)
            if known is not None and known.rewrite is not None:
                return _compile(known.rewrite(arguments), slots, neural_terms)
            inner = [_compile(argument, slots, neural_terms) for argument in arguments]
            if known is not None and known.units == "choice":
                return _choice(*inner)
            return _call(_function(function, neural_terms), inner)
    raise TypeError(f"not an expression: {expr!r}")


def _constant(value: float) -> Scalar:
    return lambda v: value


def _slot(name: str, slots: Mapping[str, int]) -> Scalar:
    if name in slots:
        k = slots[name]
        return lambda v: v[k]
    if name == "pi":
        return _constant(math.pi)
    raise EquationError(f"no value is known for `{name}`")


def _negate(f: Scalar) -> Scalar:
    return lambda v: -f(v)


def _place(expr: Expr, slots: Mapping[str, int]) -> int | None:
    return slots.get(expr.name) if isinstance(expr, Name) else None


def _binary(
    operator: str, left: Expr, right: Expr, slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm]
) -> Scalar:
    i, j = _place(left, slots), _place(right, slots)
    if operator == "^":
        return _power(left, right, slots, neural_terms)
    f, g = _compile(left, slots, neural_terms), _compile(right, slots, neural_terms)
    if i is not None and j is not None:
        return _NAME_NAME[operator](i, j)
    if i is not None:
        return _NAME_ANY[operator](i, g)
    if j is not None:
        return _ANY_NAME[operator](f, j)
    return _ANY_ANY[operator](f, g)


# a name read in place saves one call of the two or three that an operation costs
_NAME_NAME: dict[str, Callable[[int, int], Scalar]] = {
    "+": lambda i, j: lambda v: v[i] + v[j],
    "-": lambda i, j: lambda v: v[i] - v[j],
    "*": lambda i, j: lambda v: v[i] * v[j],
    "/": lambda i, j: lambda v: v[i] / v[j],
}
_NAME_ANY: dict[str, Callable[[int, Scalar], Scalar]] = {
    "+": lambda i, g: lambda v: v[i] + g(v),
    "-": lambda i, g: lambda v: v[i] - g(v),
    "*": lambda i, g: lambda v: v[i] * g(v),
    "/": lambda i, g: lambda v: v[i] / g(v),
}
_ANY_NAME: dict[str, Callable[[Scalar, int], Scalar]] = {
    "+": lambda f, j: lambda v: f(v) + v[j],
    "-": lambda f, j: lambda v: f(v) - v[j],
    "*": lambda f, j: lambda v: f(v) * v[j],
    "/": lambda f, j: lambda v: f(v) / v[j],
}
_ANY_ANY: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    "+": lambda f, g: lambda v: f(v) + g(v),
    "-": lambda f, g: lambda v: f(v) - g(v),
    "*": lambda f, g: lambda v: f(v) * g(v),
    "/": lambda f, g: lambda v: f(v) / g(v),
}


def _power(left: Expr, right: Expr, slots: Mapping[str, int], neural_terms: Mapping[str, ScalarNeuralTerm]) -> Scalar:
    f = _compile(left, slots, neural_terms)
    if isinstance(right, Number) and right.value == 2.0:

        def square(v: Sequence[float]) -> float:
            x = f(v)
            return x * x

        return square
    g, power = _compile(right, slots, neural_terms), math.pow
    return lambda v: power(f(v), g(v))


def _call(function: ScalarNeuralTerm, inner: Sequence[Scalar]) -> Scalar:
    if len(inner) == 1:
        (f,) = inner
        return lambda v: function(f(v))
    if len(inner) == 2:
        f, g = inner
        return lambda v: function(f(v), g(v))
    arguments = tuple(inner)
    return lambda v: function(*[argument(v) for argument in arguments])


def _function(name: str, neural_terms: Mapping[str, ScalarNeuralTerm]) -> ScalarNeuralTerm:
    if name in neural_terms:
        return neural_terms[name]
    known = find(name)
    if known is None:
        raise EquationError(f"no function is known for `{name}`")
    return known.scalar


def _choice(condition: Scalar, a: Scalar, b: Scalar) -> Scalar:
    return lambda v: a(v) if condition(v) else b(v)
