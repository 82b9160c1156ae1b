"""A summand less, or one as the number before it."""

from __future__ import annotations

import pytest

from ndestudio.distil.neighbours import neighbours
from ndestudio.expression import parse_expression, to_text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("3.85/(u^2 + 0.95) + 0.016 - 0.967*v", {"3.85/(u^2 + 0.95) - 0.967*v", "3.85/(u^2 + 0.95) + 0.016 - v"}),
        ("1.02*x*y - 0.98*y + 3*x", {"x*y + 3*x - y", "1.02*x*y - 0.98*y", "1.02*x*y + 3*x - y"}),
        ("-0.95*x", {"-x"}),
        ("2*x - 1.3*y", {"2*x", "-(1.3*y)"}),
    ],
)
def test_neighbours_of_a_formula(formula: str, expected: set[str]) -> None:
    assert expected <= {to_text(one) for one in neighbours(parse_expression(formula))}


@pytest.mark.parametrize("formula", ["2*x", "x", "x*(1.1 - y)", "3.0"])
def test_a_formula_without_any(formula: str) -> None:
    assert neighbours(parse_expression(formula)) == []
