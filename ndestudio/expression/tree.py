"""The one expression form: what equations, neural terms, candidates and exports are made of.

Six frozen node kinds. Numbers are 64-bit floats; `^` is the only power operator; functions are those of
``ndestudio.expression.functions`` or, in equations, names of neural terms. Comparisons and connectives are functions
called by their signs; they stand in conditions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ndestudio.expression.functions import is_known

CONSTANTS: tuple[str, ...] = ("pi",)
BINARY_OPERATORS: tuple[str, ...] = ("+", "-", "*", "/", "^")


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A state, input, parameter, formal argument of a neural term, `t`, or `pi`."""

    name: str


@dataclass(frozen=True, slots=True)
class Negate:
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """`operator` is one of ``BINARY_OPERATORS``."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """A known function or a neural term applied to arguments."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Delay:
    """The value of ``operand`` some time ago: `x(t - lag)`. In a system that was read, the operand is a `Name`."""

    operand: Expr
    lag: Expr


Expr: TypeAlias = Number | Name | Negate | Binary | Call | Delay


def children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Negate(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
        case Delay(operand, lag):
            return (operand, lag)
        case _:
            return ()


def with_children(expr: Expr, new: tuple[Expr, ...]) -> Expr:
    """``expr`` with its children replaced by ``new`` (same count)."""
    match expr:
        case Negate(_):
            return Negate(new[0])
        case Binary(operator, _, _):
            return Binary(operator, new[0], new[1])
        case Call(function, _):
            return Call(function, new)
        case Delay(_, _):
            return Delay(new[0], new[1])
        case _:
            return expr


def walk(expr: Expr) -> Iterator[Expr]:
    """All nodes, parents before children, left to right."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def transform(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Rebuild bottom-up, applying ``change`` to every node."""
    kids = children(expr)
    if kids:
        expr = with_children(expr, tuple(transform(child, change) for child in kids))
    return change(expr)


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """Replace names by expressions, all at once (a name inside a replacement is left alone)."""
    return transform(expr, lambda node: values.get(node.name, node) if isinstance(node, Name) else node)


def names(expr: Expr) -> tuple[str, ...]:
    """Free names in order of first appearance, `pi` left out."""
    found: dict[str, None] = {}
    for node in walk(expr):
        if isinstance(node, Name) and node.name not in CONSTANTS:
            found.setdefault(node.name)
    return tuple(found)


def calls(expr: Expr, neural_terms: Collection[str] = ()) -> tuple[Call, ...]:
    """All calls of functions that are not known (that is, of neural terms), in order.

    Parameters
    ----------
    neural_terms
        Names that are neural terms for certain; those that are declared may have the name of a known function.
    """
    return tuple(
        node
        for node in walk(expr)
        if isinstance(node, Call) and not is_known(node.function, len(node.arguments), neural_terms)
    )


def expand_calls(expr: Expr, definitions: Mapping[str, tuple[tuple[str, ...], Expr]]) -> Expr:
    """Replace each call of a defined neural term by its body.

    Parameters
    ----------
    definitions
        Neural term name -> (formal argument names, body in those names).
    """

    def expand(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in definitions:
            formals, body = definitions[node.function]
            return substitute(body, dict(zip(formals, node.arguments, strict=True)))
        return node

    return transform(expr, expand)


def numbers(expr: Expr) -> tuple[float, ...]:
    """Values of all ``Number`` nodes in walk order."""
    return tuple(node.value for node in walk(expr) if isinstance(node, Number))


def size(expr: Expr) -> int:
    """Number of nodes; a negated number counts as one node. This is the default complexity."""
    return sum(1 for _ in walk(expr)) - sum(
        1 for node in walk(expr) if isinstance(node, Negate) and isinstance(node.operand, Number)
    )
