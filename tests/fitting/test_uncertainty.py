"""Confidence limits: those of linear least squares where it applies, and coverage on simulated data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, fit, refit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from tests.fitting.conftest import PREDATORS, TINY, lotka_volterra, trajectories

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


def _limited_losses(noise: float, seed: int) -> Dataset:
    """Two trajectories of Lotka-Volterra with the same noise everywhere, for a model that does not know the losses of y."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0, 5, 21)
    clean = [solve_ivp(lotka_volterra, (0, 5), s, t_eval=t, rtol=1e-9, atol=1e-9).y.T for s in ((1.0, 1.0), (2.0, 0.7))]
    values = [y + noise * generator.normal(size=y.shape) for y in clean]
    return dataset_from_arrays([t, t], values, ["x", "y"], split=SplitConfig(by="none"))


UNKNOWN_LOSSES = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - loss(y)",
    parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abc"},
    networks={"loss": TINY},
)


def test_intervals_of_a_hybrid_cover_the_truth() -> None:
    truth = {"a": 1.3, "b": 0.9, "c": 0.8}
    settings = TrainConfig(preset="quick", time_limit=600.0)
    inside = []
    for seed in range(8):
        found = fit(UNKNOWN_LOSSES, _limited_losses(0.04, seed), settings)
        inside += [found.intervals[name][0] <= value <= found.intervals[name][1] for name, value in truth.items()]
        assert not any("trade off" in note or "hardly" in note for note in found.notes)  # all three are determined
    assert np.mean(inside) >= 0.83  # of 24, for intervals that hold the truth in 95 of 100


def test_limits_know_that_columns_have_noise_of_their_own() -> None:
    """Two separate lines in one fit: the limits of each slope are those of its own regression."""
    config = ModelConfig(
        equations="d(x)/dt = k\nd(y)/dt = m",
        parameters={name: ParameterConfig(value=1.0) for name in "km"},
        initial={name: InitialConfig(value=0.0) for name in "xy"},
    )
    generator = np.random.default_rng(4)
    noise = np.array([0.3, 0.01])
    values = T[:, None] * np.array([0.7, 0.7]) + noise * generator.normal(size=(len(T), 2))
    found = fit(config, dataset_from_arrays(T, values, ["x", "y"], split=SplitConfig(by="none")))
    for k, name in enumerate("km"):
        slope = float(T @ values[:, k] / (T @ T))
        deviation = np.sqrt(np.sum((values[:, k] - slope * T) ** 2) / (len(T) - 1) / (T @ T))
        low, high = found.intervals[name]
        assert high - low == pytest.approx(2 * 2.086 * deviation, rel=0.02)


@pytest.mark.parametrize(
    ("equations", "parameter", "aspect"),
    [
        ("d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y", "d", "proportional to `y`"),
        ("d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) + d", "d", "the level of `growth`"),
    ],
)
def test_what_a_neural_term_can_take_over_is_said(equations: str, parameter: str, aspect: str) -> None:
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abd"},
        networks={"growth": TINY},
    )
    found = fit(config, _limited_losses(0.04, 1), TrainConfig(preset="quick", time_limit=600.0))
    told = [note for note in found.notes if "trade off" in note]
    assert len(told) == 1, found.notes
    assert f"`{parameter}`" in told[0] and aspect in told[0] and "constrain the neural term" in told[0]


def test_a_parameter_on_its_bound_is_told_with_how_far_the_data_allow_it() -> None:
    t = np.linspace(0.0, 6.0, 25)
    a = 3.0 * np.exp(-0.5 * t)
    values = np.column_stack([a, 3.0 - a]) + 0.01 * np.random.default_rng(2).normal(size=(25, 2))
    data = dataset_from_arrays([t], [values], ["A", "B"], split=SplitConfig(by="none"))
    config = ModelConfig(
        equations="d(A)/dt = -k1*A + k2*B\nd(B)/dt = k1*A - k2*B",
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in ("k1", "k2")},
    )
    found = fit(config, data, TrainConfig(preset="quick"))
    low, high = found.intervals["k2"]
    assert (found.model.parameters["k2"], low) == (0.0, 0.0) and 0.0 < high < 0.01
    assert any(f"`k2` lies on its lower bound 0; the data allow it up to {high:.3g}" in note for note in found.notes)
    assert not any("`k1` lies" in note for note in found.notes)
