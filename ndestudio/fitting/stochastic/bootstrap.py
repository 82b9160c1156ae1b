"""Parametric bootstrap of a stochastic model: series simulated from the fit are fitted again (Efron and Tibshirani 1993, chapter 6).

Slow, and honest where the likelihood is not a parabola: it knows of bias, of skew and of bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import SettingError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.stochastic.transitions import measured_columns
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Progress, Reporter, SilentReporter
from ndestudio.solve.stochastic.paths import simulate_paths

FEWEST = 20


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Fits of simulated series.

    Parameters
    ----------
    estimates
        Parameter -> its estimate from each series whose fit ended well.
    intervals
        Parameter -> 95% limits: twice the estimate less the quantiles of the estimates (the basic bootstrap, Davison and Hinkley 1997,
        section 5.2, by logarithms where all estimates have one sign), which takes bias into account.
    lost
        Series whose simulation or fit failed.
    """

    estimates: Mapping[str, Float[np.ndarray, " series"]]
    intervals: Mapping[str, tuple[float, float]]
    lost: int


def bootstrap_intervals(
    fit: Fit,
    dataset: Dataset,
    series: int = 100,
    *,
    seed: int = 0,
    substeps: int = 10,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
) -> Bootstrap:
    """Limits of the parameters of a fitted stochastic model, by fitting series that it simulates at the times of the data.

    Parameters
    ----------
    fit
        Of a model without networks. Errors of measurements that it found are drawn anew.
    series
        How many series are simulated.
    substeps
        Steps of the simulation between two measurements.
    train
        As the fit was made; None: the default, with errors of measurements where the fit has them.
    executor
        Who simulates and fits; None: one series after the other in this process.

    Raises
    ------
    SettingError
        Fewer than 20 series, networks, or a state that is not measured.
    """
    model, reporter = fit.model, reporter or SilentReporter()
    if series < FEWEST:
        raise SettingError(f"limits from fewer than {FEWEST} series say little; ask for {FEWEST} or more")
    if model.networks or fit.stochastic is None:
        raise SettingError("the bootstrap is for stochastic models of formulas; distil the networks first")
    errors = fit.stochastic.measurement_noise
    train = train or TrainConfig(noise="constant" if errors else "spread")
    seeds = [seed * 100_003 + k for k in range(series)]
    shared = (model, dataset, errors, substeps, train)
    made: list[Estimate | None] = []
    if executor is not None:
        names = [f"Series {k + 1}" for k in range(series)]
        made = gathered(executor, estimated, [(one,) for one in seeds], shared=shared, names=names, reporter=reporter)
    for k, one in enumerate(seeds if executor is None else ()):
        if reporter.should_stop():
            break
        made.append(estimated(*shared, one, reporter=SilentReporter()))
        reporter.emit(Progress((k + 1) / series))
    good = [one.values for one in made if one is not None and one.values]
    lost = sum(one is not None for one in made) - len(good)
    estimates = {name: np.array([one[name] for one in good]) for name in model.parameters}
    intervals = {}
    for name, values in estimates.items():
        if len(values) >= FEWEST and np.ptp(values) > 0:
            intervals[name] = _basic(float(model.parameters[name]), values)
    return Bootstrap(estimates, intervals, lost)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameter -> its estimate from one series; none where its simulation or fit failed."""

    values: Mapping[str, float]


def estimated(
    model: FittedModel,
    dataset: Dataset,
    errors: Mapping[str, float],
    substeps: int,
    train: TrainConfig,
    seed: int,
    *,
    reporter: Reporter,
) -> Estimate:
    """Simulate one series and fit it."""
    from ndestudio.fitting.stochastic.fit import fit_stochastic

    del reporter  # a series is short
    simulated = simulated_dataset(model, dataset, errors, seed=seed, substeps=substeps)
    again = fit_stochastic(model, simulated, train) if simulated is not None else None
    if again is None or again.outcome in (Outcome.DIVERGED, Outcome.STOPPED):
        return Estimate({})
    return Estimate({name: float(again.model.parameters[name]) for name in model.parameters})


def _basic(value: float, values: Float[np.ndarray, " series"]) -> tuple[float, float]:
    if value != 0 and (np.sign(values) == np.sign(value)).all():
        low, high = np.quantile(np.log(np.abs(values)), [0.025, 0.975])
        ends = [np.sign(value) * np.exp(2 * np.log(abs(value)) - one) for one in (low, high)]
    else:
        low, high = np.quantile(values, [0.025, 0.975])
        ends = [2 * value - low, 2 * value - high]
    return float(min(ends)), float(max(ends))


def simulated_dataset(
    model: FittedModel, dataset: Dataset, errors: Mapping[str, float], *, seed: int, substeps: int = 10
) -> Dataset | None:
    """A dataset like ``dataset`` with values that the model simulates, from each first measurement on; None where a path ended.

    Parameters
    ----------
    errors
        Measured column -> standard deviation of errors that are drawn.
    """
    columns = measured_columns(model, dataset)
    rng = np.random.default_rng([seed, 7])
    made: list[Trajectory] = []
    for place, one in enumerate(dataset.trajectories):
        states = np.stack([(one.measured[:, k] - offset) / factor for k, offset, factor in columns], axis=1)
        whole = np.flatnonzero(np.isfinite(states).all(axis=1))
        if len(whole) < 2:
            made.append(one)
            continue
        first = int(whole[0])
        start = dict(zip(model.system.states, states[first], strict=True))
        path = simulate_paths(
            model, one.t[first:], start, seed=seed + 977 * place, substeps=substeps, inputs=one, backend="numpy"
        ).states[0]
        if not np.isfinite(path).all():
            return None
        measured = one.measured.copy()
        for k, (column, offset, factor) in enumerate(columns):
            level = errors.get(dataset.measured_names[column], 0.0)
            values = offset + factor * path[:, k] + level * rng.standard_normal(len(path))
            measured[first:, column] = np.where(np.isfinite(measured[first:, column]), values, np.nan)
        made.append(replace(one, measured=measured))
    return replace(dataset, trajectories=tuple(made))
