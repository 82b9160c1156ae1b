"""Derivatives of formulas, as formulas."""

from __future__ import annotations

from ndestudio.errors import EquationError
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import partial
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, names


def differentiate(expr: Expr, name: str) -> Expr:
    """The derivative of a formula by one of its names.

    Parameters
    ----------
    expr : Expr
        A formula without calls of networks.
    name : str
        What it is differentiated by; other names are constants.

    Returns
    -------
    Expr
        A formula, folded. At kinks and steps it is the mean of both sides (`sign(0)` is 0); steps have the derivative 0.

    Raises
    ------
    EquationError
        The formula calls something that is no known function.
    """
    return fold(_by(expr, name))


def _by(expr: Expr, name: str) -> Expr:
    if name not in names(expr):
        return Number(0.0)
    match expr:
        case Name(_):
            return Number(1.0)
        case Negate(operand):
            return Negate(_by(operand, name))
        case Binary("+" | "-" as operator, left, right):
            return Binary(operator, _by(left, name), _by(right, name))
        case Binary("*", left, right):
            return Binary("+", Binary("*", _by(left, name), right), Binary("*", left, _by(right, name)))
        case Binary("/", left, right):
            first = Binary("/", _by(left, name), right)
            return Binary("-", first, Binary("/", Binary("*", left, _by(right, name)), Binary("^", right, Number(2.0))))
        case Binary("^", base, exponent):
            return _power(base, exponent, name)
        case Call(function, arguments):
            return _call(function, arguments, name)
    raise TypeError(f"not an expression: {expr!r}")


def _power(base: Expr, exponent: Expr, name: str) -> Expr:
    lower = Binary("^", base, fold(Binary("-", exponent, Number(1.0))))
    along = Binary("*", Binary("*", exponent, lower), _by(base, name))
    if name not in names(exponent):
        return along
    across = Binary("*", Binary("*", Binary("^", base, exponent), Call("log", (base,))), _by(exponent, name))
    return Binary("+", along, across)


def _call(function: str, arguments: tuple[Expr, ...], name: str) -> Expr:
    known = find(function)
    kinds = known.kinds(len(arguments)) if known is not None else None
    if known is None or kinds is None:
        raise EquationError(f"`{function}` has no derivative as a formula; it is no known function")
    if known.units == "choice":
        return Call(
            function, tuple(a if kind == "c" else _by(a, name) for kind, a in zip(kinds, arguments, strict=True))
        )
    total: Expr = Number(0.0)
    for place, argument in enumerate(arguments):
        if name in names(argument):
            total = Binary("+", total, Binary("*", partial(known, place, arguments), _by(argument, name)))
    return total
