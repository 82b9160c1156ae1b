"""Smoothing splines: values, derivatives, noise."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.data import dataset_from_arrays, smooth
from ndestudio.data.smoothing import smooth_column


@pytest.mark.parametrize(("count", "noise"), [(21, 0.1), (60, 0.05), (300, 0.2), (5000, 0.1), (50_000, 0.3)])
def test_noise_and_derivative_of_a_noisy_sine(count: int, noise: float) -> None:
    rng = np.random.default_rng(count)
    t = 1900 + np.sort(rng.uniform(0, 20, count))
    exact, slope = np.sin(2 * np.pi * t / 10), 2 * np.pi / 10 * np.cos(2 * np.pi * t / 10)
    curve = smooth_column(t, 1e3 * (exact + noise * rng.standard_normal(count)))
    inner = (t > 1901) & (t < 1919)
    assert 0.6 * noise < curve.noise / 1e3 < 1.4 * noise
    assert np.sqrt(np.mean((curve.value(t) / 1e3 - exact)[inner] ** 2)) < noise
    assert np.sqrt(np.mean((curve.derivative(t) / 1e3 - slope)[inner] ** 2)) < 0.35 * np.std(slope)


@pytest.mark.parametrize("count", [30, 100, 1000])
def test_clean_data_are_followed(count: int) -> None:
    t = np.linspace(0, 10, count)
    curve = smooth_column(t, np.exp(-t / 3) * np.sin(2 * t))
    q = np.linspace(0, 10, 777)
    slope = np.exp(-q / 3) * (2 * np.cos(2 * q) - np.sin(2 * q) / 3)
    assert np.abs(curve.derivative(q) - slope)[40:-40].max() < 0.04
    # at the very ends nothing but the penalty holds the slope
    assert np.abs(curve.derivative(q) - slope).max() < 0.2
    assert curve.noise < (5e-3 if count == 30 else 1e-4)


def test_a_fast_oscillation_in_many_rows() -> None:
    t = np.linspace(0, 50, 20_000)
    curve = smooth_column(t, np.sin(2 * np.pi * t))
    assert np.abs(curve.value(t) - np.sin(2 * np.pi * t)).max() < 0.05


def test_many_rows_are_quick() -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(0, 100, 200_000)
    y = np.sin(t) + 0.2 * rng.standard_normal(len(t))
    smooth_column(t[:1000], y[:1000])
    begin = time.process_time()
    curve = smooth_column(t, y)
    assert time.process_time() - begin < 20
    assert abs(curve.noise - 0.2) < 0.01
    assert np.sqrt(np.mean((curve.derivative(t) - np.cos(t)) ** 2)) < 0.05


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 9])
def test_few_points(count: int) -> None:
    t = np.arange(count, dtype=float) * 2.0
    curve = smooth_column(t, 3.0 + 0.5 * t)
    q = np.linspace(-1, 20, 9)
    if count == 0:
        assert np.isnan(curve.value(q)).all()
        assert np.isnan(curve.derivative(q)).all()
    elif count == 1:
        assert np.allclose(curve.value(q), 3.0)
        assert np.allclose(curve.derivative(q), 0.0)
    else:
        assert np.allclose(curve.value(q), 3.0 + 0.5 * q, atol=1e-6)
        assert np.allclose(curve.derivative(q), 0.5, atol=1e-6)


def test_a_constant() -> None:
    curve = smooth_column(np.arange(20.0), np.full(20, 7.0))
    assert np.allclose(curve.value(np.array([-1.0, 3.3, 30.0])), 7.0)
    assert np.allclose(curve.derivative(np.array([3.3])), 0.0)
    assert curve.noise == 0.0


def test_gaps_are_left_out() -> None:
    t = np.linspace(0, 10, 80)
    y = np.column_stack([np.sin(t), np.where((t > 3) & (t < 4.5), np.nan, np.cos(t)), np.where(t < 5, np.nan, t)])
    curves = smooth(dataset_from_arrays(t, y, ["a", "b", "c"]).trajectories[0])
    assert curves.values(t).shape == curves.derivatives(t).shape == (80, 3)
    assert np.isfinite(curves.values(t)).all()
    assert np.abs(curves.values(t)[:, 1] - np.cos(t)).max() < 0.05
    assert curves.supported(np.array([1.0, 7.0])).tolist() == [[True, True, False], [True, True, True]]
    assert np.allclose(curves.values(np.array([0.0]))[0, 2], 0.0, atol=1e-4)


def test_only_the_used_rows_count() -> None:
    t = np.linspace(0, 10, 50)
    trajectory = dataset_from_arrays(t, np.where(t > 7, 99.0, t), ["x"]).trajectories[0]
    curves = smooth(trajectory, use=(t <= 7)[:, None])
    assert np.allclose(curves.values(t)[:, 0], t, atol=1e-6)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(1e-6, 1e3), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_any_points_give_finite_curves(steps: list[tuple[float, float]]) -> None:
    t = np.cumsum([step for step, _ in steps])
    y = np.array([value for _, value in steps])
    curve = smooth_column(t, y)
    q = np.linspace(t[0], t[-1], 50)
    assert np.isfinite(curve.value(q)).all()
    assert np.isfinite(curve.derivative(q)).all()
    assert curve.noise >= 0


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_spikes_of_a_few_samples_are_no_noise(noise: float) -> None:
    t = np.linspace(0, 30, 60)
    spikes = sum(np.exp(-(((t - place) / 0.45) ** 2)) for place in (4.2, 11.7, 19.0, 26.4))
    curve = smooth_column(t, 3 * spikes + noise * np.random.default_rng(1).standard_normal(60))
    assert curve.noise < 0.02 + 2 * noise
    assert curve.value(t).max() > 2.3
