"""A time form: how the cells of one column tell the time, and the cells read by it, a column at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int64

from ndestudio.data.times import calendar
from ndestudio.data.times.calendar import DAY, MICRO
from ndestudio.data.times.fields import Fields, extract
from ndestudio.data.times.grammars import DURATION_UNITS, GRAMMARS, NUMBER_FORMATS, PLAIN_FORMATS, TEXT_GROUPS, Measure

if TYPE_CHECKING:
    import polars as pl

_BAD = np.iinfo(np.int64).min


@dataclass(frozen=True)
class TimeForm:
    """How cells tell the time.

    Parameters
    ----------
    name
        Of the format, as in ``DataConfig.time_format``.
    grammar
        Key of ``GRAMMARS``, "" for numbers, `"pattern"` for a pattern of the person.
    order
        Which of ``Grammar.orders``.
    pattern
        The regular expression of a pattern of the person.
    zero
        Microseconds from 1970-01-01 to the moment from which ``seconds`` counts, so that no digit of a long time is lost.
    zoned
        Whether the cells name their time zone, or count from a moment of UTC.
    """

    name: str
    grammar: str
    order: str = ""
    pattern: str = ""
    measure: Measure = "moment"
    zero: int = 0
    zoned: bool = False

    @property
    def plain(self) -> bool:
        """Whether the numbers are the time as they stand."""
        return self.name in PLAIN_FORMATS and not self.grammar

    def seconds(self, cells: pl.Series) -> tuple[Float[np.ndarray, " cell"], Bool[np.ndarray, " cell"]]:
        """Read cells.

        Parameters
        ----------
        cells
            Text, null where the time is missing; numbers for a format of numbers.

        Returns
        -------
        tuple[np.ndarray, np.ndarray]
            Seconds since ``zero`` (of durations since 0; of plain numbers the numbers), NaN where there are none, and
            which cells are no such time.
        """
        present = cells.is_not_null().to_numpy()
        if not self.grammar:
            return self._of_numbers(cells, present)
        return self.of_fields(self.fields(cells), present)

    def fields(self, cells: pl.Series) -> Fields:
        """The groups of the shape in each cell, which all orders of a grammar share."""
        return extract(cells, self.pattern or GRAMMARS[self.grammar].pattern, TEXT_GROUPS)

    def of_fields(
        self, fields: Fields, present: Bool[np.ndarray, " cell"]
    ) -> tuple[Float[np.ndarray, " cell"], Bool[np.ndarray, " cell"]]:
        """``seconds`` of cells whose groups are known."""
        micro = _durations(fields, self.order) if self.measure == "duration" else _moments(fields, self.order)
        zero = 0 if self.measure == "duration" else self.zero
        good = fields.matched & (micro != _BAD)
        if good.all():
            return (micro - zero) / MICRO, ~good
        whole = np.where(good, micro - zero, 0)
        return np.where(good, whole / MICRO, np.nan), present & ~good

    def _of_numbers(self, cells: pl.Series, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import polars as pl

        if self.name == "unix ns" and not cells.dtype.is_float():
            whole = cells.cast(pl.String).str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)
            known = whole.is_not_null().to_numpy()
            ticks = whole.fill_null(0).to_numpy() - self.zero * 1000
            return np.where(known, ticks / 1e9, np.nan), present & ~known
        values = cells.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().astype(np.float64)
        bad = present & ~np.isfinite(values)
        if self.plain:
            return values, bad
        scale, origin = NUMBER_FORMATS[self.name]
        zero = self.zero / MICRO / scale + origin
        digits = 6 if self.name.startswith("unix") else 3
        return np.round((values - zero) * scale, digits), bad

    def from_zero(self, zero: int) -> TimeForm:
        """The same form, counting from ``zero``."""
        from dataclasses import replace

        return replace(self, zero=zero)


def _moments(fields: Fields, order: str) -> Int64[np.ndarray, " cell"]:
    """Microseconds since 1970-01-01 (UTC where a zone is told), ``_BAD`` where there is no such moment."""
    days, good = _days_of_runs(fields, order)
    clock, fine = _clock(fields)
    good &= fine
    if "zone" not in fields.texts:
        return np.where(good, days * (DAY * MICRO) + clock, _BAD)
    zone = fields.mapped("zone", {w: calendar.zone_minutes(w) for w in fields.words}, 0, calendar.UNKNOWN_ZONE)
    good &= zone != calendar.UNKNOWN_ZONE
    return np.where(good, (days * DAY - zone * 60) * MICRO + clock, _BAD)


_DATE_GROUPS = frozenset({"a", "b", "c", "y", "yy", "mo", "mon", "d", "doy", "q", "w", "wd"})
"""What days are told by."""


def _days_of_runs(fields: Fields, order: str) -> tuple[np.ndarray, np.ndarray]:
    """``_days``, computed once for rows of one day behind each other."""
    starts = fields.runs(_DATE_GROUPS)
    count = len(fields.matched)
    if 2 * len(starts) > count:
        return _days(fields, order)
    lengths = np.diff(starts, append=count)
    days, good = _days(fields.at(starts, _DATE_GROUPS), order)
    return np.repeat(days, lengths), np.repeat(good, lengths)


def _days(fields: Fields, order: str) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970-01-01, and whether there is such a day."""
    year, month, day = _date(fields, order)
    good = calendar.valid(year, month, day)
    days = calendar.day_number(year, month, day)
    if "doy" in fields.numbers:
        of_year = fields.number("doy", 1)
        good &= (of_year >= 1) & (of_year <= 365 + calendar.leap(year))
        days += of_year - 1
    if "w" in fields.numbers:
        week, weekday = fields.number("w", 1), fields.number("wd", 1)
        good &= (week >= 1) & (week <= 53)
        fourth = calendar.day_number(year, np.ones_like(year), np.full_like(year, 4))
        days = fourth - (fourth + 3) % 7 + 7 * (week - 1) + weekday - 1
    return days, good


def _date(fields: Fields, order: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if order:
        parts = dict(zip(order, "abc", strict=True))
        year, width = fields.number(parts["y"], 0), fields.widths[parts["y"]]
        month, day = fields.number(parts["m"], 0), fields.number(parts["d"], 0)
        # a year has two digits or four; days and months have no more than two
        proper = ((width == 2) | (width == 4)) & (fields.widths[parts["m"]] <= 2) & (fields.widths[parts["d"]] <= 2)
        return np.where(proper, calendar.full_year(year, width), 0), month, day
    year = fields.number("y", 0)
    width = fields.widths.get("y", np.full(len(year), 4))
    if "yy" in fields.numbers:
        short = fields.widths["yy"] > 0
        year, width = np.where(short, fields.numbers["yy"], year), np.where(short, 2, width)
    year = calendar.full_year(year, width)
    if "mon" in fields.texts:
        month = fields.mapped("mon", calendar.MONTHS, 0, 0)
    elif "q" in fields.numbers:
        month = 3 * fields.number("q", 1) - 2
    else:
        month = fields.number("mo", 1)
    day = np.ones_like(year) if "doy" in fields.numbers else fields.number("d", 1)
    return year, month, day


def _clock(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds since midnight, and whether there is such a clock."""
    hour, minute, second = fields.number("h", 0), fields.number("mi", 0), fields.number("s", 0)
    good = (minute < 60) & (second <= 60) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)))
    if "half" in fields.texts:
        half = fields.mapped("half", {word: _half(word) for word in fields.words}, 0, 0)
        good &= (half == 0) | ((hour >= 1) & (hour <= 12))
        hour = np.where(half > 0, hour % 12 + np.where(half == 2, 12, 0), hour)
    whole = ((hour * 60 + minute) * 60 + second) * MICRO
    return whole + _fraction(fields) if "f" in fields.numbers else whole, good


def _half(word: str) -> int:
    return {"a": 1, "p": 2}.get(word[:1], 0)


def _fraction(fields: Fields) -> np.ndarray:
    if "f" not in fields.numbers:
        return np.zeros(len(fields.matched), dtype=np.int64)
    digits = fields.number("f", 0)
    return np.round(digits * 10.0 ** (6 - np.clip(fields.widths["f"], 0, 9))).astype(np.int64)


def _durations(fields: Fields, order: str) -> Int64[np.ndarray, " cell"]:
    """Microseconds, ``_BAD`` where there is no such duration."""
    sign = fields.mapped("sign", {"-": -1, "−": -1, "+": 1}, 1, 1)
    if "zone" in fields.texts and not fields.numbers:
        zone = fields.mapped("zone", {w: calendar.zone_minutes(w) for w in fields.words}, 0, calendar.UNKNOWN_ZONE)
        return np.where(zone == calendar.UNKNOWN_ZONE, _BAD, -zone * 60 * MICRO)
    if "unit" in fields.texts:
        return sign * _of_unit(fields)
    if order:
        first, second = fields.number("a", 0), fields.number("b", 0)
        fraction, good = _fraction(fields), second < 60
        half = fields.mapped("half", {word: _half(word) for word in fields.words}, 0, 0)
        good &= (half == 0) | ((order == "hm") & (first >= 1) & (first <= 12))
        first = np.where(half > 0, first % 12 + np.where(half == 2, 12, 0), first)
        scale = 60 if order == "hm" else 1
        good &= (fields.widths["f"] == 0) | (order == "ms")
        return np.where(good, sign * ((first * 60 + second) * scale * MICRO + fraction), _BAD)
    days, hour = fields.number("d", 0), fields.number("h", 0)
    minute, second = fields.number("mi", 0), fields.number("s", 0)
    half = fields.mapped("half", {word: _half(word) for word in fields.words}, 0, 0)
    good = (half == 0) | ((hour >= 1) & (hour <= 12))
    hour = np.where(half > 0, hour % 12 + np.where(half == 2, 12, 0), hour)
    told = sum(fields.widths[name] > 0 for name in ("d", "h", "mi", "s") if name in fields.widths)
    leading = (days > 0) | (fields.widths["h"] > 0 if "h" in fields.widths else False)
    good &= (told > 0) & ((second < 60) | (told == 1)) & ((minute < 60) | ~leading)
    total = ((days * 24 + hour) * 60 + minute) * 60 + second
    return np.where(good, sign * (total * MICRO + _fraction(fields)), _BAD)


def _of_unit(fields: Fields) -> np.ndarray:
    whole = fields.number("n", 0).astype(np.float64)
    if "f" in fields.numbers:
        whole = whole + fields.number("f", 0) * 10.0 ** -fields.widths["f"].astype(np.float64)
    micro = {word: round(DURATION_UNITS[word] * MICRO * 1000) for word in fields.words if word in DURATION_UNITS}
    scale = fields.mapped("unit", micro, 0, 0)
    return np.where(scale > 0, np.round(whole * scale / 1000), _BAD).astype(np.int64)


ZONES = TimeForm(
    "zone",
    "pattern",
    pattern=r"^\s*(?P<zone>[A-Za-z]{0,5}\s?(?:[+\-−]\d{1,2}(?::?\d{2})?)?)\s*$",
    measure="duration",
    zoned=True,
)
"""The form of a column that names the time zone of each row: what is to be added for UTC."""

_DIRECTIVES = {
    "Y": r"(?P<y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<mo>\d{1,2})", "d": r"(?P<d>\d{1,2})", "e": r"(?P<d>\d{1,2})",
    "j": r"(?P<doy>\d{1,3})", "b": r"(?P<mon>[^\W\d_]{3,12})\.?", "B": r"(?P<mon>[^\W\d_]{3,12})\.?",
    "H": r"(?P<h>\d{1,6})", "I": r"(?P<h>\d{1,2})", "M": r"(?P<mi>\d{1,2})", "S": r"(?P<s>\d{1,2})", "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<half>[AaPp]\.?\s?[Mm]\.?)", "z": r"(?P<zone>[A-Za-z]{0,5}\s?(?:[+\-−]\d{1,2}(?::?\d{2})?)?)",
    "Z": r"(?P<zone>[A-Za-z]{1,5})", "a": r"[^\W\d_]{2,12}\.?", "A": r"[^\W\d_]{2,12}\.?", "%": "%",
}  # fmt: skip


def of_pattern(pattern: str) -> TimeForm:
    """The form of a pattern such as `%d.%m.%Y %H:%M`.

    Raises
    ------
    ValueError
        The pattern has a sign that is not known, twice the same one, or tells neither a date nor a clock.
    """
    long = pattern.replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d").replace("%D", "%m/%d/%y").replace("%R", "%H:%M")
    parts = re.split(r"%(.)", long)
    found: list[str] = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            found.append(re.sub(r"(?:\\ )+", r"\\s*", re.escape(part)))
        elif part in _DIRECTIVES:
            beside = (place > 2 and not parts[place - 1]) or (place + 2 < len(parts) and not parts[place + 1])
            # without anything between them, numbers have all their digits
            found.append(re.sub(r"\\d\{1,[26]\}", r"\\d{2}", _DIRECTIVES[part]) if beside else _DIRECTIVES[part])
        else:
            raise ValueError(f"`%{part}` is not known")
    expression = rf"^\s*{''.join(found)}\s*$"
    try:
        groups = set(re.compile(expression).groupindex)
    except re.error as error:
        raise ValueError("it says the same thing twice") from error
    if "y" in groups and groups & {"mo", "mon", "doy"}:
        return TimeForm(pattern, "pattern", pattern=expression)
    if groups & {"h", "mi", "s"} and not groups & {"y", "mo", "mon", "doy"}:
        return TimeForm(pattern, "pattern", pattern=expression, measure="duration")
    raise ValueError("it needs a year with a month (%Y, %m, %d) or a day of the year (%j), or a clock (%H:%M:%S)")
