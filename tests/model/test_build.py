"""The Equinox module against the NumPy model: same field, exact copies both ways, gradients, diffrax against LSODA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.model import FittedModel, ModelConfig, ParameterConfig, field, initial_model, observe, replace_hole
from ndestudio.model.build import HybridField, build
from ndestudio.model.config import BasisConfig, NetworkConfig
from ndestudio.model.simulate import simulate
from ndestudio.model.solve import SolverName, solve


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture
def model(hybrid: ModelConfig, lotka_data: Dataset) -> FittedModel:
    return initial_model(hybrid, lotka_data, 0)


POINTS = np.random.default_rng(0).uniform(0.2, 6.0, size=(30, 2))


def test_same_field_as_numpy(model: FittedModel) -> None:
    values = eqx.filter_jit(lambda built, y: jax.vmap(built, in_axes=(None, 0))(0.5, y))(
        build(model), jnp.asarray(POINTS)
    )
    assert np.allclose(np.asarray(values), field(model, 0.5, POINTS), rtol=1e-12)
    single = build(model).field(0.5, jnp.asarray(POINTS[0]))
    assert np.allclose(np.asarray(single), field(model, 0.5, POINTS[0]), rtol=1e-12)


def test_every_operation_of_the_language_agrees(maker) -> None:
    text = (
        "x' = exp(-x) + log(y)*sqrt(x) - sin(t)^2/cos(y)\n"
        "y' = tan(x/9) + tanh(y)*abs(x - y) + min(x, u)*max(y, 2) - x^1.5*pi + x^-2 - 2^y\n"
        "z = x*y + u + t"
    )
    data = maker(("x", "y", "z"), [np.ones((4, 3))], [np.arange(4.0)], inputs=("w", "u"), forcings=[np.ones((4, 2))])
    made = initial_model(ModelConfig(equations=text), data, 0)
    u = np.array([[5.0, 1.5]] * len(POINTS))
    built = build(made)
    values = jax.vmap(built, in_axes=(None, 0, 0))(0.7, jnp.asarray(POINTS), jnp.asarray(u))
    assert np.allclose(np.asarray(values), field(made, 0.7, POINTS, u), rtol=1e-12)
    seen = jax.vmap(built.observe, in_axes=(None, 0, 0))(0.7, jnp.asarray(POINTS), jnp.asarray(u))
    assert np.allclose(np.asarray(seen), observe(made, np.full(30, 0.7), POINTS, u), rtol=1e-12)


def test_there_and_back_to_the_last_bit(model: FittedModel) -> None:
    for dtype in (jnp.float64, jnp.float32):
        back = build(model, dtype).to_model(model)
        assert back.parameters == model.parameters
        for name, network in model.networks.items():
            for mine, theirs in (
                (network.weights, back.networks[name].weights),
                (network.biases, back.networks[name].biases),
            ):
                assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_changed_leaves_come_back(model: FittedModel) -> None:
    built = build(model)
    moved = jax.tree_util.tree_map(lambda leaf: leaf + 0.25, built)
    back = moved.to_model(model)
    again = build(back)
    for a, b in zip(jax.tree_util.tree_leaves(moved), jax.tree_util.tree_leaves(again), strict=True):
        assert np.allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-12)
    assert back.parameters["alpha"] != model.parameters["alpha"]
    assert back.parameters["gamma"] == model.parameters["gamma"]  # fixed
    assert np.allclose(
        field(back, 0.0, POINTS), np.asarray(jax.vmap(moved, in_axes=(None, 0))(0.0, jnp.asarray(POINTS)))
    )


def test_only_what_is_trained_is_a_leaf(model: FittedModel) -> None:
    built = build(model)
    assert built.free_names == ("alpha",) and built.free.shape == (1,)
    leaves = jax.tree_util.tree_leaves(built)
    networks = [array for net in model.networks.values() for array in (*net.weights, *net.biases)]
    assert sum(leaf.size for leaf in leaves) == 1 + sum(array.size for array in networks)
    assert jax.tree_util.tree_structure(built) == jax.tree_util.tree_structure(build(model))


def test_gradients_match_finite_differences(lotka: ModelConfig, lotka_data: Dataset) -> None:
    made = initial_model(lotka, lotka_data, 0)
    built = build(made)
    y = jnp.asarray(POINTS)

    def loss(built: HybridField) -> jax.Array:
        return jnp.sum(jax.vmap(built, in_axes=(None, 0))(0.0, y) ** 2)

    gradient = np.asarray(eqx.filter_grad(loss)(built).free)
    for k in range(4):
        step = jnp.zeros(4).at[k].set(1e-5)
        up = loss(eqx.tree_at(lambda b: b.free, built, built.free + step))
        down = loss(eqx.tree_at(lambda b: b.free, built, built.free - step))
        assert gradient[k] == pytest.approx(float(up - down) / 2e-5, rel=1e-5)


def test_bounds_hold_wherever_the_free_vector_goes(lotka: ModelConfig, lotka_data: Dataset) -> None:
    built = build(initial_model(lotka, lotka_data, 0))
    for shift in (-300.0, -3.0, 3.0, 300.0):
        values = eqx.tree_at(lambda b: b.free, built, built.free + shift).parameters()
        assert 0.0 <= float(values["alpha"]) <= 5.0 and float(values["beta"]) >= 0.0 and float(values["delta"]) >= 0.0


def test_fixing_a_parameter_takes_it_out_of_the_vector(lotka: ModelConfig, lotka_data: Dataset) -> None:
    import msgspec

    parameters = {**lotka.parameters, "beta": ParameterConfig(value=0.5, fixed=True)}
    made = initial_model(msgspec.structs.replace(lotka, parameters=parameters), lotka_data, 0)
    built = build(made)
    assert built.free_names == ("alpha", "delta", "gamma") and float(built.parameters()["beta"]) == 0.5


def test_constants_of_formulas_are_trained(model: FittedModel) -> None:
    replaced = replace_hole(model, "growth", parse_expression("0.002*hare*lynx"))
    built = build(replaced)
    assert built.free_names == ("alpha", "growth_1")
    assert float(built.parameters()["growth_1"]) == pytest.approx(0.002)
    values = jax.vmap(built, in_axes=(None, 0))(0.0, jnp.asarray(POINTS))
    assert np.allclose(np.asarray(values), field(replaced, 0.0, POINTS), rtol=1e-12)
    near = replace(replaced, parameters={**replaced.parameters, "growth_1": 0.0021})
    assert jax.tree_util.tree_structure(build(near)) == jax.tree_util.tree_structure(built)


def test_diffrax_agrees_with_lsoda(lotka: ModelConfig, lotka_data: Dataset) -> None:
    made = initial_model(lotka, lotka_data, 0)
    t, y0 = jnp.linspace(0, 20, 41), jnp.array([2.0, 1.0])
    reference = simulate(made, np.asarray(t), np.asarray(y0), rtol=1e-10, atol=1e-12).states
    explicit = eqx.filter_jit(solve)(build(made), t, y0, rtol=1e-10, atol=1e-12)
    assert np.allclose(np.asarray(explicit), reference, rtol=1e-6)
    implicit = eqx.filter_jit(solve)(build(made), t, y0, solver="kvaerno5", rtol=1e-8, atol=1e-10)
    assert np.allclose(np.asarray(implicit), reference, rtol=1e-5)


@pytest.mark.parametrize("solver", ["dopri8", "kvaerno3"])
def test_forcings_through_diffrax(solver: SolverName, maker) -> None:
    t = np.linspace(0, 10, 21)
    u = np.stack([np.zeros(21), np.sin(t)], axis=1)
    u[4, 1] = np.nan
    data = maker(("x",), [np.ones((21, 1))], [t], inputs=("other", "u"), forcings=[u])
    made = initial_model(ModelConfig(equations="x' = u - k*x"), data, 0)
    trajectory = data.trajectories[0]
    times, samples = jnp.asarray(t), jnp.asarray(trajectory.input_at(t))
    found = eqx.filter_jit(solve)(
        build(made), jnp.asarray(t), jnp.ones(1), input_times=times, inputs=samples, solver=solver
    )
    assert np.allclose(np.asarray(found), simulate(made, t, np.ones(1), trajectory).states, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["fourier", "polynomial", "pieces"])
def test_a_hole_that_varies_in_time_is_the_same_function_for_diffrax(kind: str) -> None:
    basis = {"t": BasisConfig(kind=kind, terms=3)}  # type: ignore[arg-type]
    config = ModelConfig(equations="d(x)/dt = f(x, t)", networks={"f": NetworkConfig(width=4, depth=1, basis=basis)})
    t = np.linspace(0, 6, 31)
    data = dataset_from_arrays([t], [np.exp(-0.3 * t)[:, None]], ["x"], split=SplitConfig(by="none"))
    made = initial_model(config, data, 0)
    built, found = build(made), []
    for time in (0.3, 2.2, 5.9):
        found.append(float(np.asarray(built(time, jnp.array([0.5]), None))[0]))
        assert found[-1] == pytest.approx(field(made, time, np.array([0.5]), np.zeros(0))[0], rel=1e-12)
    assert len(set(found)) == 3
