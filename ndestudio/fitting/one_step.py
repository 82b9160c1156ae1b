"""One-step residuals of stochastic models in the form of residuals of simulations, so that they are shown and tested alike."""

from __future__ import annotations

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.fitting.residuals import (
    CLEAR,
    FEWEST,
    LAGS,
    UNLIKELY,
    ColumnResiduals,
    Residuals,
    autocorrelation,
    durbin_watson,
    ljung_box,
    runs_test,
)
from ndestudio.model.fitted import FittedModel

VISITS = 2000
"""Points at which a network was called that are kept."""


def one_step_residuals(model: FittedModel, dataset: Dataset) -> Residuals:
    """Residuals of each measured state: what is left of each measurement after the one before and the law have said what they
    expect. Standardised ones are standard normal and independent if the law is right.

    Raises
    ------
    EquationError
        The model has no noise.
    DataError
        A state is not measured.
    """
    from ndestudio.fitting.stochastic.residuals import predicted, transition_residuals
    from ndestudio.fitting.stochastic.transitions import measured_columns, transitions

    data = transitions(model, dataset, None)
    mean, _ = predicted(model, data)
    found = transition_residuals(model, dataset)
    parts = np.zeros(len(data), dtype=int)
    for place, trajectory in enumerate(dataset.trajectories):
        here = data.run == place
        parts[here] = trajectory.part[data.row[here]]
    columns = []
    for k, (column, offset, factor) in enumerate(measured_columns(model, dataset)):
        about = dataset.measured[column]
        expected = offset + factor * mean[k]
        residual = factor * (data.later[k] - mean[k])
        columns.append(_column(about.name, about.unit, found.t, residual, expected, found.z[k], data.run, parts))
    notes = (f"{data.gaps} gaps between measurements are left out.",) if data.gaps else ()
    return Residuals(tuple(columns), notes)


def measured_arguments(model: FittedModel, dataset: Dataset, name: str) -> Float[np.ndarray, "n argument"]:
    """What a network of a stochastic model is called with at the measurements; nothing where no column shows a state."""
    from ndestudio.fitting.stochastic.arguments import call_arguments
    from ndestudio.fitting.stochastic.transitions import transitions

    network = model.networks[name]
    if network.support is not None:
        return network.support
    try:
        data = transitions(model, dataset)
    except DataError:
        return np.zeros((0, len(network.arguments)))
    points = call_arguments(model, name, data.t, data.y, data.u)
    return points[:: max(1, len(points) // VISITS)]


def _column(
    name: str,
    unit: str,
    t: Float[np.ndarray, " n"],
    residual: Float[np.ndarray, " n"],
    expected: Float[np.ndarray, " n"],
    z: Float[np.ndarray, " n"],
    run: np.ndarray,
    parts: np.ndarray,
) -> ColumnResiduals:
    trains = parts == Part.TRAIN
    e = z[trains]
    runs = [z[trains & (run == number)] for number in np.unique(run[trains])]
    tested = len(e) >= FEWEST
    correlation = autocorrelation(runs, LAGS) if tested else np.ones(1)
    normal = float(scipy.stats.kstest(e, "norm").pvalue) if tested else float("nan")
    box = ljung_box(correlation, len(e)) if tested else float("nan")
    size = np.asarray(scipy.stats.spearmanr(expected[trains], np.abs(e)), dtype=float) if tested else np.full(2, np.nan)
    sentence, suspicious = _sentence(name, correlation, box, normal, size, tested)
    return ColumnResiduals(
        name=name,
        unit=unit,
        log=False,
        t=t,
        residual=residual,
        predicted=expected,
        trajectory=run,
        part=parts,
        deviation=float(np.sqrt(np.mean(residual[trains] ** 2))) if trains.any() else float("nan"),
        correlation=correlation,
        band=1.96 / float(np.sqrt(max(len(e), 1))),
        durbin_watson=durbin_watson(runs) if tested else float("nan"),
        ljung_box=box,
        runs=runs_test(runs) if tested else float("nan"),
        normal=normal,
        size_trend=float(size[0]),
        size_p=float(size[1]),
        outliers=int(np.sum(np.abs(e) > scipy.stats.norm.isf(0.5 * UNLIKELY / max(len(e), 1)))),
        expected=scipy.stats.norm.ppf((np.arange(len(e)) + 0.625) / (len(e) + 0.25)),
        ordered=np.sort(e),
        sentence=sentence,
        suspicious=suspicious,
        standard=z,
        noise="process",
    )


def _sentence(
    name: str, correlation: np.ndarray, box: float, normal: float, size: np.ndarray, tested: bool
) -> tuple[str, bool]:
    if not tested:
        return f"One-step residuals of `{name}` are not tested: too few transitions.", False
    lag = float(correlation[1]) if len(correlation) > 1 else 0.0
    findings = []
    if box < UNLIKELY and lag < -0.5 * CLEAR:
        findings.append(
            f"alternate in sign (lag-1 {lag:.2f}): errors of single readings look like this; say so with a noise of the column"
        )
    elif box < UNLIKELY and lag > 0.5 * CLEAR:
        findings.append(f"are correlated in time (lag-1 {lag:.2f}): the future depends on more than the present state")
    elif box < UNLIKELY:
        findings.append(f"are slightly correlated in time (Ljung-Box p {box:.2g})")
    if normal < UNLIKELY:
        findings.append(f"are not normal (Kolmogorov-Smirnov p {normal:.2g}): see the QQ plot, or take steps apart")
    if size[1] < UNLIKELY and abs(size[0]) > 0.1:
        how = "grow" if size[0] > 0 else "shrink"
        findings.append(
            f"{how} with the value (rank correlation {size[0]:.2f}): the diffusion depends on the state otherwise"
        )
    if findings:
        return f"One-step residuals of `{name}` " + "; they ".join(findings) + ".", True
    return (
        f"One-step residuals of `{name}` look like independent normal noise (lag-1 correlation {lag:.2f}): the law says how "
        "measurements follow each other.",
        False,
    )
