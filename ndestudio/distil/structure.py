"""Whether two formulas have the same structure, whichever way they are written, and how far their constants are apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ndestudio.distil.forms import MOST_NODES, REFUSED, simplest, summands
from ndestudio.expression.bounded import LARGEST_WHOLE, Budget, Exhausted, check_size
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, size

_NOTHING = 1e-12
"""A coefficient this much smaller than the largest of its sum comes from rounding."""


@dataclass(frozen=True)
class FormulaStructure:
    """A formula as `coefficient` times what `key` describes: every sum is divided by the coefficient of its first term.

    Parameters
    ----------
    key
        Names, functions and whole exponents; equal for formulas that differ in constants alone.
    numbers
        The constants, in the order of the key.
    """

    coefficient: float
    key: str
    numbers: tuple[float, ...] = ()

    @property
    def constants(self) -> tuple[float, ...]:
        return (self.coefficient, *self.numbers)


def difference(truth: Expr, other: Expr, budget: Budget | None = None) -> float | None:
    """Largest relative difference of the constants of two formulas; None when their structures differ.

    Both are compared as they are, in their simplest form, and as one fraction of expanded sums.
    """
    budget = budget or Budget()
    for a, b in zip(_forms(truth, budget), _forms(other, budget), strict=True):
        mine, yours = structure(a), structure(b)
        if mine.key == yours.key and len(mine.constants) == len(yours.constants):
            return max(_apart(x, y) for x, y in zip(mine.constants, yours.constants, strict=True))
    return None


def structure(expr: Expr) -> FormulaStructure:
    """The structure of ``expr`` as it is written, but for the order of operands and where factors stand."""
    match expr:
        case Number(value):
            return FormulaStructure(value, "1")
        case Name(name):
            return FormulaStructure(1.0, name)
        case Binary("+" | "-", _, _):
            return _sum(expr)
        case Call("sqrt", (argument,)):
            return _root(structure(argument), 0.5)
        case Call(function, arguments):
            inner = [structure(argument) for argument in arguments]
            numbers = tuple(number for one in inner for number in one.constants)
            return FormulaStructure(1.0, f"{function}({', '.join(one.key for one in inner)})", numbers)
        case _:
            return _product(expr)


def _sum(expr: Expr) -> FormulaStructure:
    terms: dict[tuple[str, tuple[float, ...]], float] = {}
    for sign, operand in summands(expr):
        term = structure(operand)
        place = (term.key, term.numbers)
        terms[place] = terms.get(place, 0.0) + sign * term.coefficient
    largest = max(map(abs, terms.values()))
    kept = {place: value for place, value in sorted(terms.items()) if abs(value) > _NOTHING * largest}
    if not kept:
        return FormulaStructure(0.0, "1")
    lead = next(iter(kept.values()))
    if len(kept) == 1:
        ((key, numbers),) = kept
        return FormulaStructure(lead, key, numbers)
    numbers = (*(value / lead for value in list(kept.values())[1:]), *(n for _, inner in kept for n in inner))
    return FormulaStructure(lead, f"({' + '.join(key for key, _ in kept)})", numbers)


def _product(expr: Expr) -> FormulaStructure:
    coefficient, powers = _powers(expr, 1)
    kept = sorted((base, power) for base, power in powers.items() if power)
    if not kept:
        return FormulaStructure(coefficient, "1")
    key = "*".join(base[0] if power == 1 else f"{base[0]}^{power}" for base, power in kept)
    return FormulaStructure(coefficient, key, tuple(number for base, _ in kept for number in base[1]))


_Base = tuple[str, tuple[float, ...]]


def _powers(expr: Expr, power: int) -> tuple[float, dict[_Base, int]]:
    """Coefficient and factors of a product, each with its whole exponent."""
    match expr:
        case Negate(operand):
            coefficient, found = _powers(operand, power)
            return (-coefficient if power % 2 else coefficient), found
        case Binary("*", left, right):
            return _merged(_powers(left, power), _powers(right, power))
        case Binary("/", left, right):
            return _merged(_powers(left, power), _powers(right, -power))
        case Binary("^", base, exponent) if (whole := _whole(exponent)) is not None:
            return _powers(base, power * whole)
        case Binary("^", base, Number(value)):
            one = _root(structure(base), value)
        case Binary("^", base, Negate(Number(value))):
            one = _root(structure(base), -value)
        case Binary("^", base, exponent):
            below, above = structure(base), structure(exponent)
            one = FormulaStructure(1.0, f"({below.key})^({above.key})", (*below.constants, *above.constants))
        case _:
            one = structure(expr)
    factor = _raised(one.coefficient, power)
    return factor, ({(one.key, one.numbers): power} if one.key != "1" else {})


def _raised(base: float, power: int) -> float:
    try:
        return base**power
    except (OverflowError, ZeroDivisionError):
        return -math.inf if base < 0 and power % 2 else math.inf


def _merged(
    left: tuple[float, dict[_Base, int]], right: tuple[float, dict[_Base, int]]
) -> tuple[float, dict[_Base, int]]:
    found = dict(left[1])
    for base, power in right[1].items():
        found[base] = found.get(base, 0) + power
    return left[0] * right[0], found


def _root(base: FormulaStructure, power: float) -> FormulaStructure:
    """A power that is no whole number, its exponent being a constant like others."""
    if base.coefficient > 0:
        return FormulaStructure(base.coefficient**power, f"({base.key})^#", (*base.numbers, power))
    return FormulaStructure(1.0, f"(#*{base.key})^#", (*base.constants, power))


def _whole(exponent: Expr) -> int | None:
    match exponent:
        case Number(value) if value == int(value):
            return int(value)
        case Negate(Number(value)) if value == int(value):
            return -int(value)
    return None


def _forms(expr: Expr, budget: Budget) -> Iterator[Expr]:
    yield expr
    yield simplest(expr, budget)
    yield _one_fraction(expr, budget)


def _one_fraction(expr: Expr, budget: Budget) -> Expr:
    """Expanded numerator over expanded denominator; ``expr`` itself where SymPy cannot say."""
    if size(expr) > MOST_NODES:
        return expr
    import sympy

    from ndestudio.expression import from_sympy, to_sympy, to_text

    def expanded() -> Expr:
        above, below = sympy.fraction(sympy.together(to_sympy(expr, largest_whole=LARGEST_WHOLE)))
        return Binary("/", from_sympy(sympy.expand(above)), from_sympy(sympy.expand(below)))

    try:
        check_size(expr)
        return budget.run(expanded)
    except Exhausted as why:
        budget.give_up(to_text(expr), why)
        return expr
    except (*REFUSED, sympy.PolynomialError):
        return expr


def _apart(truth: float, other: float) -> float:
    if truth == other:
        return 0.0
    return abs(other - truth) / abs(truth) if truth else math.inf
