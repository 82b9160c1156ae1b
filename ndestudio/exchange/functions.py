"""Functions that other languages have and ours writes in simpler ones."""

from __future__ import annotations

from collections.abc import Callable

from ndestudio.expression.tree import Binary, Call, Expr, Negate, Number


def _one(x: Expr) -> Expr:
    return Binary("/", Number(1.0), x)


def _square(x: Expr) -> Expr:
    return Binary("^", x, Number(2.0))


def _root(x: Expr) -> Expr:
    return Call("sqrt", (x,))


def _minus(a: Expr, b: Expr) -> Expr:
    return Binary("-", a, b)


def _plus(a: Expr, b: Expr) -> Expr:
    return Binary("+", a, b)


def _atan2(y: Expr, x: Expr) -> Expr:
    return Call("atan2", (y, x))


def _truncated(x: Expr) -> Expr:
    floor = Call("floor", (x,))
    up = Negate(Call("floor", (Negate(x),)))
    return Call("if", (Call("<", (x, Number(0.0))), up, floor))


def _arsinh(x: Expr) -> Expr:
    size = Call("abs", (x,))
    return Binary("*", Call("sign", (x,)), Call("log", (_plus(size, _root(_plus(_square(x), Number(1.0)))),)))


def _arcosh(x: Expr) -> Expr:
    return Call("log", (_plus(x, _root(_minus(_square(x), Number(1.0)))),))


def _artanh(x: Expr) -> Expr:
    ratio = Binary("/", _plus(Number(1.0), x), _minus(Number(1.0), x))
    return Binary("*", Number(0.5), Call("log", (ratio,)))


def _arcsin(x: Expr) -> Expr:
    return _atan2(x, _root(_minus(Number(1.0), _square(x))))


def _arccos(x: Expr) -> Expr:
    return _atan2(_root(_minus(Number(1.0), _square(x))), x)


def _f(name: str, x: Expr) -> Expr:
    return Call(name, (x,))


EXTRA: dict[str, Callable[[Expr], Expr]] = {
    "ceil": lambda x: Negate(_f("floor", Negate(x))),
    "sec": lambda x: _one(_f("cos", x)),
    "csc": lambda x: _one(_f("sin", x)),
    "cot": lambda x: Binary("/", _f("cos", x), _f("sin", x)),
    "sech": lambda x: _one(_f("cosh", x)),
    "csch": lambda x: _one(_f("sinh", x)),
    "coth": lambda x: Binary("/", _f("cosh", x), _f("sinh", x)),
    "arctan": lambda x: _atan2(x, Number(1.0)),
    "arcsin": _arcsin,
    "arccos": _arccos,
    "arccot": lambda x: _atan2(Number(1.0), x),
    "arcsec": lambda x: _arccos(_one(x)),
    "arccsc": lambda x: _arcsin(_one(x)),
    "arcsinh": _arsinh,
    "arccosh": _arcosh,
    "arctanh": _artanh,
    "arcsech": lambda x: _arcosh(_one(x)),
    "arccsch": lambda x: _arsinh(_one(x)),
    "arccoth": lambda x: _artanh(_one(x)),
}
"""Of one argument, by the names that SBML and PEtab have for them."""


def quotient(a: Expr, b: Expr) -> Expr:
    """Whole part of a/b, cut off towards 0."""
    return _truncated(Binary("/", a, b))


def remainder(a: Expr, b: Expr) -> Expr:
    """a - b*quotient, which has the sign of a."""
    return _minus(a, Binary("*", b, quotient(a, b)))
