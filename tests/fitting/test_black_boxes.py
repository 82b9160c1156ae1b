"""Fits through black boxes: gradients by every way, systems in steps, sentences for what cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.blackbox import Label, register_callable
from ndestudio.blackbox.label import Derivatives
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.errors import BlackBoxError, DataError, SpecError
from ndestudio.expression.functions.black_box import black_box
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.black_boxes import failures_said
from ndestudio.model import ModelConfig
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_fixed import march
from ndestudio.solve.jax_implicit import StageSolver
from ndestudio.solve.tableau import RK4, Tableau
from ndestudio.solve.time_grid import make_grid

T = np.linspace(0.0, 2.0, 9)


@pytest.fixture(autouse=True)
def decay() -> None:
    register_callable("decay", lambda x: -0.5 * x * x, derivative=lambda x: -x[:, None, None])
    register_callable("plain", lambda x: -0.5 * x * x)


@pytest.fixture
def data() -> Dataset:
    return dataset_from_arrays([T], [(2.0 / (1.0 + T))[:, None]], ["x"])


def slope_of_the_end(data: Dataset, method: Tableau, derivatives: Derivatives, steps: int) -> float:
    """Derivative of the last value by the factor k of dx/dt = blackbox(x) + k x."""
    jax, box = get_jax(), black_box(Label("decay", derivatives=derivatives).name)
    field = lambda phi, constants, t, u, y: box.value(jax.numpy, [y]) + phi * y  # noqa: E731
    stages, grid = (
        StageSolver(field, method),
        jax.tree_util.tree_map(jax.numpy.asarray, make_grid(data.trajectories, steps, method)),
    )

    def end(k):
        at = lambda t, u, h: stages.of_states(k, None, t, u, h)  # noqa: E731
        return march(method, at, lambda *_: None, jax.numpy.array([[2.0]]), grid)[0][0, 0]

    return float(jax.jit(jax.grad(end))(0.0))


def test_the_euler_gradient_approximation_is_of_first_order(data: Dataset) -> None:
    # x = x0/(1 + x0 t/2) at k = 0, and dx/dk solves ds/dt = -x s + x: s = 1 - 1/(1 + t)^2 for x0 = 2
    euler, exact = replace(RK4, euler_gradient=True), 8.0 / 9.0
    assert slope_of_the_end(data, RK4, "exact", 64) == pytest.approx(exact, rel=1e-6)
    errors = [slope_of_the_end(data, euler, "exact", steps) - exact for steps in (64, 128)]
    assert 0.9 < np.log2(errors[0] / errors[1]) < 1.1


def test_differences_agree_with_exact_derivatives(data: Dataset) -> None:
    exact, differences = (slope_of_the_end(data, RK4, one, 8) for one in ("exact", "differences"))
    assert differences == pytest.approx(exact, rel=1e-8)


def test_a_static_approximation_never_asks_for_derivatives(data: Dataset) -> None:
    register_callable("decay", lambda x: -0.5 * x * x, derivative=lambda x: 1 / 0)
    assert slope_of_the_end(data, replace(RK4, euler_gradient=True), "none", 8) > 8.0 / 9.0


def test_constants_of_a_black_box_in_rates_and_in_steps_are_found(data: Dataset) -> None:
    found = fit(ModelConfig(equations='d(x)/dt = blackbox("plain")(x) + k*x'), data, TrainConfig(preset="quick"))
    assert found.model.parameters["k"] == pytest.approx(0.0, abs=1e-4)
    register_callable("step", lambda x: 0.8 * x)
    x = 3.0 * 0.9 ** np.arange(9)
    stepped = dataset_from_arrays([T], [x[:, None]], ["x"])
    found = fit(ModelConfig(equations='x(t + 0.25) = blackbox("step")(x) + k*x'), stepped, TrainConfig(preset="quick"))
    assert found.model.parameters["k"] == pytest.approx(0.1, abs=1e-5)


def test_samples_between_steps_are_refused(data: Dataset) -> None:
    with pytest.raises(DataError, match=r"no whole number of steps of 0\.1"):
        fit(ModelConfig(equations="x(t + 0.1) = k*x"), data)


@pytest.mark.parametrize(
    ("equations", "settings", "said"),
    [
        ('d(x)/dt = blackbox("plain")(x) + k', {"gradients": "exact"}, "gives no derivatives"),
        ("d(x)/dt = -k*x", {"gradients": "euler"}, "for models with black boxes"),
        ('d(x)/dt = blackbox("plain")(x) + k', {"gradients": "offline"}, "the equations have none"),
        ('d(x)/dt = blackbox("plain")(x) + k', {"solver": "diffrax-tsit5"}, "approximates the steps of an explicit"),
        ("x(t + 0.25) = k*x", {"solver": "rk4"}, "which need no solver"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(data: Dataset, equations: str, settings: dict, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        fit(ModelConfig(equations=equations), data, TrainConfig(**settings))


def test_a_failure_within_a_compiled_program_is_the_sentence_itself() -> None:
    def burst(x):
        raise BlackBoxError("the tank burst")

    register_callable("breaks", burst)
    jax, box = get_jax(), black_box(Label("breaks").name)
    with pytest.raises(BlackBoxError, match=r"^the tank burst$"), failures_said():
        jax.block_until_ready(jax.jit(lambda x: box.value(jax.numpy, [x]))(1.0))
