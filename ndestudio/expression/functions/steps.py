"""Functions with kinks and steps."""

from __future__ import annotations

import math
from typing import Any

from ndestudio.expression.functions.base import Code, Function


def _minimum(a: float, b: float) -> float:
    return math.nan if a != a or b != b else min(a, b)


def _maximum(a: float, b: float) -> float:
    return math.nan if a != a or b != b else max(a, b)


def _sign(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 * x


def _step(x: float) -> float:
    return 0.5 * (1.0 + _sign(x))


def _heaviside(xp: Any, x: Any) -> Any:
    return xp.heaviside(x, 0.5)


def _floor(x: float) -> float:
    return float(math.floor(x))


_C_SIGN = """\
static double sign(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
}"""

_C_STEP = """\
static double heaviside(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? 0.0 : x + 0.5;
}"""

FUNCTIONS = (
    Function(
        "abs",
        ("x",),
        "magnitude",
        "abs",
        math.fabs,
        ("sign(x)",),
        latex=r"\left|#1\right|",
        sympy="Abs",
        code={"c": "fabs"},
        units="same",
        search=True,
        reserved=True,
        aliases=("fabs",),
        kinks=(0.0,),
    ),
    Function(
        "min",
        ("a", "b"),
        "the smaller of the two",
        "minimum",
        _minimum,
        ("heaviside(b - a)", "heaviside(a - b)"),
        latex=r"\min",
        sympy="Min",
        code={"c": "fmin"},
        units="same",
        search=True,
        reserved=True,
        kinks=(0.0,),
    ),
    Function(
        "max",
        ("a", "b"),
        "the larger of the two",
        "maximum",
        _maximum,
        ("heaviside(a - b)", "heaviside(b - a)"),
        latex=r"\max",
        sympy="Max",
        code={"c": "fmax"},
        units="same",
        search=True,
        reserved=True,
        kinks=(0.0,),
    ),
    Function(
        "sign",
        ("x",),
        "-1, 0 or 1; sign(0) is 0",
        "sign",
        _sign,
        ("0",),
        latex=r"\mathrm{sgn}",
        sympy="sign",
        code={"c": Code("sign", helper=_C_SIGN)},
        units="any",
        aliases=("sgn",),
        kinks=(0.0,),
    ),
    Function(
        "heaviside",
        ("x",),
        "unit step: 0 below zero, 1 above; heaviside(0) is 1/2",
        _heaviside,
        _step,
        ("0",),
        latex=r"\mathrm{H}",
        sympy="Heaviside",
        code={
            "python": "np.heaviside({0}, 0.5)",
            "jax": "jnp.heaviside({0}, 0.5)",
            "julia": "(0.5*(1.0 + sign({0})))",
            "matlab": "(0.5*(1.0 + sign({0})))",
            "c": Code("heaviside", helper=_C_STEP),
        },
        units="any",
        aliases=("heav", "step"),
        kinks=(0.0,),
    ),
    Function(
        "floor",
        ("x",),
        "largest whole number that is not above x; floor(-0.5) is -1",
        "floor",
        _floor,
        ("0",),
        latex=r"\left\lfloor #1\right\rfloor",
        sympy="floor",
        kinks=(-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0),
    ),
)
