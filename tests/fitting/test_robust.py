"""Bad scales, columns that stand still, few points, runaways: each trains, or says in a sentence why not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.fitting.preflight import preflight_checks
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from tests.fitting.conftest import PREDATORS, TINY, lotka_volterra, trajectories

QUICK = TrainConfig(preset="quick", time_limit=600.0, iterations={"final_refinement": 12})
NONE = SplitConfig(by="none")


def scaled(size: float) -> tuple[ModelConfig, Dataset]:
    """Lotka-Volterra in other units, one interaction unknown."""
    plain = trajectories(lotka_volterra, [(1.0, 1.0), (2.0, 0.7)], np.linspace(0, 5, 26), ["x", "y"], split=NONE)
    values = [size * trajectory.measured for trajectory in plain.trajectories]
    dataset = dataset_from_arrays([plain.trajectories[0].t] * 2, values, ["x", "y"], split=NONE)
    equations = f"d(x)/dt = 1.3*x - growth(x, y)\nd(y)/dt = {0.8 / size!r}*x*y - 1.8*y"
    return ModelConfig(equations=equations, networks={"growth": TINY}), dataset


@pytest.mark.parametrize("size", [1e-12, 1e9])
def test_concentrations_and_counts_train_alike(size: float) -> None:
    found = fit(*scaled(size), QUICK)
    assert found.outcome in (Outcome.CONVERGED, Outcome.LIMIT)
    assert found.metrics.train["mean"] < 0.02


def test_a_column_that_stands_still_is_named_and_does_no_harm() -> None:
    plain = trajectories(lotka_volterra, [(1.0, 1.0), (2.0, 0.7)], np.linspace(0, 5, 26), ["x", "y"], split=NONE)
    values = [np.column_stack([row.measured, np.full(26, 3.0)]) for row in plain.trajectories]
    dataset = dataset_from_arrays([plain.trajectories[0].t] * 2, values, ["x", "y", "z"], split=NONE)
    config = ModelConfig(
        equations="d(x)/dt = a*x - 0.9*x*y\nd(y)/dt = 0.8*x*y - 1.8*y\nd(z)/dt = 0*z",
        parameters={"a": ParameterConfig(value=1.0)},
    )
    found = fit(config, dataset, QUICK)
    assert any("The column `z` is 3 in all training rows" in note for note in found.notes)
    assert found.model.parameters["a"] == pytest.approx(1.3, rel=1e-4)


def test_three_points_are_enough_to_train_and_to_say_how_it_went() -> None:
    dataset = trajectories(lotka_volterra, [(1.0, 1.0)], np.array([0.0, 1.0, 2.0]), ["x", "y"], split=NONE)
    config = ModelConfig(
        equations="d(x)/dt = a*x - 0.9*x*y\nd(y)/dt = 0.8*x*y - d*y",
        parameters={"a": ParameterConfig(value=1.0), "d": ParameterConfig(value=1.0)},
    )
    found = fit(config, dataset, QUICK)
    assert found.outcome is Outcome.CONVERGED
    assert found.model.parameters["a"] == pytest.approx(1.3, rel=0.01)


def test_a_start_that_runs_away_is_recovered() -> None:
    t = np.linspace(0, 4, 40)
    dataset = dataset_from_arrays(t, (5 / (1 + 4 * np.exp(-t)))[:, None], ["x"], split=NONE)
    config = ModelConfig(equations="d(x)/dt = k*x^2 + r*x", parameters={"k": ParameterConfig(value=50.0)})
    found = fit(config, dataset, QUICK)  # the start blows up at a hundredth of the first step
    assert found.metrics.train["x"] < 0.01
    assert found.model.parameters["k"] == pytest.approx(-0.2, rel=0.05)


def test_equations_without_a_value_are_named() -> None:
    t = np.linspace(0, 4, 40)
    dataset = dataset_from_arrays(t, (5 / (1 + 4 * np.exp(-t)))[:, None], ["x"], split=NONE)
    found = fit(ModelConfig(equations="d(x)/dt = k*x + log(-x^2 - 1)"), dataset, QUICK)
    assert found.outcome is Outcome.DIVERGED
    assert any("The equation of `x` has no finite value at the start of 1 of 1" in note for note in found.notes)
    assert "`log(-x^2 - 1)` takes log of -2" in found.sentence


def test_a_division_by_zero_at_the_first_row_is_named() -> None:
    t = np.linspace(0, 4, 9)
    dataset = dataset_from_arrays(t, (t**1.6 * np.exp(-0.2 * t))[:, None], ["y"], split=NONE)
    config = ModelConfig(equations="d(y)/dt = n*y/t - k*y", initial={"y": InitialConfig(value=0.0, fit=False)})
    found = fit(config, dataset, QUICK)
    assert found.outcome is Outcome.DIVERGED
    assert "`n*y/t` divides by `t`, which is 0 there" in found.sentence and "begins at 0.5" in found.sentence


def test_a_program_that_returns_nan_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    config, dataset = scaled(1.0)
    monkeypatch.setattr("ndestudio.fitting.engines.JaxEngine.linearise", _broken(config))
    found = fit(config, dataset, QUICK)
    assert found.sentence and np.isfinite(found.model.networks["growth"].weights[0]).all()


def _broken(config: ModelConfig) -> Callable:
    from ndestudio.fitting.optimizers.levenberg_marquardt import Linear

    def linearise(self: object, point: object) -> Linear:
        shape = (self.batch.grid.step.shape[0], 4)  # type: ignore[attr-defined]
        nothing = np.full((*shape, 2), np.nan)
        return Linear(
            np.full(shape, np.nan),
            np.full((*shape, len(point.theta)), np.nan),  # type: ignore[attr-defined]
            nothing,
            float("nan"),
            np.zeros(point.free.shape),  # type: ignore[attr-defined]
            np.zeros(point.free.shape),  # type: ignore[attr-defined]
        )

    return linearise


def _noisy(change: Callable[[list[np.ndarray]], None]) -> Dataset:
    plain = trajectories(lotka_volterra, [(1.0, 1.0), (2.0, 0.7)], np.linspace(0, 5, 26), ["x", "y"], noise=0.02)
    values = [row.measured.copy() for row in plain.trajectories]
    change(values)
    return dataset_from_arrays([plain.trajectories[0].t] * 2, values, ["x", "y"], split=NONE)


def test_a_column_without_values_is_told_and_the_rest_trains() -> None:
    def empty(values: list[np.ndarray]) -> None:
        for one in values:
            one[:, 1] = np.nan

    found = fit(PREDATORS, _noisy(empty), QUICK)
    assert any("`y` has no measured values in the training rows" in note for note in found.notes)
    assert np.isfinite(found.metrics.train["mean"])


def test_a_single_value_far_from_all_others_is_told() -> None:
    def slip(values: list[np.ndarray]) -> None:
        values[0][7, 0] = 1e6

    dataset = _noisy(slip)
    problem = prepare_fit(initial_model(PREDATORS, dataset, 0), dataset, QUICK)
    (note,) = preflight_checks(problem)
    assert note.startswith("The column `x` has one value, 1e+06, that is ")
    still = _noisy(lambda values: None)
    assert preflight_checks(prepare_fit(initial_model(PREDATORS, still, 0), still, QUICK)) == []


def test_spikes_are_no_noise() -> None:
    t = np.linspace(0, 15, 61)
    generator = np.random.default_rng(0)
    clean = np.where(np.abs((t % 5) - 2.5) < 0.3, 20.0, 0.0)
    y = (clean + 0.5 * generator.normal(size=len(t)))[:, None]
    dataset = dataset_from_arrays([t], [y], ["x"], split=NONE)
    config = ModelConfig(equations="d(x)/dt = -k*x")
    noise = prepare_fit(initial_model(config, dataset, 0), dataset, QUICK, smooth_training(dataset)).noise
    assert 0.3 < noise[0] < 0.9
