"""Expression to formula text, with as few parentheses as reading it back exactly allows."""

from __future__ import annotations

import math

from ndestudio.blackbox.label import is_label, label_of
from ndestudio.expression.functions import find
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number, transform

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(-3, 6)
_COMPARISONS = ("<", "<=", ">", ">=", "==")
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "^": _POWER}


def to_text(expr: Expr) -> str:
    """Text that ``parse_expression`` reads back as the same expression.

    A negative ``Number`` reads back as ``Negate`` of a positive one, which is the form the parser produces.
    """
    return _text(expr)[0]


def short_text(expr: Expr, digits: int) -> str:
    """Text of ``expr`` with its numbers rounded to ``digits`` significant digits."""

    def rounded(node: Expr) -> Expr:
        if isinstance(node, Number) and math.isfinite(node.value):
            return Number(float(f"{node.value:.{digits}g}"))
        return node

    return to_text(transform(expr, rounded))


def number_text(value: float) -> str:
    """Shortest text that reads back as exactly ``value`` (integers without a point)."""
    if value == 0:
        return "0"  # the sign of zero has no text of its own
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def _text(expr: Expr) -> tuple[str, int]:
    """Text of ``expr`` and how strongly its outermost operator binds."""
    match expr:
        case Number(value):
            return number_text(value), _ATOM if value >= 0 or math.isnan(value) else _UNARY
        case Name(name):
            return name, _ATOM
        case Negate(operand):
            return "-" + _at_least(operand, _UNARY), _UNARY
        case Call(function, (left, right)) if function in _COMPARISONS:
            return f"{_at_least(left, _SUM)} {function} {_at_least(right, _SUM)}", _COMPARISON
        case Call("and" | "or" as function, (left, right)) if _is_condition(left):
            binding = _AND if function == "and" else _OR
            return f"{_at_least(left, binding)} {function} {_at_least(right, binding + 1)}", binding
        case Call("not", (operand,)) if _is_condition(operand):
            return f"not {_at_least(operand, _NOT)}", _NOT
        case Call(function, arguments):
            shown = label_of(function).text if is_label(function) else function
            return f"{shown}({', '.join(_text(argument)[0] for argument in arguments)})", _ATOM
        case Delay(operand, lag):
            return f"{_at_least(operand, _ATOM)}(t - {_at_least(lag, _PRODUCT)})", _ATOM
        case Binary(operator, left, right):
            binding = _BINDING[operator]
            if operator == "^":
                return f"{_at_least(left, _ATOM)}^{_at_least(right, _UNARY)}", _POWER
            space = " " if binding == _SUM else ""
            return f"{_at_least(left, binding)}{space}{operator}{space}{_at_least(right, binding + 1)}", binding
    raise TypeError(f"not an expression: {expr!r}")


def _is_condition(expr: Expr) -> bool:
    known = find(expr.function) if isinstance(expr, Call) else None
    return known is not None and known.gives == "c"


def _at_least(expr: Expr, binding: int) -> str:
    text, own = _text(expr)
    return text if own >= binding else f"({text})"
