"""The clock of a table: the column, or the columns together, that tell the time of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from ndestudio.data.times import calendar
from ndestudio.data.times.calendar import DAY
from ndestudio.data.times.forms import TimeForm

Column: TypeAlias = "np.ndarray"

_NUMBERS: Mapping[str, float] = {"hour": 3600.0, "minute": 60.0, "second": 1.0}


@dataclass(frozen=True)
class Part:
    """One column of a clock.

    Parameters
    ----------
    index, label
        Of the column.
    what
        `"time"` for a column that tells all, `"date"`, `"clock"`, or a number of a calendar: `"year"`, `"month"`, `"day"`,
        `"day of year"`, `"hour"`, `"minute"`, `"second"`, `"hhmm"`, `"hhmmss"`; `"zone"` for the time zone of each row.
    form
        How its cells are read; None for numbers as they stand.
    others
        Readings that fit its cells as well: the whole column has to decide.
    """

    index: int
    label: str
    what: str = "time"
    form: TimeForm | None = None
    others: tuple[TimeForm, ...] = ()


@dataclass(frozen=True)
class Clock:
    """What tells the time.

    Parameters
    ----------
    unit
        That the header names, "" for none.
    """

    parts: tuple[Part, ...]
    unit: str = ""

    @property
    def label(self) -> str:
        return " + ".join(part.label for part in self.parts)

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(part.index for part in self.parts)

    @property
    def plain(self) -> bool:
        """Whether one column of numbers is the time as it stands (or none is: rows are counted)."""
        if not self.parts:
            return True
        form = self.parts[0].form
        return len(self.parts) == 1 and (form is None or form.plain)

    @property
    def moment(self) -> bool:
        """Whether moments are told, not durations or clocks of a day that nobody names."""
        return any(part.what == "year" or (part.form and part.form.measure == "moment") for part in self.parts)

    @property
    def zoned(self) -> bool:
        """Whether the cells say in which zone they are, so that the time is that of UTC."""
        return any(part.form is not None and part.form.zoned for part in self.parts)

    @property
    def zero(self) -> int:
        """Microseconds from 1970-01-01 to the moment that ``seconds`` counts from; 0 for durations."""
        return sum(part.form.zero for part in self.parts if part.form and part.form.measure == "moment")

    @property
    def form_name(self) -> str:
        if self.plain:
            return "number"
        names = [part.form.name if part.form else part.what for part in self.parts]
        return " + ".join(names)

    def seconds(self, columns: Mapping[int, Column]) -> Float[np.ndarray, " row"]:
        """The time of each row.

        Parameters
        ----------
        columns
            Index of a column -> numbers as they stand, or seconds by ``Part.form``; NaN where there are none.

        Returns
        -------
        np.ndarray
            Seconds since ``zero`` (``plain``: the numbers of the column), NaN where a part is missing or there is no such
            day.
        """
        if len(self.parts) == 1 and self.parts[0].what == "time":
            return columns[self.parts[0].index]
        found = {part.what: columns[part.index] for part in self.parts}
        total = found["time"] if "time" in found else _day(found)
        for what, scale in _NUMBERS.items():
            if what in found:
                total = total + found[what] * scale
        if "hhmmss" in found:
            whole = np.floor(found["hhmmss"] / 100)
            total = total + found["hhmmss"] - 100 * whole
            found["hhmm"] = whole
        if "hhmm" in found:
            hours = np.floor(found["hhmm"] / 100)
            total = total + hours * 3600 + (found["hhmm"] - 100 * hours) * 60
        for what in ("clock", "zone"):
            if what in found:
                total = total + found[what]
        return total

    def counting_from(self, zeros: Mapping[int, int]) -> Clock:
        """The clock with the forms of some columns counting from other moments."""
        parts = tuple(
            replace(part, form=part.form.from_zero(zeros[part.index])) if part.form and part.index in zeros else part
            for part in self.parts
        )
        return replace(self, parts=parts)


def _day(found: Mapping[str, Column]) -> Float[np.ndarray, " row"]:
    """Seconds since 1970-01-01 of the beginning of each day, or since day 0 where no year is told."""
    if "date" in found:
        return found["date"]
    if "year" not in found:
        days = found.get("day of year", found.get("day"))
        return np.zeros(len(next(iter(found.values())))) if days is None else days * DAY
    year = found["year"]
    if "day of year" in found:
        first, of_year = _numbered(year, np.ones_like(year), np.ones_like(year)), found["day of year"]
        with np.errstate(invalid="ignore"):
            return np.where((of_year >= 0) & (of_year < 367), first + (of_year - 1) * DAY, np.nan)
    one = np.ones_like(year)
    return _numbered(year, found.get("month", one), found.get("day", one))


def _numbered(year: Column, month: Column, day: Column) -> Float[np.ndarray, " row"]:
    known = np.isfinite(year) & np.isfinite(month) & np.isfinite(day)
    y, m, d = (np.where(known, one, 1).astype(np.int64) for one in (year, month, day))
    y = np.where((y >= 0) & (y < 100), calendar.full_year(y, np.full_like(y, 2)), y)
    fine = known & calendar.valid(y, m, d)
    return np.where(fine, calendar.day_number(y, m, np.where(fine, d, 1)) * float(DAY), np.nan)


def as_moment(micro: float) -> str:
    """Microseconds since 1970-01-01 as `2020-12-31 08:30:00`, without what is zero at the end."""
    text = str(np.datetime64(int(micro), "us").astype("datetime64[ms]")).replace("T", " ")
    return text.removesuffix(".000").removesuffix(":00").removesuffix(" 00:00")


def labels(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(part.label for part in parts)
