import pytest

from ndestudio.distil.structure import difference
from ndestudio.expression import parse_expression


def apart(truth: str, other: str) -> float | None:
    return difference(parse_expression(truth), parse_expression(other))


@pytest.mark.parametrize(
    ("truth", "other"),
    [
        ("2*x*y", "y*2*x"),
        ("0.5*x*(1 - x/9)", "0.5*x - x^2/18"),
        ("3*x/(2 + x)", "x/(0.6666666666666667 + x/3)"),
        ("3*x/(2 + x)", "1.5*x/(1 + 0.5*x)"),
        ("-(a - b)", "b - a"),
        ("x*x", "x^2"),
        ("sqrt(x)", "x^0.5"),
        ("2*exp(-0.3*x)", "exp(-0.3*x)/0.5"),
        ("x/(y*z)", "x/y/z"),
        ("(2*x)^2", "4*x^2"),
        ("x + y - x", "y"),
    ],
)
def test_another_way_to_write_a_formula_is_the_same_structure_and_the_same_constants(truth: str, other: str):
    assert apart(truth, other) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("truth", "other", "expected"),
    [
        ("2*x*y", "2.1*x*y", 0.05),
        ("3*x/(2 + x)", "3.3*x/(2.2 + x)", 0.1),
        ("exp(-0.2*x)", "exp(-0.25*x)", 0.25),
        ("x + 2*y", "x + 2.2*y", 0.1),
        ("-x", "x", 2.0),
        ("x^0.5", "x^0.6", 0.2),
    ],
)
def test_constants_are_compared_relative_to_those_of_the_law(truth: str, other: str, expected: float):
    assert apart(truth, other) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("truth", "other"),
    [
        ("x*y", "x"),
        ("x/(1 + x)", "x/(1 + y)"),
        ("x^2", "x^3"),
        ("x^2", "x^2.1"),
        ("sin(x)", "cos(x)"),
        ("x + 1", "x"),
        ("x/(1 + x)", "x/(1 + x)^2"),
    ],
)
def test_other_structures_have_no_difference_of_constants(truth: str, other: str):
    assert apart(truth, other) is None
