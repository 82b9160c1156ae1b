"""Values of some time ago in expressions: `x(t - tau)`.

A system that was read holds `Delay(Name(x), lag)` of states and inputs alone: a delayed quantity is its formula with each
state and input in it delayed, `t` counted from then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, children, transform, walk, with_children


def read_delays(expr: Expr, names: Collection[str]) -> Expr:
    """``expr`` with calls of names as functions of time, `x(t - lag)` and `x(t)`, as delayed and present values.

    Parameters
    ----------
    names
        States, quantities and inputs; other calls are left alone.
    """

    def change(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in names and len(node.arguments) == 1:
            lag = _lag(node.arguments[0])
            if node.arguments[0] == Name("t"):
                return Name(node.function)
            if lag is not None:
                return Delay(Name(node.function), lag)
        return node

    return transform(expr, change)


def _lag(argument: Expr) -> Expr | None:
    """What is taken from `t`, None where the argument is no time ago."""
    match argument:
        case Binary("-", Name("t"), lag):
            return lag
        case Binary("-", earlier, lag) if (inner := _lag(earlier)) is not None:
            return Binary("+", inner, lag)
    return None


def of_names(expr: Expr, still: Collection[str]) -> Expr:
    """``expr`` with delays of formulas as formulas of delayed names.

    Parameters
    ----------
    still
        Names that do not change in time (parameters).
    """

    def push(node: Expr) -> Expr:
        if not isinstance(node, Delay) or isinstance(node.operand, Name):
            return node
        return _delayed(node.operand, node.lag, still)

    return transform(expr, push)


def _delayed(expr: Expr, lag: Expr, still: Collection[str]) -> Expr:
    match expr:
        case Name("t"):
            return Binary("-", Name("t"), lag)
        case Name(name):
            return expr if name in still or name == "pi" else Delay(expr, lag)
        case Delay(operand, earlier):
            return Delay(operand, Binary("+", earlier, lag))
    return with_children(expr, tuple(_delayed(child, lag, still) for child in children(expr)))


def delays_in(expressions: Iterable[Expr | None]) -> tuple[Delay, ...]:
    """The different delayed values, in the order in which they appear."""
    found = {node: None for expr in expressions if expr is not None for node in walk(expr) if isinstance(node, Delay)}
    return tuple(found)


def slot(delay: Delay) -> str:
    """The name under which a delayed value is handed to a compiled expression; no name of the language."""
    return to_text(delay)


def with_slots(expr: Expr) -> Expr:
    """``expr`` with delayed values as names."""
    return _replaced(expr, lambda delay: Name(slot(delay)))


def undelayed(expr: Expr) -> Expr:
    """``expr`` with the present value in the place of each delayed one: the same at rest."""
    return _replaced(expr, lambda delay: delay.operand)


def _replaced(expr: Expr, by: Callable[[Delay], Expr]) -> Expr:
    return transform(expr, lambda node: by(node) if isinstance(node, Delay) else node)
