"""What is left of the data once the model is taken away, and whether it looks like independent noise.

Durbin and Watson 1950, Biometrika 37, 409; Ljung and Box 1978, Biometrika 65, 297; Wald and Wolfowitz 1940, Ann. Math.
Statist. 11, 147 (runs); Shapiro and Wilk 1965, Biometrika 52, 591 (normality). Where the noise of a column is estimated with the
model, what is tested are quantile residuals: the normal quantile of the probability that the noise leaves below a value, drawn at
random within what a count or a limit leaves open (Dunn and Smyth 1996, J. Comput. Graph. Stat. 5, 236). These are standard normal where
model and noise are right, whatever the kind of the noise. Residuals of fitted models are a little
closer to zero, and a little less correlated, than the noise; the tests do not correct for that, so they err on the side
of not warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.deviations import relative_weights
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.fitting.noise_settings import for_limits, likely_law, noise_of
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.problem.noise_law import Ends, NoiseLaw
from ndestudio.solve.scipy_reference import simulate_all

LAGS = 12
FEWEST = 8
"""Residuals of a column from which they are tested."""
UNLIKELY = 0.01
CLEAR = 0.2
"""Correlation from which a significant one is worth a sentence."""
MOST_TESTED = 5000
EXACT = 1e-6
"""Residuals below this part of the values are errors of the solver, not noise."""
FAR = 4.0
"""Robust standard deviations from which a residual counts as an outlier."""


@dataclass(frozen=True, eq=False)
class ColumnResiduals:
    """Residuals (measured minus simulated) of one column.

    Parameters
    ----------
    t, residual, predicted
        At every measured value, trajectory after trajectory, in the unit of the column (of its logarithm where
        ``log``).
    trajectory
        Position of the trajectory.
    part
        A ``Part``.
    deviation
        Root mean square over training rows.
    correlation
        Autocorrelation of training residuals at lags 0, 1, ...; ``band``: its 95% limits for white noise.
    durbin_watson
        2 for independent residuals, towards 0 for positively correlated ones.
    ljung_box, runs, normal
        p-values (NaN where there are too few).
    size_trend
        Rank correlation of the size of residuals with the predicted value; ``size_p`` its p-value.
    expected, ordered
        Normal quantiles and the ordered training residuals, standardised (QQ plot).
    standard
        Standardised residuals: over their deviation, or quantile residuals of the ``noise``.
    noise
        The law by which they were standardised, in words; "": by their deviation.
    sentence
        The findings in words.
    suspicious
        Whether there is something to worry about.
    """

    name: str
    unit: str
    log: bool
    t: Float[np.ndarray, " value"]
    residual: Float[np.ndarray, " value"]
    predicted: Float[np.ndarray, " value"]
    trajectory: Int[np.ndarray, " value"]
    part: Int[np.ndarray, " value"]
    deviation: float
    correlation: Float[np.ndarray, " lag"]
    band: float
    durbin_watson: float
    ljung_box: float
    runs: float
    normal: float
    size_trend: float
    size_p: float
    outliers: int
    expected: Float[np.ndarray, " training"]
    ordered: Float[np.ndarray, " training"]
    sentence: str
    suspicious: bool
    standard: Float[np.ndarray, " value"]
    noise: str = ""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Arguments: columns: those that the model describes and the data hold. notes: what could not be simulated."""

    columns: tuple[ColumnResiduals, ...]
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        return (*(column.sentence for column in self.columns), *self.notes)


def residuals(
    model: FittedModel,
    dataset: Dataset,
    *,
    log: Collection[str] = (),
    train: TrainConfig | None = None,
    simulations: Mapping[str, Simulation] | None = None,
    seconds: float = 30.0,
) -> Residuals:
    """Residuals of all columns that the model describes, with tests on the training rows.

    Parameters
    ----------
    log
        Columns whose logarithms are compared (as in ``TrainConfig.log_states``).
    train
        Settings of the fit: its noise is that by which residuals are standardised, and its ``log_states`` hold where ``log`` is empty.
    simulations
        Trajectory -> simulation at its times, where they are at hand already.
    seconds
        Trajectories not simulated by then are left out, and a note says so.
    """
    refuse_noise(model.system, "residuals of a simulation")
    simulations = simulate_all(model, dataset, seconds=seconds) if simulations is None else simulations
    train = for_limits(train or TrainConfig(), dataset)
    log = log or train.log_states
    weights = relative_weights(
        [one.deviation for one in dataset.trajectories], [one.measured.shape for one in dataset.trajectories]
    )
    found, failed = [], []
    for k, column in enumerate(dataset.measured):
        if model.system.observation(column.name) is None or column.name not in model.measured:
            continue
        logarithmic = column.name in log
        values, bad = _collect(model, dataset, k, simulations, logarithmic, weights)
        failed += bad
        if len(values.t):
            law = None
            if train.estimates_noise or any(one.deviation is not None for one in dataset.trajectories):
                law = values.law(noise_of(train, column.name, log=logarithmic), logarithmic)
            found.append(_examined(column.name, column.unit, logarithmic, values, law))
    names = list(dict.fromkeys(failed))
    notes = ()
    if names:
        listed = ", ".join(f"`{name}`" for name in names[:3]) + (" and others" if len(names) > 3 else "")
        notes = (f"Left out: the simulation of {listed} does not reach the end of the data.",)
    return Residuals(tuple(found), notes)


@dataclass(frozen=True, eq=False)
class _Values:
    """Measured values of a column and their predictions as compared, trajectory after trajectory."""

    t: Float[np.ndarray, " value"]
    measured: Float[np.ndarray, " value"]
    predicted: Float[np.ndarray, " value"]
    weight: Float[np.ndarray, " value"]
    ends: Float[np.ndarray, "value 2"]
    trajectory: Int[np.ndarray, " value"]
    part: Int[np.ndarray, " value"]

    @property
    def known_ends(self) -> Ends:
        return None if np.isnan(self.ends).all() else self.ends

    def law(self, settings: ColumnNoise, log: bool) -> NoiseLaw | None:
        """The law of the kind of the settings that makes the training values most likely."""
        used = self.part == Part.TRAIN
        if not used.any():
            return None
        ends = None if self.known_ends is None else self.ends[used]
        return likely_law(settings, self.predicted[used], self.measured[used], self.weight[used], ends=ends, log=log)


def _collect(
    model: FittedModel,
    dataset: Dataset,
    k: int,
    simulations: Mapping[str, Simulation],
    log: bool,
    weights: Sequence[Float[np.ndarray, "_time measured"]],
) -> tuple[_Values, list[str]]:
    """The values of a column, and trajectories that failed."""
    mine = model.measured.index(dataset.measured_names[k])
    parts: list[list[np.ndarray]] = [[*[np.zeros(0)] * 4, np.zeros((0, 2)), *[np.zeros(0, dtype=int)] * 2]]
    failed = []
    for number, (trajectory, weight) in enumerate(zip(dataset.trajectories, weights, strict=True)):
        measured = trajectory.measured[:, k]
        predicted = simulations[trajectory.name].measured[:, mine]
        ends = np.full((len(measured), 2), np.nan) if trajectory.ends is None else trajectory.ends[:, k]
        with np.errstate(all="ignore"):
            if log:
                measured, predicted = np.log(measured), np.log(predicted)
                ends = np.where(ends > 0, np.log(ends), np.where(np.isnan(ends), np.nan, -np.inf))
        there = np.isfinite(measured)
        if (there & ~np.isfinite(predicted)).any():
            failed.append(trajectory.name)
            continue
        at = np.flatnonzero(there)
        of, part = np.full(len(at), number), trajectory.part[at].astype(int)
        parts.append([trajectory.t[at], measured[at], predicted[at], weight[at, k], ends[at], of, part])
    return _Values(*(np.concatenate(column) for column in zip(*parts, strict=True))), failed


def _examined(name: str, unit: str, log: bool, values: _Values, law: NoiseLaw | None) -> ColumnResiduals:
    residual = values.measured - values.predicted
    trains = values.part == Part.TRAIN
    deviation = float(np.sqrt(np.mean(residual[trains] ** 2))) if trains.any() else float("nan")
    exact = not deviation > EXACT * (float(np.abs(values.predicted).max()) or 1.0)
    standard = residual / deviation if deviation > 0 else residual
    if law is not None and not exact:
        drawn = np.random.default_rng(0)
        standard = law.quantile_residuals(values.predicted, values.measured, values.weight, values.known_ends, drawn)
    e = standard[trains]
    runs = [standard[trains & (values.trajectory == number)] for number in np.unique(values.trajectory[trains])]
    tested = len(e) >= FEWEST and not exact
    correlation = autocorrelation(runs, LAGS) if tested else np.ones(1)
    trend, trend_p = _size_trend(values.predicted[trains], e) if tested else (float("nan"), float("nan"))
    column = ColumnResiduals(
        name=name,
        unit=unit,
        log=log,
        t=values.t,
        residual=residual,
        predicted=values.predicted,
        trajectory=values.trajectory,
        part=values.part,
        deviation=deviation,
        correlation=correlation,
        band=1.96 / float(np.sqrt(max(len(e), 1))),
        durbin_watson=durbin_watson(runs) if tested else float("nan"),
        ljung_box=ljung_box(correlation, len(e)) if tested else float("nan"),
        runs=runs_test(runs) if tested else float("nan"),
        normal=_normality(e) if tested else float("nan"),
        size_trend=trend,
        size_p=trend_p,
        outliers=_outliers(e) if tested else 0,
        expected=scipy.stats.norm.ppf((np.arange(len(e)) + 0.625) / (len(e) + 0.25)),
        ordered=np.sort(e),
        sentence="",
        suspicious=False,
        standard=standard,
        noise="" if law is None else _called(law, log),
    )
    if not tested:
        why = "too few values" if len(e) < FEWEST else "the model passes through the data"
        return replace(column, sentence=f"Residuals of `{name}` are not tested: {why}.")
    findings = list(_findings(column))
    if findings:
        return replace(column, sentence=f"Residuals of `{name}` " + "; they ".join(findings) + ".", suspicious=True)
    lag = float(correlation[1]) if len(correlation) > 1 else 0.0
    like = f"{column.noise} noise" if column.noise else "normal noise"
    return replace(
        column, sentence=f"Residuals of `{name}` look like independent {like} (lag-1 correlation {lag:.2f})."
    )


def _called(law: NoiseLaw, log: bool) -> str:
    """What noise of a kind is called."""
    if log:
        return "log-normal" if law.kind != "student" else "log-t"
    names = {"student": "t-distributed", "poisson": "Poisson", "negative_binomial": "negative binomial"}
    return names.get(law.kind, "normal" if law.proportional == 0 else "constant and proportional normal")


def _size_trend(predicted: Float[np.ndarray, " n"], e: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Rank correlation of the size of residuals with the predicted value (Spearman), and its p-value."""
    if np.ptp(predicted) <= 0:
        return float("nan"), float("nan")
    found = np.asarray(scipy.stats.spearmanr(predicted, np.abs(e)), dtype=float)
    return float(found[0]), float(found[1])


def _findings(column: ColumnResiduals) -> Iterator[str]:
    lag = float(column.correlation[1]) if len(column.correlation) > 1 else 0.0
    if column.ljung_box < UNLIKELY and lag > CLEAR:
        yield (
            f"are correlated in time (lag-1 {lag:.2f}, Ljung-Box p {_p(column.ljung_box)}): the model misses structure, or "
            "noise is not independent; the intervals of parameters are then too narrow"
        )
    elif column.ljung_box < UNLIKELY and lag < -CLEAR:
        yield (
            f"alternate in sign (lag-1 {lag:.2f}, Ljung-Box p {_p(column.ljung_box)}): the model follows the noise, or the "
            "data were differenced"
        )
    elif column.ljung_box < UNLIKELY and np.abs(column.correlation[1:]).max() > CLEAR:
        k = 1 + int(np.argmax(np.abs(column.correlation[1:])))
        yield f"are correlated in time (lag-{k} {column.correlation[k]:.2f}, Ljung-Box p {_p(column.ljung_box)})"
    elif column.runs < UNLIKELY:
        yield f"keep or change their sign more often than noise would (runs test p {_p(column.runs)})"
    if column.size_p < UNLIKELY and column.size_trend > 0.3 and not column.log:
        how = f" more than {column.noise} noise does" if column.noise else ""
        yield (
            f"grow with the value{how} (rank correlation {column.size_trend:.2f}): compare logarithms (`log_states`), choose the "
            "noise `proportional`, or give weights"
        )
    if column.outliers:
        yield (
            f"hold {column.outliers} outlier{'' if column.outliers == 1 else 's'} beyond {FAR:g} standard deviations: look "
            'at those rows, or train with `loss = "huber"` or the noise `student`'
        )
    elif column.normal < UNLIKELY:
        what = f"those of {column.noise} noise" if column.noise not in ("", "normal") else "normal"
        yield f"are not {what} (Shapiro-Wilk p {_p(column.normal)}): see the QQ plot"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def autocorrelation(runs: Sequence[Float[np.ndarray, " _n"]], lags: int) -> Float[np.ndarray, " lag"]:
    """Autocorrelation at lags 0 ... of series that are independent of each other, about their common mean."""
    longest = max((len(run) for run in runs), default=0)
    mean = float(np.mean(np.concatenate(runs))) if longest else 0.0
    centred = [run - mean for run in runs]
    whole = sum(float(run @ run) for run in centred)
    count = min(lags, max(longest // 3, 1), longest - 1)
    if whole <= 0 or count < 1:
        return np.ones(1)
    return (
        np.array(
            [sum(float(run[k:] @ run[: len(run) - k]) for run in centred if len(run) > k) for k in range(count + 1)]
        )
        / whole
    )


def durbin_watson(runs: Sequence[Float[np.ndarray, " _n"]]) -> float:
    """Sum of squared differences of neighbours over the sum of squares."""
    whole = sum(float(run @ run) for run in runs)
    return sum(float(np.sum(np.diff(run) ** 2)) for run in runs) / whole if whole > 0 else float("nan")


def ljung_box(correlation: Float[np.ndarray, " lag"], count: int) -> float:
    """p-value of white noise from the autocorrelation of ``count`` values at lags 0, 1, ..."""
    lags = np.arange(1, len(correlation))
    if not len(lags) or count <= len(correlation):
        return float("nan")
    statistic = count * (count + 2) * float(np.sum(correlation[1:] ** 2 / (count - lags)))
    return float(scipy.stats.chi2.sf(statistic, len(lags)))


def runs_test(runs: Sequence[Float[np.ndarray, " _n"]]) -> float:
    """Two-sided p-value of the number of runs of equal sign, added up over independent series."""
    seen, expected, variance = 0.0, 0.0, 0.0
    for run in runs:
        signs = run[run != 0] > 0
        n, positive = len(signs), int(signs.sum())
        if n < 2 or positive in (0, n):
            # all on one side: as few runs as can be; the split is that of a fair coin
            positive = n // 2 if n >= 2 else positive
            if n < 2:
                continue
        negative = n - positive
        seen += 1 + int(np.sum(signs[1:] != signs[:-1]))
        both = 2.0 * positive * negative
        expected += both / n + 1
        variance += both * (both - n) / (n**2 * max(n - 1, 1))
    if variance <= 0:
        return float("nan")
    return float(2 * scipy.stats.norm.sf(abs(seen - expected) / np.sqrt(variance)))


def _normality(e: Float[np.ndarray, " n"]) -> float:
    sample = e[:: max(1, -(-len(e) // MOST_TESTED))]
    return float(scipy.stats.shapiro(sample).pvalue) if np.ptp(sample) > 0 else float("nan")


def _outliers(e: Float[np.ndarray, " n"]) -> int:
    spread = 1.4826 * float(np.median(np.abs(e - np.median(e))))
    far = np.abs(e - np.median(e)) > max(FAR, float(scipy.stats.norm.isf(0.5 * UNLIKELY / len(e)))) * spread
    return int(far.sum()) if spread > 0 else 0
