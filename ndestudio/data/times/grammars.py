"""The shapes in which moments and durations are written, as data: one regular expression with named groups for each.

Groups of moments: `a`, `b`, `c` (parts of a date whose order the form tells), `y`, `mo`, `d`, `mon` (a month's name), `doy` (day of
the year), `q` (quarter), `w` and `wd` (ISO week and weekday), `h`, `mi`, `s`, `f` (digits behind the point of the seconds), `half` (AM
or PM), `zone`. Groups of durations: `sign`, `d`, `h`, `mi`, `s`, `f`; `n` and `unit` (one number with its unit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Measure: TypeAlias = Literal["moment", "duration", "clock of a sheet"]
"""A moment, a duration or clock of a day, or such a clock that a spreadsheet gives as a moment in its year 1899 or 1900."""

TEXT_GROUPS = frozenset({"mon", "half", "zone", "sign", "unit"})

_WEEKDAY = r"(?:[^\W\d_]{2,12}\.?,?\s+)?"
_BETWEEN = r"(?:[-/._]\s?|\s|年|月)"
_MONTH = r"(?P<mon>[^\W\d_]{3,12})"
_HALF = r"(?:\s?(?P<half>[AaPp]\.?\s?[Mm]\.?))?"
_CLOCK = (
    r"(?P<h>\d{1,2})(?:[:.hH](?P<mi>\d{2})(?:[:.](?P<s>\d{1,2})(?:[.,:](?P<f>\d{1,9}))?)?)?"
    + _HALF
    + r"(?:\s?(?:Uhr|h|hrs))?"
)
_ZONE = r"(?:\s?(?P<zone>[+\-−]\d{1,2}(?::?\d{2})?|[A-Za-z]{1,5}(?:\s?[+\-−]\d{1,2}(?::?\d{2})?)?))?(?:\s?[\[(][\w/+ \-]+[\])])?"
_TAIL = rf"(?:日|\.)?(?:(?:\s*[Tt,_]\s*|\s+(?:[-–]\s+)?(?:at\s|um\s|à\s|kl\.?\s?)?|[:\-]){_CLOCK}{_ZONE}|[Zz])?"


@dataclass(frozen=True)
class Grammar:
    """One shape.

    Parameters
    ----------
    pattern
        Of a whole cell.
    orders
        How its groups `a`, `b`, `c` may be meant, e.g. `dmy`; ("",) where nothing is left open.
    called
        What it is called in sentences, with an example.
    strict
        Whether cells of this shape are hardly anything but times, whatever their column is called.
    """

    pattern: str
    measure: Measure
    called: str
    orders: tuple[str, ...] = ("",)
    strict: bool = True


def _whole(pattern: str) -> str:
    return rf"^\s*{pattern}\s*$"


GRAMMARS: Mapping[str, Grammar] = {
    "date": Grammar(
        _whole(rf"{_WEEKDAY}(?P<a>\d{{1,4}}){_BETWEEN}(?P<b>\d{{1,2}}){_BETWEEN}(?P<c>\d{{1,4}}){_TAIL}"),
        "moment",
        "dates with numbers (2020-12-31, 31.12.2020, 12/31/20)",
        ("ymd", "dmy", "mdy"),
    ),
    "clock and date": Grammar(
        _whole(rf"{_CLOCK}{_ZONE}[,\s]\s*(?P<a>\d{{1,4}}){_BETWEEN}(?P<b>\d{{1,2}}){_BETWEEN}(?P<c>\d{{1,4}})"),
        "moment",
        "a clock before a date (08:30 31.12.2020)",
        ("ymd", "dmy", "mdy"),
    ),
    "compact": Grammar(
        _whole(
            r"(?P<y>\d{4})(?P<mo>\d{2})(?P<d>\d{2})(?:[Tt_\- :]?(?P<h>\d{2})(?::?(?P<mi>\d{2})"
            rf"(?::?(?P<s>\d{{2}})(?:[.,](?P<f>\d{{1,9}}))?)?)?)?{_ZONE}"
        ),
        "moment",
        "digits in a row (20201231, 202012310830)",
    ),
    "day month year": Grammar(
        _whole(
            rf"{_WEEKDAY}(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?[-/ ._]?\s?(?:de\s|d')?{_MONTH}\.?(?:\sde\s|[-/ .,_])?\s?"
            rf"(?P<y>\d{{4}}|\d{{2}}){_TAIL}"
        ),
        "moment",
        "dates with a month's name (31 Dec 2020, Dec 31, 2020)",
    ),
    "month day year": Grammar(
        _whole(
            rf"{_WEEKDAY}{_MONTH}\.?[-/ _]?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,\s?|[-/ _])(?P<y>\d{{4}}|\d{{2}}){_TAIL}"
        ),
        "moment",
        "dates with a month's name (31 Dec 2020, Dec 31, 2020)",
    ),
    "year month day": Grammar(
        _whole(rf"(?P<y>\d{{4}})[-/ ._]?{_MONTH}\.?[-/ ._]?(?P<d>\d{{1,2}}){_TAIL}"),
        "moment",
        "dates with a month's name (31 Dec 2020, Dec 31, 2020)",
    ),
    "ctime": Grammar(
        _whole(rf"{_WEEKDAY}{_MONTH}\s+(?P<d>\d{{1,2}})\s+{_CLOCK}{_ZONE}\s+(?P<y>\d{{4}})"),
        "moment",
        "dates with a month's name (31 Dec 2020, Dec 31, 2020)",
    ),
    "ordinal": Grammar(
        _whole(rf"(?P<y>\d{{4}})[-/. ](?P<doy>\d{{3}}){_TAIL}"), "moment", "a year with a day of the year (2020-366)"
    ),
    "month": Grammar(
        _whole(rf"{_MONTH}\.?(?:[-/ ,]?\s?'?(?P<y>\d{{4}})|[-/' ]+(?P<yy>\d{{2}}))"),
        "moment",
        "months (Dec 2020, 2020-12)",
    ),
    "year and month": Grammar(
        _whole(r"(?P<y>\d{4})(?:[-/.M]|\s|年)(?P<mo>\d{1,2})月?"), "moment", "months (Dec 2020, 2020-12)", strict=False
    ),
    "month and year": Grammar(
        _whole(r"(?P<mo>\d{1,2})[-/.](?P<y>\d{4})"), "moment", "months (Dec 2020, 2020-12)", strict=False
    ),
    "quarter": Grammar(
        _whole(r"(?P<y>\d{4})[-/ ]?[Qq](?P<q>[1-4])"), "moment", "quarters and weeks (2020-Q4, 2020-W53)"
    ),
    "week": Grammar(
        _whole(r"(?P<y>\d{4})[-/ ]?W(?P<w>\d{2})(?:-?(?P<wd>[1-7]))?"),
        "moment",
        "quarters and weeks (2020-Q4, 2020-W53)",
        strict=False,
    ),
    "year month": Grammar(
        _whole(r"(?P<y>\d{4})(?P<mo>\d{2})"), "moment", "a year and a month in a row (202012)", strict=False
    ),
    "clock": Grammar(
        _whole(
            r"(?P<sign>[+\-−])?(?:(?P<d>\d{1,6})(?:[.:]|\s?[dDjT](?:ays?|age?)?,?\s*))?(?P<h>\d{1,6}):(?P<mi>\d{1,2}):"
            rf"(?P<s>\d{{1,2}})(?:[.,](?P<f>\d{{1,9}}))?{_HALF}(?:\s?Uhr)?"
        ),
        "duration",
        "clocks and durations (8:30, 0:15:00, 36:00:00)",
    ),
    "two parts": Grammar(
        _whole(rf"(?P<sign>[+\-−])?(?P<a>\d{{1,6}}):(?P<b>\d{{2}})(?:[.,](?P<f>\d{{1,9}}))?{_HALF}(?:\s?Uhr)?"),
        "duration",
        "clocks and durations (8:30, 0:15:00, 36:00:00)",
        ("hm", "ms"),
    ),
    "half day": Grammar(
        _whole(r"(?P<h>\d{1,2})\s?(?P<half>[AaPp]\.?\s?[Mm]\.?)"),
        "duration",
        "clocks and durations (8:30, 0:15:00, 36:00:00)",
    ),
    "points": Grammar(
        _whole(r"(?P<h>\d{1,2})\.(?P<mi>\d{2})\.(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?"),
        "duration",
        "clocks and durations (8:30, 0:15:00, 36:00:00)",
        strict=False,
    ),
    "hours and minutes": Grammar(
        _whole(r"(?P<h>\d{1,2})\s?[.hH]\s?(?P<mi>[0-5]\d)(?:\s?Uhr)?"),
        "duration",
        "clocks and durations (8:30, 0:15:00, 36:00:00)",
        strict=False,
    ),
    "units": Grammar(
        _whole(
            r"(?P<sign>[+\-−])?(?:(?P<d>\d+)\s?(?:d|days?|Tage?|jours?|días?)\.?,?\s*)?(?:(?P<h>\d+)\s?(?:h|hrs?|hours?|Std|Stunden?)\.?,?\s*)?"
            r"(?:(?P<mi>\d+)\s?(?:m|mins?|minutes?|Minuten?|′|')\.?,?\s*)?(?:(?P<s>\d+)(?:[.,](?P<f>\d{1,9}))?\s?(?:s|secs?|seconds?|Sek|Sekunden?|″|\")\.?)?"
        ),
        "duration",
        "durations with units (1 h 30 min, 900s)",
        strict=False,
    ),
    "one unit": Grammar(
        _whole(r"(?P<sign>[+\-−])?(?P<n>\d+)(?:[.,](?P<f>\d{1,9}))?\s?(?P<unit>[^\W\d_]{1,12})\.?"),
        "duration",
        "durations with units (1 h 30 min, 900s)",
        strict=False,
    ),
    "iso duration": Grammar(
        _whole(
            r"(?P<sign>[+\-−])?P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<mi>\d+)M)?(?:(?P<s>\d+)(?:[.,](?P<f>\d{1,9}))?S)?)?"
        ),
        "duration",
        "durations with units (1 h 30 min, 900s)",
    ),
}
"""Name -> shape, in the order in which they are tried: the first of equally many readable cells wins."""

FORMATS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "iso": (("date", "ymd"), ("ordinal", ""), ("year and month", ""), ("week", ""), ("quarter", "")),
    "year first": (("date", "ymd"), ("clock and date", "ymd"), ("year month day", ""), ("year and month", "")),
    "day first": (("date", "dmy"), ("clock and date", "dmy"), ("day month year", "")),
    "month first": (("date", "mdy"), ("clock and date", "mdy"), ("month day year", ""), ("month and year", "")),
    "compact": (("compact", ""), ("year month", "")),
    "clock": (("clock", ""), ("two parts", "hm"), ("half day", ""), ("points", ""), ("hours and minutes", "")),
    "duration": (("clock", ""), ("two parts", "hm"), ("units", ""), ("one unit", ""), ("iso duration", "")),
    "minutes and seconds": (("two parts", "ms"),),
}
"""Name of a format in ``DataConfig.time_format`` -> the shapes and orders that it allows."""

NUMBER_FORMATS: Mapping[str, tuple[float, float]] = {
    "unix s": (1.0, 0.0),
    "unix ms": (1e-3, 0.0),
    "unix us": (1e-6, 0.0),
    "unix ns": (1e-9, 0.0),
    "excel": (86_400.0, 25_569.0),
    "matlab": (86_400.0, 719_529.0),
    "julian": (86_400.0, 2_440_587.5),
    "modified julian": (86_400.0, 40_587.0),
}
"""Name of a format of numbers -> (seconds in its unit, its number at 1970-01-01 00:00)."""

PLAIN_FORMATS = ("number", "decimal year")
"""Numbers that are the time as they stand."""

DURATION_UNITS: Mapping[str, float] = {
    word: seconds
    for seconds, words in (
        (1e-9, "ns"),
        (1e-6, "us µs μs"),
        (1e-3, "ms msec millisecond milliseconds"),
        (1.0, "s sec secs second seconds sek sekunde sekunden seg segundos secondes seconde"),
        (60.0, "min mins minute minutes minuten minuto minutos"),
        (3600.0, "h hr hrs hour hours std stunde stunden heure heures hora horas"),
        (86_400.0, "d day days tag tage jour jours día días dia dias"),
        (604_800.0, "wk week weeks woche wochen"),
    )
    for word in words.split()
}
"""Word for a unit of time, in lower case -> seconds."""


def format_names() -> tuple[str, ...]:
    """What ``DataConfig.time_format`` may say, besides a pattern such as `%d.%m.%Y %H:%M`."""
    return (*FORMATS, *NUMBER_FORMATS, *PLAIN_FORMATS)
