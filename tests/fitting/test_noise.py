"""The noise is estimated with the model: its level is right, and the model is closer to the truth for it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.scatter import levels
from ndestudio.errors import DataError
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.result import Outcome
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.solve.compiled import compilations
from tests.fitting.conftest import HYBRID

ONE_RATE = ModelConfig(
    equations="d(a)/dt = -k*a\nd(b)/dt = k*b - 2*k*b",
    parameters={"k": ParameterConfig(value=0.5, lower=0.0)},
)


def decay(seed: int, sigma, rows: int = 60) -> Dataset:
    """Two columns that fall from 100 and 3 at the rate 1.1; ``sigma``: values -> standard deviations."""
    generator, t = np.random.default_rng(seed), np.linspace(0, 4, rows)
    values = np.exp(-1.1 * t)[:, None] * np.array([100.0, 3.0])
    noisy = values + sigma(values) * generator.normal(size=values.shape)
    return dataset_from_arrays([t], [noisy], ["a", "b"], split=SplitConfig(by="none"))


def rate_error(sigma, **settings) -> float:
    """Root mean square error of the rate over four data sets, relative to it."""
    found = [fit(ONE_RATE, decay(seed, sigma), TrainConfig(**settings)).model.parameters["k"] for seed in range(4)]
    return float(np.sqrt(np.mean((np.array(found) / 1.1 - 1) ** 2)))


def test_proportional_noise_is_recognised_and_the_fit_is_closer_to_the_truth() -> None:
    def sigma(y):
        return np.hypot(0.01, 0.08 * y)

    plain, weighted = rate_error(sigma), rate_error(sigma, noise="proportional")
    assert weighted < 0.3 * plain
    found = fit(ONE_RATE, decay(0, sigma, 300), TrainConfig(noise="proportional"))
    assert found.noise_model["a"].proportional == pytest.approx(0.08, rel=0.15)
    assert found.noise_model["b"].proportional == pytest.approx(0.08, rel=0.15)
    assert found.noise_model["b"].constant == pytest.approx(0.01, rel=0.4)


def test_no_doubts_where_errors_are_in_proportion_as_told() -> None:
    """Errors of the large values are no misfit beside the noise of the small ones."""
    data = decay(1, lambda y: 0.1 * y)
    found = fit(ONE_RATE, data, TrainConfig(preset="quick", noise="proportional"))
    assert found.outcome is Outcome.CONVERGED, found.sentence
    assert found.model.parameters["k"] == pytest.approx(1.1, rel=0.05)


def test_a_noisy_column_counts_less_than_a_precise_one() -> None:
    def sigma(y):
        return np.array([20.0, 0.01])

    assert rate_error(sigma, noise="constant") < 0.3 * rate_error(sigma)
    found = fit(ONE_RATE, decay(1, sigma, 200), TrainConfig(noise="constant"))
    assert found.noise_model["a"].level == pytest.approx(20.0, rel=0.15)
    assert found.noise_model["b"].level == pytest.approx(0.01, rel=0.15)
    assert found.noise["a"] == pytest.approx(20.0, rel=0.15)
    assert found.noise_model["a"].proportional == 0.0


def test_constant_noise_stays_constant_when_a_proportional_part_may_be_had() -> None:
    found = fit(ONE_RATE, decay(2, lambda y: np.array([3.0, 0.1])), TrainConfig(noise="proportional"))
    for name, truth in (("a", 3.0), ("b", 0.1)):
        assert found.noise_model[name].proportional == 0.0
        assert found.noise_model[name].constant == pytest.approx(truth, rel=0.3)


def test_few_values_do_not_make_the_noise_look_small() -> None:
    """Eight values and three unknowns: the residuals alone would say 0.79 of the noise."""
    found = []
    for seed in range(20):
        generator, t = np.random.default_rng(seed), np.linspace(0, 4, 8)
        values = 3.0 * np.exp(-t)[:, None] + 1.0 + 0.1 * generator.normal(size=(8, 1))
        data = dataset_from_arrays([t], [values], ["x"], split=SplitConfig(by="none"))
        config = ModelConfig(equations="d(x)/dt = c - k*x", parameters={"k": ParameterConfig(lower=0.0)})
        found.append(fit(config, data, TrainConfig(noise="constant")).noise["x"] ** 2)
    assert np.sqrt(np.mean(found)) == pytest.approx(0.1, rel=0.12)


def test_outliers_do_not_raise_the_level_of_a_robust_fit() -> None:
    errors = np.random.default_rng(0).normal(size=4000)
    errors[::20] = 30.0
    assert levels(errors, None)[0] > 5.0
    assert levels(errors, None, delta=1.35)[0] == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("values", [np.zeros(20), np.full(20, 1e-9), np.full(20, 1e12)])
def test_levels_of_any_size_are_finite(values: np.ndarray) -> None:
    s0, s1 = levels(values, np.abs(values))
    assert s0 > 0 and s1 >= 0 and np.isfinite([s0, s1]).all()


def test_a_network_is_fitted_under_the_estimated_noise_and_nothing_compiles_again(noisy_predators: Dataset) -> None:
    settings = TrainConfig(preset="quick", iterations={"collocation": 60, "final_refinement": 10}, time_limit=600.0)
    generator = np.random.default_rng(3)
    level = np.array([0.25, 0.02])
    data = replace(
        noisy_predators,
        trajectories=tuple(
            replace(one, measured=one.measured + level * generator.normal(size=one.measured.shape))
            for one in noisy_predators.trajectories
        ),
    )
    plain = fit(HYBRID, data, settings)
    before = compilations()
    found = fit(HYBRID, data, msgspec.structs.replace(settings, noise="constant"))
    assert compilations() == before
    truth = np.hypot(level, 0.03 * noisy_predators.spread())
    assert found.noise["x"] == pytest.approx(truth[0], rel=0.15)
    assert found.noise_model["y"].level == pytest.approx(truth[1], rel=0.15)
    # the precise column is followed more closely than where both count alike
    assert found.noise["y"] < plain.noise["y"]


def test_logarithms_follow_a_column_over_decades() -> None:
    """10% noise over five decades: squares see the first values only."""

    def error(**settings) -> float:
        found = []
        for seed in range(4):
            generator, t = np.random.default_rng(seed), np.linspace(0, 10, 30)
            values = np.exp(-1.1 * t + 0.1 * generator.normal(size=30)) + 1e-4 * np.exp(0.1 * generator.normal(size=30))
            data = dataset_from_arrays([t], [values[:, None]], ["x"], split=SplitConfig(by="none"))
            config = ModelConfig(
                equations="d(x)/dt = k*(floor - x)",
                parameters={"k": ParameterConfig(lower=0.0), "floor": ParameterConfig(value=1e-3, log=True)},
            )
            found.append(fit(config, data, TrainConfig(**settings)).model.parameters["floor"])
        return float(np.sqrt(np.mean(np.log(np.array(found) / 1e-4) ** 2)))

    assert error(log_states=("x",)) < 0.1
    assert error() > 1.0


def test_logarithms_that_cannot_be_had_are_told() -> None:
    data = decay(0, lambda y: 0.05 * y)
    with pytest.raises(DataError, match="`c` is to be compared by logarithm but is no measured column"):
        fit(ONE_RATE, data, TrainConfig(log_states=("c",)))
    below = replace(data, trajectories=tuple(replace(one, measured=-one.measured) for one in data.trajectories))
    with pytest.raises(DataError, match="has no positive values"):
        fit(ONE_RATE, below, TrainConfig(log_states=("a",)))
    one = data.trajectories[0]
    partly = replace(data, trajectories=(replace(one, measured=one.measured - np.array([0.0, 0.1])),))
    found = fit(ONE_RATE, partly, TrainConfig(log_states=("b",)))
    assert any("values of `b` are not positive" in note for note in found.notes)


def test_values_with_a_small_deviation_count_more() -> None:
    """A tenth of the values is precise and known to be so."""

    def error(known: bool) -> float:
        found = []
        for seed in range(4):
            generator, t = np.random.default_rng(seed), np.linspace(0, 3, 60)
            sd = np.where(np.arange(60) % 10 == 0, 0.01, 0.5)[:, None]
            values = 3.0 * np.exp(-1.1 * t)[:, None] + sd * generator.normal(size=(60, 1))
            data = dataset_from_arrays(
                [t], [values], ["x"], deviations=[sd] if known else None, split=SplitConfig(by="none")
            )
            config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(lower=0.0)})
            found.append(fit(config, data, TrainConfig()).model.parameters["k"])
        return float(np.sqrt(np.mean((np.array(found) / 1.1 - 1) ** 2)))

    assert error(known=True) < 0.2 * error(known=False)
