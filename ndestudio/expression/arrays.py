"""Expressions as functions of lists of arrays: nested closures, a microsecond per operation.

``evaluate`` walks the tree anew each time, which is most of the cost when arrays are short and calls are many.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.expression.functions import find
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number

ArrayFunction: TypeAlias = Callable[[Sequence[Any]], Any]

_BINARY: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}


def compile_array(
    expr: Expr, slots: Mapping[str, int], neural_terms: Mapping[str, Callable[..., Any]] | None = None
) -> ArrayFunction:
    """A function of a list of arrays that broadcast; what is not finite warns as NumPy does, unless the caller forbids it.

    Parameters
    ----------
    slots
        Name -> its place in the list.
    neural_terms
        Name -> function of as many arrays as the neural term has arguments.

    Raises
    ------
    EquationError
        A name without a slot or a call of an unknown neural term.
    """
    match expr:
        case Number(value):
            constant = np.float64(value)
            return lambda v: constant
        case Name("pi") if "pi" not in slots:
            return lambda v: np.float64(np.pi)
        case Name(name):
            if name not in slots:
                raise EquationError(f"no value is known for `{name}`")
            return operator.itemgetter(slots[name])
        case Negate(operand):
            inner = compile_array(operand, slots, neural_terms)
            return lambda v: -inner(v)
        case Binary("^", left, Number(value)) if value == int(value):
            base, power = compile_array(left, slots, neural_terms), int(value)
            return lambda v: _power(base(v), power)
        case Binary(symbol, left, right):
            f, g, combine = (
                compile_array(left, slots, neural_terms),
                compile_array(right, slots, neural_terms),
                _BINARY[symbol],
            )
            return lambda v: combine(f(v), g(v))
        case Call(function, arguments):
            known = find(function, neural_terms or ())
            if known is not None and known.rewrite is not None:
                return compile_array(known.rewrite(arguments), slots, neural_terms)
            parts = [compile_array(argument, slots, neural_terms) for argument in arguments]
            if known is not None and known.units == "choice":
                return _choice(*parts)
            apply = (neural_terms or {}).get(function) if known is None else known.numpy()
            if apply is None:
                raise EquationError(f"no function is known for `{function}`")
            if len(parts) == 1:
                (only,) = parts
                return lambda v: apply(only(v))
            return lambda v: apply(*[part(v) for part in parts])
    raise TypeError(f"not an expression: {expr!r}")


def _choice(condition: ArrayFunction, a: ArrayFunction, b: ArrayFunction) -> ArrayFunction:
    def chosen(v: Sequence[Any]) -> Any:
        with np.errstate(all="ignore"):  # the branch that is not taken may have no value
            return np.where(condition(v), a(v), b(v))

    return chosen


def _power(base: Any, exponent: int) -> Any:
    if exponent not in (2, 3, 4):
        return base**exponent
    square = np.square(base)  # products are many times faster than powers
    return square if exponent == 2 else square * (base if exponent == 3 else square)
