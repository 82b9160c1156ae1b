"""What a person changes in data that stay as they are in the file: values left out or corrected, rows before or after a time left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.data.config import DataConfig, ValueConfig
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import suggestion
from ndestudio.data.split import resplit
from ndestudio.errors import DataError

NEAR = 1e-6
"""Part of the length of a run within which a time names a row."""


def overlaid(dataset: Dataset, config: DataConfig) -> Dataset:
    """``dataset`` with the values and the span of ``config`` in force, and a decision that says so.

    Raises
    ------
    DataError
        Runs, columns or times that there are not, or a span that leaves a run less than two rows or begins after its doses.
    """
    if not config.values and config.span is None:
        return dataset
    names = [one.name for one in dataset.trajectories]
    for one in config.values:
        if one.run and one.run not in names:
            raise DataError(f"[[data.values]]: there is no trajectory `{one.run}`{suggestion(one.run, names)}")
        if not one.run and len(names) > 1:
            raise DataError("[[data.values]]: say of which run the value is (`run = ...`); there are several")
    trajectories = tuple(_with_values(one, dataset, config.values) for one in dataset.trajectories)
    if config.span is not None:
        trajectories = tuple(_within(one, config.span) for one in trajectories)
    made = replace(dataset, trajectories=trajectories, decisions=(*dataset.decisions, *changes_by_hand(config)))
    return made if config.span is None else resplit(made, config.split)


def _with_values(one: Trajectory, dataset: Dataset, values: Sequence[ValueConfig]) -> Trajectory:
    own = [value for value in values if value.run in ("", one.name)]
    if not own:
        return one
    columns = dataset.measured_names
    table = one.measured.copy()
    ends = None if one.ends is None else one.ends.copy()
    for value in own:
        if value.column and value.column not in columns:
            raise DataError(
                f"[[data.values]]: there is no measured column `{value.column}`{suggestion(value.column, columns)}"
            )
        if not value.column and value.value is not None:
            raise DataError("[[data.values]]: say of which column the value is (`column = ...`)")
        row = _row(one, value.time)
        chosen = columns.index(value.column) if value.column else slice(None)
        table[row, chosen] = np.nan if value.value is None else value.value
        if ends is not None:
            ends[row, chosen] = np.nan
    return replace(one, measured=table, ends=ends)


def _row(one: Trajectory, time: float) -> int:
    if one.is_steady_state:
        return 0
    row = int(np.argmin(np.abs(one.t - time)))
    if abs(float(one.t[row]) - time) > NEAR * float(np.ptp(one.t)):
        raise DataError(
            f"[[data.values]]: `{one.name}` has no row at the time {time:.10g}; the nearest one is at {one.t[row]:.10g}"
        )
    return row


def _within(one: Trajectory, span: tuple[float, float]) -> Trajectory:
    if one.is_steady_state:
        return one
    low, high = span
    kept = (one.t >= low) & (one.t <= high)
    if kept.all():
        return one
    if int(kept.sum()) < 2:
        raise DataError(
            f"`span` from {low:g} to {high:g} leaves {int(kept.sum())} of the {len(one.t)} rows of `{one.name}`, which go from {one.t[0]:g} to "
            f"{one.t[-1]:g}; widen it"
        )
    begin = float(one.t[kept][0])
    if any(dose.time < begin for dose in one.doses):
        raise DataError(
            f"`span` begins after doses of `{one.name}`, whose effect would be lost; let it begin at {min(d.time for d in one.doses):g} or before"
        )
    if one.settles and not kept[0]:
        raise DataError(
            f"`{one.name}` begins at a steady state, so that its first rows cannot be left out; let `span` begin at {one.t[0]:g} or before"
        )

    def rows(table: Any) -> Any:
        return None if table is None else table[kept]

    return replace(
        one,
        t=one.t[kept],
        measured=one.measured[kept],
        inputs=one.inputs[kept],
        part=one.part[kept],
        deviation=rows(one.deviation),
        inputs_before=rows(one.inputs_before),
        ends=rows(one.ends),
        doses=tuple(dose for dose in one.doses if dose.time <= high),
    )


def changes_by_hand(config: DataConfig) -> tuple[Decision, ...]:
    """What is changed, and how it is taken back; none where the data are as in the files."""
    if not config.values and config.span is None:
        return ()
    out = sum(one.value is None for one in config.values)
    changed = len(config.values) - out
    parts = []
    if config.span is not None:
        low, high = config.span
        ends = ([f"from {low:g}"] if np.isfinite(low) else []) + ([f"to {high:g}"] if np.isfinite(high) else [])
        parts.append(f"rows {' '.join(ends)} are taken" if ends else "all rows are taken")
    if out:
        parts.append(f"{out} value{'s are' if out > 1 else ' is'} left out by hand")
    if changed:
        parts.append(f"{changed} value{'s are' if changed > 1 else ' is'} changed by hand")
    sentence = ", ".join(parts)
    choices = (
        Choice("as changed by hand", {"values": config.values, "span": config.span}),
        Choice("all as in the files", {"values": (), "span": None}),
    )
    return (Decision("rows", f"{sentence[:1].upper()}{sentence[1:]}; the files stay as they are.", None, choices),)
