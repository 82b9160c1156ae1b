"""How long a formula is: the prior of the description length by which formulas are chosen, in nats.

A formula costs what each of its operators, variables and numbers costs. The costs say how common each is in the laws of the
fields that write them: sums and products are cheap, quotients and functions dearer, functions of functions and powers
that are no whole numbers dearest. (Bartlett, Desmond and Ferreira 2023 count all operators alike.) A fitted number costs
half the logarithm of the number of measured values (Schwarz 1978) beside its place. A function whose argument varies so
little that a polynomial of third order takes its place is charged for the imitation, and so is a denominator that has a
zero where the data lie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.distil.forms import summands
from ndestudio.distil.laws import law_of
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, children, names, walk

PLAIN = 1.0
"""Of a sum, a product, a variable or the place of a number."""
QUOTIENT = 2.0
FUNCTION: Mapping[str, float] = {"sin": 3.0, "cos": 3.0, "exp": 3.5, "log": 3.5, "sqrt": 3.0, "abs": 2.5, "tanh": 4.0}
OTHER_FUNCTION = 5.0
NESTED = 5.0
"""Of a function within a function."""
POWER = 5.0
"""Of an exponent that is no whole number; a whole one costs less:"""
WHOLE_POWER: Mapping[int, float] = {2: 1.0, 3: 1.5, 4: 2.5}
HIGH_POWER = 4.0
IMITATION = 4.0
CLOSE_IMITATION = 8.0
FAMILIAR, LAW = 4.0, 5.0
"""What a law of the library costs less than another formula of its length (fifty times likelier beforehand), and the least that it
costs: there are about twenty, of one or the other order of arguments."""
POLE = 12.0
NEAR_POLE = 0.01
"""Part of its usual size below which a factor of a denominator may not fall where the data lie; that of a sum is what its summands
come to without their signs: ``K + x + x^2/L`` runs over decades and has no zero."""
MOST_TURNS = 200.0
"""Radians that the argument of a sine may run through; beyond, samples are matched by chance."""
MOST_EXPONENT = 50.0
"""Argument of an exponential beyond which it is as good as zero but in one corner of the data, where its factor of 1e-22 or less
makes it follow what it likes."""
LIKE = 0.02
"""Part of the spread of a function's values that a polynomial may miss to be called the same."""


def formula_nats(
    expr: Expr, arguments: Sequence[str] = (), X: Float[np.ndarray, "point argument"] | None = None
) -> float:
    """Length of ``expr`` without its fitted numbers.

    Parameters
    ----------
    arguments, X
        Where the data lie; None: imitations and poles are not looked for.
    """
    values = None if X is None else {name: X[:, k] for k, name in enumerate(arguments)}
    return _length(expr, values, False)


def _length(expr: Expr, values: Mapping[str, np.ndarray] | None, inside: bool, laws: bool = True) -> float:
    own = _written_out(expr, values, inside, laws)
    if inside or not laws or own <= LAW or law_of(expr) is None:
        return own
    return min(own, max(_written_out(expr, values, inside, False) - FAMILIAR, LAW))


def _written_out(expr: Expr, values: Mapping[str, np.ndarray] | None, inside: bool, laws: bool) -> float:
    match expr:
        case Number() | Name():
            return PLAIN
        case Negate(operand):
            return _length(operand, values, inside, laws)
        case Binary("^", base, exponent):
            return _length(base, values, inside, False) + _power(exponent) + _curve(expr, values)
        case Binary("/", above, below):
            under = _length(below, values, inside, False)
            return QUOTIENT + _length(above, values, inside, laws) + under + _pole(below, values)
        case Call(function, inner):
            own = FUNCTION.get(function, OTHER_FUNCTION) + (NESTED if inside else 0.0)
            return own + sum(_length(one, values, True, False) for one in inner) + _imitation(expr, values)
        case _:
            return PLAIN + sum(_length(child, values, inside, laws) for child in children(expr))


def _power(exponent: Expr) -> float:
    match exponent:
        case Number(value) | Negate(Number(value)) if value == int(value):
            return WHOLE_POWER.get(int(abs(value)), HIGH_POWER)
        case Number() | Negate(Number()):
            return POWER
        case _:
            return POWER + PLAIN


def _curve(expr: Expr, values: Mapping[str, np.ndarray] | None) -> float:
    """A power of a variable that is no whole number but looks like one."""
    assert isinstance(expr, Binary)
    match expr.right:
        case Number(value) | Negate(Number(value)) if value == int(value):
            return 0.0
    return _like_polynomial(_at(expr, values), _at(expr.left, values))


def _imitation(call: Call, values: Mapping[str, np.ndarray] | None) -> float:
    if len(call.arguments) != 1 or call.function in ("abs", "min", "max"):
        return 0.0
    inner = _at(call.arguments[0], values)
    if call.function in ("sin", "cos", "tan") and inner is not None and float(np.ptp(inner)) > MOST_TURNS:
        return POLE
    if call.function == "exp" and inner is not None and float(np.max(inner, initial=-np.inf)) > MOST_EXPONENT:
        return POLE
    return _like_polynomial(_at(call, values), inner)


def _like_polynomial(y: np.ndarray | None, x: np.ndarray | None) -> float:
    if y is None or x is None or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return 0.0
    spread, wide = float(np.std(y)), float(np.ptp(x))
    if not spread > 0.0 or not wide > 0.0:
        return CLOSE_IMITATION
    z = (x - x.min()) / wide * 2.0 - 1.0
    for order, cost in ((2, CLOSE_IMITATION), (3, IMITATION)):
        V = np.vander(z, order + 1)
        missed = y - V @ np.linalg.lstsq(V, y, rcond=None)[0]
        if float(np.std(missed)) < LIKE * spread:
            return cost
    return 0.0


def _pole(below: Expr, values: Mapping[str, np.ndarray] | None) -> float:
    """A denominator that has a zero where the data lie, or nearly."""
    y = _at(below, values)
    if y is None or not len(y):
        return 0.0
    if not np.isfinite(y).all() or not (np.all(y > 0) or np.all(y < 0)):
        return POLE
    return POLE if any(_vanishes(factor, values) for factor in _factors(below)) else 0.0


def _factors(expr: Expr) -> list[Expr]:
    match expr:
        case Binary("*", left, right):
            return [*_factors(left), *_factors(right)]
        case Binary("^", base, Number()):
            return _factors(base)
        case _:
            return [expr]


def _vanishes(factor: Expr, values: Mapping[str, np.ndarray] | None) -> bool:
    """Whether a factor of one sign comes near to zero where the data lie."""
    size = np.abs(np.asarray(_at(factor, values), float))
    parts = summands(factor)
    usual: Any = np.median(size)
    if len(parts) > 1:
        usual = sum(np.abs(np.asarray(_at(part, values), float)) for _, part in parts)
    return bool(np.any(size < NEAR_POLE * usual))


def _at(expr: Expr, values: Mapping[str, np.ndarray] | None) -> np.ndarray | None:
    from ndestudio.expression import evaluate

    if values is None or not set(names(expr)) <= set(values):
        return None
    shape = next(iter(values.values())).shape if values else (1,)
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(expr, values), float), shape)


def is_sound(expr: Expr, arguments: Sequence[str], X: Float[np.ndarray, "point argument"]) -> bool:
    """Whether ``expr`` has a value everywhere where the data lie, and none of its denominators a zero."""
    values = {name: X[:, k] for k, name in enumerate(arguments)}
    y = _at(expr, values)
    if y is not None and not np.isfinite(y).all():
        return False
    below = [node.right for node in walk(expr) if isinstance(node, Binary) and node.operator == "/"]
    return not any(_pole(one, values) for one in below)


def number_nats(count: int, values: float) -> float:
    """Length of ``count`` fitted numbers where there are ``values`` measured values."""
    return 0.5 * count * math.log(max(values, 2.0))


def exactness(count: int, left: float, whole: float) -> float:
    """What ``count`` fitted numbers need because they are known the better the less noise there is: each the logarithm of the
    spread over the noise (Bartlett, Desmond and Ferreira 2023). It keeps a dozen exact values from paying for as many numbers.

    Parameters
    ----------
    left, whole
        Sums of squares of what a formula leaves, and of what there is.
    """
    ratio = whole / max(left, 1e-300) if math.isfinite(left) else 0.0
    return 0.5 * count * math.log(ratio) if ratio > 1.0 and math.isfinite(ratio) else 0.0
