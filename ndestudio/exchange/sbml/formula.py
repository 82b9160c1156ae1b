"""Formulas of SBML (trees of libsbml) as our expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

from ndestudio.errors import EquationError
from ndestudio.exchange.functions import EXTRA, quotient, remainder
from ndestudio.exchange.packages import package
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number, substitute

AVOGADRO = 6.02214179e23
"""Of SBML Level 3 (section 3.4.6), which is not that of the present SI."""
DEEPEST = 150
"""Levels of a formula."""


@dataclass(frozen=True)
class Scope:
    """What a formula may read.

    Parameters
    ----------
    renamed
        Name in the file -> name here.
    functions
        Function -> its formal arguments and body.
    rate_of
        Expression of the rate of change of a name.
    where
        Where the formula stands, for sentences.
    """

    renamed: Mapping[str, str]
    functions: Mapping[str, tuple[tuple[str, ...], Expr]]
    rate_of: Callable[[str], Expr]
    where: str


def number(value: float) -> Expr:
    return Negate(Number(-value)) if value < 0 else Number(value)


def read_formula(node: Any, scope: Scope) -> Expr:
    """The number that a formula says; a truth value is 1 or 0.

    Raises
    ------
    EquationError
        Something that we do not have, with its place.
    """
    if node is None:
        raise EquationError(f"{scope.where} has no formula; give it one in the file")
    return _value(node, scope, 0)


def read_condition(node: Any, scope: Scope) -> Expr:
    """The condition that a formula says; a number is true where it is not 0."""
    if node is None:
        raise EquationError(f"{scope.where} has no condition; give it one in the file")
    return _condition(node, scope, 0)


def _value(node: Any, scope: Scope, level: int) -> Expr:
    s = package("libsbml")

    if level > DEEPEST:
        raise EquationError(f"{scope.where} nests more than {DEEPEST} operations; split it into rules")
    kind = node.getType()
    if node.isNumber():
        return _number(node)
    if node.isBoolean():
        return Call("if", (_condition(node, scope, level + 1), Number(1.0), Number(0.0)))
    if kind == s.AST_CONSTANT_PI:
        return Name("pi")
    if kind == s.AST_CONSTANT_E:
        return number(math.e)
    if kind == s.AST_NAME_TIME:
        return Name("t")
    if kind == s.AST_NAME_AVOGADRO:
        return number(AVOGADRO)
    if kind == s.AST_NAME:
        return Name(scope.renamed.get(node.getName(), node.getName()))
    if kind == s.AST_FUNCTION_PIECEWISE:
        return _piecewise(node, scope, level + 1)
    if kind == s.AST_FUNCTION_RATE_OF:
        return scope.rate_of(scope.renamed.get(node.getChild(0).getName(), node.getChild(0).getName()))
    if kind == s.AST_FUNCTION_DELAY:
        return Delay(_value(node.getChild(0), scope, level + 1), _value(node.getChild(1), scope, level + 1))
    arguments = [_value(node.getChild(k), scope, level + 1) for k in range(node.getNumChildren())]
    if kind == s.AST_FUNCTION:
        return _call(node.getName(), arguments, scope)
    return _operation(node, kind, arguments, scope)


def _number(node: Any) -> Expr:
    s = package("libsbml")

    kind = node.getType()
    if kind == s.AST_INTEGER:
        return number(float(node.getInteger()))
    if kind == s.AST_RATIONAL:
        return Binary("/", number(float(node.getNumerator())), number(float(node.getDenominator())))
    if kind == s.AST_REAL_E:
        return number(float(f"{node.getMantissa()!r}e{node.getExponent()}"))
    value = node.getReal()
    if not math.isfinite(value):
        return Number(value) if not value < 0 else Negate(Number(-value))
    return number(value)


def _call(name: str, arguments: Sequence[Expr], scope: Scope) -> Expr:
    if name not in scope.functions:
        raise EquationError(f"{scope.where} calls `{name}`, which the file does not define; add a functionDefinition")
    formals, body = scope.functions[name]
    if len(formals) != len(arguments):
        raise EquationError(f"{scope.where} calls `{name}` with {len(arguments)} arguments; it has {len(formals)}")
    return substitute(body, dict(zip(formals, arguments, strict=True)))


def joined(operator: str, parts: Sequence[Expr]) -> Expr:
    """A sum or product of many parts, as a balanced tree, so that it stays flat."""
    if len(parts) <= 8:
        return reduce(lambda a, b: Binary(operator, a, b), parts)
    middle = len(parts) // 2
    return Binary(operator, joined(operator, parts[:middle]), joined(operator, parts[middle:]))


def _operation(node: Any, kind: int, a: list[Expr], scope: Scope) -> Expr:
    s = package("libsbml")

    one, two = Number(1.0), Number(2.0)
    if kind == s.AST_PLUS:
        return joined("+", a) if a else Number(0.0)
    if kind == s.AST_TIMES:
        return joined("*", a) if a else one
    if kind == s.AST_MINUS:
        return Negate(a[0]) if len(a) == 1 else Binary("-", a[0], a[1])
    if kind == s.AST_DIVIDE:
        return Binary("/", a[0], a[1])
    if kind in (s.AST_POWER, s.AST_FUNCTION_POWER):
        return Binary("^", a[0], a[1])
    if kind == s.AST_FUNCTION_ROOT:
        degree, inner = (two, a[0]) if len(a) == 1 else (a[0], a[1])
        return Call("sqrt", (inner,)) if degree == two else Binary("^", inner, Binary("/", one, degree))
    if kind == s.AST_FUNCTION_LOG:
        base, inner = (Number(10.0), a[0]) if len(a) == 1 else (a[0], a[1])
        if base == Number(10.0):
            return Call("log10", (inner,))
        return Binary("/", Call("log", (inner,)), Call("log", (base,)))
    plain = {getattr(s, f"AST_FUNCTION_{key}"): name for key, name in _PLAIN.items()}
    if kind in plain:
        return Call(plain[kind], (a[0],))
    written = {getattr(s, f"AST_FUNCTION_{_KEYS.get(key, key.upper())}"): make for key, make in EXTRA.items()}
    if kind in written:
        return written[kind](a[0])
    if kind in (s.AST_FUNCTION_QUOTIENT, s.AST_FUNCTION_REM):
        return (quotient if kind == s.AST_FUNCTION_QUOTIENT else remainder)(a[0], a[1])
    if kind in (s.AST_FUNCTION_MAX, s.AST_FUNCTION_MIN):
        word = "max" if kind == s.AST_FUNCTION_MAX else "min"
        return reduce(lambda x, y: Call(word, (x, y)), a)
    shown = s.formulaToL3String(node) or node.getName() or "an operation"
    raise EquationError(f"{scope.where}: `{shown[:80]}` is nothing we have; write it in other functions in the file")


_KEYS = {"ceil": "CEILING"}
_PLAIN = {
    "EXP": "exp", "LN": "log", "ABS": "abs", "SIN": "sin", "COS": "cos", "TAN": "tan", "SINH": "sinh", "COSH": "cosh",
    "TANH": "tanh", "FLOOR": "floor",
}  # fmt: skip


def _piecewise(node: Any, scope: Scope, level: int) -> Expr:
    count = node.getNumChildren()
    pairs, rest = count // 2, count % 2
    # SBML leaves open what a piecewise without otherwise is where nothing holds; NaN is what roadrunner and COPASI give
    value: Expr = _value(node.getChild(count - 1), scope, level) if rest else Number(math.nan)
    for k in reversed(range(pairs)):
        taken = _value(node.getChild(2 * k), scope, level)
        value = Call("if", (_condition(node.getChild(2 * k + 1), scope, level), taken, value))
    return value


TRUE, FALSE = Call(">", (Number(1.0), Number(0.0))), Call(">", (Number(0.0), Number(1.0)))


def _condition(node: Any, scope: Scope, level: int) -> Expr:
    s = package("libsbml")

    if level > DEEPEST:
        raise EquationError(f"{scope.where} nests more than {DEEPEST} operations; split it into rules")
    kind = node.getType()
    inner = [node.getChild(k) for k in range(node.getNumChildren())]
    if kind == s.AST_CONSTANT_TRUE:
        return TRUE
    if kind == s.AST_CONSTANT_FALSE:
        return FALSE
    compared = {
        s.AST_RELATIONAL_LT: "<", s.AST_RELATIONAL_LEQ: "<=", s.AST_RELATIONAL_GT: ">",
        s.AST_RELATIONAL_GEQ: ">=", s.AST_RELATIONAL_EQ: "==",
    }  # fmt: skip
    if kind in compared or kind == s.AST_RELATIONAL_NEQ:
        sides = [_value(one, scope, level + 1) for one in inner]
        if kind == s.AST_RELATIONAL_NEQ:
            return Call("not", (Call("==", (sides[0], sides[1])),))
        pairs = [Call(compared[kind], (a, b)) for a, b in pairwise(sides)]
        return reduce(lambda a, b: Call("and", (a, b)), pairs) if pairs else TRUE
    if kind in (s.AST_LOGICAL_AND, s.AST_LOGICAL_OR):
        parts = [_condition(one, scope, level + 1) for one in inner]
        word = "and" if kind == s.AST_LOGICAL_AND else "or"
        return reduce(lambda a, b: Call(word, (a, b)), parts) if parts else (TRUE if word == "and" else FALSE)
    if kind == s.AST_LOGICAL_NOT:
        return Call("not", (_condition(inner[0], scope, level + 1),))
    if kind == s.AST_LOGICAL_XOR:
        return reduce(_xor, [_condition(one, scope, level + 1) for one in inner], FALSE)
    if kind == s.AST_LOGICAL_IMPLIES:
        first, second = (_condition(one, scope, level + 1) for one in inner)
        return Call("or", (Call("not", (first,)), second))
    if kind == s.AST_FUNCTION_PIECEWISE and inner:
        value: Expr = _condition(inner[-1], scope, level + 1) if len(inner) % 2 else FALSE
        for k in reversed(range(len(inner) // 2)):
            holds, taken = _condition(inner[2 * k + 1], scope, level + 1), _condition(inner[2 * k], scope, level + 1)
            value = Call("or", (Call("and", (holds, taken)), Call("and", (Call("not", (holds,)), value))))
        return value
    number_ = _value(node, scope, level + 1)
    return Call("not", (Call("==", (number_, Number(0.0))),))


def _xor(a: Expr, b: Expr) -> Expr:
    return Call("or", (Call("and", (a, Call("not", (b,)))), Call("and", (Call("not", (a,)), b))))
