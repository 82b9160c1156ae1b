"""Interval tubes: that they hold everything, that they are tight where they can be, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ndestudio as nde
from ndestudio.data.control_path import control_path
from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression
from ndestudio.expression.numeric import evaluate
from ndestudio.reach.intervals import Interval, Unbounded, enclose
from ndestudio.reach.taylor import Tape
from tests.reach.conftest import VAN_DER_POL, stated
from tests.reach.test_statistical import with_input

FORMULAS = [
    "x*y - x/(1 + y^2)",
    "sin(3*x) + cos(x*y)",
    "exp(-x^2)*tanh(y)",
    "x^3 - y^2 + sqrt(1 + x^2)",
    "abs(x - y) + min(x, y)*max(x, 2)",
    "log(1 + x^2) - sigmoid(y)",
    "hill(x^2, 0.5, 2) + tan(y/4)",
    "(2 + x)^1.5 + x^-2*0 + y^3",
]
number = st.floats(-1.5, 1.5)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FORMULAS), number, number, st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1), st.floats(0, 1)
)
def test_an_enclosure_holds_every_value(
    text: str, x: float, y: float, wide: float, high: float, a: float, b: float
) -> None:
    expr = parse_expression(text)
    try:
        box = enclose(expr, {"x": Interval(x, x + wide), "y": Interval(y, y + high)})
    except Unbounded:
        return
    value = float(evaluate(expr, {"x": np.float64(x + a * wide), "y": np.float64(y + b * high)}))
    assert float(box.lower) <= value <= float(box.upper)
    exact = enclose(expr, {"x": Interval(x), "y": Interval(y)})
    assert float(exact.width) <= 1e-9 * (1.0 + abs(value) + float(exact.size))


def test_taylor_coefficients_are_those_of_known_solutions() -> None:
    rhs = [parse_expression(text) for text in ("-x", "y^2", "cos(t)", "tanh(w) + exp(w) - log(w) + sqrt(w)/w")]
    start = Interval(np.array([[2.0, 0.5, 0.0, 1.0]]))
    tape = Tape(rhs, ("x", "y", "z", "w"), start, Interval(np.array([0.0])), {})
    for k in range(1, 7):
        found = tape.coefficients(k)
        assert found.middle[0, 0, 0] == pytest.approx(2.0 * (-1) ** k / math.factorial(k), rel=1e-12)
        assert found.middle[0, 0, 1] == pytest.approx((-1) ** k / math.factorial(k), rel=1e-12), "by the start of x"
        assert found.middle[0, 1, 0] == pytest.approx(0.5 ** (k + 1), rel=1e-12), "1/(2 - t)"
        assert found.middle[0, 2, 0] == pytest.approx(math.sin(k * math.pi / 2) / math.factorial(k), abs=1e-12)
    second = tape.coefficients(2).middle[0, 3]
    slope = lambda w: math.tanh(w) + math.exp(w) - math.log(w) + 1 / math.sqrt(w)  # noqa: E731
    change = lambda w: 1 - math.tanh(w) ** 2 + math.exp(w) - 1 / w - 0.5 * w**-1.5  # noqa: E731
    assert second[0] == pytest.approx(0.5 * change(1.0) * slope(1.0), rel=1e-12)


def test_of_a_linear_flow_it_is_hardly_wider_than_the_image_of_the_box() -> None:
    model = stated("d(x)/dt = y\nd(y)/dt = -x", {"x": 1.0, "y": 0.0})
    t = np.linspace(0.0, 10.0, 21)
    tube = nde.reach_tube(model, t, [1.0, 0.0], 0.1, method="interval")
    half = 0.1 * (np.abs(np.cos(t)) + np.abs(np.sin(t)))
    ratio = (tube.upper - tube.lower)[:, 0] / (2.0 * half)
    assert (ratio >= 1.0).all() and (ratio < 1.001).all()
    assert tube.kind == "interval" and "every start" in tube.sentence and tube.outside == 0.0


def test_it_holds_every_start_and_parameter_at_and_between_its_times() -> None:
    model = stated(VAN_DER_POL, {"x": 1.0, "y": 1.0}, m=1.0)
    t = np.linspace(0.0, 1.5, 7)
    tube = nde.reach_tube(model, t, [1.0, 1.0], 0.02, parameters={"m": (0.98, 1.02)}, method="interval")
    assert np.isfinite(tube.lower).all() and tube.between is not None
    fine = np.linspace(0.0, 1.5, 61)
    for angle in np.linspace(0.0, 6.0, 6):
        for m in (0.98, 1.02):
            start = np.array([1.0 + 0.02 * math.cos(angle), 1.0 + 0.02 * math.sin(angle)])
            states = nde.simulate(replace(model, parameters={"m": m}), fine, start).states
            assert tube.holds(states[None, ::10]).all()
            gap = np.minimum(np.searchsorted(t, fine, side="right") - 1, 5)
            assert (states >= tube.between[0][gap] - 1e-9).all() and (states <= tube.between[1][gap] + 1e-9).all()


def test_inputs_and_events_are_those_of_the_solvers() -> None:
    model = with_input(stated("d(A)/dt = u - k*A\nat t = 1: A = A + 2*A*u", {"A": 1.0}, k=0.5), "u")
    t = np.linspace(0.0, 2.0, 5)
    path = control_path(np.array([0.0, 0.7, 2.0]), np.array([[0.0], [1.0], [0.2]]))
    tube = nde.reach_tube(model, t, [1.0], 0.05, inputs=path, method="interval")
    for start in (0.95, 1.0, 1.05):
        exact = nde.simulate(model, t, np.array([start]), path).states
        assert ((exact >= tube.lower - 1e-6) & (exact <= tube.upper + 1e-6)).all()
    assert (tube.upper - tube.lower).max() < 0.4


def test_where_it_is_lost_it_says_when_and_why() -> None:
    model = stated("d(x)/dt = x^2", {"x": 1.0})
    tube = nde.reach_tube(model, np.linspace(0.0, 1.2, 13), [1.0], 0.01, method="interval", unsafe=["x < 0"])
    kept = np.isfinite(tube.upper[:, 0])
    assert kept[:8].all() and not kept[-1]
    assert f"up to {tube.t[kept][-1]:g}" in tube.sentence and "it ends, because" in tube.sentence
    assert tube.verdicts[0].answer == "unknown" and "the tube ends before" in tube.verdicts[0].sentence


@pytest.mark.parametrize(
    ("equations", "sentence"),
    [
        ("d(x)/dt = -abs(x)", "`abs` has a corner"),
        ("d(x)/dt = erf(x)", "`erf` has no enclosure"),
        ("d(x)/dt = -x\nwhen x < 0.5: x = 1", "events at known times"),
    ],
)
def test_what_it_cannot_enclose_is_refused(equations: str, sentence: str) -> None:
    with pytest.raises(EquationError, match=sentence):
        nde.reach_tube(stated(equations, {"x": 1.0}), [0.0, 1.0], [1.0], 0.1, method="interval")
