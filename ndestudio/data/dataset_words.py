"""What was read and what was taken as the time, in words and numbers: shown beside the data, in summaries and exports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ndestudio.data.dataset import Dataset

_TRAJECTORIES = 200
_ROWS = 2_000
"""So many trajectories, and rows of each, are looked at: data of any size are told at once."""
_EVEN = 1e-4
"""Steps that differ by less than this part of the median step are even, in spite of rounded times."""


@dataclass(frozen=True)
class TimeTaken:
    """The time of a data set.

    Parameters
    ----------
    label
        Of the column or columns, as in the file.
    unit
        "" where none is known.
    start, end
        Over all trajectories.
    step
        Median of the steps between neighbouring rows; None with fewer than two rows in each trajectory.
    even
        Whether all steps that were looked at are the same.
    """

    label: str
    unit: str
    start: float
    end: float
    step: float | None
    even: bool

    @property
    def sentence(self) -> str:
        """`Datum` in h, from 0 to 12 in steps of 2."""
        unit = f" in {self.unit}" if self.unit else ", no unit given"
        span = f"`{self.label}`{unit}, from {self.start:.6g} to {self.end:.6g}"
        if self.step is None:
            return span
        return f"{span} in steps of {self.step:.6g}" if self.even else f"{span}, median step {self.step:.6g}"


def time_taken(dataset: Dataset) -> TimeTaken:
    """The time of a data set as it was read."""
    filled = [one.t for one in dataset.trajectories if len(one.t)]
    steps = [np.diff(t[:_ROWS]) for t in filled[:_TRAJECTORIES] if len(t) > 1]
    joined = np.concatenate(steps) if steps else np.zeros(0)
    step = float(np.median(joined)) if len(joined) else None
    return TimeTaken(
        label=dataset.time.label or dataset.time.name,
        unit=dataset.time.unit,
        start=min((float(t[0]) for t in filled), default=0.0),
        end=max((float(t[-1]) for t in filled), default=0.0),
        step=step,
        even=step is not None and bool(np.all(np.abs(joined - step) <= _EVEN * abs(step))),
    )


def summary(dataset: Dataset) -> str:
    """What was loaded, in a line."""
    count = len(dataset.trajectories)
    parts = [
        f"{dataset.rows:,} rows",
        f"{count} trajector{'y' if count == 1 else 'ies'}",
        "states " + ", ".join(dataset.measured_names),
    ]
    if dataset.inputs:
        parts.append("inputs " + ", ".join(dataset.input_names))
    missing = sum(int((~one.present).sum()) for one in dataset.trajectories)
    if missing:
        parts.append(f"{missing} missing value{'' if missing == 1 else 's'}")
    return " · ".join(parts)
