"""How each input goes between its samples and beyond them: as the person says, or guessed from its samples."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from ndestudio.data.config import DataConfig
from ndestudio.data.control_path import KINDS
from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import rate_name, suggestion
from ndestudio.errors import DataError

Value = TypeVar("Value", str, float)

FEW = 12
"""An input with more values than this is none that is switched between levels."""
STAYS, LASTS = 0.5, 0.7
"""Part of the gaps between samples over which a held input keeps its value, and of its levels that last for two samples."""
SURE = 0.75
"""From this part of unchanged gaps on a guess is certain."""
_WORDS = {
    "linear": "straight lines between its samples",
    "hold": "held until the next sample",
    "cubic": "a natural cubic spline, which depends on later samples (not causal)",
    "hermite": "cubic Hermite pieces with backward differences",
    "rectilinear": "held, then moved along a straight line to the next value",
}


def with_paths(dataset: Dataset, covariates: Collection[str], config: DataConfig) -> Dataset:
    """``dataset`` with the kinds of path of its inputs, the guessed ones as decisions.

    Parameters
    ----------
    covariates
        Names of the inputs that have one value in each trajectory.

    Raises
    ------
    DataError
        A setting names no input, or has a value that it cannot take.
    """
    moving = [column for column in dataset.inputs if column.name not in covariates]
    told = _told("interpolation", config.interpolation, moving)
    periods = _told("periodic", config.periodic, moving)
    for name, period in periods.items():
        if not (math.isfinite(period) and period > 0):
            raise DataError(f"the period {period:g} of `{name}` must be a positive number, in units of the time")
    kinds: list[str] = []
    decisions = list(dataset.decisions)
    for k, column in enumerate(dataset.inputs):
        if column.name in covariates or column.name in told:
            kinds.append(told.get(column.name, "linear"))
            continue
        decision = _guess(dataset, k)
        if decision is not None:
            decisions.append(decision)
        kinds.append("linear" if decision is None else "hold")
    trajectories = tuple(
        replace(
            one, input_kinds=tuple(kinds), input_periods=tuple(periods.get(name, 0.0) for name in dataset.input_names)
        )
        for one in dataset.trajectories
    )
    dataset = _with_rates(replace(dataset, trajectories=trajectories), config.rates, moving)
    notes = [f"`{dataset.inputs[k].label}` is {_WORDS[kind]}." for k, kind in enumerate(kinds) if kind != "linear"]
    return replace(dataset, decisions=tuple(decisions), notes=(*dataset.notes, *notes))


def _with_rates(dataset: Dataset, wanted: Sequence[str], moving: Sequence[Column]) -> Dataset:
    """``dataset`` with a further input for each rate of change that is wanted: the slope of the path.

    Raises
    ------
    DataError
        A name that is no input, or an input that is held: its rate of change is no function where it jumps.
    """
    for name in _told("rates", dict.fromkeys(wanted, ""), moving):
        j = dataset.input_names.index(name)
        made, unit = rate_name(name), dataset.inputs[j].unit
        if made in (*dataset.input_names, *dataset.measured_names):
            raise DataError(f"`rates`: `{made}` is another column; rename it, for that is what d({name})/dt is called")
        trajectories = tuple(_with_rate(one, name, j) for one in dataset.trajectories)
        per = f"{unit}/{dataset.time.unit}" if unit and dataset.time.unit else ""
        column = Column(made, f"d({dataset.inputs[j].label})/dt", per)
        dataset = replace(dataset, trajectories=trajectories, inputs=(*dataset.inputs, column))
    return dataset


def _with_rate(one: Trajectory, name: str, j: int) -> Trajectory:
    before = one.inputs_before
    pieces = one.control.pieces[j]
    if one.control.kind(j) == "hold" and pieces is not None and len(pieces.jumps):
        raise DataError(
            f"`{name}` is held and jumps in trajectory `{one.name}` (at {pieces.jumps[0]:g}), and d({name})/dt has no value there: "
            "take it as `linear` or `hermite` in `interpolation` where it moves between its samples, or as `rectilinear` where it "
            "moves at them, along a straight line while the time stands still"
        )
    return replace(
        one,
        inputs=np.column_stack([one.inputs, one.control.derivative(one.t)[:, j]]),
        inputs_before=None if before is None else np.column_stack([before, np.full(len(one.t), np.nan)]),
        input_kinds=(*one.input_kinds, one.control.kind(j)),
        input_periods=(*one.input_periods, one.input_periods[j]),
        rate_of=(*one.rate_of, (one.inputs.shape[1], j)),
    )


def foresight(dataset: Dataset) -> str:
    """What is to be said of inputs that see samples of the future where later rows are held out; "" if none does.

    A forecast that is to be made at a time has no later samples: the path must not depend on them.
    """
    split = any(
        bool((one.part == Part.TRAIN).any()) and bool((one.part != Part.TRAIN).any()) for one in dataset.trajectories
    )
    if not split:
        return ""
    seeing = [
        column.label
        for k, column in enumerate(dataset.inputs)
        if any(not KINDS[one.control.kind(k)].causal for one in dataset.trajectories)
    ]
    if not seeing:
        return ""
    names = ", ".join(f"`{name}`" for name in seeing)
    return (
        f"The path of {names} (cubic) at a time depends on all later samples: held-out rows after the training rows are no "
        "forecast then. Use `hermite`, `linear`, `hold` or `rectilinear` for forecasts."
    )


def _told(setting: str, given: Mapping[str, Value], inputs: Sequence[Column]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in given.items():
        column = next((one for one in inputs if name in (one.label, one.name)), None)
        if column is None:
            known = [one.label for one in inputs]
            raise DataError(f"`{setting}`: there is no input `{name}` that changes{suggestion(name, known)}")
        found[column.name] = value
    return found


def _guess(dataset: Dataset, k: int) -> Decision | None:
    """Held, if the input has few values that stay and does not say itself where it steps."""
    if any(
        one.inputs_before is not None and np.isfinite(one.inputs_before[:, k]).any() for one in dataset.trajectories
    ):
        return None
    series = [one.inputs[np.isfinite(one.inputs[:, k]), k] for one in dataset.trajectories]
    unchanged = _unchanged(series)
    if unchanged is None:
        return None
    label = dataset.inputs[k].label
    count = len(np.unique(np.concatenate(series)))
    sentence = (
        f"`{label}` has {count} values and keeps them over {unchanged:.0%} of the gaps between its samples: it was taken as held "
        "until the next sample."
    )
    choices = (
        Choice("held until the next sample", {"interpolation": {label: "hold"}}),
        Choice("straight lines", {"interpolation": {label: "linear"}}),
    )
    return Decision("path", sentence, label, choices, certain=unchanged >= SURE)


def _unchanged(series: Sequence[Float[np.ndarray, " _sample"]]) -> float | None:
    """Part of the gaps over which a held input stays; None where the samples do not look held."""
    steps = [np.diff(one) for one in series]
    gaps, changes = sum(map(len, steps)), sum(int(np.count_nonzero(one)) for one in steps)
    if not changes or len(np.unique(np.concatenate(series))) > FEW:
        return None
    lengths = np.concatenate([np.diff(np.concatenate([[0], np.flatnonzero(one) + 1, [len(one) + 1]])) for one in steps])
    unchanged = 1.0 - changes / gaps
    return unchanged if unchanged >= STAYS and np.mean(lengths >= 2) >= LASTS else None
