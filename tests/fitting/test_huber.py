"""Huber's loss: how sure a robust fit is, and what its setting may be."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.errors import SpecError
from ndestudio.fitting import TrainConfig, profile, refit
from ndestudio.model.config import ModelConfig, ParameterConfig, PriorConfig
from ndestudio.model.initial import initial_model


def test_limits_of_a_robust_fit_are_about_the_estimate_and_as_wide_as_it_scatters() -> None:
    t = np.linspace(0.0, 4.0, 25)
    config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.3)})
    train = TrainConfig(preset="quick", loss="huber")
    y = 2.0 * np.exp(-0.7 * t) + 0.01 * np.random.default_rng(0).normal(size=25)
    y[[5, 17]] += [1.5, -1.2]
    data = dataset_from_arrays(t, y[:, None], ["x"], split=SplitConfig(by="none"))
    found = refit(initial_model(config, data, 0), data, train)
    low, high = found.intervals["k"]
    along = profile(found.model, data, "k", train)
    assert along.low is not None and along.high is not None
    assert 0.5 * (low + high) == pytest.approx(found.model.parameters["k"], abs=0.002)
    assert high - low == pytest.approx(along.high - along.low, rel=0.1)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_a_bend_that_is_no_positive_number_is_refused(delta: float) -> None:
    data = dataset_from_arrays(np.arange(4.0), np.ones((4, 1)), ["x"], split=SplitConfig(by="none"))
    model = initial_model(ModelConfig(equations="d(x)/dt = -k*x"), data, 0)
    with pytest.raises(SpecError, match="huber_delta"):
        refit(model, data, TrainConfig(loss="huber", huber_delta=delta))


def test_what_is_kept_is_where_the_weights_stand_still() -> None:
    t = np.linspace(0.0, 4.0, 25)
    prior = PriorConfig(mean=0.8, sd=0.005)
    config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.3, prior=prior)})
    y = 2.0 * np.exp(-0.7 * t) + 0.01 * np.random.default_rng(0).normal(size=25)
    y[[5, 17]] += [1.5, -1.2]
    data = dataset_from_arrays(t, y[:, None], ["x"], split=SplitConfig(by="none"))
    found = refit(initial_model(config, data, 0), data, TrainConfig(preset="quick", loss="huber")).model
    k, start = found.parameters["k"], 1.0
    curve = np.exp(-k * t)
    for _ in range(300):
        error = y - start * curve
        limit = 1.35 * 1.4826 * float(np.median(np.abs(error)))
        weight = np.minimum(1.0, limit / np.abs(error))
        start = float(np.sum(weight * y * curve) / np.sum(weight * curve**2))
    assert float(found.initial["1"][0]) == pytest.approx(start, abs=2e-3)
