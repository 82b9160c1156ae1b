"""What the names of columns say about the time."""

from __future__ import annotations

import re
from functools import cache, lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLOCKS = _words(
    "time times timestamp timestamps datetime date dates datum zeit uhrzeit zeitpunkt zeitstempel messzeit messdatum zeitachse "
    "temps heure horodatage fecha hora fechahora tiempo tempo ora dato tid tidspunkt klokkeslett klockslag czas godzina čas cas "
    "hodina aika päivämäärä pvm klo tijd tijdstip datetimeutc zaman saat tarih время дата час 时间 日期 日時 時刻 時間 日付 시간 날짜 "
    "elapsed clock epoch unix unixtime posixtime datenum jd mjd julian isodate datetimestamp mess_datum zeitschritt "
    "idő ido dátum χρόνος ώρα ημερομηνία tempos tstamp tout tspan tvec tsim decimal"
)
"""Words of a column that tells the time."""

UNITS: dict[str, str] = {
    word: unit
    for unit, words in (
        ("ns", "ns nanosecond nanoseconds"),
        ("us", "us µs μs microsecond microseconds"),
        ("ms", "ms msec millisecond milliseconds millisekunden"),
        ("s", "s sec secs second seconds sek sekunde sekunden segundo segundos seconde secondes secondi"),
        ("min", "min mins minute minutes minuten minuto minutos minuti"),
        ("h", "h hr hrs hour hours std stunde stunden heures hora horas ore"),
        ("d", "d day days tag tage jour jours día días dia dias giorno giorni dag dagen"),
        ("week", "wk week weeks woche wochen semaine semaines semana semanas"),
        ("month", "month months monat monate mois mes meses mese mesi"),
        ("yr", "a y yr yrs year years jahr jahre an ans année annee années año años ano anos anno anni"),
    )
    for word in words.split()
}
"""Word -> unit of time."""

_SPELLED = frozenset(word for word in UNITS if len(word) > 2) - {"ano", "ans", "ore"}
_LONE = frozenset("tThHsSdD")
_START = _words("start begin beginning beginn anfang debut début from von inicio onset")
_END = _words("end stop ende fin bis to until finish")
_OTHER = _words(
    "residence retention half delay length lag response doubling constant step steps life lifetime per rate dead death birth born "
    "exposure integration settling rise fall peak travel transit run turnaround relaxation dt interval duration_of dosing "
    "infusion holding contact hydraulic resident acquisition shutter temperature temp reaction_rate scale since_last "
    "expiry update updated modified created version publication access accessed download temporal"
)
"""Words that make a name with a word of time one of something else, such as a residence time."""
_DURATIONS = _words(
    "elapsed duration dauer cycle run running process culture cultivation fermentation reaction relative rel"
)
_TIME_UNITS = frozenset(UNITS) - {"a", "y", "an", "ano", "mes", "m"} | {
    "hh:mm:ss",
    "h:mm:ss",
    "hh:mm",
    "mm:ss",
    "a",
    "y",
}


@lru_cache(2**14)
def tokens(label: str) -> tuple[str, ...]:
    """The words of a label in lower case; `TimeStamp_START` gives timestamp and start, `elapsedTime` elapsed and time."""
    split = re.sub(r"(?<![A-Za-z])Do([YMW])(?![a-z])", lambda match: f"do{match[1].lower()}", label)
    split = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", re.sub(r"(?i)time\s?stamp", "timestamp", split))
    split = re.sub(r"(?i)date\s?time(?!s?tamp)", "datetime", split)
    words = (word.lstrip("#") or word for word in re.split(r"[^\w#µ]+|_", split.lower()))
    return tuple(word for word in words if word)


TELLING = 2.5
"""From this score on a name says that its column is the time."""


@cache
def name_score(label: str, unit: str = "") -> float:
    """How much a name says that its column is the time: 4 names it, 3 hints at it, 0.5 a lone letter, 0 nothing.

    A letter alone says little: `T` is a temperature as often, `H` a sensible heat, `S` a substrate. With a unit of time it
    says more, with another unit nothing.
    """
    words = tokens(label)
    timely = unit.strip().lower() in _TIME_UNITS
    if unit and not timely and not _loose(unit) and len(words) == 1 and (len(words[0]) == 1 or words[0] in UNITS):
        return 0.0
    if not words:
        return 0.0
    if set(words) & _OTHER and not set(words) <= (CLOCKS | _OTHER & _words("run")):
        return 0.5 if set(words) & CLOCKS else 0.0
    if len(label.strip()) == 1:
        return 3.0 if timely or label == "t" else 0.5 if label in _LONE else 0.0
    score = 0.0
    if set(words) <= CLOCKS | {"utc", "gmt", "local", "lt", "of", "the"} and set(words) & CLOCKS:
        score = 4.0
    elif set(words) & CLOCKS:
        score = 3.5
    elif set(words) & _SPELLED:
        score = (
            3.0
            if len(words) == 1 or set(words) & (_DURATIONS | {"of", "number", "since"}) or words[0] in _SPELLED
            else 1.0
        )
    elif words[0] in ("t", "duration", "dauer", "ts", "dt") and (len(words) == 1 or words[-1] in UNITS):
        score = 3.0
    elif label.lower() in ("hr", "yr", "doy", "dd", "hh", "ms", "yyyymm", "yyyymmdd", "jday"):
        score = 2.5
    elif timely and not set(words) & _OTHER:
        score = 1.5
    elif words == ("age",):
        score = 1.0
    if score and set(words) & _END:
        score -= 0.5
    return score


def _loose(unit: str) -> bool:
    """Whether a bracket behind a name holds words or a format rather than a unit of measurement."""
    text = unit.strip().lower()
    return bool(re.search(r"utc|gmt|local|since|after|hh|mm|dd|yy|time|zeit|elapsed", text))


def is_start(label: str) -> bool:
    return bool(set(tokens(label)) & _START)


def is_end(label: str) -> bool:
    return bool(set(tokens(label)) & _END)


def unit_in_name(label: str) -> str:
    """The unit of time that a name tells, as `time_min`, `elapsed_ms` and `hours` do, "" where it tells none."""
    words = tokens(label)
    if not words:
        return ""
    if len(words) == 1:
        return UNITS[words[0]] if words[0] in _SPELLED else {"hr": "h", "yr": "yr", "ms": "ms"}.get(words[0], "")
    if set(words[:-1]) & (CLOCKS | _DURATIONS | {"t"}) and words[-1] in UNITS:
        return UNITS[words[-1]]
    if words[0] in _SPELLED and set(words[1:]) & {"since", "after", "post", "of", "from", "elapsed"}:
        return UNITS[words[0]]
    return ""


def part_of_clock(label: str) -> str:
    """Which part of a clock in several columns a column is by its name: "year", "month", ..., "" for none."""
    text = "_".join(tokens(label))
    return _PARTS.get(text, "")


_PARTS: dict[str, str] = {
    word: part
    for part, words in (
        ("year", "year years yr yyyy jahr année annee año ano anno rok år jaar yy vuosi év"),
        ("month", "month mon mm mo monat mois mes mese måned månad maand mnth kk kuukausi kuu miesiąc hónap mês"),
        ("day", "day dd dy tag jour día dia giorno dag day_of_month dom mday pv päivä dzień nap"),
        ("day of year", "doy jday day_of_year dayofyear julian_day julday yday jd jul_day julian doyr daynum ddd"),
        ("hour", "hour hours hr hh stunde heure hora ora std hrs"),
        ("minute", "minute minutes min mins minuto mi mn"),
        ("second", "second seconds sec secs ss sekunde seconde segundo"),
        (
            "date",
            "date datum fecha data dato päivä tarih дата 日期 datum_utc date_utc sample_date sampling_date obs_date mess_datum dag_dato datums date_local datum_lokal",
        ),
        ("zone", "tz tz_cd timezone time_zone zone utc_offset utcoffset zeitzone fuseau_horaire tz_offset gmt_offset"),
        (
            "clock",
            "time zeit uhrzeit heure hora ora tid klokkeslett czas tijd saat время 时间 time_utc clock hour_minute tijdstip "
            "sample_time time_of_day hhmm hhmmss time_local klo klockslag klockan godzina uhr obs_time utc gmt hms",
        ),
    )
    for word in words.split()
}
