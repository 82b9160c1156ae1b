"""Tests of residuals: textbook values, findings where they are true, and none where they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.fitting.residuals import (
    ColumnResiduals,
    autocorrelation,
    durbin_watson,
    ljung_box,
    residuals,
    runs_test,
)
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.problem.noise_law import NoiseLaw

DECAY = ModelConfig(
    equations="d(x)/dt = -k*x",
    parameters={"k": ParameterConfig(value=0.5)},
    initial={"x": InitialConfig(value=2.0)},
)
T = np.linspace(0.0, 4.0, 80)
CLEAN = 2.0 * np.exp(-0.5 * T)


def examined(noise: np.ndarray) -> ColumnResiduals:
    dataset = dataset_from_arrays(T, (CLEAN + noise)[:, None], ["x"], split=SplitConfig(by="none"))
    return residuals(initial_model(DECAY, dataset, 0), dataset).columns[0]


def correlated(rho: float, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    e = generator.normal(size=len(T))
    for k in range(1, len(e)):
        e[k] += rho * e[k - 1]
    return 0.05 * e


def test_statistics_are_those_of_their_definitions() -> None:
    e = np.array([1.0, 2.0, -1.0, 0.5, 1.5, -2.0, 0.2, -1.2])
    c = e - e.mean()
    np.testing.assert_allclose(autocorrelation([e], 2), [1.0, (c[1:] @ c[:-1]) / (c @ c), (c[2:] @ c[:-2]) / (c @ c)])
    assert durbin_watson([e]) == pytest.approx(np.sum(np.diff(e) ** 2) / (e @ e))
    rho = np.array([1.0, 0.3, -0.1])
    q = 50 * 52 * (0.3**2 / 49 + 0.1**2 / 48)
    assert ljung_box(rho, 50) == pytest.approx(scipy.stats.chi2.sf(q, 2))
    signs = np.array([1, 1, -1, -1, -1, 1, -1, 1, 1, 1], dtype=float)  # 6 and 4 in 5 runs: mean 5.8, variance 2.0267
    assert runs_test([signs]) == pytest.approx(2 * scipy.stats.norm.sf(0.8 / np.sqrt(48 * 38 / (100 * 9))))


def test_series_of_two_experiments_do_not_touch() -> None:
    a, b = np.array([1.0, -1.0, 1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    mean = np.concatenate([a, b]).mean()
    centred = [a - mean, b - mean]
    expected = sum(float(run[1:] @ run[:-1]) for run in centred) / sum(float(run @ run) for run in centred)
    assert autocorrelation([a, b], 1)[1] == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(6))
def test_white_noise_raises_no_alarm(seed: int) -> None:
    found = examined(0.05 * np.random.default_rng(seed).normal(size=len(T)))
    assert not found.suspicious, found.sentence
    assert "look like independent normal noise" in found.sentence
    assert found.durbin_watson == pytest.approx(2.0, abs=0.5)


def test_correlated_residuals_are_told() -> None:
    found = examined(correlated(0.7, 3))
    assert found.suspicious
    assert "`x` are correlated in time (lag-1 0." in found.sentence and "misses structure" in found.sentence
    assert found.ljung_box < 0.001 and found.durbin_watson < 1.2


def test_outliers_growing_noise_and_skew_are_told() -> None:
    generator = np.random.default_rng(1)
    noise = 0.02 * generator.normal(size=len(T))
    noise[[10, 40]] += 0.5
    assert "2 outliers" in examined(noise).sentence
    assert "grow with the value" in examined(0.2 * CLEAN * generator.normal(size=len(T))).sentence
    assert (
        "not normal"
        in examined(generator.choice([-0.05, 0.05], len(T)) + 0.005 * generator.normal(size=len(T))).sentence
    )


def test_logarithms_are_compared_where_training_does() -> None:
    generator = np.random.default_rng(2)
    values = CLEAN * np.exp(0.1 * generator.normal(size=len(T)))
    dataset = dataset_from_arrays(T, values[:, None], ["x"], split=SplitConfig(by="none"))
    found = residuals(initial_model(DECAY, dataset, 0), dataset, log=("x",)).columns[0]
    assert not found.suspicious and found.deviation == pytest.approx(0.1, rel=0.2)


def test_only_training_rows_are_tested_and_all_are_shown() -> None:
    dataset = dataset_from_arrays(T, CLEAN[:, None] + correlated(0.0, 1)[:, None], ["x"], split=SplitConfig(by="none"))
    part = np.where(np.arange(len(T)) < 50, Part.TRAIN, Part.TEST).astype(np.int8)
    dataset = replace(dataset, trajectories=tuple(replace(tr, part=part) for tr in dataset.trajectories))
    found = residuals(initial_model(DECAY, dataset, 0), dataset).columns[0]
    assert len(found.residual) == len(T) and len(found.ordered) == 50


def test_few_values_and_perfect_fits_are_not_tested() -> None:
    assert "passes through" in examined(np.zeros(len(T))).sentence
    few: Dataset = dataset_from_arrays(T[:5], CLEAN[:5, None] + 0.1, ["x"], split=SplitConfig(by="none"))
    assert "too few values" in residuals(initial_model(DECAY, few, 0), few).columns[0].sentence


@pytest.mark.parametrize(
    ("law", "settings", "name"),
    [
        (NoiseLaw("poisson"), ColumnNoise(kind="poisson"), "Poisson"),
        (NoiseLaw("student", 2.0, freedom=2.0), ColumnNoise(kind="student"), "t-distributed"),
        (NoiseLaw("proportional", 0.1, 0.2), ColumnNoise(kind="proportional"), "constant and proportional normal"),
        (NoiseLaw("constant", 3.0, below=5.0), ColumnNoise(below=5.0), "normal"),
    ],
)
def test_quantile_residuals_are_normal_under_the_noise_of_the_column(law: NoiseLaw, settings, name: str) -> None:
    config = ModelConfig(
        equations=DECAY.equations, parameters=DECAY.parameters, initial={"x": InitialConfig(value=40.0)}
    )
    t = np.linspace(0.0, 6.0, 300)
    values = law.drawn(40.0 * np.exp(-0.5 * t), np.random.default_rng(3))
    data = dataset_from_arrays(t, values[:, None], ["x"], split=SplitConfig(by="none"))
    model = initial_model(config, data, 0)
    found = residuals(model, data, train=TrainConfig(column_noise={"x": settings})).columns[0]
    assert found.noise == name
    assert not found.suspicious, found.sentence
    assert name in found.sentence
    assert found.standard.std() == pytest.approx(1.0, abs=0.1)
    assert scipy.stats.kstest(found.standard, "norm").pvalue > 0.01
    plain = residuals(model, data).columns[0]
    assert plain.noise == "" and plain.suspicious


def test_values_beyond_a_limit_have_quantile_residuals_without_settings() -> None:
    values = CLEAN + 0.1 * np.random.default_rng(1).normal(size=len(T))
    low = values < 0.6
    data = dataset_from_arrays(T, np.maximum(values, 0.6)[:, None], ["x"], split=SplitConfig(by="none"))
    (one,) = data.trajectories
    ends = np.where(low[:, None, None], [-np.inf, 0.6], np.nan)
    found = residuals(initial_model(DECAY, data, 0), replace(data, trajectories=(replace(one, ends=ends),))).columns[0]
    assert found.noise == "normal" and not found.suspicious
    assert found.standard[low].std() > 0.5
