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
    form
        How it was written, "" where that is not known: a name of ``DataConfig.time_format``, `"row"` for counted rows.
    origin
        Moment that is 0: `2020-12-31 08:30`, "" where the numbers or clocks of the file are kept.
    """

    label: str
    unit: str
    start: float
    end: float
    step: float | None
    even: bool
    form: str = ""
    origin: str = ""

    @property
    def sentence(self) -> str:
        """`Datum` (day first) in h since 2021-02-01 08:00, from 0 to 12 in steps of 2."""
        form = f" ({self.form})" if self.form not in ("", "number", "row") else ""
        unit = f" in {self.unit}" if self.unit else ", no unit given"
        since = f" since {self.origin}" if self.origin else ""
        span = f"`{self.label}`{form}{unit}{since}, from {self.start:.6g} to {self.end:.6g}"
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
        form=dataset.time_reading.form if dataset.time_reading else "",
        origin=dataset.time_reading.origin if dataset.time_reading else "",
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
        kinds = [dataset.trajectories[0].control.kind(k) for k in range(len(dataset.inputs))]
        told = zip(dataset.input_names, kinds, strict=True)
        parts.append("inputs " + ", ".join(name if kind == "linear" else f"{name} ({kind})" for name, kind in told))
    doses = [len(one.doses) for one in dataset.trajectories if one.doses]
    if doses:
        parts.append(f"{sum(doses)} dose{'' if sum(doses) == 1 else 's'}")
    missing = sum(int((~one.present).sum()) for one in dataset.trajectories)
    if missing:
        parts.append(f"{missing} missing value{'' if missing == 1 else 's'}")
    return " · ".join(parts)
