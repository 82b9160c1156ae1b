"""Comparisons, connectives, and choices between formulas."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.expression.functions.base import Code, Function


def _choice(condition: float, a: float, b: float) -> float:
    return a if condition else b


def _choices(xp: Any, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, a, b)


def _pieces(*arguments: float) -> float:
    for k in range(0, len(arguments) - 1, 2):
        if arguments[k + 1]:
            return arguments[k]
    return arguments[-1]


def _piece_arrays(xp: Any, *arguments: Any) -> Any:
    result = arguments[-1]
    for k in range(len(arguments) - 3, -1, -2):
        result = xp.where(arguments[k + 1], arguments[k], result)
    return result


def nested(arguments: tuple[Any, ...]) -> Any:
    """`piecewise(a, c, b, d, e)` as `if(c, a, if(d, b, e))`."""
    from ndestudio.expression.tree import Call

    result = arguments[-1]
    for k in range(len(arguments) - 3, -1, -2):
        result = Call("if", (arguments[k + 1], arguments[k], result))
    return result


def _cases(arguments: Sequence[str]) -> str:
    """Value, condition, value, condition, ..., value."""
    rows = [rf"{arguments[k]} & {arguments[k + 1]}" for k in range(0, len(arguments) - 1, 2)]
    rows.append(rf"{arguments[-1]} & \mathrm{{otherwise}}")
    return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"


def _piecewise(sympy: Any, *arguments: Any) -> Any:
    pairs = [(arguments[k], arguments[k + 1]) for k in range(0, len(arguments) - 1, 2)]
    return sympy.Piecewise(*pairs, (arguments[-1], True))


def _comparison(
    sign: str, meaning: str, array: str, scalar: Callable[..., Any], latex: str, sympy: str, text: str = ""
) -> Function:
    return Function(
        sign,
        ("a", "b"),
        meaning,
        array,
        scalar,
        latex=f"#1 {latex} #2",
        sympy=sympy,
        code={
            **dict.fromkeys(("python", "jax", "julia", "matlab", "c"), f"({{0}} {sign} {{1}})"),
            "sympy": text or f"({{0}} {sign} {{1}})",
        },
        gives="c",
        units="alike",
    )


def _connective(
    name: str, takes: str, meaning: str, array: str, scalar: Callable[..., Any], latex: str, sympy: str, signs: str
) -> Function:
    pattern = f"({{0}} {signs} {{1}})" if len(takes) == 2 else f"({signs}{{0}})"
    python = f"({{0}} {name} {{1}})" if len(takes) == 2 else f"({name} {{0}})"
    arguments = ", ".join(f"{{{k}}}" for k in range(len(takes)))
    return Function(
        name,
        ("a", "b")[: len(takes)],
        meaning,
        array,
        scalar,
        latex=latex,
        sympy=sympy,
        code={
            "python": python,
            "jax": f"jnp.{array}",
            "julia": pattern,
            "matlab": pattern.replace("!", "~"),
            "c": pattern,
            "sympy": f"{sympy}({arguments})",
        },
        takes=takes,
        gives="c",
        units="logic",
    )


_MATLAB_CHOICE = """\
function value = choose(condition, a, b)
if condition
    value = a;
else
    value = b;
end
end"""

FUNCTIONS = (
    _comparison("<", "a is below b", "less", operator.lt, "<", "StrictLessThan"),
    _comparison("<=", "a is not above b", "less_equal", operator.le, r"\leq", "LessThan"),
    _comparison(">", "a is above b", "greater", operator.gt, ">", "StrictGreaterThan"),
    _comparison(">=", "a is not below b", "greater_equal", operator.ge, r"\geq", "GreaterThan"),
    _comparison("==", "a is exactly b", "equal", operator.eq, "=", "Equality", "Eq({0}, {1})"),
    _connective("and", "cc", "both hold", "logical_and", lambda a, b: a and b, r"#1 \,\mathrm{and}\, #2", "And", "&&"),
    _connective("or", "cc", "one holds", "logical_or", lambda a, b: a or b, r"#1 \,\mathrm{or}\, #2", "Or", "||"),
    _connective("not", "c", "it does not hold", "logical_not", operator.not_, r"\mathrm{not}\, #1", "Not", "!"),
    Function(
        "if",
        ("condition", "a", "b"),
        "a where the condition holds, b elsewhere; the other one may have no value there",
        _choices,
        _choice,
        latex=lambda x: _cases((x[1], x[0], x[2])),
        sympy=lambda sympy, condition, a, b: sympy.Piecewise((a, condition), (b, True)),
        code={
            "python": "({1} if {0} else {2})",
            "jax": "jax.lax.cond({0}, lambda: {1}, lambda: {2})",
            "julia": "({0} ? {1} : {2})",
            "matlab": Code("choose", helper=_MATLAB_CHOICE),
            "c": "({0} ? {1} : {2})",
            "sympy": "Piecewise(({1}, {0}), ({2}, True))",
        },
        takes="cnn",
        units="choice",
        complexity=2,
        aliases=("ifelse", "where", "iif", "ite"),
    ),
    Function(
        "piecewise",
        ("a", "condition", "otherwise"),
        "the value before the first condition that holds, the last one if none does: "
        "`piecewise(a, x < 1, b, x < 2, otherwise)`",
        _piece_arrays,
        _pieces,
        latex=_cases,
        sympy=_piecewise,
        takes="ncn",
        units="choice",
        complexity=2,
        rewrite=nested,
        aliases=("cases",),
    ),
)
