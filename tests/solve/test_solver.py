"""The fixed-grid solver: orders, interpolation, agreement with LSODA, inputs, irregular times."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.step_count import doubling_error, enough_steps, on_samples
from ndestudio.fitting.tracker import predict
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.problem.rows import bucket, whole_rows
from ndestudio.solve.interpolation import hermite
from ndestudio.solve.numpy_fixed import read_out
from ndestudio.solve.scipy_reference import simulate_trajectory
from ndestudio.solve.tableau import OWN
from ndestudio.solve.time_grid import grid_times, make_grid
from tests.fitting.conftest import HYBRID, PREDATORS


def test_buckets_grow_and_waste_little() -> None:
    sizes = [bucket(n) for n in range(1, 3000)]
    assert all(size >= n and size <= 1.25 * n + 1 for n, size in enumerate(sizes, 1))
    assert sizes == sorted(sizes)
    assert len(set(sizes)) < 50


def test_grids_begin_and_end_with_the_data_and_follow_their_density() -> None:
    t = np.concatenate([np.linspace(0, 1, 50), [10.0, 20.0]])
    grid = grid_times(t, 40)
    assert grid[0] == 0 and grid[-1] == 20
    assert (np.diff(grid) > 0).all()
    assert (grid < 1).sum() > 12  # a twentieth of the time holds nearly all samples
    even = grid_times(np.linspace(3, 7, 9), 16)
    np.testing.assert_allclose(np.diff(even), 0.25)


def test_hermite_is_exact_for_cubics() -> None:
    f, d = np.poly1d([1.0, -2.0, 0.5, 3.0]), np.poly1d([1.0, -2.0, 0.5, 3.0]).deriv()
    q = np.linspace(0, 1, 7)
    np.testing.assert_allclose(hermite(f(0), f(1), d(0), d(1), q), f(q), atol=1e-12)


@pytest.mark.parametrize("name", list(OWN))
def test_orders_of_the_methods(name: str, predators: Dataset) -> None:
    model = initial_model(PREDATORS, predators, 0)
    exact = {
        tr.name: simulate_trajectory(model, predators, tr, rtol=1e-12, atol=1e-12).measured
        for tr in predators.trajectories
    }
    problem = prepare_fit(model, predators, TrainConfig(solver=name))  # type: ignore[arg-type]
    errors = []
    for steps in (25, 50):  # samples lie on grid points, so that interpolation has no part in the error
        found = predict(problem, model, steps)
        errors.append(max(float(np.abs(found[key][1] - exact[key]).max()) for key in exact))
    order = np.log2(errors[0] / errors[1])
    assert order > OWN[name].order - 0.6


def test_agrees_with_lsoda_on_irregular_times_with_inputs_and_a_network() -> None:
    generator = np.random.default_rng(1)
    lengths = (30, 11)
    times = [np.sort(generator.uniform(0, 4, n)) for n in lengths]
    dataset = dataset_from_arrays(
        times,
        [np.abs(generator.normal(1, 0.1, (n, 2))) for n in lengths],
        ["x", "y"],
        inputs=[np.sin(t)[:, None] for t in times],
        input_names=["u"],
        split=SplitConfig(by="none"),
    )
    config = ModelConfig(
        equations="d(x)/dt = k*u - x + 0.1*growth(x, y)\nd(y)/dt = x - y^3 + 0.1*exp(-t)",
        networks=HYBRID.networks,
    )
    model = initial_model(config, dataset, 2)
    problem = prepare_fit(model, dataset, TrainConfig())
    found = predict(problem, model, 400)
    for trajectory in dataset.trajectories:
        exact = simulate_trajectory(model, dataset, trajectory, rtol=1e-10, atol=1e-12).measured
        np.testing.assert_allclose(found[trajectory.name][1], exact, atol=2e-5)


def test_doubling_tells_long_steps_from_short_ones(predators: Dataset) -> None:
    model = initial_model(PREDATORS, predators, 0)
    problem = prepare_fit(model, predators, TrainConfig())
    coarse, fine = doubling_error(problem, model, 8), doubling_error(problem, model, 64)
    assert fine < 1e-5 < coarse


def test_steps_are_doubled_until_that_changes_nothing_and_refine_on_samples(predators: Dataset) -> None:
    model = initial_model(PREDATORS, predators, 0)
    problem = prepare_fit(model, predators, TrainConfig())
    steps = enough_steps(problem, model, 8, 1e-4, 1024)
    assert doubling_error(problem, model, steps) <= 1e-4 < doubling_error(problem, model, steps // 2)
    assert enough_steps(problem, model, 8, 0.0, 32) == 32
    gaps = len(predators.trajectories[0].t) - 1
    assert on_samples(problem, gaps + 1) == gaps and on_samples(problem, 2 * gaps - 1) == 2 * gaps
    assert on_samples(problem, gaps // 2) == gaps // 2


def test_samples_on_grid_points_are_read_as_they_are() -> None:
    generator = np.random.default_rng(5)
    times = np.linspace(0, 3, 7), np.linspace(1, 2, 4)  # on every grid point, and on every second one
    dataset = dataset_from_arrays(
        list(times), [generator.normal(size=(len(t), 2)) for t in times], ["x", "y"], split=SplitConfig(by="none")
    )
    grid = make_grid(whole_rows(dataset, with_test=True), 6, OWN["rk4"])
    states, slopes = generator.normal(size=(2, 7, 2, 3, 2))
    read = read_out(states, slopes, grid)
    np.testing.assert_array_equal(read[:, :, 0, :], np.moveaxis(states[..., 0], 0, -1))
    np.testing.assert_array_equal(read[:, :, 1, :4], np.moveaxis(states[::2, ..., 1], 0, -1))
    moved = read_out(states, slopes, grid._replace(q=np.clip(grid.q, 1e-6, 1 - 1e-6)))
    np.testing.assert_allclose(moved, read, atol=1e-4)
    assert np.abs(moved - read).max() > 0


def test_states_are_clipped_inside_the_field(predators: Dataset) -> None:
    config = ModelConfig(equations="d(x)/dt = k*x^2\nd(y)/dt = 0*y", parameters={"k": ParameterConfig(value=10.0)})
    model = initial_model(config, predators, 0)  # blows up within a tenth of the time
    found = predict(prepare_fit(model, predators, TrainConfig()), model)
    assert all(np.isfinite(values).all() for _, values in found.values())
