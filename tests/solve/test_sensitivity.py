"""The compiled programs against finite differences of the NumPy solver, which shares none of their derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.engines import Gradient, JaxEngine, VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.model.config import InitialConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.compiled import compilations
from ndestudio.solve.jax_backend import device
from ndestudio.solve.jax_fixed import Loss
from tests.fitting.conftest import HYBRID


def setup(dataset: Dataset, **settings: object) -> tuple[PreparedFit, Batch, Point]:
    import msgspec

    config = msgspec.structs.replace(HYBRID, initial={"y": InitialConfig(value="0.5*x + 0.1*a", fit=False)})
    model = initial_model(config, dataset, 1)
    problem = prepare_fit(model, dataset, TrainConfig(**settings))  # type: ignore[arg-type]
    batch = make_batch(problem, 20)
    generator = np.random.default_rng(0)
    point = start_point(problem, batch)
    return problem, batch, Point(point.theta, point.free + 0.1 * generator.normal(size=point.free.shape))


def numerical(problem: PreparedFit, batch: Batch, point: Point, index: int, h: float = 1e-5) -> np.ndarray:
    """Central difference of the weighted errors by one entry of theta."""
    weight = np.sqrt(batch.target.train)
    found = []
    for sign in (1, -1):
        theta = point.theta.copy()
        theta[index] += sign * h
        model = problem.space.fitted(theta, {})
        shifted = replace(problem, space=replace(problem.space, model=model))
        errors, _ = VectorEngine(shifted, batch).errors(theta[None], point.free[None])
        found.append((weight * errors[0]).reshape(len(weight), -1))
    return (found[0] - found[1]) / (2 * h)


@pytest.mark.parametrize(
    "settings",
    [{}, {"solver": "heun", "log_states": ("x",)}, {"solver": "sdirk3"}, {"solver": "sdirk4"}],
    ids=["rk4", "heun-log", "sdirk3", "sdirk4"],
)
def test_sensitivities_are_derivatives_of_the_solution(noisy_predators: Dataset, settings: dict) -> None:
    problem, batch, point = setup(noisy_predators, **settings)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.ready(SilentReporter())
    linear = engine.linearise(point)
    other = VectorEngine(problem, batch).linearise(point)
    np.testing.assert_allclose(linear.r, other.r, atol=1e-11)
    np.testing.assert_allclose(linear.d_free, other.d_free, atol=1e-5 * np.abs(other.d_free).max())
    np.testing.assert_allclose(linear.end, other.end, atol=1e-10)
    assert linear.validation == pytest.approx(other.validation, rel=1e-4)
    weights = np.arange(problem.space.weights.start, problem.space.weights.stop)
    for index in (0, 1, weights[0], weights[len(weights) // 2], weights[-1]):
        expected = numerical(problem, batch, point, int(index))
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(linear.d_theta[..., index], expected, atol=1e-6 * max(np.abs(expected).max(), 1e-3))


def test_the_gradient_is_that_of_the_squared_residuals(noisy_predators: Dataset) -> None:
    problem, batch, point = setup(noisy_predators)
    settings = Loss(
        np.float64(1e30), np.zeros(len(batch.follows), np.int32), np.float64(0.0), np.zeros(len(batch.follows))
    )
    data = (problem.space.constants, batch.start, batch.grid, batch.target, settings)
    gradient = Gradient("trajectory", problem.structure, problem.method, data, device("cpu")[0], "")
    gradient.ready(point, SilentReporter())
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.ready(SilentReporter())
    found, linear = gradient(point), engine.linearise(point)
    assert found.loss == pytest.approx(float(np.sum(linear.r**2)), rel=1e-10)
    np.testing.assert_allclose(
        found.theta, 2 * np.einsum("br,brp->p", linear.r, linear.d_theta), atol=1e-9 * np.abs(found.theta).max()
    )
    np.testing.assert_allclose(
        found.free, 2 * np.einsum("br,brs->bs", linear.r, linear.d_free), atol=1e-9 * np.abs(found.free).max()
    )


def test_huber_counts_far_errors_linearly(noisy_predators: Dataset) -> None:
    problem, batch, point = setup(noisy_predators)
    count = len(batch.follows)
    losses = []
    for limit in (1e30, 0.1):
        settings = Loss(np.float64(limit), np.zeros(count, np.int32), np.float64(0.0), np.zeros(count))
        data = (problem.space.constants, batch.start, batch.grid, batch.target, settings)
        gradient = Gradient("trajectory", problem.structure, problem.method, data, device("cpu")[0], "")
        before = compilations()
        gradient.ready(point, SilentReporter())
        losses.append((gradient(point).loss, compilations() - before))
    errors, _ = VectorEngine(problem, batch).errors(point.theta[None], point.free[None])
    size = np.abs(errors[0])
    expected = np.sum(batch.target.train * np.where(size <= 0.1, size**2, 0.2 * size - 0.01))
    assert losses[1][0] == pytest.approx(expected, rel=1e-8)
    assert losses[1][0] < losses[0][0]
    assert losses[1][1] == 0  # another limit compiles nothing


def test_segments_are_joined_by_the_continuity_term(noisy_predators: Dataset) -> None:
    from ndestudio.fitting.stages.multiple_shooting import shooting_batch

    model = initial_model(HYBRID, noisy_predators, 1)
    problem = prepare_fit(model, noisy_predators, TrainConfig())
    batch = shooting_batch(problem, 5, 20)
    assert (batch.follows >= 0).sum() == 4 * len([t for t in noisy_predators.trajectories if t.part[0] == 0])
    for row, previous in zip(batch.rows, batch.follows, strict=False):
        if previous >= 0:
            assert row.t[0] == batch.rows[previous].t[-1]
    shared = batch.target.train[batch.follows[batch.follows >= 0]]
    assert batch.target.train.sum() == pytest.approx(1.0)
    assert not shared[:, 5].any()  # the sample two segments share counts once
