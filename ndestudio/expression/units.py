"""Units as dimension vectors and sizes: what `mg/L/h`, `m s^-2` or `1/day` measure, and how much of it one of them is.

A unit is a product of words with whole or fractional powers, joined by `*`, `·`, a blank, `/` or `per`; powers follow
`^` or `**`, or stand as superscripts or bare (`h-1`), and `/` divides by the one word or bracket after it. Known are the
SI's units with their prefixes and the common ones beside it; whatever counts (cells, persons, individuals, ...)
measures a number of things, the dimension `count`. An unknown word is a dimension of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import pi

BASE = ("length", "mass", "time", "current", "temperature", "amount", "light", "count")
ZERO_CELSIUS = 273.15

_L, _M, _T, _I, _K, _N, _J, _C = ({name: Fraction(1)} for name in BASE)


def _of(**powers: float) -> dict[str, Fraction]:
    return {name: Fraction(power) for name, power in powers.items()}


_ENERGY = _of(mass=1, length=2, time=-2)
_PRESSURE = _of(mass=1, length=-1, time=-2)
_VOLT = _of(mass=1, length=2, time=-3, current=-1)

_PREFIXED: dict[str, Mapping[str, Fraction]] = {
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), _L),
    **dict.fromkeys(("g", "gram", "grams", "t", "tonne", "Da"), _M),
    **dict.fromkeys(("s", "sec", "second", "seconds"), _T),
    **dict.fromkeys(("A", "ampere"), _I),
    **dict.fromkeys(("K", "kelvin"), _K),
    **dict.fromkeys(("mol", "mole", "moles"), _N),
    "cd": _J,
    **dict.fromkeys(("L", "l", "liter", "litre", "liters", "litres"), _of(length=3)),
    "M": _of(amount=1, length=-3),
    **dict.fromkeys(("Hz", "Bq"), _of(time=-1)),
    **dict.fromkeys(("N", "newton"), _of(mass=1, length=1, time=-2)),
    **dict.fromkeys(("Pa", "pascal", "bar"), _PRESSURE),
    **dict.fromkeys(("J", "joule", "cal", "Wh", "eV"), _ENERGY),
    **dict.fromkeys(("W", "watt"), _of(mass=1, length=2, time=-3)),
    **dict.fromkeys(("C", "coulomb", "Ah"), _of(current=1, time=1)),
    **dict.fromkeys(("V", "volt"), _VOLT),
    **dict.fromkeys(("ohm", "Ω", "Ω"), _of(mass=1, length=2, time=-3, current=-2)),
    "S": _of(mass=-1, length=-2, time=3, current=2),
    "F": _of(mass=-1, length=-2, time=4, current=2),
    "H": _of(mass=1, length=2, time=-2, current=-2),
    "T": _of(mass=1, time=-2, current=-1),
    "Wb": _of(mass=1, length=2, time=-2, current=-1),
    "kat": _of(amount=1, time=-1),
    **dict.fromkeys(("Gy", "Sv"), _of(length=2, time=-2)),
    "lm": _J,
    "lx": _of(light=1, length=-2),
}

_PLAIN: dict[str, Mapping[str, Fraction]] = {
    **dict.fromkeys(("min", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days"), _T),
    **dict.fromkeys(("week", "weeks", "wk", "month", "months", "year", "years", "yr", "yrs", "a"), _T),
    **dict.fromkeys(("degC", "degF", "°C", "°F", "celsius", "fahrenheit"), _K),
    **dict.fromkeys(("in", "inch", "ft", "foot", "feet", "mi", "mile", "miles", "Å", "AU", "ly"), _L),
    **dict.fromkeys(("lb", "lbs", "oz", "amu", "u"), _M),
    **dict.fromkeys(("ha", "acre"), _of(length=2)),
    **dict.fromkeys(("cc", "gal"), _of(length=3)),
    **dict.fromkeys(("atm", "mmHg", "torr", "Torr", "psi"), _PRESSURE),
    "rpm": _of(time=-1),
    "U": _of(amount=1, time=-1),
    **dict.fromkeys(
        ("rad", "mrad", "sr", "deg", "°", "degree", "degrees", "%", "percent", "ppm", "ppb", "1", "-"), _of()
    ),
    **dict.fromkeys(("dimensionless", "none", "pH", "dozen", "hundred", "thousand", "million", "billion"), _of()),
    **dict.fromkeys(("count", "counts", "ind", "individual", "individuals", "person", "persons", "people"), _C),
    **dict.fromkeys(("cell", "cells", "particle", "particles", "animal", "animals", "capita", "head", "heads"), _C),
    **dict.fromkeys(("plant", "plants", "case", "cases", "virion", "virions", "molecule", "molecules"), _C),
    **dict.fromkeys(("copy", "copies", "item", "items", "#", "CFU", "cfu", "PFU", "pfu", "TCID50"), _C),
}

_SIZES: dict[str, float] = {
    **dict.fromkeys(("t", "tonne"), 1e6),
    "bar": 1e8,
    **dict.fromkeys(("Da", "amu", "u"), 1.66053906892e-24),
    **dict.fromkeys(("L", "l", "liter", "litre", "liters", "litres"), 1e-3),
    **dict.fromkeys(("M", "N", "newton", "Pa", "pascal", "J", "joule", "W", "watt"), 1e3),
    **dict.fromkeys(("V", "volt", "ohm", "Ω", "Ω", "H", "T", "Wb"), 1e3),
    **dict.fromkeys(("S", "F"), 1e-3),
    "cal": 4184.0,
    "Wh": 3.6e6,
    "eV": 1.602176634e-16,
    "Ah": 3600.0,
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("week", "weeks", "wk"), 604800.0),
    **dict.fromkeys(("month", "months"), 86400.0 * 365.25 / 12),
    **dict.fromkeys(("year", "years", "yr", "yrs", "a"), 86400.0 * 365.25),
    **dict.fromkeys(("degF", "°F", "fahrenheit"), 5 / 9),
    **dict.fromkeys(("in", "inch"), 0.0254),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
    **dict.fromkeys(("mi", "mile", "miles"), 1609.344),
    "Å": 1e-10,
    "AU": 149597870700.0,
    "ly": 9.4607304725808e15,
    **dict.fromkeys(("lb", "lbs"), 453.59237),
    "oz": 28.349523125,
    "ha": 1e4,
    "acre": 4046.8564224,
    "cc": 1e-6,
    "gal": 3.785411784e-3,
    "atm": 101325e3,
    "mmHg": 133.322387415e3,
    **dict.fromkeys(("torr", "Torr"), 101325e3 / 760),
    "psi": 6894.757293168e3,
    "rpm": 1 / 60,
    "U": 1e-6 / 60,
    **dict.fromkeys(("deg", "°", "degree", "degrees"), pi / 180),
    "mrad": 1e-3,
    **dict.fromkeys(("%", "percent"), 1e-2),
    "ppm": 1e-6,
    "ppb": 1e-9,
    "dozen": 12.0,
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
}
"""How much one of a unit is in metres, grams, seconds, amperes, kelvins, moles, candelas; 1 where it is not listed."""

_ZEROS = {
    **dict.fromkeys(("degC", "°C", "celsius"), ZERO_CELSIUS),
    **dict.fromkeys(("degF", "°F", "fahrenheit"), ZERO_CELSIUS - 32 * 5 / 9),
}

_PREFIXES: dict[str, float] = {
    "da": 1e1,
    **dict(
        zip(
            "QRYZEPTGMkhdcmunpfazyrq",
            (
                1e30,
                1e27,
                1e24,
                1e21,
                1e18,
                1e15,
                1e12,
                1e9,
                1e6,
                1e3,
                1e2,
                1e-1,
                1e-2,
                1e-3,
                1e-6,
                1e-9,
                1e-12,
                1e-15,
                1e-18,
                1e-21,
                1e-24,
                1e-27,
                1e-30,
            ),
            strict=True,
        )
    ),
    "µ": 1e-6,
    "μ": 1e-6,
}
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_TOKEN = re.compile(
    r"\s*(?:(?P<sign>\*\*|[*/^().·⋅×])|(?P<word>TCID50|(?:[^\W\d²³¹⁰-₿]|[°%#])(?:[^\W\d²³¹⁰-₿]|[°%#])*)"
    r"|(?P<number>[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+)|(?P<dash>-))"
)


@dataclass(frozen=True)
class Unit:
    """What a unit measures.

    Attributes
    ----------
    powers
        Base dimension -> exponent, zeros left out.
    unknown
        Words that are taken as dimensions of their own.
    size
        How much one of it is, in metres, grams, seconds, amperes, kelvins, moles and candelas. Units that measure the
        same are equal, whatever their size.
    words
        Words as written -> exponent.
    zero
        Where a scale of temperature has its zero, in kelvin, for that unit alone; else 0.
    """

    powers: Mapping[str, Fraction] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    size: float = field(default=1.0, compare=False)
    words: Mapping[str, Fraction] = field(default_factory=dict, compare=False)
    zero: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        parts = [f"{n}^{p}" if p != 1 else n for n, p in sorted(self.powers.items())]
        return " ".join(parts) or "a pure number"


_OF_BASE = {
    "length": "m",
    "mass": "g",
    "time": "s",
    "current": "A",
    "temperature": "K",
    "amount": "mol",
    "light": "cd",
    "count": "count",
}


def unit_text(powers: Mapping[str, float]) -> str:
    """A unit of this dimension, as ``parse_unit`` reads it."""
    parts = [(_OF_BASE.get(name, name), Fraction(p).limit_denominator(60)) for name, p in powers.items()]
    return " ".join(word if p == 1 else f"{word}^({p})" for word, p in parts if p) or "1"


def parse_unit(text: str) -> Unit:
    """The dimension of a unit.

    Raises
    ------
    ValueError
        For text that is no product of powers of words, saying where.
    """
    parser = _Parser(text)
    unit = parser.product()
    if parser.at < len(parser.tokens):
        raise parser.error(f"`{parser.tokens[parser.at][1]}` does not belong there")
    return unit


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self.error(f"`{text[place:].strip()[:10]}` is no part of a unit")
            place = match.end()
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))

    def error(self, what: str) -> ValueError:
        return ValueError(f"the unit `{self.text}` cannot be read: {what}; write it like `mg/L/h` or `m s^-2`")

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def product(self) -> Unit:
        unit, sign = Unit(), 1
        while self.at < len(self.tokens) and self.peek() != ("sign", ")"):
            kind, value = self.peek()
            if (kind, value) == ("sign", "/") or (kind, value.lower()) == ("word", "per"):
                sign = -1
                self.at += 1
            elif kind == "sign" and value in "*·⋅×.":
                self.at += 1
            unit = _times(unit, self.factor(), Fraction(sign))
            sign = 1
        return unit

    def factor(self) -> Unit:
        kind, value = self.peek()
        if not kind:
            raise self.error("it ends where a unit should follow")
        self.at += 1
        if (kind, value) == ("sign", "("):
            unit = self.product()
            if self.peek() != ("sign", ")"):
                raise self.error("a bracket is not closed")
            self.at += 1
        elif kind == "word":
            unit = _word(value)
        elif kind in ("number", "dash"):
            number = float(value) if kind == "number" else 1.0
            if number <= 0.0:
                raise self.error(f"`{value}` is no size of a unit")
            unit = Unit(size=number, words={} if number == 1.0 else {value: Fraction(1)})
        else:
            raise self.error(f"`{value}` does not belong there")
        return _times(Unit(), unit, self.power(is_number=kind == "number"))

    def power(self, is_number: bool) -> Fraction:
        kind, value = self.peek()
        if kind == "power":
            self.at += 1
            try:
                return Fraction(value.translate(_SUPERSCRIPT))
            except ValueError as error:
                raise self.error(f"`{value}` is no exponent") from error
        if kind == "number" and not is_number:  # h-1, m2
            self.at += 1
            return Fraction(value)
        if (kind, value) not in (("sign", "^"), ("sign", "**")):
            return Fraction(1)
        self.at += 1
        bracket = self.peek() == ("sign", "(")
        self.at += bracket
        kind, value = self.peek()
        if kind != "number":
            raise self.error("an exponent must be a number")
        self.at += 1
        power = Fraction(value)
        if bracket and self.peek() == ("sign", "/"):
            self.at += 1
            kind, value = self.peek()
            if kind != "number" or float(value) == 0.0:
                raise self.error("an exponent must be a number")
            power /= Fraction(value)
            self.at += 1
        if bracket:
            if self.peek() != ("sign", ")"):
                raise self.error("a bracket is not closed")
            self.at += 1
        return power


def _word(word: str) -> Unit:
    own = {word: Fraction(1)}
    for known in (_PREFIXED, _PLAIN):
        if word in known:
            return Unit(known[word], (), _SIZES.get(word, 1.0), own, _ZEROS.get(word, 0.0))
    for prefix, factor in _PREFIXES.items():
        base = word[len(prefix) :]
        if word.startswith(prefix) and base in _PREFIXED:
            return Unit(_PREFIXED[base], (), factor * _SIZES.get(base, 1.0), own)
    return Unit(own, (word,), 1.0, own)


def _times(a: Unit, b: Unit, power: Fraction) -> Unit:
    if power == 1 and not a.words and a.size == 1.0:
        return b
    unknown = dict.fromkeys((*a.unknown, *b.unknown))
    return Unit(
        _added(a.powers, b.powers, power),
        tuple(unknown),
        a.size * b.size ** float(power),
        _added(a.words, b.words, power),
    )


def _added(a: Mapping[str, Fraction], b: Mapping[str, Fraction], times: Fraction) -> dict[str, Fraction]:
    total = dict(a)
    for name, exponent in b.items():
        total[name] = total.get(name, Fraction(0)) + exponent * times
    return {name: power for name, power in total.items() if power}
