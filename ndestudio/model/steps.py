"""Systems in steps as a person reads them: x(t + h) = g, where the right-hand side that is solved is (g - x)/h."""

from __future__ import annotations

from collections.abc import Mapping

from ndestudio.expression.tree import Binary, Expr, Name, Number


def as_rate(value: Expr, state: str, step: float) -> Expr:
    """The right-hand side of a state whose value after a step of length ``step`` is given."""
    return Binary("/", Binary("-", value, Name(state)), Number(step))


def next_value(rhs: Expr, state: str, step: float) -> Expr:
    """The value of a state after a step, from its right-hand side; the rate itself for a differential equation (``step`` 0)."""
    match rhs:
        case _ if not step:
            return rhs
        case Binary("/", Binary("-", value, Name(name)), Number(length)) if name == state and length == step:
            return value
    return Binary("+", Name(state), Binary("*", Number(step), rhs))


def next_values(rates: Mapping[str, Expr], step: float) -> dict[str, Expr]:
    """``next_value`` of each state."""
    return {state: next_value(rhs, state, step) for state, rhs in rates.items()}


def left_side(state: str, step: float) -> str:
    """What stands before the `=`: `d(x)/dt` or `x(t + 0.1)`."""
    return f"{state}(t + {step:.12g})" if step else f"d({state})/dt"
