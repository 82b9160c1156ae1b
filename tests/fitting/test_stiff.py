"""Stiff models: the implicit solver, its steps, its derivatives, and fits that others lose to NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.smoothing import smooth
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.step_count import steps_for
from ndestudio.fitting.tracker import predict
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.initial import initial_model
from ndestudio.solve.step_control import find_time_grid
from ndestudio.solve.time_grid import TimeGrid, grid_times

LOG_TIMES = np.concatenate([[0.0], np.logspace(-5, 5, 40)])


def robertson(t: float, y: Sequence[float]) -> list[float]:
    """Robertson (1966): 0.04, 3e7, 1e4 (Hairer and Wanner 1996, section IV.1)."""
    slow, quick, back = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
    return [back - slow, slow - back - quick, quick]


@pytest.fixture(scope="module")
def kinetics() -> Dataset:
    """Two experiments over ten decades of time; B stays below 4e-5."""
    values = [
        solve_ivp(robertson, (0.0, 1e5), start, t_eval=LOG_TIMES, method="Radau", rtol=1e-9, atol=1e-13).y.T
        for start in ((1.0, 0.0, 0.0), (0.8, 0.0, 0.2))
    ]
    return dataset_from_arrays([LOG_TIMES] * 2, values, ["A", "B", "C"], split=SplitConfig(by="none"))


KINETICS = ModelConfig(
    equations="d(A)/dt = k3*B*C - k1*A\nd(B)/dt = k1*A - k3*B*C - k2*B^2\nd(C)/dt = k2*B^2",
    parameters={
        "k1": ParameterConfig(value=0.04, lower=0.0),
        "k2": ParameterConfig(value=3e7, lower=1.0, log=True),
        "k3": ParameterConfig(value=1e4, lower=1.0, log=True),
    },
)
HYBRID = ModelConfig(
    equations="d(A)/dt = 1e4*B*C - slow(A)\nd(B)/dt = slow(A) - 1e4*B*C - 3e7*B^2\nd(C)/dt = 3e7*B^2",
    networks={"slow": NetworkConfig(width=5, depth=1)},
)


def test_robertson_with_an_unknown_term_trains_to_the_right_term(kinetics: Dataset) -> None:
    found = fit(HYBRID, kinetics, TrainConfig(time_limit=600.0))
    assert found.outcome is Outcome.CONVERGED, found.sentence
    assert any("implicit solver `sdirk4`" in note for note in found.notes)
    assert found.metrics.train["mean"] < 0.003
    assert all(np.isfinite(history.loss).all() for history in found.history)
    a = np.linspace(0.1, 0.95, 10)
    np.testing.assert_allclose(evaluate_neural_term(found.model, "slow", a[:, None]), 0.04 * a, rtol=0.05)


def test_constants_of_robertson_are_found_from_far_away(kinetics: Dataset) -> None:
    import msgspec

    starts = {"k1": 0.2, "k2": 1e6, "k3": 1e5}
    config = msgspec.structs.replace(
        KINETICS,
        parameters={k: msgspec.structs.replace(p, value=starts[k]) for k, p in KINETICS.parameters.items()},
    )
    found = fit(config, kinetics, TrainConfig(time_limit=600.0))
    for name, value in (("k1", 0.04), ("k2", 3e7), ("k3", 1e4)):
        assert found.model.parameters[name] == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("solver", ["sdirk3", "sdirk4"])
def test_steps_lie_where_the_solution_needs_them(kinetics: Dataset, solver: str) -> None:
    model = initial_model(KINETICS, kinetics, 0)
    problem = prepare_fit(model, kinetics, TrainConfig(solver=solver))  # type: ignore[arg-type]
    errors = {}
    for name, time_grid in (
        ("none", {}),
        ("time_grid", find_time_grid(problem.definition, problem.method, model, 1e-4)),
    ):
        seen = predict(replace(problem, time_grid=time_grid), model, 96)
        errors[name] = max(
            float(np.max(np.abs(seen[row.name][1] - row.measured) / problem.space.constants.spread))
            for row in kinetics.trajectories
        )
    assert errors["time_grid"] < 1e-3
    assert errors["time_grid"] < 0.3 * errors["none"]


def test_few_samples_lie_on_steps_and_many_are_interpolated() -> None:
    t = np.array([0.0, 0.1, 0.2, 5.0, 100.0])
    time_grid = TimeGrid(np.array([0.0, 1.0, 100.0]), np.array([0.0, 30.0, 40.0]))
    times = grid_times(t, 32, time_grid)
    assert len(times) == 33 and (np.diff(times) > 0).all() and set(t) <= set(times)
    assert (times < 1.0).sum() > 12  # most of the measure is there
    dense = grid_times(np.linspace(0.0, 100.0, 500), 32, time_grid)
    assert len(dense) == 33 and (np.diff(dense) > 0).all() and dense[0] == 0.0 and dense[-1] == 100.0


def test_a_time_grid_asks_for_as_many_steps_as_the_tolerance_needs(kinetics: Dataset) -> None:
    model = initial_model(KINETICS, kinetics, 0)
    problem = prepare_fit(model, kinetics, TrainConfig(solver="sdirk3"))
    meshes = [find_time_grid(problem.definition, problem.method, model, tol) for tol in (1e-4, 1e-5, 1e-6)]
    counts = [steps_for(replace(problem, time_grid=time_grid)) for time_grid in meshes]
    assert counts == sorted(counts) and counts[0] < counts[-1] < 1000


def test_times_over_decades_are_smoothed_in_their_logarithm(kinetics: Dataset) -> None:
    trajectory = kinetics.trajectories[0]
    curve = smooth(trajectory)
    assert all(column.decades is not None for column in curve.columns)
    middle = np.sqrt(LOG_TIMES[1:-1] * LOG_TIMES[2:])
    exact = solve_ivp(robertson, (0.0, 1e5), (1.0, 0.0, 0.0), t_eval=middle, method="Radau", rtol=1e-9, atol=1e-13).y.T
    spread = trajectory.measured.std(axis=0)
    np.testing.assert_allclose(curve.values(middle) / spread, exact / spread, atol=0.02)
    slopes = np.array([robertson(0.0, y) for y in exact])
    late = middle > 1e-2
    np.testing.assert_allclose(curve.derivatives(middle)[late, 0], slopes[late, 0], rtol=0.05)


def test_gaps_of_all_sizes_do_not_stop_the_smoothing() -> None:
    generator = np.random.default_rng(0)
    t = np.cumsum(10.0 ** generator.uniform(-9, 1, 40))
    dataset = dataset_from_arrays(t, np.sin(t)[:, None], ["x"], split=SplitConfig(by="none"))
    curve = smooth(dataset.trajectories[0])
    assert np.isfinite(curve.values(t)).all() and np.isfinite(curve.derivatives(t)).all()
