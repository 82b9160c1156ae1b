"""Formulas next to one that was found: a summand less, or its number one, as laws have it."""

from __future__ import annotations

from ndestudio.distil.forms import sum_of, summands
from ndestudio.expression.tree import Binary, Expr, Negate, Number, names

NEAR_ONE = 0.15
"""Distance from one of the number before a summand within which it may be one."""


def neighbours(formula: Expr) -> list[Expr]:
    """``formula`` without one of its summands, and with one as the number before one of them, before two, and so on."""
    parts = summands(formula)
    found = []
    if len(parts) > 1:
        found = [sum_of([*parts[:k], *parts[k + 1 :]]) for k in range(len(parts))]
    plain = list(parts)
    for k, (sign, part) in enumerate(parts):
        value, rest = _divided(part)
        if rest is None or abs(abs(value) - 1.0) > NEAR_ONE:
            continue
        one = (sign if value > 0 else -sign), rest
        plain[k] = one
        found.append(sum_of([*parts[:k], one, *parts[k + 1 :]]))
        if plain != [*parts[:k], one, *parts[k + 1 :]]:
            found.append(sum_of(plain))
    return [one for one in found if names(one)]


def _divided(part: Expr) -> tuple[float, Expr | None]:
    """The number that a summand begins with, and what it is multiplied by (None: it is not a number times something)."""
    match part:
        case Binary("*", left, right):
            value = _number(left)
            if value is not None:
                return value, right
            value, rest = _divided(left)
            return value, None if rest is None else Binary("*", rest, right)
        case _:
            return 0.0, None


def _number(expr: Expr) -> float | None:
    match expr:
        case Number(value):
            return value
        case Negate(Number(value)):
            return -value
        case _:
            return None
