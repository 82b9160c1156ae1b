"""Statistical tubes: what they hold, how large they are, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import ndestudio as nde
from ndestudio.data.control_path import control_path
from ndestudio.errors import EquationError, SettingError
from ndestudio.reach.ellipsoid import around
from ndestudio.reach.falsify import farthest
from ndestudio.reach.flow import Flow, no_inputs
from ndestudio.reach.library import start_set, tube_of
from ndestudio.reach.statistical import needed
from tests.reach.conftest import VAN_DER_POL, stated


def test_of_a_linear_flow_it_is_the_image_of_the_ball_but_for_the_margin() -> None:
    A = np.array([[-0.2, 1.0], [-1.0, -0.1]])
    model = stated("d(x)/dt = -0.2*x + y\nd(y)/dt = -x - 0.1*y", {"x": 1.0, "y": 0.5})
    t = np.linspace(0.0, 5.0, 11)
    tube = nde.reach_tube(model, t, {"x": 1.0, "y": 0.5}, 0.1, seed=3)
    exact = np.array([math.pi * 0.1**2 * np.linalg.det(expm(A * one)) for one in t])
    ratio = tube.volumes / exact
    assert (ratio > 1.0).all() and (ratio < 1.01**2 * 1.005).all()
    middle = np.array([expm(A * one) @ [1.0, 0.5] for one in t])
    assert np.allclose(tube.centre, middle, atol=1e-4)
    assert tube.kind == "statistical" and "99%" in tube.sentence and "459 starts" in tube.sentence


def test_fewer_than_a_hundredth_of_other_starts_lie_outside_and_a_search_finds_none_that_leaves() -> None:
    model = stated(VAN_DER_POL, {"x": 1.0, "y": 1.0}, m=1.0)
    t = np.linspace(0.0, 4.0, 21)
    limits = {"m": (0.95, 1.05)}
    tube = nde.reach_tube(model, t, [1.0, 1.0], 0.05, parameters=limits)
    flow = Flow(model, start_set(model, [1.0, 1.0], 0.05, limits), t, no_inputs(t, 0), nde_schedule())
    drawn = flow.starts.inside(3000, np.random.default_rng(5))
    flow.choose_steps(drawn)
    assert 1.0 - tube.holds(flow.states(drawn)).mean() <= 0.01
    assert farthest(tube, flow)[1] < 1.05
    assert not tube.holds(flow.states(drawn[:1]) + 0.2).any()


def nde_schedule():
    from ndestudio.model.schedule import NOTHING

    return NOTHING


def test_the_number_of_starts_is_that_of_wilks() -> None:
    assert needed(0.99, 0.01) == 459
    assert needed(0.95, 0.05) == 59
    model = stated("d(x)/dt = -x", {"x": 1.0})
    with pytest.raises(SettingError, match="draw 459 or more"):
        nde.reach_tube(model, [0.0, 1.0], [1.0], 0.1, samples=100)
    tube = nde.reach_tube(model, [0.0, 1.0], [1.0], 0.1, samples=459)
    assert tube.outside == pytest.approx(0.01, abs=1e-4)


def test_the_same_seed_gives_the_same_tube() -> None:
    model = stated("d(x)/dt = -x^2", {"x": 1.0})
    one, two = (nde.reach_tube(model, [0.0, 1.0], [1.0], 0.1, seed=7).to_csv() for _ in range(2))
    assert one == two


def test_inputs_and_events_at_known_times_are_those_of_the_solvers() -> None:
    model = stated("d(A)/dt = u - k*A\nat t = 1: A += 2", {"A": 1.0}, k=0.5)
    model = with_input(model, "u")
    t = np.linspace(0.0, 2.0, 5)
    path = control_path(np.array([0.0, 2.0]), np.array([[0.0], [1.0]]))
    tube = nde.reach_tube(model, t, [1.0], 0.1, inputs=path, parameters={"k": (0.4, 0.6)})
    for k in (0.41, 0.5, 0.59):
        changed = replace(model, parameters={"k": k})
        exact = nde.simulate(changed, t, np.array([1.0]), path).states
        assert tube.holds(exact[None]).all()
    assert tube.centre[2, 0] - tube.centre[1, 0] > 1.5, "the jump at t = 1"
    with pytest.raises(EquationError, match="the input `u`"):
        nde.reach_tube(model, t, [1.0], 0.1)


def with_input(model: nde.FittedModel, name: str) -> nde.FittedModel:
    from ndestudio.model.parse import parse_system

    system = parse_system(model.config, (), (name,))
    return replace(model, system=system, inputs=(name,), parameters={"k": 0.5})


def test_events_that_wait_for_a_condition_happen_to_each_start_at_its_own_time() -> None:
    model = stated("d(h)/dt = v\nd(v)/dt = -9.81\nwhen h < 0: v = -0.8*v", {"h": 1.0, "v": 0.0})
    t = np.linspace(0.0, 0.8, 9)
    tube = nde.reach_tube(model, t, [1.0, 0.0], {"h": 0.05}, outside=0.2, samples=25)
    for h in (0.97, 1.0, 1.03):
        assert tube.holds(nde.simulate(model, t, np.array([h, 0.0])).states[None]).all()


def test_a_stiff_model_is_solved_implicitly() -> None:
    model = stated("d(x)/dt = -1e5*(x - cos(t)) - sin(t)", {"x": 1.0})
    tube = nde.reach_tube(model, [0.0, 5.0, 10.0], [1.0], 0.1, outside=0.1, samples=50)
    assert np.allclose(tube.centre[1:, 0], np.cos([5.0, 10.0]), atol=1e-6)


def test_a_spec_says_it_all(tmp_path: object) -> None:
    spec = nde.parse_spec(
        '[model]\nequations = "d(x)/dt = -k*x"\nparameters = { k = 1.0 }\ninitial = { x = 2.0 }\n'
        "[tube]\nradius = { x = 0.1 }\nduration = 2.0\npoints = 5\nparameters = { k = [0.9, 1.1] }\n"
    )
    tube = tube_of(nde.stated_model(spec.model), None, spec.tube)
    assert tube.t.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert tube.lower[-1, 0] < 1.9 * math.exp(-2.2) * 1.02 and tube.upper[-1, 0] > 2.1 * math.exp(-1.8) * 0.98
    assert nde.parse_spec(nde.dump_spec(spec)) == spec


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"start": {"x": 1.0, "z": 1.0}}, "there is no state `z`"),
        ({"radius": {"w": 0.1}}, "there is no state `w`"),
        ({"radius": -1.0}, "0 or above"),
        ({"radius": 0.0}, "nothing is uncertain"),
        ({"parameters": {"q": (0.0, 1.0)}}, "there is no parameter `q`"),
        ({"parameters": {"k": (2.0, 1.0)}}, "the lower one first"),
        ({"confidence": 1.0}, "a share between 0 and 1"),
        ({"mu": 1.0}, "above 1"),
        ({"t": [0.0]}, "two or more times"),
        ({"unsafe": ["x"]}, "write a condition"),
        ({"unsafe": ["y > 1"]}, "reads `y`"),
        ({"unsafe": ["x == 1"]}, "compares by `==`"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(changed: dict, sentence: str) -> None:
    model = stated("d(x)/dt = -k*x", {"x": 1.0}, k=1.0)
    given = {"t": [0.0, 1.0], "start": {"x": 1.0}, "radius": 0.1, **changed}
    with pytest.raises(SettingError, match=sentence):
        nde.reach_tube(model, given.pop("t"), given.pop("start"), given.pop("radius"), **given)


def test_starts_that_run_away_are_told() -> None:
    model = stated("d(x)/dt = x^2", {"x": 1.0})
    with pytest.raises(SettingError, match="no finite solution"):
        nde.reach_tube(model, np.linspace(0.0, 1.2, 13), [1.0], 0.1)
    delayed = stated("d(x)/dt = -x(t - 1)", {"x": 1.0})
    with pytest.raises(EquationError, match="delays"):
        nde.reach_tube(delayed, [0.0, 1.0], [1.0], 0.1)


def test_compiled_steps_are_those_of_numpy_and_distances_those_of_the_ellipsoids() -> None:
    model = stated("d(x)/dt = -k*x + u\nd(y)/dt = x - y^3", {"x": 1.0, "y": 0.5}, k=0.5)
    model = with_input(model, "u")
    t = np.linspace(0.0, 3.0, 301)
    path = control_path(np.array([0.0, 1.3, 3.0]), np.array([[0.0], [1.0], [0.2]]))
    flow = Flow(model, start_set(model, [1.0, 0.5], 0.1, {"k": (0.4, 0.6)}), t, path, nde_schedule())
    unit = flow.starts.surface(40, np.random.default_rng(0))
    flow.steps = 64
    compiled = flow.states(unit)
    shape = around(compiled, unit, np.full((301, 2), 1e-9))
    assert np.allclose(flow.farthest(unit, shape), shape.distances(compiled).max(axis=1), rtol=1e-9)
    flow._compilable = False
    assert np.allclose(compiled, flow.states(unit), rtol=1e-12, atol=1e-13)
