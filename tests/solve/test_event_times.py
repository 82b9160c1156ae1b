"""Events whose time depends on states or parameters: against closed forms, and their sensitivities against differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.problem.problem import Problem
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.scipy_reference import simulate
from tests.events import DOSES, KA, KE, F, V, after_oral_doses, with_doses

GRAVITY, REBOUND = 9.81, 0.8
BALL = "d(x)/dt = v\nd(v)/dt = -g\nwhen x < 0: v = -e*v, x = 0"
THERMOSTAT = """d(T)/dt = -k*(T - 10) + h*on
d(on)/dt = 0
when T > hi: on = 0
when T < lo: on = 1"""
T = np.linspace(0.0, 3.0, 61)


def set_up(
    text: str, parameters: Mapping[str, float], initial: Mapping[str, float], data: Dataset
) -> tuple[FittedModel, Problem]:
    config = ModelConfig(
        equations=text,
        parameters={name: ParameterConfig(value=value) for name, value in parameters.items()},
        initial={name: InitialConfig(value=value, fit=False) for name, value in initial.items()},
    )
    model = initial_model(config, data, 0)
    return model, prepare_fit(model, data, TrainConfig()).definition


def height(t: float) -> float:
    """Of a ball that falls from 2."""
    now, speed = np.sqrt(4.0 / GRAVITY), np.sqrt(4.0 * GRAVITY)
    if t < now:
        return 2.0 - 0.5 * GRAVITY * t**2
    while True:
        speed *= REBOUND
        if t < now + 2.0 * speed / GRAVITY:
            return speed * (t - now) - 0.5 * GRAVITY * (t - now) ** 2
        now += 2.0 * speed / GRAVITY


def ball() -> tuple[FittedModel, Problem]:
    heights = np.array([height(t) for t in T])
    data = dataset_from_arrays(T, np.stack([heights, 7.0 * np.sin(9.0 * T)], axis=1), names=["x", "v"])
    return set_up(BALL, {"g": GRAVITY, "e": REBOUND}, {"x": 2.0, "v": 0.0}, data)


def derivatives_agree(model: FittedModel, problem: Problem, name: str, relative: float) -> None:
    solver, theta = SOLVERS.get(name), problem.space.theta
    linear = solver.linearise(problem, theta, problem.conditions(model))
    assert linear is not None

    def moved(k: int, step: float) -> np.ndarray:
        there = theta.copy()
        there[k] += step
        found = solver.solve(problem, there, problem.conditions(problem.space.fitted(there, {})))
        return found[0].states

    for k in range(len(problem.structure.parameters)):
        differences = (moved(k, 1e-5) - moved(k, -1e-5)) / 2e-5
        size = max(float(np.abs(differences).max()), 1.0)
        assert np.abs(differences - linear[0].by_theta[..., k]).max() < relative * size, problem.structure.parameters[k]


@pytest.mark.parametrize("name", ["rk4", "sdirk4"])
def test_a_ball_bounces_as_it_should(name: str):
    model, problem = ball()
    exact = np.array([height(t) for t in T])
    reference = simulate(model, T, np.array([2.0, 0.0]))
    assert reference.sentence == "" and np.abs(reference.states[:, 0] - exact).max() < 1e-10
    states = SOLVERS.get(name).solve(problem, problem.space.theta, problem.conditions(model))[0].states
    assert np.abs(states[:, 0] - exact).max() < 1e-9
    derivatives_agree(model, problem, name, 1e-8)


def test_a_thermostat_stays_within_its_limits_and_has_derivatives():
    t = np.linspace(0.0, 20.0, 80)
    around = np.stack([20.0 + 5.0 * np.sin(np.arange(80.0)), np.arange(80.0) % 2], axis=1)
    data = dataset_from_arrays(t, around, names=["T", "on"])
    values = {"k": 0.2, "h": 5.0, "hi": 22.0, "lo": 18.0}
    model, problem = set_up(THERMOSTAT, values, {"T": 15.0, "on": 1.0}, data)
    found = simulate(model, t, np.array([15.0, 1.0]))
    assert found.sentence == ""
    assert found.states[:, 0].max() <= 22.0 + 1e-9 and found.states[20:, 0].min() >= 18.0 - 1e-9
    # closed form of the first switch: T = 10 + h/k - (10 + h/k - 15) exp(-k t)
    first = np.log(20.0 / 13.0) / 0.2
    assert found.states[t < first, 1].tolist() == [1.0] * int((t < first).sum())
    assert found.states[np.argmax(t > first), 1] == 0.0
    states = SOLVERS.get("rk4").solve(problem, problem.space.theta, problem.conditions(model))[0].states
    assert np.abs(states - found.states).max() < 1e-5
    derivatives_agree(model, problem, "rk4", 1e-6)


def oral(lag: float) -> tuple[FittedModel, Problem, np.ndarray]:
    t = np.linspace(0.0, 48.0, 40)
    exact = after_oral_doses(t, lag) / V
    data = with_doses(dataset_from_arrays(t, exact[:, None], names=["C"]), DOSES)
    text = "d(G)/dt = -ka*G\nd(A)/dt = ka*G - ke*A\nC = A/V\nat doses + lag: G += F*amount"
    values = {"ka": KA, "ke": KE, "V": V, "F": F, "lag": lag}
    return *set_up(text, values, {"G": 0.0, "A": 0.0}, data), exact


def test_doses_come_after_a_lag_that_has_a_derivative():
    model, problem, exact = oral(1.3)
    states = SOLVERS.get("tsit5").solve(problem, problem.space.theta, problem.conditions(model))[0].states
    assert np.abs(states[:, 1] / V - exact).max() < 1e-6
    derivatives_agree(model, problem, "rk4", 1e-7)


def test_a_condition_on_an_input_is_a_sentence():
    data = dataset_from_arrays(T, np.zeros((61, 1)), names=["x"], inputs=np.zeros((61, 1)), input_names=["u"])
    with pytest.raises(EquationError, match="the condition reads the input `u`"):
        set_up("d(x)/dt = u\nwhen u > 1: x = 0", {}, {}, data)


def test_events_that_come_ever_faster_end_with_a_sentence():
    model, _ = ball()
    found = simulate(model, np.linspace(0.0, 30.0, 10), np.array([2.0, 0.0]))
    assert "events happen up to t =" in found.sentence
    assert np.isfinite(found.states[0]).all()


def test_conditions_are_looked_at_where_the_solver_would_take_long_steps():
    data = dataset_from_arrays(np.linspace(0.0, 60.0, 4), np.zeros((4, 2)), names=["x", "n"])
    model, _ = set_up("d(x)/dt = 1\nd(n)/dt = 0\nwhen sin(x) > 0.9: n += 1", {}, {"x": 0.0, "n": 0.0}, data)
    found = simulate(model, np.linspace(0.0, 60.0, 4), np.zeros(2))
    # it comes true at arcsin(0.9) + 2 pi k
    assert found.states[:, 1].tolist() == [0.0, 4.0, 7.0, 10.0]


def test_a_jump_that_makes_another_condition_true_sets_it_off_at_once():
    data = dataset_from_arrays(np.linspace(0.0, 4.0, 5), np.zeros((5, 3)), names=["x", "a", "b"])
    text = "d(x)/dt = 1\nd(a)/dt = 0\nd(b)/dt = 0\nwhen x > 1.5: a = 1\nwhen a > 0.5: b += 1\nat t = 3: a = 0"
    model, _ = set_up(text, {}, {"x": 0.0, "a": 0.0, "b": 0.0}, data)
    found = simulate(model, np.linspace(0.0, 4.0, 5), np.zeros(3))
    assert found.states[:, 1:].tolist() == [[0, 0], [0, 0], [1, 1], [0, 1], [0, 1]]


def test_conditions_that_come_true_at_one_moment_all_count():
    data = dataset_from_arrays(np.linspace(0.0, 4.0, 5), np.zeros((5, 3)), names=["x", "a", "b"])
    text = "d(x)/dt = 1\nd(a)/dt = 0\nd(b)/dt = 0\nwhen x > 1.7: a = 1\nwhen x > 1.7: b = a + 1"
    model, _ = set_up(text, {}, {"x": 0.0, "a": 0.0, "b": 0.0}, data)
    found = simulate(model, np.linspace(0.0, 4.0, 5), np.zeros(3))
    assert found.states[:, 1:].tolist() == [[0, 0], [0, 0], [1, 2], [1, 2], [1, 2]]
