"""Expressions as numbers: evaluation on NumPy or JAX arrays, and light simplification."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ndestudio.blackbox.label import is_label
from ndestudio.errors import EquationError
from ndestudio.expression.functions import find, is_known
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, names, transform

_INTEGER_POWERS = range(-16, 17)


def evaluate(
    expr: Expr,
    values: Mapping[str, Any],
    xp: Any = np,
    neural_terms: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """Value of ``expr``.

    Parameters
    ----------
    values
        Name -> number or array; arrays broadcast against each other.
    xp
        `numpy` or `jax.numpy`.
    neural_terms
        Name -> function of as many arrays as the neural term has arguments.

    Returns
    -------
    Any
        An array or a number, floating; not finite where the formula has no value there (nothing is raised for that).

    Raises
    ------
    EquationError
        A name or a neural term without a value.
    """
    if xp is np:
        with np.errstate(all="ignore"):
            return _evaluate(expr, values, xp, neural_terms or {})
    return _evaluate(expr, values, xp, neural_terms or {})


def _evaluate(expr: Expr, values: Mapping[str, Any], xp: Any, neural_terms: Mapping[str, Callable[..., Any]]) -> Any:
    match expr:
        case Number(value):
            return np.float64(value) if xp is np else value
        case Name(name):
            return _value(name, values, xp)
        case Negate(operand):
            return -_evaluate(operand, values, xp, neural_terms)
        case Binary("^", left, Number(value)) if value in _INTEGER_POWERS:
            return _evaluate(left, values, xp, neural_terms) ** int(value)
        case Binary(operator, left, right):
            a, b = _evaluate(left, values, xp, neural_terms), _evaluate(right, values, xp, neural_terms)
            return _binary(operator, a, b, xp)
        case Call(function, arguments):
            if function in neural_terms:
                return neural_terms[function](
                    *[_evaluate(argument, values, xp, neural_terms) for argument in arguments]
                )
            known = find(function)
            if known is None:
                raise EquationError(f"no function is known for `{function}`")
            if known.rewrite is not None:
                return _evaluate(known.rewrite(arguments), values, xp, neural_terms)
            if known.units == "choice" and xp is not np:
                return _chosen(arguments, values, xp, neural_terms)
            return known.value(xp, [_evaluate(argument, values, xp, neural_terms) for argument in arguments])
    raise TypeError(f"not an expression: {expr!r}")


def _chosen(
    arguments: tuple[Expr, ...], values: Mapping[str, Any], xp: Any, neural_terms: Mapping[str, Callable[..., Any]]
) -> Any:
    """`if` in JAX: nothing flows back into the branch that is not taken, whose derivative may be no number there."""
    import jax

    condition = _evaluate(arguments[0], values, xp, neural_terms)

    def branch(expr: Expr, taken: Any) -> Any:
        used = {name: values[name] for name in names(expr) if name in values}
        gated = {name: xp.where(taken, value, jax.lax.stop_gradient(value)) for name, value in used.items()}
        return _evaluate(expr, {**values, **gated}, xp, neural_terms)

    return xp.where(condition, branch(arguments[1], condition), branch(arguments[2], xp.logical_not(condition)))


def _value(name: str, values: Mapping[str, Any], xp: Any) -> Any:
    if name in values:
        value = values[name]
        return np.asarray(value, dtype=float)[()] if xp is np else value
    if name == "pi":
        return np.float64(math.pi) if xp is np else math.pi
    raise EquationError(f"no value is known for `{name}`")


def _binary(operator: str, a: Any, b: Any, xp: Any) -> Any:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return xp.divide(a, b)
        case "^":
            return xp.power(xp.asarray(a, dtype=float) if xp is np else a, b)
    raise TypeError(f"not an operator: {operator!r}")


def fold(expr: Expr) -> Expr:
    """``expr`` with numbers folded and neutral elements removed; nothing is expanded, reordered or factored.

    Values are the same wherever ``expr`` is finite; `0*x` becomes 0. Negative numbers come out as ``Negate``.
    """
    return transform(expr, _fold)


def number_of(expr: Expr) -> float | None:
    """The value of a number or a negated number, None for anything else."""
    match expr:
        case Number(value):
            return value
        case Negate(Number(value)):
            return -value
        case _:
            return None


def as_number(value: float) -> Expr:
    """The form in which the parser writes ``value``."""
    return Negate(Number(-value)) if value < 0 else Number(abs(value))


def _fold(expr: Expr) -> Expr:
    match expr:
        case Number(value) if value < 0:
            return Negate(Number(-value))
        case Negate(Negate(inner)):
            return inner
        case Negate(Number(0.0)):
            return Number(0.0)
        case Call(function, arguments) if is_known(function, len(arguments)) and not is_label(function):
            numbers = [number_of(argument) for argument in arguments]
            return _as_constant(expr) if all(number is not None for number in numbers) else expr
        case Binary(operator, left, right):
            a, b = number_of(left), number_of(right)
            if a is not None and b is not None:
                return _as_constant(expr)
            return _neutral(operator, left, right, a, b)
    return expr


def _as_constant(expr: Expr) -> Expr:
    value = float(evaluate(expr, {}))
    return as_number(value) if math.isfinite(value) else expr


def _neutral(operator: str, left: Expr, right: Expr, a: float | None, b: float | None) -> Expr:
    match operator:
        case "+":
            if a == 0 or b == 0:
                return right if a == 0 else left
            positive = _without_minus(right)
            return Binary("+", left, right) if positive is None else Binary("-", left, positive)
        case "-":
            if a == 0 or b == 0:
                return left if b == 0 else _fold(Negate(right))
            positive = _without_minus(right)
            return Binary("-", left, right) if positive is None else Binary("+", left, positive)
        case "*":
            return _product(left, right, a, b)
        case "/":
            if b == 1 or a == 0:
                return left if b == 1 else Number(0.0)
            return _fold(Negate(left)) if b == -1 else Binary("/", left, right)
        case "^" if b == 1:
            return left
        case "^" if b == 0:
            return Number(1.0)
    return Binary(operator, left, right)


def _without_minus(expr: Expr) -> Expr | None:
    """``-expr`` if that is ``expr`` with its leading minus removed, else None."""
    match expr:
        case Negate(operand):
            return operand
        case Binary("*" | "/" as operator, left, right):
            positive = _without_minus(left)
            return (
                None if positive is None else _neutral(operator, positive, right, number_of(positive), number_of(right))
            )
    return None


def _product(left: Expr, right: Expr, a: float | None, b: float | None) -> Expr:
    if a == 0 or b == 0:
        return Number(0.0)
    if a == 1 or b == 1:
        return right if a == 1 else left
    if a == -1 or b == -1:
        return _fold(Negate(right if a == -1 else left))
    # 2*(3*x) and 2*(x*3) have one number in them
    if a is not None and isinstance(right, Binary) and right.operator == "*":
        inner = number_of(right.left)
        if inner is not None:
            return _product(as_number(a * inner), right.right, a * inner, number_of(right.right))
    return Binary("*", left, right)
