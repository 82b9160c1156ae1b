"""What expressions measure: dimension, size and unit of each, and where two of them do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from math import exp, log

from ndestudio.expression import to_text
from ndestudio.expression.functions import find
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number
from ndestudio.expression.units import Unit

_CLOSE = 1e-6
_MEANT = 0.015
"""How near a number must be to a factor between units to be taken for it: 30 days for a month, 365 for a year."""
_MOST_NUMBERS = 6
_ANGLES = ("sin", "cos", "tan")

Key = tuple[str, str]
"""A dimension or a word, and the exponent that it carries besides its number: `n` of `x^n`, "" for none."""


@dataclass(frozen=True)
class Measure:
    """A unit that an expression has.

    Parameters
    ----------
    powers
        Dimension -> exponent.
    sizes
        Exponent -> logarithm of the size; "" for what stands to a power of a number.
    words
        Word of a unit -> exponent.
    numbers
        Numbers that it was multiplied by, which may carry a unit.
    zero
        Where its scale of temperature begins, in kelvin; 0 for differences and for all else.
    """

    powers: Mapping[Key, float] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[Key, float] = field(default_factory=dict)
    numbers: tuple[float, ...] = ()
    zero: float = 0.0

    @property
    def pure(self) -> bool:
        return not self.powers

    def interval(self) -> Measure:
        """As a difference of two of them."""
        return replace(self, zero=0.0)

    def times(self, other: Measure, power: float = 1.0) -> Measure:
        numbers = (*self.numbers, *(abs(n) ** power for n in other.numbers if n != 0.0))[:_MOST_NUMBERS]
        return Measure(
            _sum(self.powers, other.powers, power),
            _sum(self.sizes, other.sizes, power),
            _sum(self.words, other.words, power),
            numbers,
        )

    def over(self, other: Measure) -> Measure:
        return self.times(other, -1.0)

    def __str__(self) -> str:
        return words_text({word if not by else f"{word}^{by}": p for (word, by), p in self.words.items()})


def measured(unit: Unit | None) -> Measure | None:
    """The measure of a quantity with this unit."""
    if unit is None:
        return None
    return Measure(
        {(name, ""): float(p) for name, p in unit.powers.items()},
        {"": log(unit.size)} if unit.size != 1.0 else {},
        {(word, ""): float(p) for word, p in unit.words.items()},
        (),
        unit.zero,
    )


def words_text(words: Mapping[str, Fraction] | Mapping[str, float]) -> str:
    """Words and exponents as a unit: `mg/L/h`."""
    parts = {word: Fraction(p).limit_denominator(60) for word, p in words.items() if abs(p) > _CLOSE}

    def power(word: str, p: Fraction) -> str:
        return word if p == 1 else f"{word}^{p}" if p.denominator == 1 else f"{word}^({p})"

    above = [power(word, p) for word, p in parts.items() if p > 0]
    below = [f"/{power(word, -p)}" for word, p in parts.items() if p < 0]
    return (" ".join(above) or "1") + "".join(below)


@dataclass(frozen=True)
class Mismatch:
    """Something that does not fit, ``expr`` being what is to be changed."""

    sentence: str
    expr: Expr
    factor: float | None = None


@dataclass
class Measuring:
    """The measure of expressions; what does not fit is collected in ``slips`` and fits whatever is around it.

    Parameters
    ----------
    known
        Of names; None, or no entry: fits everywhere.
    networks
        Of the outputs of neural terms.
    """

    known: Mapping[str, Measure | None]
    networks: Mapping[str, Measure | None]
    slips: list[Mismatch] = field(default_factory=list)

    def of(self, expr: Expr) -> Measure | None:
        """The measure, None for what fits everywhere."""
        match expr:
            case Number(value):
                return Measure(numbers=(value,))
            case Name("pi"):
                return Measure()
            case Name(name):
                return self.known.get(name)
            case Negate(operand):
                return self.of(operand)
            case Binary("+" | "-" as sign, left, right):
                return self._added(sign, left, right)
            case Binary("*" | "/" as sign, left, right):
                return self._multiplied(sign, left, right)
            case Binary("^", base, exponent):
                return self._raised(base, exponent)
            case Delay(operand, lag):
                self._together(Name("t"), self.known.get("t"), lag, self.of(lag))
                return self.of(operand)
            case Call(function, arguments):
                return self._called(function, arguments)
        raise TypeError(f"not an expression: {expr!r}")

    def same_side(self, expr: Expr, value: Measure, left: Measure, whose: str) -> None:
        """The right-hand side against the left."""
        if not _alike(value, left):
            if not value.numbers:
                self._slip(
                    f"the right-hand side is in {value}, but {whose} is in {left}: they measure different things", expr
                )
        elif (factor := _factor(value, left)) is not None:
            self._slip(
                f"the right-hand side is in {value}, but {whose} is in {left}: it is to be multiplied by {factor:.6g}",
                expr,
                factor,
            )
        elif value.zero and left.zero and abs(value.zero - left.zero) > _CLOSE:
            self._slip(f"the right-hand side is in {value}, but {whose} is in {left}: their zeros differ", expr)

    def _slip(self, sentence: str, expr: Expr, factor: float | None = None) -> None:
        self.slips.append(Mismatch(sentence, expr, factor))

    def _added(self, sign: str, left: Expr, right: Expr) -> Measure | None:
        a, b = self.of(left), self.of(right)
        common = self._together(left, a, right, b)
        if a is None or b is None or common is None:
            return common
        if sign == "-" and a.zero != b.zero and isinstance(left, Name) and isinstance(right, Name):
            self._slip(
                f"`{to_text(left)}` is in {a} and `{to_text(right)}` in {b}: their zeros differ, so as temperatures they cannot be "
                "subtracted; give both in the same unit",
                right,
            )
        if sign == "+" and _bare(right if a.zero else left, (a if a.zero else b).zero):
            return replace(common, zero=0.0, words={("K", ""): 1.0})
        return replace(common, zero=0.0 if sign == "-" and a.zero else a.zero or b.zero)

    def _together(self, left: Expr, a: Measure | None, right: Expr, b: Measure | None) -> Measure | None:
        """What two have in common that are added or compared."""
        if a is None or b is None:
            return b if a is None else a
        if not _alike(a, b):
            if a.numbers or b.numbers:
                strict = b if a.numbers else a
                return None if strict.numbers else strict
            self._slip(
                f"`{to_text(left)}` is in {a} and `{to_text(right)}` in {b}: they measure different things and cannot be added or "
                "compared",
                right,
            )
            return None
        plain = next((n for n, m in ((left, a), (right, b)) if isinstance(n, Number) and m.numbers), None)
        if (factor := _factor(b, a)) is not None and (plain is None or plain == Number(1.0)):
            self._slip(
                f"`{to_text(right)}` is in {b} and `{to_text(left)}` in {a}: the first is to be multiplied by {factor:.6g}",
                right,
                factor,
            )
            return None
        return b if a.numbers and not b.numbers else a

    def _multiplied(self, sign: str, left: Expr, right: Expr) -> Measure | None:
        a, b = self.of(left), self.of(right)
        if sign == "/" and (scale := self._scale_in(right)) is not None:
            self._slip(
                f"`{to_text(scale)}` is in {self.known[scale.name]}, whose zero is not that of temperature; to divide by it write it "
                f"in K, as `({to_text(scale)} + 273.15)` from degC",
                scale,
            )
            return None
        if a is None or b is None:
            return None
        return a.interval().times(b.interval(), 1.0 if sign == "*" else -1.0)

    def _scale_in(self, expr: Expr) -> Name | None:
        """A factor that is a temperature in degrees with a zero of their own."""
        match expr:
            case Name(name):
                found = self.known.get(name)
                return expr if found is not None and found.zero else None
            case Binary("*", left, right):
                return self._scale_in(left) or self._scale_in(right)
        return None

    def _raised(self, base: Expr, exponent: Expr) -> Measure | None:
        of_base = self.of(base)
        folded = fold(exponent)
        negative = isinstance(folded, Negate) and isinstance(folded.operand, Number)
        number = folded.operand if isinstance(folded, Negate) and negative else folded
        if isinstance(number, Number):
            return (
                None if of_base is None else _powered(of_base.interval(), -number.value if negative else number.value)
            )
        self._pure(exponent, "an exponent must be a pure number")
        if of_base is None or of_base.numbers:
            return None
        by = to_text(exponent)
        if any(key[1] for key in of_base.powers):
            return None
        return Measure(
            {(name, by): p for (name, _), p in of_base.powers.items()},
            _sum({}, {by: of_base.sizes.get("", 0.0)}, 1.0),
            {(word, by): p for (word, _), p in of_base.words.items()},
        )

    def _called(self, function: str, arguments: tuple[Expr, ...]) -> Measure | None:
        if function in self.networks:
            for argument in arguments:
                self.of(argument)
            return self.networks[function]
        known = find(function)
        kinds = known.kinds(len(arguments)) if known is not None else None
        if known is None or kinds is None:
            for argument in arguments:
                self.of(argument)
            return None
        match known.units:
            case "same":
                return self._all_alike(arguments)
            case "root":
                inner = self.of(arguments[0])
                return None if inner is None else _powered(inner.interval(), 0.5)
            case "alike":
                self._all_alike(arguments)
            case "any" | "logic":
                for argument in arguments:
                    self.of(argument)
            case "unknown":
                for argument in arguments:
                    self.of(argument)
                return None
            case "hill":
                self._all_alike(arguments[:2])
                self._pure(arguments[2], "a Hill exponent must be a pure number")
            case "choice":
                for kind, argument in zip(kinds, arguments, strict=True):
                    if kind == "c":
                        self.of(argument)
                return self._all_alike([a for kind, a in zip(kinds, arguments, strict=True) if kind == "n"])
            case _:
                rule = f"`{function}` takes {'radians' if function in _ANGLES else 'a pure number'}"
                for argument in arguments:
                    self._pure(argument, rule)
        return Measure()

    def _all_alike(self, parts: Sequence[Expr]) -> Measure | None:
        first, common = parts[0], self.of(parts[0])
        for part in parts[1:]:
            found = self._together(first, common, part, self.of(part))
            if common is None:
                first = part
            common = found
        return common

    def _pure(self, expr: Expr, rule: str) -> None:
        value = self.of(expr)
        if value is None or (value.numbers and not value.pure):
            return
        if not value.pure:
            self._slip(f"{rule}, and `{to_text(expr)}` is in {value}; divide it by something of that unit", expr)
        elif (factor := _factor(value, Measure())) is not None:
            self._slip(
                f"{rule}, and `{to_text(expr)}` is in {value}: it is to be multiplied by {factor:.6g}", expr, factor
            )


def _sum(a: Mapping, b: Mapping, times: float) -> dict:  # type: ignore[type-arg]
    total = dict(a)
    for key, value in b.items():
        total[key] = total.get(key, 0.0) + times * value
    return {key: value for key, value in total.items() if abs(value) > 1e-12}


def _powered(measure: Measure, power: float) -> Measure:
    return Measure().times(measure, power) if power else Measure()


def _bare(expr: Expr, zero: float) -> bool:
    """Whether a number is added that makes degrees Celsius kelvins."""
    return isinstance(expr, Number) and abs(expr.value - 273.15) < 0.2 and abs(zero - 273.15) < _CLOSE


def _alike(a: Measure, b: Measure) -> bool:
    return all(abs(a.powers.get(key, 0.0) - b.powers.get(key, 0.0)) < _CLOSE for key in {**a.powers, **b.powers})


def _factor(value: Measure, wanted: Measure) -> float | None:
    """What ``value`` is to be multiplied by to be in the unit of ``wanted``; None where it is, or where a number in it
    does so."""
    differences = {
        key: value.sizes.get(key, 0.0) - wanted.sizes.get(key, 0.0) for key in {**value.sizes, **wanted.sizes}
    }
    apart = [d for d in differences.values() if abs(d) > _CLOSE]
    if not apart:
        return None
    # where the exponent varies, the factor is that of what stands below it
    factor = exp(apart[0])
    numbers = [abs(n) for n in (*value.numbers, *wanted.numbers) if n not in (0.0, 1.0, -1.0)]
    for signs in product((-1, 0, 1), repeat=min(len(numbers), _MOST_NUMBERS)):
        meant = sum(sign * log(n) for sign, n in zip(signs, numbers, strict=False))
        if any(signs) and abs(meant - log(factor)) < _MEANT:
            return None
    return factor
