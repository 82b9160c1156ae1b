"""Rewriting formulas without changing them, and shortening them by one term."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.distil.forms import complexity, simplest, with_a_term_less
from ndestudio.distil.search import skeleton
from ndestudio.distil.simplification import simple_number
from ndestudio.expression import Binary, Expr, Name, Number, evaluate, parse_expression, to_text
from ndestudio.expression.tree import size


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("2.3*y/(2.3 + 2.3*y)", "y/(y + 1)"),
        ("1 - 1/(1 + y)", "y/(y + 1)"),
        ("x*y*1", "x*y"),
        ("1.5*x/(0.5 + 0.25*x)", "3*x/(0.5*x + 1)"),
        ("3.25", "3.25"),
    ],
)
def test_simplest_forms(text: str, short: str) -> None:
    assert to_text(simplest(parse_expression(text))) == short


def _expressions() -> st.SearchStrategy[Expr]:
    leaves = st.one_of(
        st.sampled_from([Name("x"), Name("y")]),
        st.floats(0.1, 5.0).map(lambda v: Number(round(v, 3))),
    )
    return st.recursive(
        leaves, lambda inner: st.builds(Binary, st.sampled_from(["+", "-", "*", "/"]), inner, inner), max_leaves=7
    )


@settings(max_examples=40)
@given(_expressions())
def test_the_simplest_form_has_the_same_values_and_is_no_longer(expr: Expr) -> None:
    short = simplest(expr)
    generator = np.random.default_rng(0)
    values = {"x": generator.uniform(1.0, 3.0, 20), "y": generator.uniform(0.3, 0.9, 20)}
    before, after = (np.broadcast_to(evaluate(e, values), (20,)) for e in (expr, short))
    assert size(short) <= size(expr)
    good = np.isfinite(before) & (np.abs(before) < 1e6)
    np.testing.assert_allclose(after[good], before[good], rtol=1e-6, atol=1e-6)


def test_terms_are_left_out_one_at_a_time() -> None:
    shorter = {skeleton(e) for e in with_a_term_less(parse_expression("x*(0.9*y + 0.2) - 0.1*y"))}
    assert {skeleton(parse_expression(t)) for t in ("0.9*x*y - 0.1*y", "0.2*x - 0.1*y", "x*(0.9*y + 0.2)")} <= shorter
    assert with_a_term_less(parse_expression("0.9*x*y")) == ()


def test_skeletons_compare_structure() -> None:
    same = ["0.9*x*y", "y*2*x", "-x*(3.1*y)", "x*y"]
    assert len({skeleton(parse_expression(t)) for t in same}) == 1
    assert skeleton(parse_expression("x*y + 1")) != skeleton(parse_expression("x*y"))
    assert skeleton(parse_expression("x^2*y")) != skeleton(parse_expression("x^3*y"))


def test_complexity_counts_with_costs() -> None:
    assert complexity(parse_expression("-2*x*exp(y)")) == 6 == size(parse_expression("-2*x*exp(y)"))
    assert complexity(parse_expression("2*x*exp(y)"), {"exp": 3, "constant": 2}) == 9


@pytest.mark.parametrize(
    ("value", "simple"),
    [
        (1.0000003, 1.0),
        (-0.99999, -1.0),
        (0.5004, 0.5),
        (1.0 / 3.0 + 1e-9, 1.0 / 3.0),
        (0.3337, None),
        (math.pi * (1 + 1e-8), math.pi),
        (3.1400, None),
        (0.8919, None),
        (1e-9, None),
        (250.0001, None),
        (math.nan, None),
    ],
)
def test_simple_numbers(value: float, simple: float | None) -> None:
    assert simple_number(value) == pytest.approx(simple) if simple is not None else simple_number(value) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("x*y/0.8", "1.25*x*y"), ("x*(0.8*y)", "0.8*x*y"), ("x/2", "x/2"), ("x*y*z", "x*y*z")]
)
def test_a_coefficient_stands_in_front(text: str, expected: str) -> None:
    assert to_text(simplest(parse_expression(text))) == expected
