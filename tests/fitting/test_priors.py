"""Priors: the posterior of a linear problem in closed form, intervals and profiles that respect it, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.fitting import TrainConfig, fit, profile, refit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, PriorConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import parse_system

T = np.linspace(0.0, 2.0, 21)
QUICK = TrainConfig(preset="quick", time_limit=600.0)


def line(noise: float = 0.1) -> Dataset:
    y = 0.7 * T + noise * np.random.default_rng(2).normal(size=len(T))
    return dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))


def straight(prior: PriorConfig | None, value: float = 1.0) -> ModelConfig:
    """x = k t, linear in k."""
    return ModelConfig(
        equations="d(x)/dt = k",
        parameters={"k": ParameterConfig(value=value, prior=prior)},
        initial={"x": InitialConfig(value=0.0)},
    )


def posterior(data: Dataset, mean: float, sd: float) -> tuple[float, float, float]:
    """Mode and standard deviation of k under normal noise of the level that the residuals leave, and that level."""
    y = data.trajectories[0].measured[:, 0]
    k, variance, precision = mean, 1.0, 1.0
    for _ in range(200):
        variance = float(np.sum((y - k * T) ** 2)) / (len(T) - 1)
        precision = float(T @ T) / variance + 1.0 / sd**2
        k = (float(T @ y) / variance + mean / sd**2) / precision
    return k, precision**-0.5, variance**0.5


@pytest.mark.parametrize("sd", [0.01, 0.03, 0.3])
@pytest.mark.parametrize("how", [fit, None])
def test_the_posterior_of_a_linear_problem_is_the_one_in_closed_form(sd: float, how: object) -> None:
    data = line()
    config = straight(PriorConfig(mean=0.8, sd=sd))
    found = fit(config, data, QUICK) if how else refit(initial_model(config, data, 0), data, QUICK)
    mode, deviation, _ = posterior(data, 0.8, sd)
    assert found.model.parameters["k"] == pytest.approx(mode, abs=0.01 * deviation)
    low, high = found.intervals["k"]
    assert 0.5 * (low + high) == pytest.approx(mode, abs=0.1 * deviation)
    # what the prior says is known to its deviation, without the doubt about the noise level that widens t
    assert 1.96 * 0.95 < 0.5 * (high - low) / deviation < scipy.stats.t.ppf(0.975, 20) * 1.02


def test_the_profile_is_that_of_the_posterior() -> None:
    data = line()
    model = refit(initial_model(straight(PriorConfig(mean=0.8, sd=0.02)), data, 0), data, QUICK).model
    found, plain = profile(model, data, "k", QUICK), None
    mode, deviation, _ = posterior(data, 0.8, 0.02)
    assert found.estimate == pytest.approx(mode, abs=0.05 * deviation)
    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(2 * scipy.stats.t.ppf(0.975, 20) * deviation, rel=0.07)
    plain = profile(refit(initial_model(straight(None), data, 0), data, QUICK).model, data, "k", QUICK)
    assert plain.low is not None and plain.high is not None
    assert found.high - found.low < 0.9 * (plain.high - plain.low)


def test_what_the_data_do_not_see_stays_as_sure_as_it_was() -> None:
    config = ModelConfig(
        equations="d(x)/dt = k + 0*q",
        parameters={
            "k": ParameterConfig(value=1.0),
            "q": ParameterConfig(value=1.0, log=True, prior=PriorConfig(kind="log-normal", median=3.0, sd=0.2)),
        },
        initial={"x": InitialConfig(value=0.0)},
    )
    found = fit(config, line(), QUICK)
    assert found.model.parameters["q"] == pytest.approx(3.0, rel=1e-3)
    low, high = found.intervals["q"]
    reach = float(scipy.stats.t.ppf(0.975, 19)) * 0.2
    assert np.log(high / 3.0) == pytest.approx(reach, rel=0.1)
    assert np.log(3.0 / low) == pytest.approx(reach, rel=0.1)


def test_a_uniform_prior_has_no_edge_effect() -> None:
    data = line()
    inside = fit(straight(PriorConfig(kind="uniform", lower=0.0, upper=3.0)), data, QUICK)
    free = fit(straight(None), data, QUICK)
    assert inside.model.parameters["k"] == pytest.approx(free.model.parameters["k"], rel=1e-4)
    beyond = fit(straight(PriorConfig(kind="uniform", lower=0.0, upper=0.5), value=0.3), data, QUICK)
    assert beyond.model.parameters["k"] == pytest.approx(0.5, abs=2e-4)


def test_a_prior_that_contradicts_precise_data_is_overruled() -> None:
    data = line(noise=1e-4)
    found = fit(straight(PriorConfig(mean=2.0, sd=0.3)), data, QUICK)
    assert found.model.parameters["k"] == pytest.approx(0.7, abs=1e-3)


@pytest.mark.parametrize("shared", [False, True])
def test_initial_values_have_priors_too(shared: bool) -> None:
    y = 2.0 + 0.7 * T + 0.1 * np.random.default_rng(2).normal(size=len(T))
    data = dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))
    start = InitialConfig(prior=PriorConfig(mean=1.8, sd=0.02), shared=shared)
    found = fit(
        ModelConfig(
            equations="d(x)/dt = k", parameters={"k": ParameterConfig(value=0.7, fixed=True)}, initial={"x": start}
        ),
        data,
        QUICK,
    )
    mean, rest = 1.8, float(np.mean(y - 0.7 * T))
    for _ in range(100):
        variance = float(np.sum((y - 0.7 * T - mean) ** 2)) / 20
        mean = (rest * 21 / variance + 1.8 / 0.02**2) / (21 / variance + 1 / 0.02**2)
    assert found.model.initial["1"][0] == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (PriorConfig(sd=1.0), "needs `mean`"),
        (PriorConfig(mean=1.0, sd=0.0), "`sd` of a prior must be above 0"),
        (PriorConfig(mean=1.0, sd=1.0, median=2.0), "a normal prior has no `median`"),
        (PriorConfig(kind="log-normal", median=-1.0, sd=1.0), "must be above 0"),
        (PriorConfig(kind="uniform", lower=2.0, upper=1.0), "is not below the upper bound"),
        (PriorConfig(kind="uniform", lower=2.0, upper=3.0), "lies outside its bounds [2, 3]"),
    ],
)
def test_a_prior_that_makes_no_sense_is_refused(prior: PriorConfig, words: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse_system(straight(prior), ["x"], [])
    assert words in caught.value.sentence


@pytest.mark.parametrize("how", [fit, None])
@pytest.mark.parametrize(("mean", "bound"), [(2.0, 1.0), (50.0, 1.0), (-50.0, 0.1)])
def test_a_prior_far_beyond_the_bounds_leads_to_the_bound_next_to_it(how: object, mean: float, bound: float) -> None:
    data, prior = line(), PriorConfig(mean=mean, sd=0.01)
    config = straight(None)
    config = ModelConfig(
        equations=config.equations,
        parameters={"k": ParameterConfig(value=0.7, lower=0.1, upper=1.0, prior=prior)},
        initial=config.initial,
    )
    found = fit(config, data, QUICK) if how else refit(initial_model(config, data, 0), data, QUICK)
    assert found.model.parameters["k"] == pytest.approx(bound, abs=0.01)
