"""Units as dimension vectors: what `mg/L/h`, `m s^-2` or `1/day` measure. Sizes of units play no part.

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

BASE = ("length", "mass", "time", "current", "temperature", "amount", "light", "count")

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

_PREFIXES = ("da", *"QRYZEPTGMkhdcmunpfazyrqµμ")
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
    """

    powers: Mapping[str, Fraction] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

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
            unit = Unit()
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
    for known in (_PREFIXED, _PLAIN):
        if word in known:
            return Unit(known[word])
    for prefix in _PREFIXES:
        if word.startswith(prefix) and word[len(prefix) :] in _PREFIXED:
            return Unit(_PREFIXED[word[len(prefix) :]])
    return Unit({word: Fraction(1)}, (word,))


def _times(a: Unit, b: Unit, power: Fraction) -> Unit:
    powers = dict(a.powers)
    for name, exponent in b.powers.items():
        powers[name] = powers.get(name, Fraction(0)) + exponent * power
    unknown = dict.fromkeys((*a.unknown, *b.unknown))
    return Unit({name: p for name, p in powers.items() if p}, tuple(unknown))
