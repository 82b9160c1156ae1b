"""Formulas of PEtab: what they mean, and that nonsense gets a sentence."""

from __future__ import annotations

import math

import pytest

from ndestudio.errors import EquationError
from ndestudio.exchange.petab.formula import parse_formula
from ndestudio.expression.numeric import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # petab 0.10.0 reads these so; others differ (libSBML's level 1 reads -2^2 as 4 and 2^3^2 as 64)
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("9*3^-2", 1.0),
        ("log(exp(2))", 2.0),
        ("log(100, 10)", 2.0),
        ("log2(8)", 3.0),
        ("piecewise(0, true || false && false, 1)", 1.0),
        ("piecewise(1, 2 < 3 && 3 != 3, 4)", 4.0),
        ("-!!2 + true", 0.0),
        ("arcsin(1) - arccos(0)", 0.0),
        ("inf", math.inf),
    ],
)
def test_a_formula_means_what_petab_says(text: str, value: float) -> None:
    assert float(evaluate(parse_formula(text), {})) == pytest.approx(value)


def test_names_that_mean_something_to_us_are_told_apart() -> None:
    assert float(evaluate(parse_formula("time + t + exp(sin)"), {"t": 1.0, "t_": 10.0, "sin_": 0.0})) == 12.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "2x",
        "f(1)",
        "(1",
        "heaviside(1)",
        "sqrt(1, 2)",
        "piecewise(1, 2)",
        "a; b",
        "(" * 500,
        "-" * 500,
        "__import__('os')",
    ],
)
def test_nonsense_gets_a_sentence(text: str) -> None:
    with pytest.raises(EquationError, match="formula"):
        parse_formula(text)
