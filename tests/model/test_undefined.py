"""The part of an equation that has no finite value is named."""

from __future__ import annotations

import pytest

from ndestudio.expression.parse import parse_expression
from ndestudio.model.undefined import why_undefined


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a*x/t - x", "`a*x/t` divides by `t`, which is 0 there"),
        ("1 + sqrt(x - 2)", "`sqrt(x - 2)` takes sqrt of -1"),
        ("x + t^(-a)", "`t^-a` is the power -3 of 0"),
        ("x*a", ""),
        ("f(x) + 1", "`f(x)` is nan"),
    ],
)
def test_the_innermost_part_is_named(text: str, words: str) -> None:
    values = {"a": 3.0, "x": 1.0, "t": 0.0}
    found = why_undefined(parse_expression(text, functions={"f": 1}), values, {"f": lambda x: float("nan")})
    assert found == words
