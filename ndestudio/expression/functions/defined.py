"""Formulas that belong to a function: its definition by simpler ones, and its derivatives."""

from __future__ import annotations

from functools import cache

from ndestudio.expression.functions.base import Function
from ndestudio.expression.tree import Expr, substitute


def definition(known: Function, arguments: tuple[Expr, ...]) -> Expr:
    """The function of ``arguments`` written by simpler functions. The entry must have a definition or a rewrite."""
    if known.rewrite is not None:
        return known.rewrite(arguments)
    return substitute(_parsed(known.definition), dict(zip(known.arguments, arguments, strict=True)))


def partial(known: Function, place: int, arguments: tuple[Expr, ...]) -> Expr:
    """Its derivative by the argument at ``place``, at ``arguments``."""
    if known.partial is not None:
        return known.partial(place, arguments)
    return substitute(_parsed(known.derivative[place]), dict(zip(known.arguments, arguments, strict=True)))


@cache
def _parsed(text: str) -> Expr:
    from ndestudio.expression.parse import parse_expression

    return parse_expression(text)
