"""How the times of a table are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "yr": 31_557_600.0}

_MONTHS = {
    "english": "January February March April May June July August September October November December",
    "short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "german": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "french": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
DATES = ("Date", "date", "Datum", "Fecha", "DateTime", "Timestamp", "Time", "Zeitstempel", "Date/Time", "Date and time")
_TIMES = (
    "Time",
    "time",
    "t",
    "Zeit",
    "temps",
    "tiempo",
    "Elapsed time",
    "Time since inoculation",
    "TIME",
    "tid",
    "Tijd",
)


@dataclass(frozen=True)
class Times:
    """Times as a file writes them.

    Parameters
    ----------
    form
        What kind it is, for the counts.
    names, unit
        Of its columns; the unit belongs into the header of the first one.
    cells
        For each row one cell a column.
    seconds
        What they mean: since any moment for dates, from 0 for others.
    plain
        The numbers themselves, where the times are numbers of which the header may tell the unit, else ().
    moment
        Whether the beginning is free.
    open
        Whether a person could not tell what they mean either.
    """

    form: str
    names: tuple[str, ...]
    unit: str
    cells: tuple[tuple[str, ...], ...]
    seconds: tuple[float, ...]
    plain: tuple[float, ...] = ()
    moment: bool = True
    open: bool = False


def steps(rng: Random, count: int, step: float) -> list[float]:
    """Times from 0 on: in equal steps, or in uneven multiples of the step."""
    if rng.random() < 0.6:
        return [index * step for index in range(count)]
    found = [0.0]
    for _ in range(count - 1):
        found.append(found[-1] + step * rng.choice((1, 1, 1, 2, 3)))
    return found


def numbers(rng: Random, count: int) -> Times:
    if rng.random() < 0.12:
        return _by_name(rng, count)
    unit = rng.choice(("ms", "s", "min", "h", "d"))
    step = rng.choice((1, 0.5, 0.25, 0.1, 2, 5, 10, 15, 30))
    shift = rng.choice((0, 0, 0, step, 100))
    t = [round(shift + one, 6) for one in steps(rng, count, step)]
    cells = tuple((f"{one:g}",) for one in t)
    values = tuple(float(cell) for (cell,) in cells)
    seconds = tuple(one * SECONDS[unit] for one in values)
    if rng.random() < 0.8:
        return Times("numbers", (rng.choice(_TIMES),), unit, cells, seconds, values, moment=False)
    name = rng.choice(("time_{}", "t_{}", "elapsed_{}", "Time_{}")).format(unit)
    return Times("numbers", (name,), "", cells, seconds, values, moment=False)


def _by_name(rng: Random, count: int) -> Times:
    """Numbers whose unit only their name tells."""
    name, unit = rng.choice((("Year", "yr"), ("year", "yr"), ("day", "d"), ("Day", "d"), ("hours", "h"), ("Hours", "h"),
                             ("minutes", "min"), ("Days", "d"), ("seconds", "s")))  # fmt: skip
    first = rng.randint(1900, 1990) if unit == "yr" else rng.choice((0, 1))
    values = [first + one for one in steps(rng, count, 1)]
    cells = tuple((f"{one:g}",) for one in values)
    return Times("unit by name", (name,), "", cells, tuple(one * SECONDS[unit] for one in values), tuple(values), False)


def _moments(rng: Random, count: int, whole_days: bool = False) -> list[datetime]:
    step = 86_400 if whole_days else rng.choice((1, 10, 60, 300, 900, 1800, 3600, 10_800, 43_200, 86_400))
    start = datetime(rng.randint(1995, 2025), rng.randint(1, 12), rng.randint(1, 28))
    if not whole_days:
        start += timedelta(seconds=rng.randrange(86_400) // step * step if step < 86_400 else 3600 * rng.randrange(24))
    return [start + timedelta(seconds=one) for one in steps(rng, count, step)]


def _seconds(moments: Sequence[datetime]) -> tuple[float, ...]:
    return tuple((one - moments[0]).total_seconds() for one in moments)


def _clock(rng: Random, moments: Sequence[datetime]) -> str:
    if any(one.second for one in moments):
        return "%H:%M:%S"
    if not any(one.hour or one.minute for one in moments) and rng.random() < 0.7:
        return ""
    return rng.choice(("%H:%M", "%H:%M:%S"))


def _written(form: str, moments: Sequence[datetime], pattern: str, name: str, *, open: bool = False) -> Times:
    cells = tuple((one.strftime(pattern).strip(),) for one in moments)
    return Times(form, (name,), "", cells, _seconds(moments), open=open)


def iso(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    clock = _clock(rng, moments)
    day = "%Y{0}%m{0}%d".format(rng.choice("--/."))
    end = rng.choice(("", "", "", "Z", "+02:00", " UTC")) if clock else ""
    between = rng.choice(" T") if "-" in day else " "
    return _written("iso", moments, day + (between + clock + end if clock else ""), rng.choice(DATES))


def _swaps(moments: Sequence[datetime]) -> bool:
    """Whether days and months could be exchanged everywhere."""
    return all(one.day <= 12 for one in moments)


def day_first(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    sign, clock = rng.choice("./-."), _clock(rng, moments)
    pattern = f"%d{sign}%m{sign}%Y {clock}"
    return _written("day first", moments, pattern, rng.choice(DATES), open=_swaps(moments))


def month_first(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    sign, clock = rng.choice("//-"), _clock(rng, moments)
    if clock and rng.random() < 0.5:
        clock = clock.replace("%H", "%I") + " %p"
    pattern = f"%m{sign}%d{sign}%Y {clock}"
    return _written("month first", moments, pattern, rng.choice(DATES), open=_swaps(moments))


def two_digit_years(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    sign, clock = rng.choice("./-"), _clock(rng, moments)
    order = rng.choice((f"%d{sign}%m{sign}%y", f"%m{sign}%d{sign}%y"))
    return _written("two-digit years", moments, f"{order} {clock}", rng.choice(DATES), open=True)


def month_names(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    names = _MONTHS[rng.choice(tuple(_MONTHS))].split()
    day = rng.choice(("{d} {m} {y}", "{d}-{m}-{y}", "{d}. {m} {y}", "{y}-{m}-{d}", "{m} {d} {y}", "{d:02d} {m} {y}"))
    clock = _clock(rng, moments)
    cells = []
    for one in moments:
        text = day.format(d=one.day, m=names[one.month - 1], y=one.year)
        cells.append((f"{text} {one.strftime(clock)}".strip(),))
    return Times("month names", (rng.choice(DATES),), "", tuple(cells), _seconds(moments))


def months(rng: Random, count: int) -> Times:
    first = rng.randint(1990 * 12, 2020 * 12)
    moments = [datetime((first + k) // 12, (first + k) % 12 + 1, 1) for k in range(count)]
    pattern = rng.choice(("%Y-%m", "%b %Y", "%B %Y", "%m/%Y", "%Y-%m-01", "%Y/%m"))
    return _written("months", moments, pattern, rng.choice(("Date", "month", "Month", "Datum", "date")))


def rarely(rng: Random, count: int) -> Times:
    """Shapes of dates that are seen now and then."""
    moments = _moments(rng, count)
    pattern, free = rng.choice((
        ("%a %b %d %H:%M:%S %Y", False), ("%H:%M:%S %d.%m.%Y", True), ("%d.%m.%Y, %H:%M:%S", True), ("%Y-%j", None),
        ("%A, %d %B %Y %H:%M:%S", False), ("%Y-%m-%dT%H:%M:%S.000Z", False), ("%d.%m.%Y %H.%M.%S", True),
        ("%Y.%m.%d %I:%M:%S %p", False),
    ))  # fmt: skip
    if free is None:
        moments = _moments(rng, count, whole_days=True)
    return _written("rare", moments, pattern, rng.choice(DATES), open=bool(free) and _swaps(moments))


def durations(rng: Random, count: int) -> Times:
    step = rng.choice((1, 10, 60, 600, 900, 1800, 3600, 10_800))
    first = rng.choice((0, 0, step, 8 * 3600))
    t = [first + one for one in steps(rng, count, step)]
    whole = all(one % 60 == 0 for one in t)
    style = rng.choice(("h:mm:ss", "hh:mm:ss", "h:mm") if whole else ("h:mm:ss", "hh:mm:ss"))
    cells = []
    for one in t:
        hours, minutes, seconds = int(one // 3600), int(one // 60 % 60), int(one % 60)
        lead = f"{hours:02d}" if style.startswith("hh") else str(hours)
        cells.append((f"{lead}:{minutes:02d}" + ("" if style == "h:mm" else f":{seconds:02d}"),))
    told = rng.random() < 0.5
    name = rng.choice(("Time", "Zeit", "Elapsed time", "Duration", "time"))
    unit = style if told else ""
    return Times("durations", (name,), unit, tuple(cells), tuple(t), moment=False, open=style == "h:mm" and not told)


def clocks(rng: Random, count: int) -> Times:
    """Clocks of a day that pass midnight."""
    step = rng.choice((60, 300, 900, 3600))
    first = rng.randrange(24) * 3600
    t = [first + one for one in steps(rng, count, step)]
    short = rng.random() < 0.5
    start = datetime(2020, 1, 1)
    cells = tuple(((start + timedelta(seconds=one)).strftime("%H:%M" if short else "%H:%M:%S"),) for one in t)
    name = rng.choice(("Time", "Uhrzeit", "Clock", "time", "Heure"))
    # what is meant by 08:30 alone may be minutes
    return Times("clocks", (name,), "", cells, tuple(float(one) for one in t), moment=True, open=short)


def compact(rng: Random, count: int) -> Times:
    moments = _moments(rng, count, whole_days=rng.random() < 0.4)
    if any(one.second for one in moments):
        pattern = "%Y%m%d%H%M%S"
    elif any(one.hour or one.minute for one in moments):
        pattern = rng.choice(("%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S"))
    else:
        pattern = "%Y%m%d"
    return _written(
        "compact", moments, pattern, rng.choice(("Date", "TIMESTAMP", "MESS_DATUM", "date", "TIMESTAMP_START"))
    )


def unix(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    scale = rng.choice((1, 1000))
    epoch = datetime(1970, 1, 1)
    cells = tuple((str(int((one - epoch).total_seconds()) * scale),) for one in moments)
    name = rng.choice(("timestamp", "unix_time", "epoch", "time", "Unix Timestamp", "ts"))
    return Times("unix", (name,), "", cells, _seconds(moments))


def excel(rng: Random, count: int) -> Times:
    moments = _moments(rng, count, whole_days=rng.random() < 0.5)
    zero = datetime(1899, 12, 30)
    days = [(one - zero).total_seconds() / 86_400 for one in moments]
    cells = tuple((f"{one:.10f}".rstrip("0").rstrip("."),) for one in days)
    return Times("excel", (rng.choice(("Date", "Datum", "Timestamp", "Fecha")),), "", cells, _seconds(moments))


def date_and_time(rng: Random, count: int) -> Times:
    moments = _moments(rng, count)
    day, open = rng.choice((("%Y-%m-%d", False), ("%d.%m.%Y", _swaps(moments)), ("%m/%d/%Y", _swaps(moments))))
    clock = "%H:%M:%S" if any(one.second for one in moments) else rng.choice(("%H:%M", "%H:%M:%S"))
    cells = tuple((one.strftime(day), one.strftime(clock)) for one in moments)
    names = rng.choice((("Date", "Time"), ("Datum", "Uhrzeit"), ("Datum", "Zeit"), ("date", "time"), ("Fecha", "Hora")))
    return Times("date and time", names, "", cells, _seconds(moments), open=open)


def parts(rng: Random, count: int) -> Times:
    step = rng.choice((3600, 86_400))
    start = datetime(rng.randint(1995, 2025), rng.randint(1, 12), rng.randint(1, 28))
    moments = [start + timedelta(seconds=one) for one in steps(rng, count, step)]
    kinds: list[tuple[tuple[str, ...], Callable[[datetime], tuple[str, ...]]]] = [
        (("Year", "DoY", "Hour"), lambda one: (str(one.year), str(one.timetuple().tm_yday), str(one.hour))),
        (("Year", "Month", "Day", "Hour"), lambda one: (str(one.year), str(one.month), str(one.day), str(one.hour))),
        (
            ("YEAR", "MO", "DY", "HR"),
            lambda one: (str(one.year), str(one.month), str(one.day), str(one.hour)),
        ),
    ]
    if step == 86_400:
        kinds.append((("Year", "Month", "Day"), lambda one: (str(one.year), str(one.month), str(one.day))))
        kinds.append((("year", "doy"), lambda one: (str(one.year), str(one.timetuple().tm_yday))))
    names, cells = rng.choice(kinds)
    return Times("parts", names, "", tuple(cells(one) for one in moments), _seconds(moments))


FORMS: dict[Callable[[Random, int], Times], float] = {
    numbers: 6, iso: 3, day_first: 3, month_first: 2, two_digit_years: 1, month_names: 1.5, durations: 2, clocks: 1,
    compact: 1.5, unix: 1.5, excel: 1, date_and_time: 2, parts: 2, months: 0.7, rarely: 1,
}  # fmt: skip


def times(rng: Random, count: int) -> Times:
    """Times of a random form."""
    return rng.choices(list(FORMS), weights=list(FORMS.values()))[0](rng, count)
