"""Long tables: one column says what was measured, another its value. Found, and turned into a column for each quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from ndestudio.data.assemble import Rows
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.deviations import measured_by
from ndestudio.data.roles import TRAJECTORY_NAMES, Analysed, find, increasing, telling
from ndestudio.data.shape.vocabulary import (
    OBSERVABLES,
    PERHAPS_OBSERVABLES,
    RUNS,
    VALUES,
    is_flag,
    is_unit_column,
    word,
)
from ndestudio.data.times.words import part_of_clock
from ndestudio.errors import DataError

MOST = 500
"""More different texts than this name no quantities."""


@dataclass(frozen=True)
class Long:
    """The two columns that make a table long, by index.

    Parameters
    ----------
    decision
        How it was found, None where the person said it.
    unit
        Column with the unit of each value, None if there is none.
    """

    observable: int
    value: int
    decision: Decision | None = None
    unit: int | None = None


def find_long(
    columns: Sequence[Analysed], taken: Sequence[int], config: DataConfig
) -> tuple[Long | None, Decision | None]:
    """The columns of a long table; with a question instead where nothing tells what a text column is.

    Parameters
    ----------
    columns
        Without the rows that are no measurements.
    taken
        Columns that the person gave another use.
    """
    if config.shape in ("wide", "dates across"):
        return None, None
    found, asked = _find(columns, taken, config)
    if found is None:
        return None, asked
    texts = [one for one in columns if one.kind == "text" and one.index not in (*taken, found.observable)]
    unit = next((one.index for one in texts if is_unit_column(one.header)), None)
    return replace(found, unit=unit), asked


def _find(columns: Sequence[Analysed], taken: Sequence[int], config: DataConfig) -> tuple[Long | None, Decision | None]:
    free = [one for one in columns if one.index not in taken]
    asked = config.shape == "long" or config.observable is not None
    if asked:
        return _asked(columns, free, config), None
    for names in (OBSERVABLES, PERHAPS_OBSERVABLES, None):
        for column in free:
            if _could_name(column, names):
                value = _value(free, column, config)
                if value is None:
                    continue
                found = _judge(column, value, columns)
                if found is not None:
                    return (None, found) if found.open else (Long(column.index, value.index, found), None)
    return None, None


def _asked(columns: Sequence[Analysed], free: Sequence[Analysed], config: DataConfig) -> Long | None:
    place = find(columns, config.observable) if config.observable else None
    if place is None and not config.observable:
        able = [one for names in (OBSERVABLES, PERHAPS_OBSERVABLES, None) for one in free if _could_name(one, names)]
        place = able[0].index if able else None
    if place is None:
        return None
    value = _value(free, columns[place], config)
    return None if value is None else Long(place, value.index)


def _could_name(column: Analysed, names: frozenset[str] | None) -> bool:
    called = word(column.label)
    if column.missing or (column.kind != "text" if names is None else called not in names):
        return False
    distinct = {text.strip() for text in column.texts}
    if not distinct or len(distinct) > MOST:
        return False
    if names is None:
        strange = (
            is_unit_column(column.header)
            or called in TRAJECTORY_NAMES | RUNS
            or telling(column.label)
            or is_flag(column.label)
        )
        return not strange and 1 < len(distinct) <= len(column.texts) / 2
    whole = column.kind == "number" and bool(np.all(np.mod(column.values, 1) == 0))
    repeats = len(distinct) < len(column.texts) if names is OBSERVABLES else 2 * len(distinct) <= len(column.texts)
    return repeats and (column.kind == "text" or (whole and called in ("dvid", "ytype", "observable")))


def _value(free: Sequence[Analysed], observable: Analysed, config: DataConfig) -> Analysed | None:
    if config.value is not None:
        return next((one for one in free if config.value in one.answers_to), None)
    able = [
        one
        for one in free
        if one is not observable and one.kind == "number" and one.missing < len(one.texts) and not is_flag(one.label)
    ]
    named = [one for one in able if word(one.label) in VALUES]
    if named:
        return named[0]
    labels = [one.label for one in able]
    rest = [
        one
        for one in able
        if not telling(one.label)
        and not part_of_clock(one.label)
        and measured_by(one.label, labels) is None
        and word(one.label) not in TRAJECTORY_NAMES | RUNS
        and not _whole_steps(one)
    ]
    return rest[0] if len(rest) == 1 else None


def _whole_steps(column: Analysed) -> bool:
    """Whether numbers only count rows or name something: whole, and each of them often."""
    values = column.values
    return bool(np.isfinite(values).all() and np.all(np.mod(values, 1) == 0)) and (
        len(np.unique(values)) <= len(values) / 4 or bool(np.all(np.diff(values) == 1))
    )


def _judge(observable: Analysed, value: Analysed, columns: Sequence[Analysed]) -> Decision | None:
    called = word(observable.label)
    long = Choice(
        f"long: `{observable.label}` says what `{value.label}` is",
        {"shape": "long", "observable": observable.label, "value": value.label},
    )
    runs = Choice(f"`{observable.label}` names runs", {"shape": "wide", "trajectory": observable.label})
    wide = Choice("leave the table as it is", {"shape": "wide"})
    sentence = f"The table is long: `{observable.label}` says what was measured, `{value.label}` has the values."
    if called in OBSERVABLES:
        return Decision("shape", sentence, choices=(long, runs, wide))
    valued = word(value.label) in VALUES
    nameless = not observable.header and not value.header
    if not (valued or nameless or called in PERHAPS_OBSERVABLES) or _rises(columns, observable, value):
        return None
    if called in PERHAPS_OBSERVABLES and valued:
        return Decision("shape", sentence, observable.label, (long, runs, wide), certain=False)
    seen = ", ".join(f"`{text}`" for text in list(dict.fromkeys(observable.texts))[:3])
    sentence = f"`{observable.label}` ({seen}, ...) may say what was measured in `{value.label}`, or which run it was"
    return Decision("shape", sentence, observable.label, (long, runs), chosen=None)


def _rises(columns: Sequence[Analysed], *others: Analysed) -> bool:
    """Whether a column called like a time increases over all rows, or over those that each name of a run has: then no
    quantity has a time of its own."""
    free = [one for one in columns if one not in others]
    names = [one for one in free if word(one.label) in TRAJECTORY_NAMES | RUNS and not one.missing]
    numbers = [None, *(np.unique(np.array(one.texts, dtype=str), return_inverse=True)[1] for one in names)]
    times = [one for one in free if telling(one.label) and one.kind != "text"]
    return any(increasing(one.values, number) for one in times for number in numbers)


def observables(texts: Sequence[str] | np.ndarray) -> list[str]:
    """The names in a column of them, in order of appearance."""
    return [one for one in dict.fromkeys(str(text).strip() for text in texts) if one]


def pivot(source: Rows, names: Sequence[str], ordered: bool = True) -> tuple[Rows, list[str]]:
    """A long source with a measured column for each of ``names``.

    Rows of one trajectory and time become one; a quantity that is there twice at a time makes a second row of it.

    Parameters
    ----------
    ordered
        Whether the times of each quantity have to rise: not in PEtab tables, whose rows are in no order.

    Raises
    ------
    DataError
        Times that fall within one quantity of a trajectory.
    """
    assert source.observable is not None
    place = {name: k for k, name in enumerate(names)}
    quantity = np.array([place.get(str(text).strip(), -1) for text in source.observable], dtype=np.int64)
    notes = []
    if (quantity < 0).any():
        lost = source.rows[quantity < 0]
        notes.append(
            f"{source.path}: {len(lost)} rows (the first is row {lost[0]}) do not say what was measured; set aside."
        )
        source, quantity = source.rows_at(np.flatnonzero(quantity >= 0)), quantity[quantity >= 0]
    if not len(quantity):
        return replace(source, measured=np.zeros((0, len(names))), observable=None, deviation=None, ends=None), notes
    group = _by_appearance(source.group, len(quantity))
    if ordered:
        _check_order(source, group, quantity, names)
    first, row_of = _wide_rows(group, source.t, quantity)
    wide = source.rows_at(first)
    measured = np.full((len(first), len(names)), np.nan)
    measured[row_of, quantity] = source.measured[:, 0]
    deviation = None
    if source.deviation is not None:
        deviation = np.full(measured.shape, np.nan)
        deviation[row_of, quantity] = source.deviation[:, 0]
    ends = None
    if source.ends is not None:
        ends = np.full((*measured.shape, 2), np.nan)
        ends[row_of, quantity] = source.ends[:, 0]
    inputs = wide.inputs.copy()
    for k in range(inputs.shape[1]):
        known = np.flatnonzero(np.isfinite(source.inputs[:, k]))[::-1]
        inputs[row_of[known], k] = source.inputs[known, k]
    return replace(wide, measured=measured, deviation=deviation, ends=ends, inputs=inputs, observable=None), notes


def _by_appearance(group: np.ndarray | None, rows: int) -> Int64[np.ndarray, " row"]:
    if group is None:
        return np.zeros(rows, dtype=np.int64)
    _, first, inverse = np.unique(group.astype(str), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _wide_rows(
    group: Int64[np.ndarray, " row"], t: np.ndarray, quantity: Int64[np.ndarray, " row"]
) -> tuple[Int64[np.ndarray, " wide"], Int64[np.ndarray, " row"]]:
    """The first long row of each wide one, and the wide row of each long one."""
    rows = np.arange(len(t))
    order = np.lexsort((rows, quantity, t, group))
    again = _same(group, t, quantity, order=order)
    starts = np.where(again, 0, np.arange(len(order)))
    nth = np.arange(len(order)) - np.maximum.accumulate(starts)
    occurrence = np.empty(len(order), dtype=np.int64)
    occurrence[order] = nth
    order = np.lexsort((rows, occurrence, t, group))
    same = _same(group, t, occurrence, order=order)
    number = np.cumsum(~same) - 1
    row_of = np.empty(len(order), dtype=np.int64)
    row_of[order] = number
    return order[~same], row_of


def _same(*keys: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Whether each in order has the same keys as the one before; NaN is the same as nothing."""
    same = np.zeros(len(order), dtype=bool)
    same[1:] = True
    for key in keys:
        sorted_ = key[order]
        same[1:] &= sorted_[1:] == sorted_[:-1]
    return same


def _check_order(source: Rows, group: np.ndarray, quantity: np.ndarray, names: Sequence[str]) -> None:
    known = np.isfinite(source.t)
    order = np.lexsort((np.arange(len(source.t)), quantity, group))
    order = order[known[order]]
    falls = np.flatnonzero(
        (np.diff(source.t[order]) < 0) & (np.diff(group[order]) == 0) & (np.diff(quantity[order]) == 0)
    )
    if len(falls):
        before, after = order[falls[0]], order[falls[0] + 1]
        of = f" in trajectory `{source.group[after]}`" if source.group is not None else ""
        raise DataError(
            f"the time falls from {source.t[before]:.10g} to {source.t[after]:.10g} within `{names[int(quantity[after])]}`{of}; sort the "
            "rows by time, or if a new experiment begins here, give each its own name in a trajectory column",
            path=source.path,
            row=int(source.rows[after]),
            column=source.label,
        )
