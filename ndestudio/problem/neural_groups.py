"""Networks that are called alike, evaluated together: twenty markers that each have a network of the same states cost one.

In JAX a program for twenty small networks takes long to compile and to run; stacked they are one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.expression.tree import Call, Expr
from ndestudio.problem.expressions import Functions, bind

STACK = "stack"
"""Attribute of a neural term that can be stacked: (what makes it alike to others, its weights, how stacked ones are evaluated)."""


def bind_all(
    expressions: Sequence[Expr | None], names: Sequence[str], functions: Functions, xp: Any
) -> Callable[[Sequence[Any]], list[Any]]:
    """As ``bind``, all at once: values of ``names`` -> value of each expression, None where there is none."""
    groups: dict[Any, list[int]] = {}
    for k, expr in enumerate(expressions):
        if isinstance(expr, Call) and hasattr(functions.get(expr.function), STACK):
            alike = getattr(functions[expr.function], STACK)[0]
            groups.setdefault((alike, expr.arguments), []).append(k)
    groups = {key: places for key, places in groups.items() if len(places) > 1}
    together = {k for places in groups.values() for k in places}
    alone = bind([None if k in together else expr for k, expr in enumerate(expressions)], names, functions, xp)
    arguments = {key: bind(key[1], names, functions, xp) for key in groups}

    def values(v: Sequence[Any]) -> list[Any]:
        found = [None if one is None else one(v) for one in alone]
        for key, places in groups.items():
            stacks = [getattr(functions[_called(expressions[k])], STACK) for k in places]
            x = [one(v) for one in arguments[key] if one is not None]
            for k, value in zip(places, stacks[0][2]([stack[1] for stack in stacks], x), strict=True):
                found[k] = value
        return found

    return values


def _called(expr: Expr | None) -> str:
    assert isinstance(expr, Call)
    return expr.function
