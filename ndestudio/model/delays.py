"""Checks of delays in a model: how long they are, of what, and what was before the begin."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression, to_text
from ndestudio.expression.delays import delays_in
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Call, Expr, Name, Negate, Number, names, walk
from ndestudio.model.config import ParameterConfig


def delay_problems(
    expr: Expr, moving: Collection[str], states: Collection[str], parameters: Mapping[str, ParameterConfig]
) -> Iterator[tuple[str, str]]:
    """(name to place it at, sentence) for delays that cannot be solved.

    Parameters
    ----------
    moving
        What changes in time; a delay that reads any of it is refused.
    states
        States and inputs, which can be delayed.
    """
    for delay in delays_in((expr,)):
        shown, name = to_text(delay), delay.operand.name if isinstance(delay.operand, Name) else ""
        used = [one for one in names(delay.lag) if one in moving]
        used += [one.function for one in walk(delay.lag) if isinstance(one, Call) and one.function in moving]
        lag = fold(delay.lag)
        if used:
            yield (
                name,
                f"`{shown}`: the delay depends on `{used[0]}`, and only delays of numbers and parameters are solved; give it as a parameter",
            )
        elif isinstance(lag, Negate) or (isinstance(lag, Number) and lag.value <= 0):
            yield name, f"`{shown}`: a delay must be above 0"
        elif isinstance(lag, Name) and lag.name in parameters and not parameters[lag.name].value > 0:
            yield name, f"`{shown}`: a delay must be above 0, and `{lag.name}` starts at {parameters[lag.name].value:g}"
        elif name not in states:
            yield (
                name,
                f"`{shown}`: only states and inputs can be delayed, and `{name}` is neither",
            )


def read_past(text: str, known: Collection[str]) -> Expr:
    """The formula of a past.

    Raises
    ------
    EquationError
        It reads a state or a column, of which nothing is known then.
    """
    expr = parse_expression(text)
    used = next((name for name in names(expr) if name in known), None)
    if used is not None:
        raise EquationError(f"`{used}` is not known before the begin; write a formula of `t` and parameters")
    return expr
