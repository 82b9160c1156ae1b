"""Columns, and sets of columns, that may tell the time of a table, by their names, their cells and whether they rise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from ndestudio.data.times.calendar import DAY
from ndestudio.data.times.cells import series_of
from ndestudio.data.times.clock import Clock, Part
from ndestudio.data.times.forms import ZONES
from ndestudio.data.times.recognise import Reading
from ndestudio.data.times.words import TELLING, is_end, is_start, name_score, part_of_clock, tokens, unit_in_name

READABLE = 3.0
"""A column with such a name that cannot be read is a problem, not a column of text."""
RISING = 2.5
"""What rising values add."""
_COUNTER = 0.1
"""What numbers of rows lose, so that any other rising column comes first."""

_COUNTERS = frozenset(
    {
        "index",
        "row",
        "id",
        "no",
        "nr",
        "number",
        "#",
        "unnamed",
        "record",
        "n",
        "obs",
        "sample",
        "line",
        "rn",
        "rownames",
        "rowname",
    }
)
_LIMITS: Mapping[str, tuple[float, float]] = {
    "year": (0, 3000), "month": (1, 12), "day": (1, 31), "day of year": (0, 367), "hour": (0, 24), "minute": (0, 60),
    "second": (0, 61),
}  # fmt: skip
_SETS: tuple[tuple[str, ...], ...] = (
    ("year", "day of year"),
    ("year", "month", "day"),
    ("year", "month"),
    ("date",),
    ("day of year",),
    ("day",),
)
"""What the day of a clock in several columns is told by, best first."""


@runtime_checkable
class Seen(Protocol):
    """A column as its head shows it."""

    @property
    def index(self) -> int: ...
    @property
    def header(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def kind(self) -> Literal["number", "text", "date"]: ...
    @property
    def values(self) -> np.ndarray: ...
    @property
    def texts(self) -> tuple[str, ...]: ...
    @property
    def missing(self) -> int: ...
    @property
    def reading(self) -> Reading | None: ...


@dataclass(frozen=True, eq=False)
class Candidate:
    """A clock that the table may have.

    Parameters
    ----------
    name
        How much its names say that it is one.
    values
        What it tells in the rows of the head.
    """

    clock: Clock
    name: float
    values: np.ndarray
    counter: bool = False

    @property
    def telling(self) -> bool:
        return self.name >= TELLING


def candidates(columns: Sequence[Seen]) -> list[Candidate]:
    """All clocks that the columns may make, those with the most telling names first."""
    found = [one for column in columns if (one := single(column)) is not None]
    if not any(column.header for column in columns):
        found = [replace(one, counter=False) for one in found]
    together = _together(columns)
    if together is not None:
        found.append(together)
    zone = next((column for column in columns if part_of(column) == "zone" and len(set(column.texts)) > 1), None)
    if zone is not None:
        found = [_in_zones(one, zone) for one in found]
    return sorted(found, key=lambda one: -one.name)


def _in_zones(candidate: Candidate, zone: Seen) -> Candidate:
    """Moments of local time with the zone of each row."""
    if not candidate.clock.moment or candidate.clock.zoned or np.all(candidate.values == np.floor(candidate.values)):
        return candidate
    clock = replace(candidate.clock, parts=(*candidate.clock.parts, Part(zone.index, zone.label, "zone", ZONES)))
    return replace(candidate, clock=clock, values=candidate.values + _zone_seconds(zone) / DAY)


def _zone_seconds(zone: Seen) -> np.ndarray:
    return ZONES.seconds(series_of(zone.texts))[0]


def single(column: Seen) -> Candidate | None:
    """The clock that a column makes alone; None if its cells cannot be one."""
    score = name_score(column.label, column.unit)
    if column.missing == len(column.texts) or (column.kind == "text" and column.reading is None):
        return None
    counter = _counts(column) and bool(set(tokens(column.header)) <= _COUNTERS)
    if column.reading is None:
        unit = column.unit or unit_in_name(column.label)
        return Candidate(
            Clock((Part(column.index, column.label),), unit), 0.0 if counter else score, column.values, counter
        )
    if not column.reading.strict and score < TELLING:
        if column.kind == "text" and (column.header or column.reading.form.measure != "moment"):
            return None
        if column.kind != "text":
            return Candidate(Clock((Part(column.index, column.label),), column.unit), score, column.values)
    form = column.reading.form
    part = part_by_form(column, "time")
    sure = 0.0 if not column.reading.strict else 1.5 if form.measure == "moment" else 1.0
    if form.plain:
        return Candidate(Clock((part,), column.unit or unit_in_name(column.label)), score, column.values)
    if is_end(column.label) and not is_start(column.label) and not score:
        sure -= 0.5
    unit = column.unit or ("" if form.grammar else unit_in_name(column.label))
    # a date without a telling name counts as much as a name that only hints
    return Candidate(
        Clock((part,), unit), max(score, TELLING if form.measure == "moment" else 1.0) + sure, column.values
    )


def _counts(column: Seen) -> bool:
    values = column.values
    return column.kind == "number" and len(values) > 1 and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))


def _together(columns: Sequence[Seen]) -> Candidate | None:
    """The best clock in several columns."""
    parts: dict[str, Seen] = {}
    for what, column in parts_of(columns):
        if what and what not in parts:
            parts[what] = column
    for day in _SETS:
        if not all(what in parts for what in day):
            continue
        clocks = [what for what in ("clock", "hhmm", "hhmmss", "hour") if what in parts][:1]
        if day[0] != "year" and not clocks:
            continue
        chosen = [*day, *clocks]
        if clocks == ["hour"] and "minute" in parts:
            chosen += ["minute", *(["second"] if "second" in parts else [])]
        if day in (("day",), ("day of year",)) and _rises(parts[day[0]].values):
            continue
        candidate = made_of([(what, parts[what]) for what in chosen])
        if np.isfinite(candidate.values).any():
            return candidate
    return None


def parts_of(columns: Sequence[Seen]) -> list[tuple[str, Seen]]:
    """Which part of a clock in several columns each column may be, "" for none; of two columns `MM`, one counts minutes."""
    found: list[tuple[str, Seen]] = []
    month = False
    for column in sorted(columns, key=lambda one: one.index):
        what = part_of(column)
        if month and column.label.strip().lower().split("_")[0] == "mm" and _inside(column.values, "minute"):
            what = "minute"
        month = month or what == "month"
        found.append((what, column))
    return found


def made_of(parts: Sequence[tuple[str, Seen]]) -> Candidate:
    """The clock of columns that tell each a part of it."""
    clock = Clock(tuple(_as_part(what, column) for what, column in parts))
    columns = {
        column.index: _zone_seconds(column)
        if part.what == "zone"
        else column.values * DAY
        if part.form is not None
        else column.values
        for part, (_, column) in zip(clock.parts, parts, strict=True)
    }
    return Candidate(clock, 6.0, clock.seconds(columns) / DAY)


def _as_part(what: str, column: Seen) -> Part:
    if what == "zone":
        return Part(column.index, column.label, what, ZONES)
    if column.reading is None or what not in ("date", "clock", "time"):
        return Part(column.index, column.label, what)
    return part_by_form(column, what)


def part_by_form(column: Seen, what: str) -> Part:
    """A column that is read by its form; where the head leaves it in doubt, the whole column decides."""
    reading = column.reading
    assert reading is not None
    return Part(column.index, column.label, what, reading.form, reading.forms[1:] if reading.provisional else ())


def part_of(column: Seen) -> str:
    """Which part of a clock in several columns a column may be, by its name and its cells; "" for none."""
    what = part_of_clock(column.label)
    if not what and column.reading is None:
        return ""
    present = column.values[np.isfinite(column.values)]
    if what == "zone":
        return what if column.kind == "text" and np.isfinite(_zone_seconds(column)).any() else ""
    if not len(present):
        return ""
    if column.reading is not None and not column.reading.form.plain:
        form = column.reading.form
        if form.measure == "moment":
            whole = bool(np.all(present == np.floor(present)))
            return (
                "date"
                if whole and (what in ("date", "day", "clock", "") or name_score(column.label) >= TELLING)
                else ""
            )
        inside = bool(np.all((present >= 0) & (present <= 1)))
        named = what in ("clock", "hour") or name_score(column.label) >= READABLE
        return "clock" if inside and named else ""
    if column.kind != "number" or column.unit.strip().lower() not in _UNITS.get(what, _ANY):
        return ""
    if what in ("clock", "date"):
        if what == "clock" and not _rises(present) and _whole(present) and present.max() > 24:
            return "hhmm" if _is_hhmm(present) else "hhmmss" if _is_hhmm(np.floor(present / 100)) else ""
        what = "hour" if what == "clock" and not _rises(present) else ""
    inside = _inside(present, what)
    whole = what in ("hour", "minute", "second", "day of year") or _whole(present)
    return what if inside and whole else ""


def _inside(values: np.ndarray, what: str) -> bool:
    low, high = _LIMITS.get(what, (1, 0))
    return bool(np.all((values >= low) & (values <= high)))


_ANY = frozenset({"", "-", "--", "utc", "gmt", "local", "lst", "n/a", "h", "hh", "hhmm", "hh:mm", "hours", "hr"})
_UNITS: Mapping[str, frozenset[str]] = {
    "hour": _ANY | {"h", "hr", "hh", "hours", "0-23"}, "minute": _ANY | {"min", "mm", "mn"}, "second": _ANY | {"s", "ss", "sec"},
    "day": _ANY | {"d", "dd", "dy", "day"}, "day of year": _ANY | {"d", "ddd"}, "month": _ANY | {"mm", "mo", "month"}, "year": _ANY | {"yyyy", "yy", "yr", "a", "year"},
}  # fmt: skip


def _whole(values: np.ndarray) -> bool:
    return bool(np.all(values == np.floor(values)))


def _is_hhmm(values: np.ndarray) -> bool:
    return bool(np.all((values >= 0) & (values <= 2400) & (np.mod(values, 100) < 60)))


def _rises(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(np.all(np.diff(known) > 0))


def best(found: Sequence[Candidate], rises: Callable[[np.ndarray], bool]) -> Candidate | None:
    """The most likely clock; the first of equally likely ones. A part of a clock in several columns is none itself."""
    chosen, score = None, 0.0
    for one in found:
        total = one.name + (RISING if rises(through_midnight(one)) else 0.0) - (_COUNTER if one.counter else 0.0)
        if total > score:
            chosen, score = one, total
    if chosen is not None and len(chosen.clock.parts) > 1:
        # a column that tells all that the set tells, and rises by itself, needs no others
        alone = [
            one for one in found if len(one.clock.parts) == 1 and one.telling and _finer(one) and rises(one.values)
        ]
        if alone and not rises(chosen.values):
            return alone[0]
    return chosen


def through_midnight(candidate: Candidate) -> np.ndarray:
    """The values of clocks of a day counted on where they fall at midnight."""
    values, parts = candidate.values, candidate.clock.parts
    known = values[np.isfinite(values)]
    if len(parts) != 1 or parts[0].form is None or candidate.clock.moment or not len(known):
        return values
    if parts[0].form.plain or known.min() < 0 or known.max() > 1 or len(known) < len(values):
        return values
    return values + np.concatenate([[0.0], np.cumsum(np.diff(values) < -0.5)])


def _finer(candidate: Candidate) -> bool:
    form = candidate.clock.parts[0].form
    return form is not None and form.measure == "moment"
