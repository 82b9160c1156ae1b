"""The fields of the JAX programs against those of the NumPy solvers and the model: the same function everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.model import FittedModel, ModelConfig, field, initial_model, observe, replace_neural_term
from ndestudio.model.config import BasisConfig, NetworkConfig
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_fixed import make_functions
from ndestudio.solve.numpy_fixed import VectorModel

POINTS = np.random.default_rng(0).uniform(0.2, 6.0, size=(30, 2))


def compiled(problem: PreparedFit, name: str, t: Any, u: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`field` or `observe` of the JAX programs at many points, far from the limits of the states."""
    jax = get_jax()
    space, functions = problem.space, make_functions(problem.structure)
    wide = np.array([[-1e9] * y.shape[1], [1e9] * y.shape[1]])
    constants = space.constants._replace(clip=wide, spread=np.ones_like(space.constants.spread))
    each = jax.vmap(getattr(functions, name), in_axes=(None, None, None, 0, 0))
    return np.asarray(jax.jit(each)(functions.physical(space.theta, constants), constants, t, u, y))


def by_array(model: FittedModel, problem: PreparedFit, t: Any, u: np.ndarray, y: np.ndarray) -> np.ndarray:
    values = [np.float64(model.parameters[name]) for name in problem.structure.parameters]
    return VectorModel(problem.structure, model.networks).field(values, t, u.T, y.T).T


def test_every_operation_of_the_language_agrees(maker) -> None:
    text = (
        "x' = exp(-x) + log(y)*sqrt(x) - sin(t)^2/cos(y)\n"
        "y' = tan(x/9) + tanh(y)*abs(x - y) + min(x, u)*max(y, 2) - x^1.5*pi + x^-2 - 2^y\n"
        "z = x*y + u + t"
    )
    data = maker(("x", "y", "z"), [np.ones((4, 3))], [np.arange(4.0)], inputs=("w", "u"), forcings=[np.ones((4, 2))])
    made = initial_model(ModelConfig(equations=text), data, 0)
    problem, u = prepare_fit(made, data, TrainConfig()), np.array([[5.0, 1.5]] * len(POINTS))
    exact = field(made, 0.7, POINTS, u)
    assert np.allclose(compiled(problem, "field", 0.7, u, POINTS), exact, rtol=1e-12)
    assert np.allclose(by_array(made, problem, 0.7, u, POINTS), exact, rtol=1e-12)
    seen = compiled(problem, "observe", 0.7, u, POINTS)
    assert np.allclose(seen, observe(made, np.full(30, 0.7), POINTS, u), rtol=1e-12)


@pytest.mark.parametrize("replaced", [False, True], ids=["networks", "formula"])
def test_networks_and_formulas_agree(replaced: bool, hybrid: ModelConfig, lotka_data: Dataset) -> None:
    model = initial_model(hybrid, lotka_data, 0)
    if replaced:
        model = replace_neural_term(model, "growth", parse_expression("0.002*hare*lynx"))
    problem, u = prepare_fit(model, lotka_data, TrainConfig()), np.zeros((len(POINTS), 0))
    exact = field(model, 0.5, POINTS)
    assert np.allclose(compiled(problem, "field", 0.5, u, POINTS), exact, rtol=1e-12)
    assert np.allclose(by_array(model, problem, 0.5, u, POINTS), exact, rtol=1e-12)


@pytest.mark.parametrize("kind", ["fourier", "polynomial", "pieces"])
def test_a_neural_term_that_varies_in_time_is_the_same_function(kind: str) -> None:
    basis = {"t": BasisConfig(kind=kind, terms=3)}  # type: ignore[arg-type]
    config = ModelConfig(equations="d(x)/dt = f(x, t)", networks={"f": NetworkConfig(width=4, depth=1, basis=basis)})
    t = np.linspace(0, 6, 31)
    data = dataset_from_arrays([t], [np.exp(-0.3 * t)[:, None]], ["x"], split=SplitConfig(by="none"))
    made = initial_model(config, data, 0)
    problem, y, u, found = prepare_fit(made, data, TrainConfig()), np.array([[0.5]]), np.zeros((1, 0)), []
    for time in (0.3, 2.2, 5.9):
        found.append(float(compiled(problem, "field", time, u, y)[0, 0]))
        assert found[-1] == pytest.approx(field(made, time, y[0], np.zeros(0))[0], rel=1e-12)
    assert len(set(found)) == 3


def test_the_structure_is_hashable_and_numbers_are_none_of_it(hybrid: ModelConfig, lotka_data: Dataset) -> None:
    first, second = (
        prepare_fit(initial_model(hybrid, lotka_data, seed), lotka_data, TrainConfig(huber_delta=1.0 + seed)).structure
        for seed in (0, 1)
    )
    assert first == second and hash(first) == hash(second)
