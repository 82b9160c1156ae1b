"""The filter for measurements with errors, against the closed form, and fits with it."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import scipy.stats

import ndestudio as nde
from ndestudio.errors import SpecError
from ndestudio.fitting.config import ColumnNoise
from ndestudio.fitting.stochastic.filter_fit import smoothed_states
from ndestudio.fitting.stochastic.filtering import FilterLikelihood, measurements
from ndestudio.fitting.stochastic.moments import cubature_moments
from ndestudio.fitting.stochastic.particles import particle_likelihood
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model

OU = "d(x)/dt = theta*(mu - x) + sigma*noise"
TRUTH = {"theta": 1.0, "mu": 1.0, "sigma": 0.5}
STATED = {name: ParameterConfig(value=value) for name, value in TRUTH.items()}


def test_likelihood_and_smoothing_meet_the_closed_form(series):
    data = series(OU, 0.2, 30, {"x": 1.0}, noise=0.1, **TRUTH)
    one = data.trajectories[0]
    measured = one.measured.copy()
    measured[7] = np.nan
    data = replace(data, trajectories=(replace(one, measured=measured),))
    model = initial_model(ModelConfig(equations=OU, parameters=STATED), data, 0)
    likelihood = FilterLikelihood(stochastic_space(model), measurements(model, data), 2)
    theta = np.append(likelihood.space.theta, np.log(0.1))
    there = np.isfinite(measured[:, 0])
    t, y = one.t[there], measured[there, 0]
    apart = np.abs(t[:, None] - t[None, :])
    both = np.exp(-(t[:, None] + t[None, :]))
    state = 0.01 * both + 0.125 * (np.exp(-apart) - both)
    mean = 1.0 + (y[0] - 1.0) * np.exp(-t)
    whole = state[1:, 1:] + 0.01 * np.eye(len(t) - 1)
    exact = scipy.stats.multivariate_normal.logpdf(y[1:], mean[1:], whole)
    assert likelihood.each(theta).sum() == pytest.approx(exact, abs=2e-3)
    assert replace(likelihood, kind="cubature").each(theta).sum() == pytest.approx(exact, abs=2e-3)
    found = particle_likelihood(model, data, {"x": 0.1}, particles=4000, part=None, substeps=20)
    assert found.total == pytest.approx(exact, abs=1.5) and found.lost == 0
    free = likelihood.free
    np.testing.assert_allclose(
        -likelihood.scores(theta).sum(axis=0), likelihood.negative(theta)[1][free], rtol=1e-6, atol=1e-8
    )
    gain = state[:, 1:] @ np.linalg.inv(whole)
    smooth = mean + gain @ (y[1:] - mean[1:])
    spread = np.sqrt(np.diag(state - gain @ state[1:, :]))
    _, found, wide = smoothed_states(model, data, {"x": 0.1})["run"]
    np.testing.assert_allclose(found[:, 0], smooth, atol=2e-3)
    np.testing.assert_allclose(wide[:, 0], spread, atol=2e-3)


def test_errors_of_measurement_are_told_from_noise_in_the_law(series):
    step, level = 0.1, 0.5 * 0.5 * np.sqrt(0.1)
    data = series(OU, step, 1500, {"x": 1.0}, seed=1, noise=level, **TRUTH)
    config = ModelConfig(equations=OU)
    blind = nde.fit(config, data)
    assert blind.model.parameters["sigma"] > 1.2 * 0.5 and "errors of their own" in blind.notes[0]
    fit = nde.fit(config, data, nde.TrainConfig(noise="constant"))
    assert fit.stochastic.density == "filter"
    assert fit.model.parameters["sigma"] == pytest.approx(0.5, rel=0.15)
    assert fit.stochastic.measurement_noise["x"] == pytest.approx(level, rel=0.15)
    low, high = fit.intervals["theta"]
    assert low < 1.0 < high


def test_a_velocity_that_nobody_measured(series):
    text = "d(x)/dt = v\nd(v)/dt = -k*x - c*v + s*noise"
    data = series(text, 0.1, 600, {"x": 1.0, "v": 0.0}, k=2.0, c=0.5, s=0.6, noise=0.02)
    one = data.trajectories[0]
    data = replace(data, measured=data.measured[:1], trajectories=(replace(one, measured=one.measured[:, :1]),))
    settings = nde.TrainConfig(column_noise={"x": ColumnNoise(constant=0.02)})
    fit = nde.fit(ModelConfig(equations=text), data, settings)
    assert fit.stochastic.measurement_noise["x"] == pytest.approx(0.02)
    assert fit.model.parameters["k"] == pytest.approx(2.0, rel=0.3)
    assert fit.model.parameters["s"] == pytest.approx(0.6, rel=0.2)


def test_cubature_is_exact_where_derivatives_stop():
    """E[x^3] and E[(x - m) x^3] of a normal distribution, to the first order of the step."""
    m, p, h = np.array([0.3]), np.array([[0.5]]), 1e-5

    def fields(t, y):
        return -(y**3), 0.2 * np.ones((1, 1, y.shape[1]))

    later, wider = cubature_moments(fields, np.float64(0.0), np.float64(h), m, p, 1, np)
    assert (later[0] - m[0]) / h == pytest.approx(-(0.3**3 + 3 * 0.3 * 0.5), rel=1e-3)
    assert (wider[0, 0] - p[0, 0]) / h == pytest.approx(0.04 - 2 * (3 * 0.3**2 * 0.5 + 3 * 0.5**2), rel=1e-3)


def test_other_kinds_of_errors_are_refused(series):
    data = series(OU, 0.2, 50, {"x": 1.0}, **TRUTH)
    for settings, sentence in (
        ({"noise": "proportional"}, "is not known beside noise in the law"),
        ({"column_noise": {"x": ColumnNoise(kind="student")}}, "errors are normal and of one size"),
        ({"noise": "constant", "density": "euler"}, "density has no effect"),
        ({"filter": "extended"}, 'filter = "extended" has no effect'),
    ):
        with pytest.raises(SpecError, match=sentence):
            nde.fit(ModelConfig(equations=OU), data, msgspec.structs.replace(nde.TrainConfig(), **settings))
