"""Transition densities against closed forms, and fits of series of known models."""

from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
import pytest
import scipy.stats

import ndestudio as nde
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.fitting.stochastic.fields import formula_fields
from ndestudio.fitting.stochastic.grid_choice import grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.moments import taylor_moments
from ndestudio.fitting.stochastic.residuals import transition_residuals
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.initial import initial_model

OU = "d(x)/dt = theta*(mu - x) + sigma*noise"
ROOT = "d(x)/dt = theta*(mu - x) + sigma*sqrt(x)*noise"
GEOMETRIC = "d(x)/dt = m*x + sigma*x*noise"


def likelihood(
    equations, dataset, density, parts=1, networks=None, calculus: Literal["ito", "stratonovich"] = "ito", **values
):
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        networks=networks or {},
        calculus=calculus,
    )
    model = initial_model(config, dataset, 0)
    data = transitions(model, dataset)
    grid = grid_of(model, data) if density == "grid" else None
    return TransitionLikelihood(stochastic_space(model), data, density, parts, grid)


def test_densities_meet_closed_forms(series):
    data = series(OU, 0.3, 50, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    x = data.trajectories[0].measured[:, 0]
    mean = 1.0 + (x[:-1] - 1.0) * np.exp(-0.3)
    true = scipy.stats.norm.logpdf(x[1:], mean, 0.5 * np.sqrt((1 - np.exp(-0.6)) / 2))
    for density, accuracy in (("moments", 2e-4), ("linear", 2e-4), ("grid", 1e-4)):
        one = likelihood(OU, data, density, 2, theta=1.0, mu=1.0, sigma=0.5)
        np.testing.assert_allclose(one.each(one.space.theta), true, atol=accuracy)


def test_taylor_moments_err_by_the_third_order_of_the_step(series):
    errors = []
    for h in (0.1, 0.05):
        data = series(OU, h, 50, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
        one = likelihood(OU, data, "taylor", theta=1.0, mu=1.0, sigma=0.5)
        mean, covariance = taylor_moments(
            formula_fields(one.dynamics).around(one._values(one.space.theta)),
            one.transitions.t,
            one.transitions.h,
            one.transitions.y,
            np,
        )
        true = 1.0 + (one.transitions.y[0] - 1.0) * np.exp(-h)
        errors.append((np.abs(mean[0] - true).max(), abs(covariance[0, 0, 0] - 0.125 * (1 - np.exp(-2 * h)))))
    assert errors[1][0] < errors[0][0] / 5 and errors[1][1] == pytest.approx(errors[0][1] / 8, rel=0.1)
    assert np.isfinite(one.each(one.space.theta)).all()


def test_a_diffusion_that_falls_between_the_nodes_gains_nothing(series):
    """A likelihood on nodes that were laid for another diffusion must not exceed that on its own."""
    data = series(OU, 0.3, 400, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    wide = likelihood(OU, data, "grid", theta=1.0, mu=1.0, sigma=0.5)
    dip = "d(x)/dt = theta*(mu - x) + sqrt(0.25 - d/(1 + 400*(x - 1)^2))*noise"
    held = replace(likelihood(dip, data, "grid", theta=1.0, mu=1.0, d=0.2499), grid=wide.grid)
    assert held.each(held.space.theta).sum() < wide.each(wide.space.theta).sum()


def test_grid_meets_the_density_of_roots(series):
    data = series(ROOT, 0.3, 50, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    x, c = data.trajectories[0].measured[:, 0], 2.0 / (0.25 * (1 - np.exp(-0.3)))
    true = np.log(2 * c) + scipy.stats.ncx2.logpdf(2 * c * x[1:], 16.0, 2 * c * x[:-1] * np.exp(-0.3))
    one = likelihood(ROOT, data, "grid", theta=1.0, mu=1.0, sigma=0.5)
    np.testing.assert_allclose(one.each(one.space.theta), true, atol=0.01)


def test_milstein_meets_the_log_normal_of_short_steps(series):
    data = series(GEOMETRIC, 0.01, 50, {"x": 1.0}, m=0.2, sigma=0.5)
    x = data.trajectories[0].measured[:, 0]
    true = scipy.stats.norm.logpdf(np.log(x[1:] / x[:-1]), (0.2 - 0.125) * 0.01, 0.05) - np.log(x[1:])
    each = {name: likelihood(GEOMETRIC, data, name, m=0.2, sigma=0.5) for name in ("euler", "milstein")}
    errors = {name: np.abs(one.each(one.space.theta) - true).mean() for name, one in each.items()}
    assert errors["milstein"] < 0.005 < 0.03 < errors["euler"]


def test_networks_are_differentiated_and_meet_formulas(series):
    data = series("d(x)/dt = x - x^3 + 0.7*noise", 0.2, 200, {"x": 1.0})
    networks = {name: NetworkConfig(width=4, depth=1) for name in ("f", "s")}
    for density in ("grid",):
        one = likelihood("d(x)/dt = a*x - f(x) + s(x)*noise", data, density, networks=networks, a=0.5)
        value, gradient = one.negative(one.space.theta)
        nudge = np.random.default_rng(0).normal(size=len(gradient)) * one.space.free
        numeric = (
            one.negative(one.space.theta + 1e-5 * nudge)[0] - one.negative(one.space.theta - 1e-5 * nudge)[0]
        ) / 2e-5
        assert numeric == pytest.approx(gradient @ nudge, rel=1e-5) and np.isfinite(value)


def test_jax_and_formulas_say_the_same(series):
    text = "d(x)/dt = y - {}\nd(y)/dt = -x*y + 0.4*x*noise_1 + 0.2*noise_2 + 0.3*t\n"
    noisy = text.format("0.5*x + 0.3*x*noise_1")
    data = series(noisy, 0.05, 60, {"x": 1.0, "y": 1.0})
    network = NetworkConfig(width=3, depth=1)
    for calculus in ("ito", "stratonovich"):
        formulas = likelihood(noisy, data, "moments", calculus=calculus)
        traced = likelihood(
            text.format("0.5*x + 0.3*x*noise_1 + f(x)"), data, "moments", networks={"f": network}, calculus=calculus
        )
        theta = traced.space.theta.copy()
        theta[traced.space.weights] = 0.0  # a network that is 0
        np.testing.assert_allclose(formulas.each(formulas.space.theta), traced.each(theta), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("equations", "truth", "step"),
    [
        (OU, {"theta": 1.0, "mu": 1.0, "sigma": 0.5}, 0.3),
        (ROOT, {"theta": 1.0, "mu": 1.0, "sigma": 0.5}, 0.3),
        ("d(x)/dt = a*x - b*x^3 + sigma*noise", {"a": 1.0, "b": 1.0, "sigma": 0.7}, 0.15),
    ],
)
def test_series_give_back_their_law(series, equations, truth, step):
    data = series(equations, step, 2000, {"x": 1.0}, seed=3, **truth)
    fit = nde.fit(ModelConfig(equations=equations), data)
    assert fit.stochastic.density == "grid" and fit.outcome == "converged" and not fit.notes
    for name, value in truth.items():
        low, high = fit.intervals[name]
        assert low < value < high and (high - low) < 0.5 * value


def test_euler_is_biased_where_steps_are_long(series):
    data = series(OU, 0.5, 2000, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    crude = nde.fit(ModelConfig(equations=OU), data, nde.TrainConfig(density="euler"))
    assert crude.model.parameters["theta"] < 0.87
    assert "every second one disagree" in crude.notes[0]


def test_two_states_with_correlated_noises(series):
    text = "d(x)/dt = -a*x + y + s*noise_1\nd(y)/dt = -x - b*y + r*noise_1 + q*noise_2"
    truth = {"a": 0.5, "b": 0.8, "s": 0.4, "r": 0.3, "q": 0.2}
    data = series(text, 0.1, 1200, {"x": 1.0, "y": 0.0}, **truth)
    fit = nde.fit(ModelConfig(equations=text), data)
    assert fit.stochastic.density == "moments"
    for name, value in truth.items():
        low, high = fit.intervals[name]
        assert low - 0.02 < value < high + 0.02


def test_noise_of_a_velocity_reaches_the_position(series):
    text = "d(x)/dt = v\nd(v)/dt = -k*x - c*v + s*noise"
    data = series(text, 0.1, 1200, {"x": 1.0, "v": 0.0}, k=2.0, c=0.5, s=0.6)
    fit = nde.fit(ModelConfig(equations=text), data)
    assert fit.model.parameters["s"] == pytest.approx(0.6, rel=0.08)
    assert fit.model.parameters["k"] == pytest.approx(2.0, rel=0.15)


def test_networks_learn_drift_and_diffusion(series):
    data = series("d(x)/dt = 1.0 - x + (0.2 + 0.3*x^2)*noise", 0.03, 1500, {"x": 1.0})
    networks = {name: NetworkConfig(width=6, depth=1) for name in ("f", "s")}
    config = ModelConfig(equations="d(x)/dt = f(x) + s(x)*noise", networks=networks)
    fit = nde.fit(config, data, nde.TrainConfig(preset="quick", density="euler"))
    x = np.quantile(data.trajectories[0].measured, [0.2, 0.5, 0.8])
    from ndestudio.model.evaluate import evaluate_neural_term

    np.testing.assert_allclose(evaluate_neural_term(fit.model, "s", x[:, None]), 0.2 + 0.3 * x**2, rtol=0.15)
    assert fit.stochastic.density == "euler" and fit.model.networks["f"].support is not None


def test_gaps_and_missing_values(series):
    data = series(OU, 0.1, 400, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    one = data.trajectories[0]
    measured, t = one.measured.copy(), one.t.copy()
    measured[50] = np.nan
    t[200:] += 30.0
    data = replace(data, trajectories=(replace(one, measured=measured, t=t), replace(one, name="other")))
    model = initial_model(ModelConfig(equations=OU), data, 0)
    found = transitions(model, data)
    assert len(found) == 399 - 1 + 400 and found.gaps == 1
    assert found.h.max() == pytest.approx(0.2)


def test_residuals_are_uniform(series):
    data = series(OU, 0.3, 800, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    fit = nde.fit(ModelConfig(equations=OU), data)
    found = transition_residuals(fit.model, data)
    assert scipy.stats.kstest(found.probability[0], "uniform").pvalue > 0.01
    assert "agree with a normal distribution" in found.sentences[0]


def test_what_has_no_effect_is_refused(series):
    data = series(OU, 0.3, 100, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    config = ModelConfig(equations=OU)
    for settings in ({"loss": "huber"}, {"seeds": 3}, {"solver": "tsit5"}, {"log_states": ("x",)}):
        with pytest.raises(SpecError, match="has no effect on a model with noise"):
            nde.fit(config, data, msgspec.structs.replace(nde.TrainConfig(), **settings))
    with pytest.raises(SpecError, match="is for models with noise"):
        nde.fit(ModelConfig(equations="d(x)/dt = -x"), data, nde.TrainConfig(density="grid"))
    with pytest.raises(DataError, match="`y` is not measured"):
        nde.fit(ModelConfig(equations="d(x)/dt = -x + y\nd(y)/dt = -y + noise"), data)
    with pytest.raises(EquationError, match="penalty"):
        nde.fit(ModelConfig(equations=OU, penalties={"p": nde.PenaltyConfig(expression="x")}), data)


def test_no_noise_at_all_is_told(series):
    data = series(OU, 0.3, 100, {"x": 1.0}, theta=1.0, mu=1.0, sigma=0.5)
    config = ModelConfig(equations="d(x)/dt = -x + log(x - 5)*noise")
    assert nde.fit(config, data).outcome == "diverged"


def test_moments_between_nodes_are_those_of_each_transition(series):
    rng = np.random.default_rng(0)
    data = series("d(x)/dt = x - x^3 + 0.7*noise", 0.2, 5500, {"x": 1.0})
    run = data.trajectories[0]
    data = replace(data, trajectories=(replace(run, t=np.cumsum(rng.uniform(0.1, 0.3, len(run.t)))),))
    networks = {name: NetworkConfig(width=3, depth=1) for name in ("f", "s")}
    exact = likelihood("d(x)/dt = f(x) + s(x)*noise", data, "moments", networks=networks)
    between = exact.with_nodes()
    assert between.nodes is not None
    theta = exact.space.theta + 0.3 * rng.normal(size=len(exact.space.theta)) * exact.space.free
    value, slope = between.negative(theta)
    assert value == pytest.approx(-exact.each(theta).sum(), abs=1e-3)
    nudge = 1e-4 * rng.normal(size=len(theta)) * exact.space.free
    apart = exact.each(theta - nudge).sum() - exact.each(theta + nudge).sum()
    assert apart == pytest.approx(2.0 * slope @ nudge, rel=1e-4)


def test_few_transitions_and_lengths_apart_have_no_nodes(series):
    data = series("d(x)/dt = x - x^3 + 0.7*noise", 0.2, 200, {"x": 1.0})
    networks = {name: NetworkConfig(width=4, depth=1) for name in ("f", "s")}
    for equations in ("d(x)/dt = f(x) + s(x)*noise", "d(x)/dt = f(x) + s(t)*noise"):
        one = likelihood(equations, data, "moments", networks=networks)
        assert one.with_nodes().nodes is None
