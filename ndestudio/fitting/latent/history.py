"""The history of runs, as an encoder reads it: masked, at the times at which something was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset, Part, Trajectory


class History(NamedTuple):
    """What an encoder reads of some runs, forwards in time, padded at the end; a pytree of arrays.

    Parameters
    ----------
    values
        Measured columns, centred and scaled, 0 where missing.
    present
        1 where measured.
    known
        Inputs (centred and scaled), and how much has been given so far.
    t
        Time since the begin, in units of the length of the history.
    valid
        1 at rows, 0 at padding.
    """

    values: Float[np.ndarray, "run row measured"]
    present: Float[np.ndarray, "run row measured"]
    known: Float[np.ndarray, "run row known"]
    t: Float[np.ndarray, "run row"]
    valid: Float[np.ndarray, "run row"]


@dataclass(frozen=True, eq=False)
class HistoryScales:
    """What the history is centred and scaled by, from the training runs.

    Parameters
    ----------
    length
        Of the history, from the begin of a run, in the unit of time.
    compartments
        Of doses, as the files call them.
    dose
        Typical amount.
    log
        Measured columns of which the logarithm is taken.
    value_spread
        Spread of each measured column itself, over which errors are told.
    """

    length: float
    center: Float[np.ndarray, " measured"]
    spread: Float[np.ndarray, " measured"]
    input_center: Float[np.ndarray, " input"]
    input_spread: Float[np.ndarray, " input"]
    compartments: tuple[str, ...] = ()
    dose: float = 1.0
    log: Bool[np.ndarray, " measured"] | None = None
    value_spread: Float[np.ndarray, " measured"] = field(default_factory=lambda: np.ones(0))


def history_scales(dataset: Dataset, length: float, log: Bool[np.ndarray, " measured"]) -> HistoryScales:
    """Scales by the training rows."""
    runs = [one for one in dataset.trajectories if (one.part == Part.TRAIN).any()]
    measured = np.concatenate([_compared(one.measured, log)[one.part == Part.TRAIN] for one in runs])
    inputs = np.concatenate([one.input_at(one.t) for one in runs])
    doses = [dose for one in runs for dose in one.doses if np.isfinite(dose.amount)]
    amounts = [abs(dose.amount) for dose in doses if dose.amount]
    compartments = tuple(sorted({dose.compartment for one in dataset.trajectories for dose in one.doses}))
    center, spread = _moments(measured)
    input_center, input_spread = _moments(inputs)
    return HistoryScales(
        length,
        center,
        spread,
        input_center,
        input_spread,
        compartments,
        float(np.mean(amounts)) if amounts else 1.0,
        log,
        _moments(np.concatenate([one.measured[one.part == Part.TRAIN] for one in runs]))[1],
    )


def history_rows(trajectory: Trajectory, length: float) -> Bool[np.ndarray, " time"]:
    """Rows of the history: those before the begin plus ``length``."""
    return trajectory.t < trajectory.t[0] + length


def histories(trajectories: Sequence[Trajectory], scales: HistoryScales, rows: int | None = None) -> History:
    """What an encoder reads of ``trajectories``, padded to ``rows``."""
    chosen = [np.flatnonzero(history_rows(one, scales.length)) for one in trajectories]
    rows = max(len(index) for index in chosen) if rows is None else rows
    runs, log = len(trajectories), scales.log
    width, known = len(scales.center), len(scales.input_center) + len(scales.compartments)
    found = History(
        np.zeros((runs, rows, width)),
        np.zeros((runs, rows, width)),
        np.zeros((runs, rows, known)),
        np.zeros((runs, rows)),
        np.zeros((runs, rows)),
    )
    for k, (one, index) in enumerate(zip(trajectories, chosen, strict=True)):
        index = index[:rows]
        n = len(index)
        values = _compared(one.measured[index], log)
        present = np.isfinite(values)
        found.values[k, :n] = np.where(present, (values - scales.center) / scales.spread, 0.0)
        found.present[k, :n] = present
        inputs = (one.input_at(one.t[index]) - scales.input_center) / scales.input_spread
        found.known[k, :n] = np.concatenate([np.nan_to_num(inputs), _given(one, one.t[index], scales)], axis=1)
        found.t[k, :n] = (one.t[index] - one.t[0]) / scales.length
        found.valid[k, :n] = 1.0
    return found


def _given(trajectory: Trajectory, t: Float[np.ndarray, " row"], scales: HistoryScales) -> Float[np.ndarray, "row _"]:
    """How much has been given into each compartment up to each time, in typical doses."""
    found = np.zeros((len(t), len(scales.compartments)))
    for dose in trajectory.doses:
        if dose.compartment in scales.compartments and np.isfinite(dose.amount):
            found[:, scales.compartments.index(dose.compartment)] += np.where(t >= dose.time, dose.amount, 0.0)
    return found / scales.dose


def _compared(values: Float[np.ndarray, "row measured"], log: Bool[np.ndarray, " measured"] | None) -> np.ndarray:
    if log is None or not log.any():
        return values
    with np.errstate(all="ignore"):
        found = np.where(log, np.log(values), values)
    return np.where(np.isfinite(found), found, np.nan)


def _moments(values: Float[np.ndarray, "row column"]) -> tuple[np.ndarray, np.ndarray]:
    present = np.isfinite(values)
    count = np.maximum(present.sum(axis=0), 1)
    center = np.where(present, values, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(present, (values - center) ** 2, 0.0).sum(axis=0) / count)
    return center, np.where(spread > 1e-12 * np.maximum(np.abs(center), 1e-300), spread, 1.0)
