"""Rows of one trajectory at one time: parts of one row, an input that steps, or several readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int64

from ndestudio.data.assemble import Rows
from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dose
from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.data.scatter import of_readings
from ndestudio.errors import DataError

MOSTLY = 0.5
"""Readings are replicates if at least this part of the times has several."""

FEWEST = 3
"""Readings at fewer times than this are no replicates of a run."""

MEAN = Choice("their mean, with the standard deviation", {"replicates": "mean"})
TRAJECTORIES = Choice("each a trajectory of its own", {"replicates": "trajectories"})
STATES = Choice("quantities of their own", {"replicates": "states"})


@dataclass(frozen=True, eq=False)
class _Times:
    """The rows of a source in order, and where each time of a trajectory begins.

    Parameters
    ----------
    order
        Rows, those of one trajectory together; places below are in this order.
    starts
        Place of the first row of each time.
    of
        Number of the time of each place.
    group
        Number of the trajectory of each time.
    """

    order: Int64[np.ndarray, " row"]
    starts: Int64[np.ndarray, " time"]
    of: Int64[np.ndarray, " row"]
    group: Int64[np.ndarray, " time"]

    @property
    def counts(self) -> Int64[np.ndarray, " time"]:
        return np.diff(np.append(self.starts, len(self.order)))

    def known(self, values: Float[np.ndarray, "row column"]) -> Int64[np.ndarray, "time column"]:
        """How many rows of each time have a value."""
        return np.add.reduceat(np.isfinite(values[self.order]).astype(np.int64), self.starts, axis=0)

    def differ(self, values: Float[np.ndarray, "row column"]) -> Bool[np.ndarray, "time column"]:
        """Where rows of one time have different values."""
        ordered = values[self.order]
        low = np.fmin.reduceat(ordered, self.starts, axis=0)
        return np.asarray(np.fmax.reduceat(ordered, self.starts, axis=0) > low)

    def first(self, values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "time column"]:
        """The first value of each time that is known."""
        return self._pick(values, np.arange(len(self.order))[::-1])

    def first_ends(
        self, values: Float[np.ndarray, "row column"], ends: Float[np.ndarray, "row column 2"]
    ) -> Float[np.ndarray, "time column 2"]:
        """Ends of what ``first`` finds."""
        found = np.full((len(self.starts), *ends.shape[1:]), np.nan)
        ordered, sequence = values[self.order], np.arange(len(self.order))[::-1]
        for column in range(values.shape[1]):
            places = sequence[np.isfinite(ordered[sequence, column])]
            found[self.of[places], column] = ends[self.order[places], column]
        return found

    def last(self, values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "time column"]:
        """The last one that is known."""
        return self._pick(values, np.arange(len(self.order)))

    def _pick(self, values: np.ndarray, sequence: np.ndarray) -> np.ndarray:
        found = np.full((len(self.starts), values.shape[1]), np.nan)
        ordered = values[self.order]
        for column in range(values.shape[1]):
            places = sequence[np.isfinite(ordered[sequence, column])]
            found[self.of[places], column] = ordered[places, column]
        return found


def rows_together(
    source: Rows, inputs: Sequence[str], measured: Sequence[str], config: DataConfig
) -> tuple[Rows, list[str], list[Decision]]:
    """The source with at most one row for each time of a trajectory, where that can be told.

    Rows that complete each other become one. Two rows with different values of an input are its values before and after a
    step. Several readings of a quantity are what the person says; if most times have several, each is taken for a trajectory
    of its own.

    Parameters
    ----------
    inputs, measured
        Labels of the columns.

    Raises
    ------
    DataError
        A question, where some times only have several readings.
    """
    times = _times(source)
    if times is None:
        return source, [], []
    lost = int((~np.isfinite(source.t)).sum())
    found, notes, decisions = _together(source, times, inputs, measured, config)
    if lost and found is not source:
        notes = [*notes, f"{_where(source)}the time is missing in {lost} rows; they are set aside, the rest is used."]
    return found, notes, decisions


def _together(
    source: Rows, times: _Times, inputs: Sequence[str], measured: Sequence[str], config: DataConfig
) -> tuple[Rows, list[str], list[Decision]]:
    repeated = times.counts > 1
    stepped = times.differ(source.inputs) & repeated[:, None]
    several = np.asarray((times.known(source.measured) > 1).any(axis=1))
    same = np.asarray(several & ~times.differ(source.measured).any(axis=1))
    other = np.asarray(several & ~same)
    if (stepped.any(axis=1) & (times.counts > 2)).any() or (stepped.any(axis=1) & other).any():
        return source, [], []  # what repeats there is neither: the check of the times says where
    copies = same & (times.known(source.measured) == np.maximum(times.counts[:, None], 1)).all(axis=1)
    if other.any() and np.bincount(times.group).max() < FEWEST:
        return source, [], []  # so few times are no time
    readings = other
    if other.any() or config.replicates is not None:
        readings = np.logical_or(other, same & ~stepped.any(axis=1))
    if not readings.any():
        alone = np.flatnonzero(copies & ~stepped.any(axis=1))
        if len(alone):
            _ask(source, times, int(alone[0]), measured, config)
        return _merged(source, times, stepped, inputs)
    return _readings(source, times, readings, measured, inputs, config)


def _times(source: Rows) -> _Times | None:
    """None if no time repeats, or if some fall or are missing in between."""
    if source.group is None:
        steps = np.diff(source.t)
        if np.all(steps > 0) or not np.all(steps >= 0):
            return None
        codes = np.zeros(len(source.t), dtype=np.int64)
    else:
        another = source.group[1:] != source.group[:-1]
        if np.all((np.diff(source.t) > 0) | another):
            return None
        codes = np.unique(source.group.astype(str), return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    order = order[np.isfinite(source.t[order])]
    t, group = source.t[order], codes[order]
    new = np.ones(len(order), dtype=bool)
    within = np.diff(group) == 0
    steps = np.diff(t)
    if not len(order) or (steps[within] < 0).any() or (steps[within] > 0).all():
        return None
    new[1:] = ~within | (steps != 0)
    starts = np.flatnonzero(new)
    return _Times(order, starts, np.cumsum(new) - 1, group[starts])


def _merged(
    source: Rows, times: _Times, stepped: Bool[np.ndarray, "time input"], inputs: Sequence[str]
) -> tuple[Rows, list[str], list[Decision]]:
    rows = times.order[times.starts]
    merged = _at_times(source, times, rows)
    notes = []
    if stepped.any():
        before = np.where(stepped, times.first(source.inputs), np.nan)
        merged = replace(merged, before=before)
        names = ", ".join(
            f"`{name}`" for name, steps in zip(inputs, np.asarray(stepped.any(axis=0)), strict=True) if steps
        )
        at = merged.t[stepped.any(axis=1)]
        shown = ", ".join(f"{one:g}" for one in at[:5]) + (", ..." if len(at) > 5 else "")
        notes.append(
            f"{_where(source)}two rows at one time are the values of {names} before and after a step (at {shown})."
        )
    joined = int((times.counts[~stepped.any(axis=1)] - 1).sum())
    if joined:
        notes.append(f"{_where(source)}{joined} rows complete another one at the same time and were joined with it.")
    return _in_order(merged, rows), notes, []


def _at_times(source: Rows, times: _Times, rows: Int64[np.ndarray, " time"]) -> Rows:
    """One row for each time, with the values that any of its rows has."""
    deviation = None if source.deviation is None else times.first(source.deviation)
    return replace(
        source.rows_at(rows),
        measured=times.first(source.measured),
        inputs=times.last(source.inputs),
        deviation=deviation,
        ends=None if source.ends is None else times.first_ends(source.measured, source.ends),
    )


def _readings(
    source: Rows,
    times: _Times,
    readings: Bool[np.ndarray, " time"],
    measured: Sequence[str],
    inputs: Sequence[str],
    config: DataConfig,
) -> tuple[Rows, list[str], list[Decision]]:
    answer = config.replicates
    most = int(times.counts[readings].max())
    place = int(np.flatnonzero(readings)[0])
    t = source.t[times.order[times.starts[place]]]
    if answer not in ("mean", "trajectories"):
        of_these = np.isin(times.group, times.group[readings])
        if readings.sum() < MOSTLY * of_these.sum() or most > np.median(times.counts[readings]) * 2:
            _ask(source, times, place, measured, config)
        answer = "trajectories"
    shaped, told = _mean(source, times, measured) if answer == "mean" else (_split(source, times), [])
    said = "their mean was taken" if answer == "mean" else "each was taken as a trajectory of its own"
    sentence = f"{_where(source)}there are up to {most} readings at one time (the first at {t:.10g}); {'; '.join([said, *told])}."
    chosen = 0 if answer == "trajectories" else 1
    decision = Decision("shape", sentence, None, (TRAJECTORIES, MEAN), chosen, certain=config.replicates is not None)
    return shaped, [sentence], [decision]


def _ask(source: Rows, times: _Times, place: int, measured: Sequence[str], config: DataConfig) -> None:
    rows = source.rows[times.order[times.starts[place] : times.starts[place] + times.counts[place]]]
    t = source.t[times.order[times.starts[place]]]
    of = f" in trajectory `{source.group[times.order[times.starts[place]]]}`" if source.group is not None else ""
    sentence = (
        f"the time {t:.10g} is there twice{of} (also in row {rows[0]}); keep one of the rows, or if they are different "
        "experiments, give each its own file or its own name in a trajectory column; or they may be readings of the same"
    )
    choices = [MEAN, TRAJECTORIES]
    stepping = _looks_stepped(source, times, measured)
    if stepping:
        names = (*config.inputs, *stepping)
        choices.append(Choice(f"`{'`, `'.join(stepping)}` is an input that steps there", {"inputs": names}))
    raise question(Decision("shape", sentence, source.label, tuple(choices), chosen=None), source.path, int(rows[1]))


def _looks_stepped(source: Rows, times: _Times, measured: Sequence[str]) -> list[str]:
    """Columns that alone differ between rows of one time, where others are the same or missing."""
    differ = times.differ(source.measured)
    columns = np.asarray(differ.any(axis=0))
    return [name for name, one in zip(measured, columns, strict=True) if one] if columns.sum() < len(columns) else []


def _mean(source: Rows, times: _Times, measured: Sequence[str]) -> tuple[Rows, list[str]]:
    """The mean of the readings at each time with its standard deviation, and sentences about how far readings scatter."""
    refuse_limits(source)
    rows = times.order[times.starts]
    known = times.known(source.measured)
    ordered = source.measured[times.order]
    total = np.add.reduceat(np.nan_to_num(ordered), times.starts, axis=0)
    mean = np.where(known > 0, total / np.maximum(known, 1), np.nan)
    found = _at_times(source, times, rows)
    own = np.full(mean.shape, np.nan) if found.deviation is None else found.deviation
    found_of = [of_readings(ordered[:, k], times.of, mean[:, k]) for k in range(mean.shape[1])]
    deviation = np.column_stack([one.deviation for one in found_of])
    deviation = np.where(np.isfinite(deviation) & (known > 0), deviation, own)
    told = [text for one, name in zip(found_of, measured, strict=True) if (text := one.sentence(name))]
    return _in_order(replace(found, measured=mean, deviation=positive(deviation)), rows), told


def refuse_limits(source: Rows) -> None:
    """Refuse means of readings of which only a limit is known.

    Raises
    ------
    DataError
        There are some.
    """
    if source.ends is not None:
        row = int(np.flatnonzero(~np.isnan(source.ends).all(axis=(1, 2)))[0])
        raise DataError(
            "of some readings only a limit is known, and so their mean is not; take each for a trajectory of its own "
            '(`replicates = "trajectories"`), or say `below = "missing"` or `"limit"`',
            path=source.path,
            row=int(source.rows[row]),
        )


def positive(deviation: Float[np.ndarray, "row measured"]) -> Float[np.ndarray, "row measured"] | None:
    """Standard deviations, those of equal readings (0) unknown; None if none is left."""
    deviation = np.where(deviation > 0, deviation, np.nan)
    return deviation if np.isfinite(deviation).any() else None


def _split(source: Rows, times: _Times) -> Rows:
    """The n-th reading at each time as part of the n-th trajectory."""
    nth = np.arange(len(times.order)) - times.starts[times.of]
    base = (
        source.group[times.order] if source.group is not None else np.full(len(times.order), source.stem, dtype=object)
    )
    group_of = times.group[times.of]
    several = np.zeros(int(group_of.max()) + 1, dtype=bool)
    several[group_of[nth > 0]] = True
    names = [f"{name}/{n + 1}" if several[g] else str(name) for name, n, g in zip(base, nth, group_of, strict=True)]
    doses: dict[str, tuple[Dose, ...]] = dict(source.doses)
    for name, old in zip(names, base, strict=True):
        if str(old) in source.doses:
            doses[name] = source.doses[str(old)]
    split = replace(source.rows_at(times.order), group=np.array(names, dtype=object), doses=doses)
    order = np.lexsort((np.arange(len(nth)), nth, group_of))
    return split.rows_at(order)


def _in_order(merged: Rows, rows: Int64[np.ndarray, " time"]) -> Rows:
    """Merged rows in the order of the file, so that trajectories keep theirs."""
    return merged.rows_at(np.argsort(rows, kind="stable"))


def _where(source: Rows) -> str:
    return f"{source.path}: " if source.path else ""
