"""Which form the cells of a column have, by the evidence of all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.times.calendar import DAY, MICRO, MONTHS
from ndestudio.data.times.fields import Fields
from ndestudio.data.times.forms import TimeForm, of_pattern
from ndestudio.data.times.grammars import FORMATS, GRAMMARS, NUMBER_FORMATS, PLAIN_FORMATS
from ndestudio.data.times.words import UNITS, name_score, tokens, unit_in_name

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 60
_SHEET_ZERO = -25_568 * DAY
"""1899-12-31, the day of clocks in spreadsheets."""
_NAMES = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}


@dataclass(frozen=True)
class Reading:
    """What the cells of a column are as times.

    Parameters
    ----------
    forms
        Readings that the evidence leaves, the one that is taken first.
    open
        Whether the evidence decides for none of several.
    certain
        False if the first was guessed with little evidence.
    why
        The evidence, as the end of a sentence; "" where it is plain.
    strict
        Whether the cells are hardly anything but times, whatever the column is called.
    bad
        Index of the first cell that is no such time, None if all are.
    provisional
        Whether further rows may decide otherwise.
    """

    forms: tuple[TimeForm, ...]
    open: bool = False
    certain: bool = True
    why: str = ""
    strict: bool = False
    bad: int | None = None
    provisional: bool = False

    @property
    def form(self) -> TimeForm:
        return self.forms[0]


def recognise(cells: pl.Series, header: str = "", unit: str = "", time_format: str | None = None) -> Reading | None:
    """The form of a column of text.

    Parameters
    ----------
    cells
        Null where nothing is.
    header, unit
        What the column is called; it decides between hours and minutes in front of a colon.
    time_format
        What the person says about the form.

    Returns
    -------
    Reading or None
        None if fewer than half of the cells are times of one form.

    Raises
    ------
    ValueError
        ``time_format`` is no name of a format and no pattern.
    """
    present = cells.drop_nulls()
    if not len(present):
        return None
    if time_format is not None and "%" in time_format:
        return _as_told(cells, [of_pattern(time_format)])
    if time_format is not None and time_format not in FORMATS:
        if time_format in (*NUMBER_FORMATS, *PLAIN_FORMATS):
            return None
        raise ValueError(f"there is no format of times `{time_format}`")
    allowed = (
        FORMATS[time_format]
        if time_format
        else tuple((name, order) for name in GRAMMARS for order in GRAMMARS[name].orders)
    )
    sample = present.gather(np.unique(np.linspace(0, len(present) - 1, _SAMPLE).astype(int))).to_list()
    found: list[tuple[int, int, str, str, np.ndarray, np.ndarray]] = []
    fields: dict[str, Fields] = {}
    known = cells.is_not_null().to_numpy()
    for place, (grammar, order) in enumerate(allowed):
        shape = re.compile(GRAMMARS[grammar].pattern)
        if 2 * sum(shape.match(cell) is not None for cell in sample) < len(sample):
            continue
        form = _form(grammar, order, time_format)
        if grammar not in fields:
            fields[grammar] = form.fields(cells)
        seconds, bad = form.of_fields(fields[grammar], known)
        good = int(np.isfinite(seconds).sum())
        if 2 * good >= len(present):
            found.append((good, -place, grammar, order, seconds, bad))
    if not found:
        return None
    good, _, grammar, *_ = max(found, key=lambda one: one[:2])
    same = [one for one in found if one[2] == grammar and one[0] == good]
    strict = GRAMMARS[grammar].strict
    zoned = "zone" in fields[grammar].texts and bool(np.any(fields[grammar].texts["zone"] >= 0))
    forms = [
        replace(_with_zero(_form(grammar, order, time_format, sample), seconds), zoned=zoned)
        for _, _, _, order, seconds, _ in same
    ]
    bad = next(iter(np.flatnonzero(same[0][5])), None)
    first = None if bad is None else int(bad)
    if len(same) == 1 or time_format:
        return Reading((forms[0],), strict=strict, bad=first)
    if grammar == "two parts":
        return _two_parts(forms, header, unit, first, sample)
    return _ordered(forms, [one[4] for one in same], sample, first)


_SHAPES = tuple(
    re.compile(grammar.pattern) for grammar in GRAMMARS.values() if grammar.strict and grammar.measure == "moment"
)


def is_moment(cell: str) -> bool:
    """Whether one cell is written as a date, whatever stands in the others."""
    if not (6 <= len(cell) <= 60 and any(letter.isdigit() for letter in cell)):
        return False
    for shape in _SHAPES:
        match = shape.match(cell)
        if match is not None:
            month = match.groupdict().get("mon")
            return month is None or month.lower() in MONTHS
    return False


def _as_told(cells: pl.Series, forms: Sequence[TimeForm]) -> Reading | None:
    seconds, bad = forms[0].seconds(cells)
    if not np.isfinite(seconds).any():
        return None
    first = next(iter(np.flatnonzero(bad)), None)
    return Reading((_with_zero(forms[0], seconds),), strict=True, bad=None if first is None else int(first))


def _form(grammar: str, order: str, time_format: str | None, sample: Sequence[str] = ()) -> TimeForm:
    measure = GRAMMARS[grammar].measure
    if time_format:
        return TimeForm(time_format, grammar, order, measure=measure)
    if order == "ymd":
        name = "iso" if sample and re.match(r"\s*\d{4}-\d\d-", sample[0]) else "year first"
    elif grammar == "two parts":
        name = "clock" if order == "hm" else "minutes and seconds"
    else:
        name = next((one for one, shapes in FORMATS.items() if (grammar, order) in shapes), grammar)
    if grammar in ("day month year", "month day year", "ctime", "month"):
        name = grammar
    if name == "clock" and grammar == "clock":
        name = "duration" if any(int(re.split(r"\D+", cell.strip("+-− "))[0] or 0) > 24 for cell in sample) else "clock"
    return TimeForm(name, grammar, order, measure=measure)


def _with_zero(form: TimeForm, seconds: np.ndarray) -> TimeForm:
    """Count moments from the midnight before the first, so that microseconds of today's dates fit a float."""
    known = seconds[np.isfinite(seconds)]
    if form.measure == "duration" or not len(known):
        return form
    first = int(known.min() // DAY) * DAY
    if form.grammar == "date" and first >= _SHEET_ZERO - DAY and known.max() < _SHEET_ZERO + 366 * DAY:
        zero = min(first, _SHEET_ZERO) * MICRO
        return TimeForm("clock", form.grammar, form.order, measure="clock of a sheet", zero=zero)
    return form.from_zero(first * MICRO)


def _two_parts(forms: list[TimeForm], header: str, unit: str, bad: int | None, sample: Sequence[str]) -> Reading:
    """`12:30` is half an hour after noon, unless name or unit say minutes and seconds."""
    by_order = {form.order: form for form in forms}
    said = unit.strip().lower()
    hours, minutes = by_order["hm"], by_order["ms"]
    if re.search(r"m+:s", said) or said in ("min", "m", "minutes", "s", "sec"):
        return Reading((minutes,), strict=True, bad=bad)
    if re.search(r"h+:m", said) or said in ("h", "hours"):
        return Reading((hours,), strict=True, bad=bad)
    zeros = all(re.match(r"[+\-−]?\d\d:", cell) for cell in sample)
    largest = max(int(re.split(r"\D+", cell.strip("+-− "))[0] or 0) for cell in sample)
    certain = any(cell.rstrip(". ").lower().endswith("m") for cell in sample) or (
        largest < 24 and (zeros or bool(set(tokens(header)) & {"uhrzeit", "heure", "hora", "hour", "clock", "uhr"}))
    )
    return Reading((hours, minutes), certain=certain, why="hours and minutes", strict=True, bad=bad)


def _ordered(forms: list[TimeForm], times: list[np.ndarray], sample: Sequence[str], bad: int | None) -> Reading:
    """Which number is the day, where several readings fit all cells: the one that rises, in equal steps."""
    known = [one[np.isfinite(one)] for one in times]
    why = ""
    usual = _usual(forms, sample)
    order = sorted(range(len(forms)), key=lambda k: (forms[k].order != usual, forms[k].order == "ymd"))
    if all(_same_steps(known[0], one) for one in known[1:]):
        kept = [k for k in order if forms[k].order != "ymd"] or order
        return Reading(
            tuple(forms[k] for k in kept),
            certain=False,
            why="the steps are the same either way",
            strict=True,
            bad=bad,
            provisional=usual != "dmy",
        )
    falls = [int((np.diff(one) < 0).sum()) for one in known]
    best = [k for k in order if falls[k] == min(falls)]
    if len(best) > 1 and any(forms[k].order != "ymd" for k in best):
        best = [k for k in best if forms[k].order != "ymd"]
    left = [k for k in order if forms[k].order != "ymd" or k in best]
    if len(best) == 1:
        why = "so the times rise"
    else:
        uneven = sorted((_uneven(known[k]), place) for place, k in enumerate(best))
        if uneven[1][0] > 3 * uneven[0][0]:
            best, why = (
                [best[uneven[0][1]]],
                "so the steps are equal" if uneven[0][0] == 0 else "so more steps are equal",
            )
        elif usual == "dmy" and any(forms[k].order == "dmy" for k in best):
            best, why = [k for k in best if forms[k].order == "dmy"], "as dates with points are written"
    if why:
        taken = best[0]
        return Reading(
            tuple(forms[k] for k in dict.fromkeys((taken, *left))), certain=False, why=why, strict=True, bad=bad
        )
    return Reading(tuple(forms[k] for k in left), open=True, certain=False, strict=True, bad=bad, provisional=True)


def _usual(forms: Sequence[TimeForm], sample: Sequence[str]) -> str:
    """The order that the separator or AM and PM suggest, "" where nothing does."""
    if all(re.match(r"\s*(?:\D+\s)?\d{1,2}\.\s?\d{1,2}\.", cell) for cell in sample):
        return "dmy"
    return "mdy" if any(re.search(r"\d\s?[AaPp]\.?[Mm]\.?", cell) for cell in sample) else ""


def _same_steps(one: np.ndarray, other: np.ndarray) -> bool:
    return len(one) == len(other) and bool(np.all(np.diff(one) == np.diff(other)))


def _uneven(seconds: np.ndarray) -> int:
    """How many steps differ from the usual one; 0 if each row is the first of a month."""
    steps = np.diff(seconds)
    steps = steps[steps != 0]
    if not len(steps):
        return 0
    firsts = seconds.astype("int64").astype("datetime64[s]")
    if np.all(steps > 25 * DAY) and np.all(firsts == firsts.astype("datetime64[M]")):
        return 0
    return int(np.sum(~np.isclose(steps, np.median(steps), rtol=1e-6)))


def recognise_numbers(
    values: np.ndarray, label: str, unit: str = "", time_format: str | None = None, texts: Sequence[str] = ()
) -> Reading | None:
    """The form of a column of numbers that are more than plain numbers; None if they are just that.

    Parameters
    ----------
    values
        NaN where there is none.
    texts
        Its cells as written; in a row of digits all count.
    """
    known = values[np.isfinite(values)]
    if not len(known) or not len(texts):
        return None
    if time_format in PLAIN_FORMATS:
        return Reading((TimeForm(str(time_format), "", measure="duration"),))
    if time_format in NUMBER_FORMATS:
        return Reading((_number_form(str(time_format), known),))
    words, score = set(tokens(label)), name_score(label, unit)
    if time_format is None or time_format in ("compact",) or "%" in time_format:
        rows = _digits(values, time_format, score, words)
        if rows is not None or time_format is not None:
            return rows
    told = unit.strip().lower() in UNITS or unit_in_name(label) != ""
    if time_format is not None or (told and not words & (_EPOCH | _SERIAL)):
        return None
    low, high = float(known.min()), float(known.max())
    for name, (first, last), hints, needed in _RANGES:
        if first <= low and high <= last and (words & hints or (needed and score >= needed)):
            return Reading(
                (_number_form(name, known), TimeForm("number", "", measure="duration")), certain=bool(words & hints)
            )
    return None


_DATES = frozenset(
    {"date", "datum", "fecha", "dato", "datetime", "timestamp", "zeitpunkt", "data", "zeitstempel", "дата"}
)
_EPOCH = frozenset({"unix", "epoch", "posix", "timestamp", "ts", "unixtime", "posixtime", "datetime", "tstamp"})
_SERIAL = frozenset({"jd", "mjd", "bjd", "hjd", "julian", "datenum", "excel", "serial"})
"""Words that say that a number counts from a far beginning, whatever its unit."""
_RANGES: tuple[tuple[str, tuple[float, float], frozenset[str], float], ...] = (
    ("unix ns", (3e17, 4.2e18), _EPOCH, 3.0),
    ("unix us", (3e14, 4.2e15), _EPOCH, 3.0),
    ("unix ms", (3e11, 4.2e12), _EPOCH, 3.0),
    ("unix s", (3e8, 4.2e9), _EPOCH, 3.0),
    ("julian", (2.3e6, 2.6e6), frozenset({"jd", "julian", "bjd", "hjd", "date", "time", "jday"}), 3.0),
    ("matlab", (6.9e5, 7.7e5), _DATES | {"datenum", "matlab", "mtime", "time", "sdn"}, 3.0),
    ("modified julian", (15_000.0, 90_000.0), frozenset({"mjd"}), 0.0),
    ("excel", (18_000.0, 90_000.0), _DATES | {"excel", "serial"}, 0.0),
)
"""Format -> between which numbers it is plausible (1954 to 2146 for Excel), words that name it, name score that suffices."""


def _number_form(name: str, known: np.ndarray) -> TimeForm:
    scale, origin = NUMBER_FORMATS[name]
    days = np.floor((float(known.min()) - origin) * scale / DAY)
    return TimeForm(name, "", zero=int(days) * DAY * MICRO, zoned=name.startswith("unix"))


def _digits(values: np.ndarray, time_format: str | None, score: float, words: set[str]) -> Reading | None:
    """A year, a month, a day and perhaps a clock in a row of digits."""
    import polars as pl

    known = values[np.isfinite(values)]
    if np.any(known < 190_001) or np.any(known != np.floor(known)) or np.any(known >= 1e15):
        return None
    cells = pl.Series(np.where(np.isfinite(values), values, 0).astype(np.int64)).cast(pl.String)
    cells = pl.select(pl.when(pl.Series(np.isfinite(values))).then(cells)).to_series()
    forms = [of_pattern(str(time_format))] if time_format and "%" in time_format else [
        TimeForm("compact", "compact"), TimeForm("compact", "year month")
    ]  # fmt: skip
    for form in forms:
        seconds, bad = form.seconds(cells)
        good = np.isfinite(seconds)
        if 2 * good.sum() < len(known):
            continue
        years = (seconds[good] + 62_135_596_800) / (365.2425 * DAY)
        if not time_format and (years.min() < 1700 or years.max() > 2200):
            continue
        if form.grammar == "year month" and not time_format:
            rolls = bool(np.any(np.diff(known) == 89)) or bool(words & {"yyyymm", "month", "yearmonth", "ym"})
            if score < 2.5 or bad.any() or not (rolls or words & _DATES):
                continue
        if not time_format and bad.any() and score < 2.5:
            continue
        first = next(iter(np.flatnonzero(bad)), None)
        return Reading((_with_zero(form, seconds),), strict=True, bad=None if first is None else int(first))
    return None


def tried() -> str:
    """The forms that are tried, for sentences."""
    return ", ".join(dict.fromkeys(grammar.called for grammar in GRAMMARS.values()))
