"""How long formulas are."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.distil.description import exactness, formula_nats, is_sound
from ndestudio.expression import parse_expression

X = np.linspace(0.2, 3.0, 60)[:, None]


def _nats(text: str) -> float:
    return formula_nats(parse_expression(text), ("x",), X)


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("0.6*x - 0.01*x^2", "0.4*x*cos(0.03*x) + 1.4"),
        ("2*x - 0.3*x^3", "5*sin(0.4*x)"),
        ("2*x/(1.5 + x)", "2*x/(1.5 - x)"),
        ("sin(x)", "sin(sin(x))"),
        ("sin(2.5*x)", "sin(2.5*x)*sin(0.02*x)"),
        ("x^2", "x^2.3"),
        ("2*exp(3*x)", "1e-29*exp(22*x)"),
    ],
)
def test_laws_that_fields_use_are_shorter(shorter: str, longer: str) -> None:
    assert _nats(shorter) < _nats(longer)


def test_a_sine_that_turns_is_no_imitation() -> None:
    assert _nats("sin(4*x)") < _nats("sin(0.1*x)")


def test_sound_formulas_have_values_and_no_poles_where_the_data_lie() -> None:
    assert is_sound(parse_expression("x/(1 + x)"), ("x",), X)
    assert not is_sound(parse_expression("x/(1 - x)"), ("x",), X)
    assert not is_sound(parse_expression("log(x - 1)"), ("x",), X)


def test_numbers_cost_what_little_noise_lets_them_be_known_to() -> None:
    assert exactness(2, 0.01, 1.0) == pytest.approx(2 * np.log(10.0))
    assert (
        exactness(2, 2.0, 1.0)
        == exactness(0, 0.01, 1.0)
        == exactness(3, np.inf, 1.0)
        == exactness(3, np.nan, 1.0)
        == 0.0
    )
