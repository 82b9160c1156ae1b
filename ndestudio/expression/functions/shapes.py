"""Curves of saturation."""

from __future__ import annotations

import math
from typing import Any

from ndestudio.expression.functions.base import Code, Function


def _sigmoid(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))


def _sigmoids(xp: Any, x: Any) -> Any:
    return 0.5 * (1.0 + xp.tanh(0.5 * x))


def _hill(x: float, K: float, n: float) -> float:
    ratio = math.pow(x / K, n)
    return ratio / (1.0 + ratio)


def _hills(xp: Any, x: Any, K: Any, n: Any) -> Any:
    ratio = xp.power(xp.divide(x, K), n)
    return ratio / (1.0 + ratio)


_PYTHON_SIGMOID = """\
def sigmoid(z):
    return 0.5 * (1.0 + {xp}.tanh(0.5 * z))"""
_JULIA_SIGMOID = "sigmoid(z) = 0.5 * (1.0 + tanh(0.5 * z))"
_MATLAB_SIGMOID = """\
function z = sigmoid(z)
z = 0.5 * (1.0 + tanh(0.5 * z));
end"""
_C_SIGMOID = """\
static double sigmoid(double z)
{
    return 0.5*(1.0 + tanh(0.5*z));
}"""

_PYTHON_HILL = """\
def hill(x, K, n):
    ratio = {xp}.power({xp}.divide(x, K), n)
    return ratio / (1.0 + ratio)"""
_JULIA_HILL = """\
function hill(x, K, n)
    ratio = (x / K)^n
    return ratio / (1.0 + ratio)
end"""
_MATLAB_HILL = """\
function value = hill(x, K, n)
ratio = (x ./ K) .^ n;
value = ratio ./ (1.0 + ratio);
end"""
_C_HILL = """\
static double hill(double x, double K, double n)
{
    const double ratio = pow(x/K, n);
    return ratio/(1.0 + ratio);
}"""

FUNCTIONS = (
    Function(
        "sigmoid",
        ("x",),
        "logistic curve, 1/(1 + exp(-x))",
        _sigmoids,
        _sigmoid,
        ("sigmoid(x)*(1 - sigmoid(x))",),
        definition="1/(1 + exp(-x))",
        code={
            "python": Code("sigmoid", helper=_PYTHON_SIGMOID.format(xp="np")),
            "jax": Code("sigmoid", helper=_PYTHON_SIGMOID.format(xp="jnp")),
            "julia": Code("sigmoid", helper=_JULIA_SIGMOID),
            "matlab": Code("sigmoid", helper=_MATLAB_SIGMOID),
            "c": Code("sigmoid", helper=_C_SIGMOID),
            "sympy": "",
        },
        complexity=2,
        aliases=("logistic", "expit"),
    ),
    Function(
        "hill",
        ("x", "K", "n"),
        "Hill function, x^n/(K^n + x^n), computed as r/(1 + r) with r = (x/K)^n",
        _hills,
        _hill,
        (
            "n*(x/K)^(n - 1)/(K*(1 + (x/K)^n)^2)",
            "-n*hill(x, K, n)*(1 - hill(x, K, n))/K",
            "if(x == 0, 0, log(x/K)*hill(x, K, n)*(1 - hill(x, K, n)))",
        ),
        definition="(x/K)^n/(1 + (x/K)^n)",
        code={
            "python": Code("hill", helper=_PYTHON_HILL.format(xp="np")),
            "jax": Code("hill", helper=_PYTHON_HILL.format(xp="jnp")),
            "julia": Code("hill", helper=_JULIA_HILL),
            "matlab": Code("hill", helper=_MATLAB_HILL),
            "c": Code("hill", helper=_C_HILL),
            "sympy": "",
        },
        units="hill",
        complexity=3,
        domain="x/K >= 0, unless n is a whole number",
    ),
)
