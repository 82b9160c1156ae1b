"""Sums of powers and a shape are found by sparse regression on what the data say."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.distil.linearised import TermData, fit_term
from ndestudio.distil.search import skeleton
from ndestudio.distil.shapes import sums_with_shapes
from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import calls, walk

ALL = ("+", "-", "*", "/", "exp", "tanh", "sqrt", "log")


def _data(law: str, arguments: tuple[str, ...]) -> TermData:
    generator = np.random.default_rng(3)
    points = generator.uniform(0.05, 4.0, (300, len(arguments)))
    values = evaluate(parse_expression(law), dict(zip(arguments, points.T, strict=True)))
    rows = generator.normal(size=(100, 300)) / 6.0
    error = 0.03 * float(np.std(values))
    return TermData("f", arguments, points, rows / error, rows @ values / error + generator.normal(size=100))


@pytest.mark.parametrize(
    ("law", "structure"),
    [
        ("2*x/(1.3 + x) - 0.8*y", "2*x/(1.3 + x) - 0.8*y"),
        ("0.5 + 1.8*x*y/(1.1 + y) - 0.4*x", "0.5 + 1.8*x*y/(1.1 + y) - 0.4*x"),
        ("4/(1 + x^4) - y", "4/(1 + x^4) - y"),
        ("1.5*exp(-0.9*x)*y - 0.5*y", "1.5*y*exp(-0.9*x) - 0.5*y"),
        ("3*x/(0.7 + x + x^2/2)", "3*x/(0.7 + x + x^2/2)"),
        ("x*y - 0.9*sqrt(x)*y", "x*y - 0.9*sqrt(x)*y"),
    ],
)
def test_the_law_is_the_shortest_of_the_sums(law: str, structure: str) -> None:
    data = _data(law, ("x", "y"))
    fitted = sorted((fit_term(data, one) for one in sums_with_shapes(data, ALL)), key=lambda one: one.length)
    points = np.linspace(0.2, 3.8, 9)
    columns = {"x": points, "y": points[::-1]}
    truth = evaluate(parse_expression(law), columns)
    assert skeleton(fitted[0].formulas["f"]).count("/") == skeleton(parse_expression(structure)).count("/")
    assert evaluate(fitted[0].formulas["f"], columns) == pytest.approx(truth, abs=0.03 * float(np.ptp(truth)))


def test_only_operators_that_are_asked_for_are_used() -> None:
    data = _data("2*x/(1.3 + x) - 0.8*y", ("x", "y"))
    assert sums_with_shapes(data, ("+", "-", "*")) == []
    found = sums_with_shapes(data, ("+", "-", "*", "exp"))
    assert found and not any("/" in str(getattr(node, "operator", "")) for one in found for node in walk(one))
    assert {call.function for one in found for call in calls(one, ("exp", "tanh", "sqrt", "log"))} == {"exp"}


def test_an_argument_that_changes_its_sign_gets_no_shape_with_a_pole() -> None:
    data = _data("2*x/(1.3 + x) - 0.8*y", ("x", "y"))
    both = TermData("f", data.arguments, data.points - 2.0, data.rows, data.target)
    found = sums_with_shapes(both, ALL)
    values = [evaluate(one, dict(zip(both.arguments, both.points.T, strict=True))) for one in found]
    assert found and all(np.isfinite(one).all() for one in values)
    assert not any(call.function == "sqrt" for one in found for call in calls(one, ("sqrt",)))
