"""JSON without infinities."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ndestudio.json_text import json_text, plain


@pytest.mark.parametrize("wrong", [math.inf, -math.inf, math.nan, np.float64("inf"), np.float32("nan")])
def test_what_is_not_finite_is_null_at_any_depth(wrong: float) -> None:
    value = {"a": wrong, "b": [1.5, (wrong, "inf")], "c": {"d": {"e": wrong}}, "f": np.array([1.0, wrong])}
    read = json.loads(json_text(value), parse_constant=lambda text: pytest.fail(text))
    assert read == {"a": None, "b": [1.5, [None, "inf"]], "c": {"d": {"e": None}}, "f": [1.0, None]}


def test_everything_else_stays() -> None:
    value = {"x": [1, 2.5, True, None, "é"], 3: np.int64(4)}
    assert plain(value) == {"x": [1, 2.5, True, None, "é"], "3": 4}
    assert "é" in json_text(value)
