"""When nothing but noise is left, and what is said of how certain a form is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.polynomial import Chebyshev

from ndestudio.distil.linearised import evaluate_at, fit_together
from ndestudio.distil.response import Known, Response, TermResponse
from ndestudio.distil.rounds import Decided, Round, at_noise
from ndestudio.distil.scoring import Trial
from ndestudio.expression import parse_expression


def share_at_noise(count: int, degree: int, bend: float) -> float:
    """How often a straight line counts as all there is, of 300 sets of values of a line with noise of 1 and a bend."""
    rng, x = np.random.default_rng(0), np.linspace(-1.0, 1.0, count)
    found = []
    for _ in range(300):
        y = 5.0 * x + bend * x**2 + rng.normal(size=count)
        left = [float(np.sum((y - Chebyshev.fit(x, y, k)(x)) ** 2)) for k in (degree, 1)]
        found.append(at_noise(left[1] / (left[0] / count), count))
    return float(np.mean(found))


@pytest.mark.parametrize(("count", "degree"), [(12, 7), (12, 5), (24, 9), (200, 9)])
def test_a_right_law_of_few_values_is_seldom_said_to_leave_more_than_noise(count: int, degree: int) -> None:
    assert share_at_noise(count, degree, 0.0) >= 0.93


@pytest.mark.parametrize(("count", "degree", "bend"), [(12, 4, 60.0), (24, 6, 12.0), (200, 9, 3.0)])
def test_a_wrong_one_is_found_out_all_the_same(count: int, degree: int, bend: float) -> None:
    assert share_at_noise(count, degree, bend) <= 0.05


def told(text: str, *others: str) -> str:
    """What is said of a formula of x on data that it made, where ``others`` were found beside it."""
    rng, x = np.random.default_rng(0), np.linspace(0.1, 3.0, 80)[:, None]
    form = parse_expression(text)
    values, size = evaluate_at(form, ("x",), x), 0.01
    rows = np.eye(len(x)) / size
    target = rows @ values + rng.normal(size=len(x))
    term = TermResponse("f", ("x",), x, values, rows)
    response = Response({"f": term}, target, len(x), True, False, Known({}, np.zeros((len(x), 0)), target, {"f": rows}))
    pool = [fit_together(response, {"f": parse_expression(one)}) for one in (text, *others)]
    last = Round(response, {}, {"f": pool}, pool[:1], False)
    best = cast(Trial, SimpleNamespace(expressions={"f": form}))
    return Decided(last, (), False).certainty("f", best)


@pytest.mark.usefixtures("unchecked")
def test_a_short_law_is_determined_where_all_else_is_far_longer() -> None:
    assert "The data determine this form" in told("2*x/(0.5 + x)", "1.4 + 0.3*x")


@pytest.mark.usefixtures("unchecked")
def test_a_formula_so_long_that_many_others_may_do_is_not_said_to_be_determined() -> None:
    assert "too many may do as well" in told(
        "2*tanh(3*x^2 - 2*x)*exp(-x) + 0.7*x^3/(1.3 + x^4) + 0.4*sin(5*x - 2)", "x"
    )
