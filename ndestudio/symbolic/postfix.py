"""Expressions to and from the postfix text of the compiled engine."""

from __future__ import annotations

from collections.abc import Sequence

from ndestudio.expression.functions import BUILT_IN, find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number

_POWERS = {"square": 2.0, "cube": 3.0}

MOST_NODES = 64
"""Nodes of an expression that the compiled core holds (``native/tree.hpp``)."""


def fits_the_engine(expression: Expr, names: Sequence[str]) -> bool:
    """Whether the compiled core can hold ``expression``, a formula in ``names``."""
    try:
        return len(to_postfix(expression, names).split()) <= MOST_NODES
    except ValueError:
        return False


def from_postfix(text: str, names: Sequence[str]) -> Expr:
    """Expression of postfix ``text`` (operator names, `x<k>` for variable k, numbers)."""
    stack: list[Expr] = []
    for word in text.split():
        if word in ("+", "-", "*", "/", "^"):
            right = stack.pop()
            left = stack.pop()
            stack.append(Binary(word, left, right))
        elif word == "neg":
            stack.append(Negate(stack.pop()))
        elif word in _POWERS:
            stack.append(_power(stack.pop(), _POWERS[word]))
        elif word == "inv":
            stack.append(Binary("/", Number(1.0), stack.pop()))
        elif word in BUILT_IN:
            count = len(BUILT_IN[word].arguments)
            stack[-count:] = [Call(word, tuple(stack[-count:]))]
        elif word[0] == "x" and word[1:].isdigit():
            stack.append(Name(names[int(word[1:])]))
        else:
            value = float(word)
            stack.append(Negate(Number(-value)) if value < 0.0 else Number(value))
    (expression,) = stack
    return expression


def _power(base: Expr, exponent: float) -> Expr:
    match base:
        case Binary("^", inner, Number(value)) if value == int(value):
            return Binary("^", inner, Number(value * exponent))
        case _:
            return Binary("^", base, Number(exponent))


def to_postfix(expression: Expr, names: Sequence[str]) -> str:
    """Postfix text of ``expression``.

    Raises
    ------
    ValueError
        For a name that is no variable, or a function the engine does not know.
    """
    match expression:
        case Number(value):
            return repr(float(value))
        case Name("pi"):
            return "3.141592653589793"
        case Name(name):
            if name not in names:
                raise ValueError(f"`{name}` is not one of the variables {', '.join(names)}")
            return f"x{list(names).index(name)}"
        case Negate(operand):
            return f"{to_postfix(operand, names)} neg"
        case Binary("^", base, Number(2.0)):
            return f"{to_postfix(base, names)} square"
        case Binary("^", base, Number(3.0)):
            return f"{to_postfix(base, names)} cube"
        case Binary(operator, left, right):
            return f"{to_postfix(left, names)} {to_postfix(right, names)} {operator}"
        case Call(function, arguments):
            known = find(function)
            if known is not None and known.search and known.kinds(len(arguments)):
                return " ".join([*(to_postfix(argument, names) for argument in arguments), function])
            if known is not None and known.definition and known.kinds(len(arguments)):
                return to_postfix(definition(known, arguments), names)
            raise ValueError(f"`{function}` is not a function the engine knows")
        case _:
            raise ValueError("a delayed value is no variable of the engine; give it as a column of its own")
