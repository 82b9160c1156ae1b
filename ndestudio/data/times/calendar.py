"""The proleptic Gregorian calendar for arrays, and what dates are made of in words: months, weekdays, zones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

DAY = 86_400
"""Seconds."""
MICRO = 1_000_000
"""Microseconds in a second."""

_LENGTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)

Ints = Int64[np.ndarray, " cell"]


def leap(year: Ints) -> Bool[np.ndarray, " cell"]:
    return (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))


def valid(year: Ints, month: Ints, day: Ints) -> Bool[np.ndarray, " cell"]:
    """Whether there is such a day."""
    inside = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1) & (year <= 9999)
    place = np.where(inside, month, 0)
    return inside & (day <= _LENGTHS[place] + ((place == 2) & leap(year)))


def day_number(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days since 1970-01-01 (H. Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`)."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def full_year(year: Ints, width: Ints) -> Ints:
    """Years of two digits as POSIX takes them: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068."""
    return np.where(width <= 2, year + np.where(year >= 69, 1900, 2000), year)


def _numbered(rows: str, first: int = 1) -> dict[str, int]:
    return {word: first + place for place, row in enumerate(rows.strip().splitlines()) for word in row.split()}


MONTHS: dict[str, int] = _numbered("""
jan january januar jänner janner jän janvier janv enero ene gennaio gen janeiro januari styczeń stycznia sty leden ledna январь января янв
feb february februar feber février fevrier févr fevr fév febrero febbraio fevereiro fev februari luty lutego lut únor února февраль февраля фев
mar march märz maerz marz mär mrz mars marzo março marco maart mrt marzec marca březen března март марта мар
apr april avril avr abril abr aprile kwiecień kwietnia kwi duben dubna апрель апреля апр
may mai mayo maggio mag maio mei maj maja květen května май мая
jun june juni juin junio giugno giu junho czerwiec czerwca cze červen června июнь июня июн
jul july juli juillet juil julio luglio lug julho lipiec lipca lip červenec července июль июля июл
aug august août aout aoû agosto ago augustus augusti sierpień sierpnia sie srpen srpna август августа авг
sep sept september septembre septiembre settembre set setembro wrzesień września wrz září сентябрь сентября сен
oct october oktober okt octobre octubre ottobre ott outubro out październik października paź říjen října октябрь октября окт
nov november novembre noviembre novembro listopad listopada lis ноябрь ноября ноя
dec december dezember dez décembre decembre déc diciembre dic dicembre dezembro grudzień grudnia gru prosinec prosince декабрь декабря дек
""")
"""Names of months and their abbreviations, in lower case, without a point."""

ZONES: dict[str, int] = {
    "": 0, "z": 0, "utc": 0, "gmt": 0, "ut": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "mez": 60, "cest": 120,
    "mesz": 120, "eet": 120, "eest": 180, "msk": 180, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420,
    "mdt": -360, "pst": -480, "pdt": -420, "akst": -540, "akdt": -480, "hst": -600, "jst": 540, "kst": 540, "aest": 600,
    "aedt": 660, "acst": 570, "acdt": 630, "awst": 480, "nzst": 720, "nzdt": 780, "sast": 120, "brt": -180, "art": -180,
    "sgt": 480, "hkt": 480, "pkt": 300, "wib": 420,
}  # fmt: skip
"""Names of time zones with one usual meaning -> minutes east of Greenwich."""

UNKNOWN_ZONE = 10_000


def zone_minutes(word: str) -> int:
    """Minutes east of Greenwich of `Z`, `+02:00`, `UTC-6`, `CEST`; ``UNKNOWN_ZONE`` for what is none."""
    import re

    match = re.fullmatch(r"([a-z]*)\s?(?:([+-−])(\d{1,2})(?::?(\d{2}))?)?", word)
    if match is None or match[1] not in ZONES:
        return UNKNOWN_ZONE
    if match[2] is None:
        return ZONES[match[1]]
    if match[1] and ZONES[match[1]] != 0:
        return UNKNOWN_ZONE
    minutes = int(match[3]) * 60 + int(match[4] or 0)
    return minutes if match[2] == "+" else -minutes
