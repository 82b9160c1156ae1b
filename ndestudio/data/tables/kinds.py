"""What a cell of a raw row looks like: a number, a moment, a text; and which texts are units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ndestudio.data.cells import BETWEEN, is_missing
from ndestudio.data.times.recognise import is_moment

CellKind = Literal["", "n", "d", "t"]
"""Empty or missing, number, date or clock, text."""

_POINT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?%?"
_COMMA = _POINT.replace(r"\.", ",")
_NUMBER = re.compile(rf"{_POINT}\Z|[+-]?(?:inf|infinity)\Z", re.IGNORECASE)
_NUMBER_COMMA = re.compile(rf"{_COMMA}\Z|[+-]?(?:inf|infinity)\Z", re.IGNORECASE)
_NUMBERS = re.compile(rf"(?>{_POINT})(?:{BETWEEN}(?>{_POINT}))*\Z")
_NUMBERS_COMMA = re.compile(rf"(?>{_COMMA})(?:{BETWEEN}(?>{_COMMA}))*\Z")
_LIMIT = re.compile(r"[<>≤≥]\s*[+-]?\d")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?\Z")
"""A number with commas between thousands."""
GROUPED_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?\Z")
"""A number with points between thousands and a decimal comma."""
_APART = r"[+-]?[1-9]\d{0,2}(?:(?P<sign>['’ \u00a0\u202f\u2009])\d{3})(?:(?P=sign)\d{3})*"
APART = {one: re.compile(rf"{_APART}(?:[{one}]\d*)?\Z") for one in ".,"}
"""Decimal sign -> a number with a sign between thousands that is no decimal sign anywhere."""
_MOMENT = re.compile(
    r"""(?:[A-Za-z]{2,9}\.?,?\s+)?                                      # weekday
        (?:\d{1,4}[-/.]\d{1,2}[-/.](?:\d{4}|\d{1,2})                    # 2020-03-31, 31.12.20, 3/1/20
          |\d{1,2}[-\s./]?\s?[A-Za-z]{3,9}\.?[-\s./,]*\s?\d{2,4}        # 3 Mar 2020, 03-Mar-20
          |[A-Za-z]{3,9}\.?\s\d{1,2},?\s\d{4}                           # March 3, 2020
          |\d{4}[-/]\d{2}(?=\Z))                                        # 2020-03
        (?:[T\s_,]+\d{1,2}[:h.]\d{2}(?:[:.]\d{1,2}(?:[.,:]\d+)?)?(?:\s?[AaPp]\.?[Mm]\.?)?
          (?:\s?(?:[A-Za-z]{1,5}|[+-]\d{1,2}(?::?\d{2})?))?)?\Z
      |-?\d{1,5}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s*[AaPp]\.?[Mm]\.?)?\Z # clocks
      |\d{1,4}\s?d(?:ays?)?\s*\d{1,2}:\d{2}(?::\d{2})?\Z
    """,
    re.VERBOSE,
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PREFIXED = _words(
    "m g s K A V W J N C F H Pa Hz mol M l L L Ω ohm Ohm S T bar eV rad Bq Gy Sv kat cd lm lx Wb cal t a D gr "
    "liter litre meter metre gram gramm volt volts ampere amp amps watt watts joule pascal newton hertz"
)
_PLAIN = _words(
    "% ‰ ppm ppb ppt ppmv ppbv d day days h hr hrs hour hours min mins minute minutes sec secs second seconds msec usec "
    "week weeks month months yr yrs year years ms °C °F °K degC degF deg degree degrees celsius fahrenheit kelvin psi "
    "atm mmHg mmhg Torr torr inHg in inch inches ft feet yd mi mile miles cm2 ha acre cfs cfm gal mph kt kts knot knots "
    "rpm RPM 1/min U IU mU cells cell CFU cfu OD AU a.u. au arb RFU rfu RLU rlu counts count cts cps dB dBm pH NTU FNU "
    "PSU psu PSS DU au.nm individuals ind fraction frac percent percentage none dimensionless unitless normalized "
    "TS RN Deg DegC DegF Volt Volts Sequence Second Seconds Ampere Kg KG Kw KW kWh Wh mAh Ah µ u deg. sec. min. hr. "
    "mmol umol stunden Stunden Std Tage Minuten Sekunden Grad Prozent jours heures UTC GMT "
    "yyyymmddhhmm yyyymmdd hhmm hh:mm hh:mm:ss h:mm:ss dd.mm.yyyy mm/dd/yyyy yyyy-mm-dd datetime"
)
_PREFIXES = ("", "k", "M", "G", "T", "m", "u", "µ", "μ", "n", "p", "c", "d", "h", "da", "f", "K")
_UNITS = frozenset({*_PLAIN, *(prefix + unit for unit in _PREFIXED for prefix in _PREFIXES)})
_SPLIT = re.compile(r"[\s*/·⋅×]+|(?<=[A-Za-z°%)])\.(?=[A-Za-z])|_|\bper\b")
_POWER = re.compile(r"(?:\^|\*\*)?[({]?[-−+]?\d+(?:\.\d+)?[)}]?\Z|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+\Z")
_TYPES = re.compile(
    r"\d+[snd]\Z|int(?:eger)?(?:32|64)?\Z|float(?:32|64)?\Z|double\Z|real\Z|string\Z|text\Z|str\Z|char\Z|date(?:time)?\Z"
    r"|bool(?:ean)?\Z|number\Z|numeric\Z|avg\Z|smp\Z|tot\Z|std\Z|max\Z|min\Z|med\Z|wvc\Z|covs?\Z|mean\Z|raw\Z|tms?x\Z|tmn\Z",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"(?:mean|average|avg\.?|total|sum|min(?:imum)?|max(?:imum)?|median|std\.?|stdev|st\.? ?dev\.?|sd|sem|se|cv|var(?:iance)?"
    r"|count|n|end|eof|eor|mittel(?:wert)?|summe|moyenne|somme|media|range|rms|slope|intercept|r2|r\^2|note|notes|source|"
    r"results?|statistics|standard deviation|grand total|end of (?:file|data|record))\b[\s:.=(]*.*\Z",
    re.IGNORECASE,
)


def kind_of_cell(cell: str, decimal: str = ".", extra: frozenset[str] = frozenset()) -> CellKind:
    """What one cell looks like."""
    first = cell[:1]
    if first.isdigit() or first in "+-.,<>≤≥":
        if (_NUMBER if decimal == "." else _NUMBER_COMMA).match(cell):
            return "" if extra and is_missing(cell, extra) else "n"
        if is_missing(cell, extra):
            return ""
        if _MOMENT.match(cell):
            return "d"
        if (
            _LIMIT.match(cell)
            or (GROUPED if decimal == "." else GROUPED_POINT).match(cell)
            or APART[decimal].match(cell)
        ):
            return "n"
        return "d" if is_moment(cell) else "t"
    if is_missing(cell, extra):
        return ""
    if _MOMENT.match(cell):
        return "d"
    return "n" if _NUMBER.match(cell) else "d" if is_moment(cell) else "t"


def kinds_of_row(cells: Sequence[str], decimal: str = ".", extra: frozenset[str] = frozenset()) -> list[CellKind]:
    """What the cells of a row look like; one of numbers alone, as most are, is known at a glance."""
    text = BETWEEN.join(cells)
    numbers = (_NUMBERS if decimal == "." else _NUMBERS_COMMA).match(text) and text.count(BETWEEN) == len(cells) - 1
    if numbers and (not extra or extra.isdisjoint(text.lower().split(BETWEEN))):
        return ["n"] * len(cells)
    return [kind_of_cell(cell, decimal, extra) for cell in cells]


def is_unit(text: str) -> bool:
    """Whether a text is written as a unit of measurement (or stands where one does: `-`, `none`)."""
    bare = text.strip().strip("[](){}").strip()
    if not bare or bare in _UNITS or bare in {"-", "1"}:
        return bool(bare)
    parts = [part for part in _SPLIT.split(bare) if part]
    known = 0
    for part in parts:
        if _POWER.match(part):
            continue
        base = part.strip("()[]")
        stem = re.sub(r"(?:\^|\*\*)?[({]?[-−+]?\d+[)}]?\Z|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+\Z", "", base)
        if base in _UNITS or stem in _UNITS:
            known += 1
        elif not (known and re.fullmatch(r"[A-Za-z0-9]{1,6}", base)):  # `mg CO2 m-2`: the substance
            return False
    return known > 0


def is_type(text: str) -> bool:
    """Whether a text names how a column is stored or was aggregated (`14n`, `float`, `Avg`)."""
    return bool(_TYPES.match(text.strip()))


def is_summary(text: str) -> bool:
    """Whether a text begins a row that sums up those above it."""
    return bool(_SUMMARY.match(text.strip()))
