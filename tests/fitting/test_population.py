"""Random effects: the marginal likelihood of a linear mixed model in closed form, derivatives, and a population with known truth."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from jaxtyping import Float

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError, SpecError
from ndestudio.fitting import TrainConfig, fit, refit
from ndestudio.fitting.config import ColumnNoise
from ndestudio.fitting.population import Marginal, marginal
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, PenaltyConfig, RandomConfig
from ndestudio.model.initial import initial_model

QUICK = TrainConfig(preset="quick")
COUNTS = (5, 6, 7, 5, 6, 7, 5, 6)
SLOPE, SPREAD, NOISE = 0.7, 0.25, 0.1


def lines() -> Dataset:
    """Lines through 0 whose slopes come from a population."""
    rng = np.random.default_rng(1)
    times = [np.linspace(0.0, 2.0, count) for count in COUNTS]
    values = [((SLOPE + SPREAD * rng.normal()) * t + NOISE * rng.normal(size=len(t)))[:, None] for t in times]
    return dataset_from_arrays(times, values, ["x"], split=SplitConfig(by="none"))


def line(random: RandomConfig | None = None) -> ModelConfig:
    random = random or RandomConfig(kind="normal", sd=0.5)
    return ModelConfig(
        equations="d(x)/dt = b",
        parameters={"b": ParameterConfig(value=1.0, random=random)},
        initial={"x": InitialConfig(value=0.0)},
    )


def deviance(data: Dataset, slope: float, spread: float, noise: float) -> float:
    """-2 log likelihood of lines, whose covariance is spread^2 t t' + noise^2."""
    total = 0.0
    for one in data.trajectories:
        V = spread**2 * np.outer(one.t, one.t) + noise**2 * np.eye(len(one.t))
        r = one.measured[:, 0] - slope * one.t
        total += np.linalg.slogdet(2.0 * np.pi * V)[1] + r @ np.linalg.solve(V, r)
    return float(total)


def likelihood(config: ModelConfig, data: Dataset, steps: int) -> Marginal:
    return marginal(prepare_fit(initial_model(config, data, 0), data, QUICK), steps)


def at(found: Marginal, spread: float, noise: float) -> Float[np.ndarray, " phi"]:
    weight = float(found.batch.target.train.max()) ** 0.5
    level = noise * weight / found.problem.space.constants.spread[0]
    return found.joined(found.theta, np.log(np.full(len(found.covariance.start), spread)), np.array([level]))


@pytest.mark.parametrize("spread", [0.01, 0.3, 2.0])
def test_the_likelihood_of_a_linear_mixed_model_is_the_one_in_closed_form(spread: float) -> None:
    data = lines()
    found = likelihood(line(), data, 8)
    assert found.value(at(found, spread, 0.12)) == pytest.approx(deviance(data, 1.0, spread, 0.12), abs=1e-6)


def test_estimates_of_a_linear_mixed_model_are_those_of_the_closed_form() -> None:
    data = lines()
    best = scipy.optimize.minimize(
        lambda p: deviance(data, p[0], np.exp(p[1]), np.exp(p[2])), [1.0, -1.0, -2.0], options={"gtol": 1e-8}
    )
    found = fit(line(), data, QUICK)
    assert found.population is not None
    (effect,) = found.population.effects
    assert found.population.deviance == pytest.approx(best.fun, abs=1e-6)
    assert found.model.parameters["b_pop"] == pytest.approx(best.x[0], rel=1e-5)
    assert effect.sd == pytest.approx(np.exp(best.x[1]), rel=1e-4)
    assert found.population.noise["x"] == pytest.approx(np.exp(best.x[2]), rel=1e-4)
    information = np.linalg.inv(np.linalg.inv(best.hess_inv) / 2.0)
    low, high = found.intervals["b_pop"]
    assert 0.5 * (high - low) / 1.96 == pytest.approx(information[0, 0] ** 0.5, rel=0.05)
    assert found.model.config.initial["eta_b"].prior is not None
    assert found.model.config.initial["eta_b"].prior.sd == effect.sd


def test_a_fit_that_goes_on_from_another_tells_the_same() -> None:
    data = lines()
    first = fit(line(), data, QUICK)
    again = refit(first.model, data, QUICK)
    assert first.population is not None
    assert again.population is not None
    (one,), (other,) = first.population.effects, again.population.effects
    assert 0.0 < one.shrinkage < 0.2
    assert other.shrinkage == pytest.approx(one.shrinkage, abs=1e-3)
    assert other.sd == pytest.approx(one.sd, rel=1e-4)
    assert again.population.deviance == pytest.approx(first.population.deviance, abs=1e-4)


def test_a_spread_that_is_known_stays() -> None:
    found = fit(line(RandomConfig(kind="normal", sd=0.5, fixed=True)), lines(), QUICK)
    assert found.population is not None
    assert found.population.effects[0].sd == 0.5
    assert found.population.effects[0].limits is None


def test_without_a_spread_none_is_seen() -> None:
    rng = np.random.default_rng(6)
    times = [np.linspace(0.0, 2.0, 9)] * 6
    data = dataset_from_arrays(
        times, [(SLOPE * t + NOISE * rng.normal(size=9))[:, None] for t in times], ["x"], split=SplitConfig(by="none")
    )
    found = fit(line(), data, QUICK)
    assert found.population is not None
    limits = found.population.effects[0].limits
    assert found.population.effects[0].sd < 0.05
    assert limits is None or limits[0] < 0.02


def growth() -> tuple[ModelConfig, Dataset]:
    """Logistic growth with random rate and capacity, and starts of each run."""
    rng = np.random.default_rng(3)
    t = np.linspace(0.0, 6.0, 7)
    values = []
    for _ in range(5):
        rate, top = np.exp(0.3 * rng.normal()), 10.0 * np.exp(0.2 * rng.normal())
        values.append((top / (1.0 + (top - 1.0) * np.exp(-rate * t)) + 0.1 * rng.normal(size=7))[:, None])
    config = ModelConfig(
        equations="d(x)/dt = r*x*(1 - x/K)",
        parameters={
            "r": ParameterConfig(value=0.9, random=RandomConfig(sd=0.4)),
            "K": ParameterConfig(value=9.0, lower=2.0, upper=30.0, random=RandomConfig(sd=0.3)),
        },
    )
    return config, dataset_from_arrays([t] * 5, values, ["x"], split=SplitConfig(by="none"))


def test_derivatives_are_those_by_differences() -> None:
    config, data = growth()
    found = likelihood(config, data, 24)
    phi = at(found, 0.3, 0.15)
    found.value(phi)
    gradient = found.gradient(phi)
    h = 1e-4
    ends = [(found.value(phi + h * e), found.value(phi - h * e)) for e in np.eye(len(phi))]
    assert gradient == pytest.approx([(a - b) / (2.0 * h) for a, b in ends], rel=5e-3, abs=5e-3)


@pytest.mark.parametrize(
    ("train", "penalties", "words"),
    [
        (TrainConfig(loss="huber"), {}, "huber"),
        (TrainConfig(noise="proportional"), {}, "proportional"),
        (TrainConfig(column_noise={"x": ColumnNoise(kind="student")}), {}, "column_noise"),
        (TrainConfig(), {"sum": PenaltyConfig(expression="x")}, "penalties"),
    ],
)
def test_what_the_likelihood_does_not_know_is_refused(train: TrainConfig, penalties: dict, words: str) -> None:
    config = line()
    config = ModelConfig(
        equations=config.equations, parameters=config.parameters, initial=config.initial, penalties=penalties
    )
    with pytest.raises(SpecError, match=words):
        fit(config, lines(), train)


def test_twelve_subjects_with_sparse_samples_give_their_population_back() -> None:
    from ndestudio.project.spec import load_spec

    folder = Path(__file__).parents[2] / "examples" / "absorption"
    sys.path.insert(0, str(folder))
    try:
        import make_data  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(folder))
    rows = make_data.subjects(12, 0)
    names = list(dict.fromkeys(row[0] for row in rows))
    mine = [[row for row in rows if row[0] == name] for name in names]
    data = dataset_from_arrays(
        [[row[2] for row in one] for one in mine],
        [[[np.nan if row[3] is None else row[3]] for row in one] for one in mine],
        ["plasma"],
        inputs=[[[row[1]] for row in one] for one in mine],
        input_names=["dose"],
        trajectories=names,
        split=SplitConfig(by="none"),
    )
    found = fit(load_spec(folder / "known.toml").model, data, QUICK)
    truth = {"ka_pop": "ka", "V_pop": "V", "vmax": "vmax", "km": "km"}
    for name, known in truth.items():
        assert found.model.parameters[name] == pytest.approx(make_data.TRUTH[known], rel=0.1)
        low, high = found.intervals[name]
        assert low < make_data.TRUTH[known] < high
    assert found.population is not None
    spreads = {one.parameter: one.sd for one in found.population.effects}
    assert spreads == {
        "ka_pop": pytest.approx(make_data.SPREAD["ka"], rel=0.15),
        "V_pop": pytest.approx(make_data.SPREAD["V"], rel=0.15),
    }


def mixed(data: Dataset, mean: list[np.ndarray], Z: list[np.ndarray], omega: np.ndarray, noise: float) -> float:
    """-2 log likelihood of a linear mixed model with predictions ``mean`` of each run and design matrices ``Z``."""
    total = 0.0
    for k, one in enumerate(data.trajectories):
        V = Z[k] @ omega @ Z[k].T + noise**2 * np.eye(len(one.t))
        r = one.measured[:, 0] - mean[k]
        total += np.linalg.slogdet(2.0 * np.pi * V)[1] + r @ np.linalg.solve(V, r)
    return float(total)


RHO = 0.6


def correlated() -> tuple[ModelConfig, Dataset]:
    """Lines whose height and slope are correlated."""
    rng, t = np.random.default_rng(4), np.linspace(0.0, 2.0, 6)
    L = np.linalg.cholesky(np.array([[0.4**2, RHO * 0.4 * 0.25], [RHO * 0.4 * 0.25, 0.25**2]]))
    values = []
    for _ in range(24):
        a, b = np.array([2.0, 0.7]) + L @ rng.normal(size=2)
        values.append((a + b * t + NOISE * rng.normal(size=6))[:, None])
    config = ModelConfig(
        equations="d(x)/dt = b\ny = a + x",
        parameters={
            "a": ParameterConfig(value=1.5, random=RandomConfig(kind="normal", sd=0.5, correlated={"b": 0.0})),
            "b": ParameterConfig(value=1.0, random=RandomConfig(kind="normal", sd=0.5)),
        },
        initial={"x": InitialConfig(value=0.0, fit=False)},
    )
    return config, dataset_from_arrays([t] * 24, values, ["y"], split=SplitConfig(by="none"))


def test_effects_that_are_correlated_have_the_likelihood_in_closed_form_and_its_maximum() -> None:
    config, data = correlated()
    Z = [np.stack([np.ones(6), one.t], axis=1) for one in data.trajectories]

    def exact(p: Float[np.ndarray, " 6"]) -> float:
        sd, rho = np.exp(p[2:4]), np.tanh(p[4])
        omega = np.outer(sd, sd) * np.array([[1.0, rho], [rho, 1.0]])
        return mixed(data, [p[0] + p[1] * one.t for one in data.trajectories], Z, omega, float(np.exp(p[5])))

    best = scipy.optimize.minimize(exact, [2.0, 0.7, -1.0, -1.4, 0.5, -2.3], options={"gtol": 1e-7})
    found = fit(config, data, QUICK)
    assert found.population is not None
    assert found.population.deviance == pytest.approx(best.fun, abs=1e-4)
    (pair,) = found.population.correlations
    assert set(pair.parameters) == {"a_pop", "b_pop"}
    assert pair.value == pytest.approx(np.tanh(best.x[4]), abs=2e-3)
    assert pair.limits[0] < RHO < pair.limits[1]
    assert [one.sd for one in found.population.effects] == pytest.approx(np.exp(best.x[2:4]), rel=2e-3)
    assert found.model.config.parameters["a_pop"].random.correlated == {"b_pop": pytest.approx(pair.value)}  # type: ignore[union-attr]


def test_effects_of_occasions_have_the_likelihood_in_closed_form() -> None:
    rng, t = np.random.default_rng(5), np.linspace(0.0, 4.0, 9)
    first, second = np.minimum(t, 2.0), np.maximum(t - 2.0, 0.0)
    Z = np.stack([t, first, second], axis=1)
    effects = [rng.normal(size=3) * [0.3, 0.2, 0.2] for _ in range(8)]
    values = [(0.7 * t + Z @ eta + NOISE * rng.normal(size=9))[:, None] for eta in effects]
    visits = np.where(t < 2.0, 1.0, 2.0)[:, None]
    data = dataset_from_arrays(
        [t] * 8,
        values,
        ["x"],
        inputs=[visits] * 8,
        input_names=["visit"],
        split=SplitConfig(by="none"),
    )
    data = replace(data, trajectories=tuple(replace(one, input_kinds=("hold",)) for one in data.trajectories))
    config = line(RandomConfig(kind="normal", sd=0.5, occasion="visit", occasion_sd=0.4))

    def exact(p: Float[np.ndarray, " 4"]) -> float:
        omega = np.diag(np.exp(2.0 * p[[1, 2, 2]]))
        return mixed(data, [p[0] * t] * 8, [Z] * 8, omega, float(np.exp(p[3])))

    best = scipy.optimize.minimize(exact, [0.7, -1.2, -1.6, -2.3], options={"gtol": 1e-7})
    found = fit(config, data, QUICK)
    assert found.population is not None
    assert found.population.deviance == pytest.approx(best.fun, abs=1e-4)
    runs, visits = found.population.effects
    assert (runs.occasion, visits.occasion, visits.runs) == ("", "visit", 16)
    assert [runs.sd, visits.sd] == pytest.approx(np.exp(best.x[1:3]), rel=5e-3)


def censored(limit: float) -> Dataset:
    """Decays of which values below a limit are known to lie there only."""
    rng, t = np.random.default_rng(7), np.linspace(0.0, 4.0, 8)
    values, ends = [], []
    for _ in range(10):
        x = 5.0 * np.exp(-0.8 * np.exp(0.3 * rng.normal()) * t) + 0.15 * rng.normal(size=8)
        low = x < limit
        values.append(np.where(low, limit, x)[:, None])
        ends.append(np.where(low[:, None, None], [[-np.inf, limit]], np.nan))
    data = dataset_from_arrays([t] * 10, values, ["x"], split=SplitConfig(by="none"))
    rows = zip(data.trajectories, ends, strict=True)
    return replace(data, trajectories=tuple(replace(one, ends=end) for one, end in rows))


DECAY = ModelConfig(
    equations="d(x)/dt = -k*x",
    parameters={"k": ParameterConfig(value=0.8, random=RandomConfig(sd=0.3))},
    initial={"x": InitialConfig(value=5.0, fit=False)},
)


def test_values_below_a_limit_count_by_their_probability_in_each_run() -> None:
    data = censored(1.0)
    problem = prepare_fit(
        initial_model(DECAY, data, 0), data, TrainConfig(preset="quick", column_noise={"x": ColumnNoise()})
    )
    found = marginal(problem, 64)
    phi = at(found, 0.3, 0.15)
    eta = np.linspace(-1.5, 1.5, 6001)
    total = 0.0
    for one in data.trajectories:
        x = 5.0 * np.exp(-0.8 * np.exp(eta)[:, None] * one.t)
        y, low = one.measured[:, 0], ~np.isnan(one.ends[:, 0, 1])  # type: ignore[index]
        each = np.where(low, scipy.stats.norm.logcdf((y - x) / 0.15), scipy.stats.norm.logpdf(y, x, 0.15))
        density = np.exp(each.sum(axis=1) + scipy.stats.norm.logpdf(eta, 0.0, 0.3))
        total -= 2.0 * np.log(np.sum(density) * (eta[1] - eta[0]))
    assert found.value(phi) == pytest.approx(total, abs=0.1)  # Laplace's is not the integral itself here
    gradient, h = found.gradient(phi), 1e-4
    ends = [(found.value(phi + h * e), found.value(phi - h * e)) for e in np.eye(len(phi))]
    assert gradient == pytest.approx([(a - b) / (2.0 * h) for a, b in ends], rel=5e-3, abs=2e-2)


def test_a_population_is_found_although_two_fifths_of_the_values_lie_below_a_limit() -> None:
    data, whole = censored(1.0), fit(DECAY, censored(-9.0), QUICK)
    assert 0.3 < np.mean([~np.isnan(one.ends[:, 0, 1]) for one in data.trajectories]) < 0.6  # type: ignore[index]
    found = fit(DECAY, data, QUICK)
    assert found.population is not None and whole.population is not None
    assert found.model.parameters["k_pop"] == pytest.approx(whole.model.parameters["k_pop"], rel=0.02)
    assert found.population.noise["x"] == pytest.approx(whole.population.noise["x"], rel=0.15)
    assert found.population.effects[0].sd == pytest.approx(whole.population.effects[0].sd, rel=0.1)


@pytest.mark.parametrize(
    ("random", "words"),
    [
        (RandomConfig(correlated={"c": 0.0}), "`c`, which is no other random parameter"),
        (RandomConfig(occasion="visit"), "told by `visit`, which is no input"),
    ],
)
def test_what_a_population_cannot_have_is_a_sentence(random: RandomConfig, words: str) -> None:
    with pytest.raises(EquationError, match=words):
        initial_model(line(random), lines(), 0)
