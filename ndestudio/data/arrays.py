"""Datasets from arrays and data frames, for users of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndestudio.data.assemble import Rows, assemble, without_endless
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Column, Dataset
from ndestudio.data.dates import counted
from ndestudio.data.deviations import cleaned
from ndestudio.data.names import TIME_NAME, identifier, split_header, suggestion, unique_labels
from ndestudio.data.readers.base import check_finite
from ndestudio.data.times.arrays import clock_of
from ndestudio.data.times.clock import Clock, Part
from ndestudio.errors import DataError


def dataset_from_arrays(
    t: ArrayLike | Sequence[ArrayLike],
    values: ArrayLike | Sequence[ArrayLike],
    names: Sequence[str],
    *,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    deviations: ArrayLike | Sequence[ArrayLike] | None = None,
    input_names: Sequence[str] = (),
    trajectories: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    time_unit: str = "",
    time_label: str = "time",
    time_format: str | None = None,
    weights: Mapping[str, float] | None = None,
    split: SplitConfig | None = None,
) -> Dataset:
    """A dataset from NumPy arrays (or what turns into them).

    Parameters
    ----------
    t
        Times of one trajectory `[time]`, or a sequence of such arrays, one for each trajectory: numbers as they stand, or
        moments (`datetime64`, text), counted from the first in ``time_unit`` or a unit that suits their steps. `inf` means a
        steady state.
    time_format
        As in ``DataConfig``: how text or numbers tell the time.
    values
        Measured values `[time, measured]` (or `[time]` for a single column), NaN where missing; a sequence of such
        arrays if ``t`` is one.
    names
        Of the measured columns, as `x` or `x [m]`.
    inputs
        Forcings `[time, input]`, arranged like ``values``.
    deviations
        Standard deviations of the values, arranged like ``values``; NaN where unknown.
    input_names
        Names of the inputs.
    trajectories
        Names of the trajectories (default: `1`, `2`, ...).
    units
        Column -> unit, over those in ``names``.
    weights
        Measured column -> weight in the loss.
    split
        Which rows train, validate and test.

    Returns
    -------
    Dataset
        The dataset, checked like one from files.

    Raises
    ------
    DataError
        Shapes that do not fit, infinite numbers, times that repeat or decrease.
    """
    clock, times = _times(t, time_label, time_unit, time_format)
    measured = [_matrix(one, len(names), "values") for one in _per_trajectory(values, 2, "values", len(times))]
    if inputs is None:
        forced = [np.zeros((len(one), 0)) for one in times]
    else:
        forced = [_matrix(one, len(input_names), "inputs") for one in _per_trajectory(inputs, 2, "inputs", len(times))]
    known: list[np.ndarray | None] = [None] * len(times)
    if deviations is not None:
        known = [
            _matrix(one, len(names), "deviations") for one in _per_trajectory(deviations, 2, "deviations", len(times))
        ]
    labels = list(trajectories) if trajectories is not None else [str(index + 1) for index in range(len(times))]
    if not len(times) == len(measured) == len(forced) == len(labels) == len(known):
        raise DataError(
            f"there are {len(times)} arrays of times, {len(measured)} of values, {len(forced)} of inputs and "
            f"{len(labels)} names of trajectories; give one of each for every trajectory"
        )
    columns, notes = _columns([*names, *input_names], units or {})
    sources = []
    for name, time, value, forcing, deviation in zip(labels, times, measured, forced, known, strict=True):
        if not len(time) == len(value) == len(forcing):
            raise DataError(
                f"trajectory `{name}` has {len(time)} times, {len(value)} rows of values and {len(forcing)} of inputs; "
                "they must be equally many"
            )
        rows = np.arange(1, len(time) + 1, dtype=np.int64)
        endless = np.asarray(time) == np.inf
        table = np.column_stack([np.where(endless, np.nan, time), value, forcing])
        for column, label in zip(table.T, [time_label, *names, *input_names], strict=True):
            check_finite(column, name=name, column=label, rows=rows)
        source = Rows(f"trajectory {name}", name, time.copy(), value.copy(), forcing.copy(), None, rows, time_label)
        sources.append(_with_deviation(without_endless(source), deviation, names, notes))
    found = counted(sources, clock)
    dataset = assemble(
        found.sources,
        Column(TIME_NAME, time_label, found.reading.unit),
        columns[: len(names)],
        columns[len(names) :],
        notes=[*found.notes, *notes],
        weights=weights,
        split=SplitConfig() if split is None else split,
    )
    return replace(dataset, time_reading=found.reading)


def _times(t: Any, label: str, unit: str, time_format: str | None) -> tuple[Clock, list[np.ndarray]]:
    """What tells the time, and the times of each trajectory as it gives them."""
    arrays = _moments(t)
    if arrays is None and time_format is None:
        return Clock((Part(0, label),), unit), _per_trajectory(t, 1, "t")
    arrays = _per_trajectory(t, 1, "t") if arrays is None else arrays
    clock, seconds = clock_of([(label, np.concatenate(arrays))], time_format)
    return replace(clock, unit=unit), np.split(seconds, np.cumsum([len(one) for one in arrays])[:-1])


def _moments(t: Any) -> list[np.ndarray] | None:
    """Arrays of moments or text, None for numbers."""

    def is_moment(value: object) -> bool:
        return isinstance(value, (str, np.datetime64, np.timedelta64)) or hasattr(value, "isoformat")

    if isinstance(t, np.ndarray) and t.ndim == 1 and t.dtype.kind in "MmUS":
        return [t]
    items = list(t) if not isinstance(t, str) else [t]
    if items and is_moment(items[0]):
        return [np.array(items, dtype=object)]
    if items and np.ndim(items[0]) == 1 and len(items[0]) and is_moment(items[0][0]):
        return [
            one if isinstance(one, np.ndarray) and one.dtype.kind in "Mm" else np.array(list(one), dtype=object)
            for one in items
        ]
    return None


def _with_deviation(source: Rows, deviation: np.ndarray | None, names: Sequence[str], notes: list[str]) -> Rows:
    if deviation is None:
        return source
    if deviation.shape != source.measured.shape:
        raise DataError(
            f"the standard deviations of {source.path} have the shape {deviation.shape}, its values "
            f"{source.measured.shape}; they must be the same"
        )
    columns = deviation.copy()
    for k, name in enumerate(names):
        if np.isfinite(columns[:, k]).any():
            columns[:, k], note = cleaned(columns[:, k], path=source.path, column=name, rows=source.rows)
            notes += [note] if note else []
    return replace(source, deviation=columns)


def dataset_from_frame(
    frame: Any,
    *,
    time: str | Sequence[str],
    time_format: str | None = None,
    states: Sequence[str] | None = None,
    trajectory: str | None = None,
    inputs: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    weights: Mapping[str, float] | None = None,
    split: SplitConfig | None = None,
) -> Dataset:
    """A dataset from a polars or pandas frame.

    Parameters
    ----------
    frame
        Anything with ``columns`` and ``frame[name].to_numpy()``.
    time
        Name of the time column, or of the columns that tell the time together. Numbers, dates and clocks in the forms that
        files may have; dates are counted from the first, in a unit that suits their steps.
    time_format
        As in ``DataConfig``.
    states
        Measured columns (default: all numeric ones without another use).
    trajectory
        Column that names the trajectories.
    inputs
        Forcings.

    Raises
    ------
    DataError
        Unknown columns, text where numbers are needed, times that repeat or decrease or can be read in several ways.
    """
    clocks = [time] if isinstance(time, str) else list(time)
    known = [str(name) for name in frame.columns]
    for name in (*clocks, *([trajectory] if trajectory else []), *(states or ()), *inputs):
        if name not in known:
            raise DataError(f"the frame has no column `{name}`{suggestion(name, known)}")
    if states is None:
        used = {*clocks, trajectory, *inputs}
        states = [name for name in known if name not in used and _is_numeric(frame[name].to_numpy())]
    if not states:
        raise DataError("the frame has no column of numbers beside the time; name the measured columns (states)")
    count = len(frame[clocks[0]])
    rows = np.arange(1, count + 1, dtype=np.int64)
    clock, t = clock_of([(name, frame[name].to_numpy()) for name in clocks], time_format)
    read = {name: _floats(frame[name].to_numpy(), name, rows) for name in (*states, *inputs)}
    group = None
    if trajectory is not None:
        names = frame[trajectory].to_numpy()
        group = np.array(["" if _absent(one) else str(one) for one in names], dtype=object)
    columns, more = _columns([*states, *inputs], units or {})
    source = Rows(
        None,
        "1",
        t,
        np.stack([read[name] for name in states], axis=1),
        np.stack([read[name] for name in inputs], axis=1) if inputs else np.zeros((count, 0)),
        group,
        rows,
        " + ".join(clocks),
    )
    asked = (units or {}).get(clocks[0])
    found = counted([source], clock if asked is None else replace(clock, unit=asked))
    if clock.plain:
        check_finite(found.sources[0].t, name="frame", column=clocks[0], rows=rows)
    dataset = assemble(
        found.sources,
        Column(TIME_NAME, found.reading.label, found.reading.unit),
        columns[: len(states)],
        columns[len(states) :],
        notes=[*found.notes, *more],
        weights=weights,
        split=SplitConfig() if split is None else split,
    )
    return replace(dataset, time_reading=found.reading)


def _columns(headers: Sequence[str], units: Mapping[str, str]) -> tuple[list[Column], list[str]]:
    parts = [split_header(header) for header in headers]
    labels = unique_labels([label for label, _ in parts])
    columns, notes, taken = [], [], set()
    for (_, unit), label, header in zip(parts, labels, headers, strict=True):
        name = identifier(label, taken)
        taken.add(name)
        columns.append(Column(name, label, units.get(label, units.get(header, unit))))
        if name != label:
            notes.append(f"`{label}` is called `{name}` in equations.")
    return columns, notes


def _per_trajectory(given: Any, axes: int, what: str, count: int | None = None) -> list[np.ndarray]:
    """One array for each trajectory; a single array is the only trajectory."""
    if isinstance(given, np.ndarray) and given.dtype != object and given.ndim <= axes and count in (None, 1):
        return [_float_array(given, what)]
    items = list(given)
    if not items:
        raise DataError(f"`{what}` is empty")
    if axes == 1 or count is None:
        nested = np.ndim(items[0]) >= 1
    else:
        nested = count > 1 or np.ndim(items[0]) == 2 or (np.ndim(items[0]) == 1 and len(items) == 1)
    return [_float_array(item, what) for item in items] if nested else [_float_array(items, what)]


def _float_array(given: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{what}` holds something that is no number ({error})") from error


def _matrix(array: np.ndarray, width: int, what: str) -> np.ndarray:
    matrix = array[:, None] if array.ndim == 1 else array
    if matrix.ndim != 2 or matrix.shape[1] != width:
        raise DataError(f"`{what}` has the shape {array.shape} where [time, {width}] is needed for {width} names")
    return matrix


def _is_numeric(values: np.ndarray) -> bool:
    if values.dtype.kind in "iuf":
        return True
    return values.dtype.kind == "O" and all(_absent(one) or isinstance(one, (int, float)) for one in values)


def _absent(value: object) -> bool:
    return value is None or value != value


def _floats(values: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
    result = np.full(len(values), np.nan)
    for place, value in enumerate(values) if values.dtype.kind not in "iufb" else ():
        if _absent(value):
            continue
        if isinstance(value, str):
            raise DataError(f"`{value}` is not a number", row=int(rows[place]), column=name)
        result[place] = float(value)
    if values.dtype.kind in "iufb":
        result = values.astype(np.float64)
    check_finite(result, name="frame", column=name, rows=rows)
    return result
