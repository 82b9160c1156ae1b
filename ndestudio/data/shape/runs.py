"""Which column, or which columns together, name the trajectory of each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from ndestudio.data.roles import TRAJECTORY_NAMES, Analysed, increasing, telling
from ndestudio.data.shape.vocabulary import (
    CALENDAR,
    IDENTIFIERS,
    OCCASIONS,
    PHASES,
    RUNS,
    is_flag,
    is_unit_column,
    word,
)
from ndestudio.data.times.words import part_of_clock

MOST = 8
"""So many columns are tried together."""
CROSSED = 0.6
GAP = 4.0
"""Phases of one run follow each other within so many usual steps."""
TOGETHER = 3
"""At most so many columns name a run."""


def guess_runs(
    free: Sequence[Analysed], time: Analysed | None, columns: Sequence[Analysed], base: np.ndarray | None = None
) -> tuple[int, ...]:
    """The columns that name the trajectories, if some seem to.

    One column is enough where it has a telling name or makes the time increase. Where the time still repeats or falls in
    what one column names, several are tried together.

    Parameters
    ----------
    free
        Columns without another use.
    time
        The time column, if the person named it.
    base
        Number of the group of each row that is told apart anyhow (the quantities of a long table).
    """
    single = _one(free, time, columns, base)
    others = _times(time, columns)
    rows = max((len(column.texts) for column in free), default=0)
    known = () if single is None else (single,)
    within = next((one.index for one in free if word(one.label) in OCCASIONS and _names(one, rows)), None)
    if known and within is not None and within != single and _usable(columns, (*known, within), base):
        known = tuple(sorted((*known, within)))
    if not others or rows < 4 or _rising(others, columns, known, base):
        return known
    able = [one for one in free if one.index not in known and one not in others and _names(one, rows)][:MOST]
    able.sort(key=lambda one: (not _telling(one), one.kind != "text", one.index))
    for more in range(1 if known else 2, TOGETHER + 1 - len(known)):
        for chosen in combinations([one.index for one in able], more):
            together = tuple(sorted((*known, *chosen)))
            if _rising(others, columns, together, base) and _usable(columns, together, base):
                return together
    return known


def groups(columns: Sequence[Analysed], chosen: Sequence[int], base: np.ndarray | None = None) -> np.ndarray | None:
    """Number of the group of each row, by the texts in some columns; None for none."""
    number = base
    for index in chosen:
        place = next(one for one in columns if one.index == index)
        codes = np.unique(np.array(place.texts, dtype=str), return_inverse=True)[1]
        number = (
            codes if number is None else np.unique(number * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
        )
    return number


def run_name(parts: Sequence[str]) -> str:
    """The name of a run from what its columns say: the parts that are there, with `/` between them."""
    return "/".join(part for part in (one.strip() for one in parts) if part)


def _one(
    free: Sequence[Analysed], time: Analysed | None, columns: Sequence[Analysed], base: np.ndarray | None
) -> int | None:
    rows = max((len(column.texts) for column in free), default=0)
    others = _times(time, columns)
    for kind in ("text", "number"):
        for tells in (True, False):
            for column in free:
                if column.kind == kind and _telling(column) == tells and not _never(column):
                    distinct = len(set(column.texts))
                    few = distinct < rows if tells and kind == "text" else distinct * 2 <= rows
                    others_ = [one for one in others if one is not column]
                    if few and _separates(column, tells, others_, columns, base):
                        return column.index
    return None


def _separates(
    column: Analysed, tells: bool, times: Sequence[Analysed], columns: Sequence[Analysed], base: np.ndarray | None
) -> bool:
    if column.missing:
        return False
    if column.kind == "number" and not (np.isfinite(column.values).all() and np.all(np.mod(column.values, 1) == 0)):
        return False
    distinct, changes = len(set(column.texts)), sum(one != other for one, other in pairwise(column.texts))
    if tells:
        return True
    if column.kind == "text" and changes + 1 == distinct and distinct > 1:
        return word(column.label) not in PHASES or not _goes_on(column, times, base)
    return any(
        not increasing(one.values, base)
        and increasing(one.values, groups(columns, (column.index,), base))
        and (column.kind == "text" or _crossed(one) or (changes + 1 == distinct and _falls(one)))
        for one in times
        if one.kind != "text"
    )


def _goes_on(column: Analysed, times: Sequence[Analysed], base: np.ndarray | None) -> bool:
    """Whether the time goes on where the text changes, without a gap: then the texts are phases of one run."""
    changes = np.array([one != other for one, other in pairwise(column.texts)])
    for one in times:
        if base is None and increasing(one.values, None):
            steps = np.diff(one.values)
            return bool(np.nanmin(steps[changes]) <= GAP * np.nanmedian(steps))
    return False


def _falls(time: Analysed) -> bool:
    """Whether another run begins somewhere; where an input steps the time only repeats."""
    return bool((np.diff(time.values[np.isfinite(time.values)]) < 0).any())


def _crossed(time: Analysed) -> bool:
    """Whether most times are there several times, so that they stand for several runs."""
    return len(np.unique(time.values)) <= CROSSED * len(time.values)


def _never(column: Analysed) -> bool:
    return (
        is_flag(column.label)
        or is_unit_column(column.header)
        or word(column.label) in CALENDAR
        or bool(part_of_clock(column.label))
        or telling(column.label)
    )


def _telling(column: Analysed) -> bool:
    return word(column.label) in TRAJECTORY_NAMES | RUNS


def _times(time: Analysed | None, columns: Sequence[Analysed]) -> list[Analysed]:
    found = [time] if time else [one for one in columns if telling(one.label)]
    return [one for one in found if one.kind != "text"]


def _names(column: Analysed, rows: int) -> bool:
    """Whether a column could name a run together with others."""
    if column.missing or _never(column) or word(column.label) in IDENTIFIERS - {"id"}:
        return False
    distinct = len(set(column.texts))
    if column.kind == "date" or distinct < 2 or distinct * 2 > rows:
        return False
    changes = sum(one != other for one, other in pairwise(column.texts))
    # numbers that change from row to row are measured
    return column.kind == "text" or _telling(column) or (changes * 2 <= rows and distinct * 4 <= rows)


def _rising(
    times: Sequence[Analysed], columns: Sequence[Analysed], chosen: Sequence[int], base: np.ndarray | None
) -> bool:
    return any(increasing(one.values, groups(columns, chosen, base)) for one in times)


def _usable(columns: Sequence[Analysed], chosen: Sequence[int], base: np.ndarray | None) -> bool:
    """Whether runs have at least two rows for the most part."""
    number = groups(columns, chosen, base)
    return number is not None and bool(2 * (number.max() + 1) <= len(number))
