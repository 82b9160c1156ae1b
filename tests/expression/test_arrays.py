from __future__ import annotations

import numpy as np
import pytest

from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.arrays import compile_array


@pytest.mark.parametrize(
    "text",
    ["x^2 - 2*x^0.5 + pi", "min(x, y) + max(exp(-x), tanh(y))", "-abs(sin(x))/(1 + cos(y)^3)", "x^4/(y + 2)^-2 + x^7"],
)
def test_compiled_arrays_are_what_evaluation_says(text: str) -> None:
    expression = parse_expression(text)
    values = {"x": np.linspace(0.1, 3, 7), "y": np.linspace(-1, 1, 7)}
    compiled = compile_array(expression, {"x": 0, "y": 1})
    np.testing.assert_allclose(compiled([values["x"], values["y"]]), evaluate(expression, values), rtol=1e-14)
