"""Confidence limits: those of linear least squares where it applies, and coverage on simulated data."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.train import TrainConfig, fit, refit
from tests.train.conftest import PREDATORS, lotka_volterra, trajectories

T = np.linspace(0.0, 2.0, 21)
LINE = ModelConfig(
    equations="d(x)/dt = k", parameters={"k": ParameterConfig(value=1.0)}, initial={"x": InitialConfig(value=0.0)}
)


def test_agrees_with_linear_regression() -> None:
    generator = np.random.default_rng(2)
    y = 0.7 * T + 0.1 * generator.normal(size=len(T))
    dataset = dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))
    found = fit(LINE, dataset, TrainConfig(preset="quick"))
    slope = float(T @ y / (T @ T))
    deviation = np.sqrt(np.sum((y - slope * T) ** 2) / (len(T) - 1) / (T @ T))
    assert found.model.parameters["k"] == pytest.approx(slope, rel=1e-6)
    low, high = found.intervals["k"]
    assert high - slope == pytest.approx(2.086 * deviation, rel=0.02)
    assert slope - low == pytest.approx(2.086 * deviation, rel=0.02)


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    truth = {"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8}
    starts = [(1.0, 1.0), (2.0, 0.7), (0.7, 1.5)]
    clean = trajectories(lotka_volterra, starts, np.linspace(0, 5, 21), ["x", "y"], split=SplitConfig(by="none"))
    model = initial_model(PREDATORS, clean, 0)
    inside, total = 0, 0
    for seed in range(60):
        data = trajectories(
            lotka_volterra,
            starts,
            np.linspace(0, 5, 21),
            ["x", "y"],
            noise=0.05,
            seed=seed,
            split=SplitConfig(by="none"),
        )
        found = refit(model, data)
        for name, value in truth.items():
            low, high = found.intervals[name]
            inside, total = inside + (low <= value <= high), total + 1
    assert 0.90 <= inside / total <= 0.99


def test_a_parameter_the_data_do_not_see_is_named() -> None:
    config = ModelConfig(
        equations="d(x)/dt = (p - q)*x",
        parameters={name: ParameterConfig(value=1.0) for name in "pq"},
        initial={"x": InitialConfig(value=1.0)},
    )
    generator = np.random.default_rng(5)
    y = np.exp(-0.4 * T) + 0.01 * generator.normal(size=len(T))
    dataset = dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))
    found = fit(config, dataset, TrainConfig(preset="quick"))
    assert found.model.parameters["p"] - found.model.parameters["q"] == pytest.approx(-0.4, abs=0.02)
    assert any("`p`" in note for note in found.notes)
