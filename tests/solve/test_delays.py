"""Equations with delays: closed forms, order, derivatives by differences, and who cannot solve them."""

from __future__ import annotations

from dataclasses import replace
from math import factorial

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import EquationError, SpecError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model import (
    FittedModel,
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    field,
    initial_model,
)
from ndestudio.problem.problem import Problem
from ndestudio.solve.delays import grid_breaks
from ndestudio.solve.delays_path import earlier_values
from ndestudio.solve.jax_solutions import linearisations
from ndestudio.solve.numpy_fixed import GridSimulation
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.scipy_reference import simulate, simulate_trajectory
from ndestudio.solve.time_grid import make_grid
from tests.model.conftest import make_dataset

T = np.linspace(0.0, 6.0, 25)


def exact(t: np.ndarray, tau: float = 1.0) -> np.ndarray:
    """y' = -y(t - tau) from y = 1 before 0, by the method of steps."""
    found = np.ones(len(t))
    for n in range(1, int(t[-1] / tau) + 2):
        found += (-1) ** n * np.maximum(t - (n - 1) * tau, 0.0) ** n / factorial(n)
    return found


def problem(equations: str, t: np.ndarray, initial: InitialConfig, **values: float) -> tuple[FittedModel, Problem]:
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={"y": initial},
        networks={"f": NetworkConfig(width=4, depth=1)} if "f(" in equations else {},
    )
    data = make_dataset(("y",), [1.0 + 0.3 * np.sin(t)[:, None]], [t])
    model = initial_model(config, data, 0)
    return model, prepare_fit(model, data, TrainConfig()).definition


def test_the_last_time_may_lie_a_hair_from_a_joint():
    t = np.linspace(1.0, 13.0, 7)
    model, _ = problem("d(y)/dt = -0.3*y(t - tau) + 0.1*y(t - tau/3)", t, InitialConfig(value=1.0), tau=2.0)
    assert np.isfinite(simulate(model, t, np.array([1.0])).states).all()


LINEAR = ("d(y)/dt = -y(t - tau)", T, InitialConfig(value=1.0))


@pytest.mark.parametrize(("name", "order"), [("heun", 2), ("rk4", 4), ("tsit5", 4)])
def test_the_order_is_kept_across_breaking_points(name: str, order: int):
    model, defined = problem(*LINEAR, tau=1.0)
    method, conditions = SOLVERS.get(name).grid, defined.conditions(model)
    errors = []
    for steps in (40, 80, 160):
        grid = make_grid(conditions, steps, method, breaks=grid_breaks(defined, method, model, conditions))
        y = GridSimulation(defined, method, model).states(conditions, grid)[0, 0, : len(T)]
        errors.append(np.abs(y - exact(T)).max())
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx(order, abs=0.3)
    if order == 4:
        assert errors[-1] < 1e-8


@pytest.mark.parametrize("tau", [1.0, 0.7, np.pi / 3])
def test_the_reference_is_the_closed_form(tau: float):
    model, _ = problem(*LINEAR, tau=tau)
    found = simulate(model, T, np.array([1.0]))
    assert found.sentence == ""
    assert np.abs(found.states[:, 0] - exact(T, tau)).max() < 1e-9


def test_states_and_derivatives_of_the_closed_form():
    model, defined = problem(*LINEAR, tau=1.0)
    method = SOLVERS.get("rk4").grid
    (found,) = linearisations(defined, method, method, 480, defined.space.theta, defined.conditions(model))
    assert np.abs(found.states[:, 0] - exact(T)).max() < 1e-9
    assert np.abs(found.by_initial[:, 0, 0] - exact(T)).max() < 1e-9
    step, theta = 1e-5, defined.space.theta
    ends = [exact(T, defined.space.parameters(theta + sign * step)["tau"]) for sign in (1, -1)]
    by_tau = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(found.by_theta[:, 0, 0] - by_tau).max() < 1e-6


MACKEY_GLASS = "d(y)/dt = b*y(t - tau)/(1 + y(t - tau)^8) - g*y + 0.1*y(t - tau/2)"


def test_derivatives_of_mackey_glass_with_two_delays_and_a_past():
    t = np.linspace(0.0, 10.1, 21)  # off the breaking points, where differences straddle a kink
    model, defined = problem(MACKEY_GLASS, t, InitialConfig(past="0.5 + a*sin(t)"), b=2.0, tau=2.0, g=1.0, a=0.3)
    method, theta = SOLVERS.get("rk4").grid, defined.space.theta
    (found,) = linearisations(defined, method, method, 1000, theta, defined.conditions(model))
    reference = simulate(model, t, np.array([0.5])).states
    assert np.abs(found.states - reference).max() < 1e-7
    assert defined.structure.parameters == ("b", "tau", "g", "a")
    for k in range(4):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[k] += sign * 1e-5
            changed = defined.space.fitted(moved, {})
            ends.append(simulate(changed, t, np.array([0.5]), rtol=1e-12, atol=1e-13).states)
        by = (ends[0] - ends[1]) / 2e-5
        assert np.abs(found.by_theta[:, :, k] - by).max() < 1e-6 * max(np.abs(by).max(), 1.0)


def test_a_network_of_a_delayed_value():
    t = np.linspace(0.0, 6.0, 9)
    model, defined = problem("d(y)/dt = f(y(t - tau)) - y", t, InitialConfig(value=1.0), tau=1.3)
    method, theta = SOLVERS.get("rk4").grid, defined.space.theta
    conditions = defined.conditions(model)
    (found,) = linearisations(defined, method, method, 120, theta, conditions)
    assert np.abs(found.states - simulate(model, t, np.array([1.0])).states).max() < 1e-6
    generator = np.random.default_rng(1)
    direction = np.where(defined.space.free, generator.normal(size=len(theta)), 0.0)
    ends = [
        simulate(
            defined.space.fitted(theta + sign * 1e-5 * direction, {}), t, np.array([1.0]), rtol=1e-12, atol=1e-13
        ).states
        for sign in (1, -1)
    ]
    by = (ends[0] - ends[1]) / 2e-5
    assert np.abs(found.by_theta @ direction - by).max() < 1e-5 * np.abs(by).max()


def test_a_delay_shorter_than_a_step_still_converges():
    model, defined = problem(*LINEAR, tau=0.05)
    found = SOLVERS.get("rk4").solve(defined, defined.space.theta, defined.conditions(model))[0]
    reference = simulate(model, T, np.array([1.0])).states
    assert np.abs(found.states - reference).max() < 1e-6


@pytest.mark.parametrize("name", ["sdirk4", "diffrax-tsit5", "diffrax-kvaerno5"])
def test_solvers_that_know_no_delays_say_so(name: str):
    _, defined = problem(*LINEAR, tau=1.0)
    sentence = SOLVERS.get(name).refuses(defined)
    assert sentence is not None and "y(t - tau)" in sentence and "rk4" in sentence


def test_what_looks_at_points_refuses():
    model, _ = problem(*LINEAR, tau=1.0)
    with pytest.raises(EquationError, match="depend on the past"):
        field(model, 0.0, np.array([1.0]))


def test_a_delay_far_below_the_steps_is_refused():
    with pytest.raises(SpecError, match="more than 2048 steps"):
        problem(*LINEAR, tau=1e-4)
    model, _ = problem(*LINEAR, tau=1.0)
    found = simulate(replace(model, parameters={"tau": -1.0}), T, np.array([1.0]))
    assert "must be above 0" in found.sentence and np.isnan(found.states).all()


def driven(kind: str, t: np.ndarray) -> np.ndarray:
    """y' = -0.7 y + u(t - 1.3) from 1, of u = t from 0 on (it is 0 before), or a step of u to 1 at 2."""
    k, tau = 0.7, 1.3
    s = np.maximum(t - tau - (2.0 if kind == "hold" else 0.0), 0.0)
    forced = (1.0 - np.exp(-k * s)) / k if kind == "hold" else s / k - 1 / k**2 + np.exp(-k * s) / k**2
    return np.exp(-k * t) + forced


@pytest.mark.parametrize("kind", ["linear", "hold"])
def test_a_delayed_input(kind: str):
    t = np.linspace(0.0, 8.0, 33)
    u = t if kind == "linear" else (t >= 2.0).astype(float)
    data = dataset_from_arrays([t], [driven(kind, t)[:, None]], ["y"], inputs=[u[:, None]], input_names=["u"])
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=(kind,)),))
    config = ModelConfig(
        equations="d(y)/dt = -k*y + u(t - tau)",
        parameters={"k": ParameterConfig(value=0.7), "tau": ParameterConfig(value=1.3, fixed=kind == "hold")},
        initial={"y": InitialConfig(value=1.0)},
    )
    model = initial_model(config, data, 0)
    (one,) = data.trajectories
    assert simulate_trajectory(model, data, one).states[:, 0] == pytest.approx(driven(kind, t), abs=1e-10)
    defined = prepare_fit(model, data, TrainConfig()).definition
    conditions, method = defined.conditions(model), SOLVERS.get("rk4").grid
    grid = make_grid(conditions, 80, method, breaks=grid_breaks(defined, method, model, conditions))
    y = GridSimulation(defined, method, model).states(conditions, grid)[0, 0, : len(t)]
    assert y == pytest.approx(driven(kind, t), abs=1e-6)
    (found,) = linearisations(defined, method, method, 80, defined.space.theta, conditions)
    assert found.states[:, 0] == pytest.approx(driven(kind, t), abs=1e-6)
    if kind == "linear":
        s = np.maximum(t - 1.3, 0.0)
        place, theta = list(defined.structure.parameters).index("tau"), defined.space.theta
        step = 1e-6 * np.eye(len(theta))[place]
        ends = [defined.space.parameters(theta + sign * step)["tau"] for sign in (1, -1)]
        by_theta = -(1.0 - np.exp(-0.7 * s)) / 0.7 * (ends[0] - ends[1]) / 2e-6
        assert found.by_theta[:, 0, place] == pytest.approx(by_theta, abs=1e-6)
        assert earlier_values(model, data, one, t)["u(t - tau)"] == pytest.approx(s)


def test_when_the_jump_of_an_input_arrives_cannot_be_fitted():
    t = np.linspace(0.0, 8.0, 17)
    u = (t >= 2.0).astype(float)
    data = dataset_from_arrays([t], [t[:, None]], ["y"], inputs=[u[:, None]], input_names=["u"])
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=("hold",)),))
    config = ModelConfig(equations="d(y)/dt = u(t - tau) - y", parameters={"tau": ParameterConfig(value=1.0)})
    with pytest.raises(SpecError, match="`u` jumps"):
        prepare_fit(initial_model(config, data, 0), data, TrainConfig())
