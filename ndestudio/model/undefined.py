"""Which part of an equation has no finite value at a point, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ndestudio.expression.numeric import evaluate
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Binary, Call, Expr, Number, children

_DIGITS = 6


def why_undefined(expr: Expr, values: Mapping[str, Any], neural_terms: Mapping[str, Callable[..., Any]]) -> str:
    """The innermost part of ``expr`` without a finite value, and what it does: "`n*y/t` divides by `t`, which is 0 there"; ""
    where all parts have one.

    Parameters
    ----------
    values
        Name -> number.
    """

    def value(part: Expr) -> float:
        with np.errstate(all="ignore"):
            return float(np.real(evaluate(part, values, neural_terms=neural_terms)))

    def innermost(part: Expr) -> Expr | None:
        if np.isfinite(value(part)):
            return None
        inside = (innermost(child) for child in children(part))
        return next((found for found in inside if found is not None), part)

    bad = innermost(expr)
    if bad is None:
        return ""
    text = short_text(bad, _DIGITS)
    match bad:
        case Binary("/", _, below) if value(below) == 0:
            which = "" if isinstance(below, Number) else f" by `{short_text(below, _DIGITS)}`, which is 0 there"
            return f"`{text}` divides{which or ' by 0'}"
        case Call(function, (argument, *_)) if function not in neural_terms:
            return f"`{text}` takes {function} of {value(argument):.4g}"
        case Binary("^", base, exponent):
            return f"`{text}` is the power {value(exponent):.4g} of {value(base):.4g}"
    return f"`{text}` is {value(bad):.4g}"
