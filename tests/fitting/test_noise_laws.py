"""Counts, heavy tails and limits of detection: parameters and constants of the noise are found, and the limits hold them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, SpecError
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.config import ColumnNoise
from ndestudio.fitting.uncertainty.information_criteria import information
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.problem.noise_law import NoiseLaw
from ndestudio.project.spec import dump_spec, load_spec

FALLS = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.5, lower=0.0)})
RATE = 0.8


def drawn(law: NoiseLaw, seed: int, start: float, rows: int = 80) -> Dataset:
    t = np.linspace(0, 4, rows)
    values = law.drawn(start * np.exp(-RATE * t), np.random.default_rng(seed))
    return dataset_from_arrays([t], [values[:, None]], ["x"], split=SplitConfig(by="none"))


def fitted(data: Dataset, noise: ColumnNoise | None = None):
    return fit(FALLS, data, TrainConfig(column_noise={"x": noise} if noise is not None else {}))


@pytest.mark.parametrize(
    ("law", "settings", "start"),
    [
        (NoiseLaw("poisson"), ColumnNoise(kind="poisson"), 60.0),
        (NoiseLaw("negative_binomial", dispersion=0.2), ColumnNoise(kind="negative_binomial"), 200.0),
        (NoiseLaw("student", 0.3, freedom=2.5), ColumnNoise(kind="student"), 10.0),
        (NoiseLaw("proportional", 0.05, 0.15), ColumnNoise(kind="proportional", constant=0.05), 10.0),
        (NoiseLaw("constant", 0.8, below=1.5), ColumnNoise(below=1.5), 10.0),
    ],
)
def test_rates_are_found_with_limits_that_hold_them(law: NoiseLaw, settings: ColumnNoise, start: float) -> None:
    held, rates, laws = 0, [], []
    for seed in range(4):
        found = fitted(drawn(law, seed, start), settings)
        low, high = found.intervals["k"]
        held += low <= RATE <= high
        rates.append(found.model.parameters["k"])
        laws.append(found.noise_model["x"])
    assert held >= 3
    assert np.mean(rates) == pytest.approx(RATE, rel=0.05)
    if law.kind == "negative_binomial":
        assert np.mean([one.dispersion for one in laws]) == pytest.approx(0.2, rel=0.25)
    elif law.kind == "student":
        assert np.median([one.constant for one in laws]) == pytest.approx(0.3, rel=0.2)
        assert np.median([one.freedom for one in laws]) == pytest.approx(2.5, rel=0.4)
    elif law.kind == "proportional":
        assert np.mean([one.proportional for one in laws]) == pytest.approx(0.15, rel=0.15)
        assert laws[0].constant == 0.05
    elif law.kind == "constant":
        assert np.mean([one.constant for one in laws]) == pytest.approx(0.8, rel=0.1)


def test_values_below_the_limit_taken_as_measured_bias_a_rate_and_as_limits_do_not() -> None:
    law = NoiseLaw("constant", 0.5, below=2.0)
    naive, censored = [], []
    for seed in range(2):
        data = drawn(law, seed, 10.0)
        naive.append(fitted(data).model.parameters["k"])
        censored.append(fitted(data, ColumnNoise(below=2.0)).model.parameters["k"])
    assert np.mean(naive) < 0.85 * RATE
    assert np.mean(censored) == pytest.approx(RATE, rel=0.02)


def with_limits(data: Dataset, limits: tuple[float, ...]) -> Dataset:
    """Each trajectory with its own limit below: values under it are known to lie there only."""
    made = []
    for one, limit in zip(data.trajectories, limits, strict=True):
        low = one.measured < limit
        ends = np.where(low[..., None], np.array([-np.inf, limit]), np.nan)
        made.append(replace(one, measured=np.maximum(one.measured, limit), ends=ends))
    return replace(data, trajectories=tuple(made))


def test_limits_of_single_values_leave_no_bias_and_give_the_maximum_of_the_likelihood() -> None:
    """Two runs with different limits, without settings; the closed form of the censored likelihood by SciPy."""
    t = np.linspace(0, 4, 40)
    rng = np.random.default_rng(2)
    values = [(10 * np.exp(-RATE * t) + 0.5 * rng.normal(size=40))[:, None] for _ in range(2)]
    known = InitialConfig(value=10.0, fit=False)
    model = ModelConfig(equations=FALLS.equations, parameters=FALLS.parameters, initial={"x": known})
    plain = dataset_from_arrays([t, t], values, ["x"], split=SplitConfig(by="none"))
    data = with_limits(plain, (2.0, 0.5))

    def cost(p: np.ndarray) -> float:
        total = 0.0
        for one in data.trajectories:
            y, sigma = 10 * np.exp(-p[0] * t), np.exp(p[1])
            z = (one.measured[:, 0] - y) / sigma
            below = np.isfinite(one.ends[:, 0, 1])  # type: ignore[index]
            total -= np.where(below, scipy.stats.norm.logcdf(z), scipy.stats.norm.logpdf(z) - p[1]).sum()
        return float(total)

    best = scipy.optimize.minimize(cost, [0.7, -0.5], options={"gtol": 1e-9})
    found = fit(model, data, TrainConfig())
    assert found.model.parameters["k"] == pytest.approx(best.x[0], rel=1e-3)
    # the estimate of the noise counts the parameter that was fitted
    assert found.noise_model["x"].constant == pytest.approx(np.exp(best.x[1]), rel=0.02)
    low, high = found.intervals["k"]
    assert low < RATE < high
    assert 0.5 * (high - low) / 1.96 == pytest.approx(best.hess_inv[0, 0] ** 0.5, rel=0.1)
    taken = replace(data, trajectories=tuple(replace(one, ends=None) for one in data.trajectories))
    assert fit(model, taken, TrainConfig()).intervals["k"][1] < RATE
    # predictions on the right side of a limit are no errors
    assert found.metrics.train["x"] < 0.9 * fit(model, taken, TrainConfig()).metrics.train["x"]
    with pytest.raises(SpecError, match="only a limit is known"):
        fit(model, data, TrainConfig(column_noise={"x": ColumnNoise(kind="student")}))
    with pytest.raises(SpecError, match="huber"):
        fit(model, data, TrainConfig(loss="huber"))


def test_the_fit_is_the_maximum_of_the_likelihood() -> None:
    """No neighbour of the fitted rate and start is more likely under the fitted constants of the noise."""
    for law, settings in (
        (NoiseLaw("constant", 0.5, below=2.0, above=8.0), ColumnNoise(below=2.0, above=8.0)),
        (NoiseLaw("student", 0.3, freedom=3.0), ColumnNoise(kind="student", freedom=3.0, constant=0.3)),
        (NoiseLaw("poisson"), ColumnNoise(kind="poisson")),
        (NoiseLaw("constant", 0.3, resolution=1.0), ColumnNoise(resolution=1.0)),
    ):
        data = drawn(law, 3, 10.0)
        found = fitted(data, settings)
        level = found.noise_model["x"]
        known = NoiseLaw(
            law.kind,
            level.constant or 1.0,
            freedom=level.freedom or 1.0,
            below=law.below,
            above=law.above,
            resolution=law.resolution,
        )
        one = data.trajectories[0]
        start = next(iter(found.model.initial.values()))[0]

        def likelihood(k: float, x0: float, known=known, one=one) -> float:
            return float(known.log_density(x0 * np.exp(-k * one.t), one.measured[:, 0]).sum())

        k, h = found.model.parameters["k"], 1e-4
        at = likelihood(k, start)
        for step in (h * k, -h * k):
            assert likelihood(k + step, start) < at + 2e-4
            assert likelihood(k, start + 10 * step) < at + 2e-4


def test_information_criteria_prefer_the_noise_that_the_data_have() -> None:
    data = drawn(NoiseLaw("student", 0.3, freedom=2.0), 1, 10.0)
    plain, heavy = TrainConfig(noise="constant"), TrainConfig(column_noise={"x": ColumnNoise(kind="student")})
    aic = []
    for train in (plain, heavy):
        found = information(fit(FALLS, data, train).model, data, train)
        assert found is not None
        aic.append(found.aic)
    assert aic[1] < aic[0] - 5.0


@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (ColumnNoise(kind="poisson"), "noise of counts"),
        (ColumnNoise(kind="poisson", constant=1.0), "has no `constant`"),
        (ColumnNoise(below=3.0, above=1.0), "less than"),
        (ColumnNoise(kind="student", below=1.0), "has no `below`"),
        (ColumnNoise(constant=-1.0), "above 0"),
        (ColumnNoise(below=1e9), "nothing to fit"),
    ],
)
def test_noise_that_does_not_fit_is_refused(noise: ColumnNoise, text: str) -> None:
    with pytest.raises((DataError, SpecError), match=text):
        fitted(drawn(NoiseLaw("constant", 0.3), 0, 10.0), noise)


def test_other_refusals_name_the_column() -> None:
    data = drawn(NoiseLaw("poisson"), 0, 50.0)
    for train, text in (
        (TrainConfig(column_noise={"y": ColumnNoise()}), "`y` is no measured column"),
        (TrainConfig(column_noise={"x": ColumnNoise(kind="student")}, loss="huber"), "huber"),
        (TrainConfig(column_noise={"x": ColumnNoise(kind="poisson")}, log_states=("x",)), "log_states"),
    ):
        with pytest.raises((DataError, SpecError), match=text):
            fit(FALLS, data, train)


def test_noise_of_columns_is_read_from_a_spec_and_written_back(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text('name = "a"\n[train.column_noise]\nn = "poisson"\nx = { below = 0.5, constant = 0.2 }\n')
    spec = load_spec(path)
    truth = {"n": ColumnNoise(kind="poisson"), "x": ColumnNoise(below=0.5, constant=0.2)}
    assert spec.train.column_noise == truth
    path.write_text(dump_spec(spec))
    assert load_spec(path).train.column_noise == truth
    path.write_text('[train.column_noise]\nn = "gamma"\n')
    with pytest.raises(SpecError, match="gamma"):
        load_spec(path)
