"""Limits by series that the fitted model simulates."""

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.errors import SettingError
from ndestudio.fitting.stochastic.bootstrap import bootstrap_intervals, simulated_dataset
from ndestudio.jobs.executors import executor
from ndestudio.model.config import ModelConfig


def test_bootstrap_limits_are_about_those_of_the_information(series):
    text = "d(x)/dt = -theta*x + sigma*noise"
    data = series(text, 0.5, 150, {"x": 0.0}, theta=1.0, sigma=0.5)
    fit = nde.fit(ModelConfig(equations=text), data, nde.TrainConfig(density="moments"))
    found = bootstrap_intervals(fit, data, 20, train=nde.TrainConfig(density="moments"), substeps=5)
    shared = bootstrap_intervals(
        fit, data, 20, train=nde.TrainConfig(density="moments"), substeps=5, executor=executor("here")
    )
    np.testing.assert_array_equal(shared.estimates["sigma"], found.estimates["sigma"])
    low, high = found.intervals["sigma"]
    left, right = fit.intervals["sigma"]
    assert low < fit.model.parameters["sigma"] < high and found.lost == 0
    assert 0.4 * (right - left) < high - low < 2.5 * (right - left)
    again = simulated_dataset(fit.model, data, {"x": 0.1}, seed=1)
    assert again is not None
    assert np.isfinite(again.trajectories[0].measured).all()
    with pytest.raises(SettingError, match="fewer than 20"):
        bootstrap_intervals(fit, data, 5)
