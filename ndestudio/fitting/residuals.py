"""What is left of the data once the model is taken away, and whether it looks like independent noise.

Durbin and Watson 1950, Biometrika 37, 409; Ljung and Box 1978, Biometrika 65, 297; Wald and Wolfowitz 1940, Ann. Math.
Statist. 11, 147 (runs); Shapiro and Wilk 1965, Biometrika 52, 591 (normality). Residuals of fitted models are a little
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
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.fitted import FittedModel, Simulation
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
        Normal quantiles and the ordered training residuals over their deviation (QQ plot).
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
    simulations: Mapping[str, Simulation] | None = None,
    seconds: float = 30.0,
) -> Residuals:
    """Residuals of all columns that the model describes, with tests on the training rows.

    Parameters
    ----------
    log
        Columns whose logarithms are compared (as in ``TrainConfig.log_states``).
    simulations
        Trajectory -> simulation at its times, where they are at hand already.
    seconds
        Trajectories not simulated by then are left out, and a note says so.
    """
    refuse_noise(model.system, "residuals of a simulation")
    simulations = simulate_all(model, dataset, seconds=seconds) if simulations is None else simulations
    found, failed = [], []
    for k, column in enumerate(dataset.measured):
        if model.system.observation(column.name) is None or column.name not in model.measured:
            continue
        pieces, bad = _collect(model, dataset, k, simulations, column.name in log)
        failed += bad
        if len(pieces[0]):
            found.append(_examined(column.name, column.unit, column.name in log, pieces))
    names = list(dict.fromkeys(failed))
    notes = ()
    if names:
        listed = ", ".join(f"`{name}`" for name in names[:3]) + (" and others" if len(names) > 3 else "")
        notes = (f"Left out: the simulation of {listed} does not reach the end of the data.",)
    return Residuals(tuple(found), notes)


def _collect(
    model: FittedModel, dataset: Dataset, k: int, simulations: Mapping[str, Simulation], log: bool
) -> tuple[tuple[np.ndarray, ...], list[str]]:
    """(t, residual, predicted, trajectory, part) of a column, and trajectories that failed."""
    mine = model.measured.index(dataset.measured_names[k])
    parts: list[list[np.ndarray]] = [[np.zeros(0)] * 3 + [np.zeros(0, dtype=int)] * 2]
    failed = []
    for number, trajectory in enumerate(dataset.trajectories):
        measured = trajectory.measured[:, k]
        predicted = simulations[trajectory.name].measured[:, mine]
        with np.errstate(all="ignore"):
            if log:
                measured, predicted = np.log(measured), np.log(predicted)
        there = np.isfinite(measured)
        if (there & ~np.isfinite(predicted)).any():
            failed.append(trajectory.name)
            continue
        at = np.flatnonzero(there)
        parts.append(
            [
                trajectory.t[at],
                measured[at] - predicted[at],
                predicted[at],
                np.full(len(at), number),
                trajectory.part[at].astype(int),
            ]
        )
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True)), failed


def _examined(name: str, unit: str, log: bool, pieces: Sequence[np.ndarray]) -> ColumnResiduals:
    t, residual, predicted, trajectory, part = pieces
    trains = part == Part.TRAIN
    e = residual[trains]
    runs = [residual[trains & (trajectory == number)] for number in np.unique(trajectory[trains])]
    deviation = float(np.sqrt(np.mean(e**2))) if len(e) else float("nan")
    tested = len(e) >= FEWEST and deviation > EXACT * (float(np.abs(predicted).max()) or 1.0)
    correlation = autocorrelation(runs, LAGS) if tested else np.ones(1)
    trend, trend_p = _size_trend(predicted[trains], e) if tested else (float("nan"), float("nan"))
    ordered = np.sort(e) / deviation if deviation > 0 else np.sort(e)
    column = ColumnResiduals(
        name=name,
        unit=unit,
        log=log,
        t=t,
        residual=residual,
        predicted=predicted,
        trajectory=trajectory,
        part=part,
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
        ordered=ordered,
        sentence="",
        suspicious=False,
    )
    findings = list(_findings(column))
    if not tested:
        why = "too few values" if len(e) < FEWEST else "the model passes through the data"
        return replace(column, sentence=f"Residuals of `{name}` are not tested: {why}.")
    if findings:
        return replace(column, sentence=f"Residuals of `{name}` " + "; they ".join(findings) + ".", suspicious=True)
    lag = float(correlation[1]) if len(correlation) > 1 else 0.0
    return replace(
        column, sentence=f"Residuals of `{name}` look like independent normal noise (lag-1 correlation {lag:.2f})."
    )


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
        yield (
            f"grow with the value (rank correlation {column.size_trend:.2f}): compare logarithms (`log_states`) or give "
            "weights"
        )
    if column.outliers:
        yield (
            f"hold {column.outliers} outlier{'' if column.outliers == 1 else 's'} beyond {FAR:g} standard deviations: look "
            'at those rows, or train with `loss = "huber"`'
        )
    elif column.normal < UNLIKELY:
        yield f"are not normal (Shapiro-Wilk p {_p(column.normal)}): see the QQ plot"


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
