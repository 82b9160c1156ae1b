"""Whether formulas respect the units of a problem, and the problem's units as the compiled engine wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ndestudio.expression import to_text
from ndestudio.expression.functions import find
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.expression.units import Unit, parse_unit
from ndestudio.symbolic.engine import SearchProblem
from ndestudio.symbolic.template import Template

MOST_DIMENSIONS = 16
"""Base dimensions the compiled engine tells apart."""
_CLOSE = 1e-6


class DimensionError(ValueError):
    """A formula adds unlike quantities, or takes a function of one with a unit; the text says which."""


Dimension = Mapping[str, float] | None
"""Base dimension -> exponent; None is whatever fits (of numbers that are wildcards, of columns without a unit)."""


@dataclass(frozen=True)
class ProblemUnits:
    """Units of the columns and of each target; None where unknown."""

    columns: Mapping[str, Unit | None]
    targets: tuple[Unit | None, ...]
    unknown: tuple[str, ...]


def units_of(problem: SearchProblem) -> ProblemUnits | None:
    """The units of a problem, None if it has none.

    Raises
    ------
    ValueError
        For a unit that cannot be read, or a number of units other than that of the columns.
    """
    texts = problem.units or ()
    if texts and len(texts) != len(problem.names):
        raise ValueError(f"{len(texts)} units were given for {len(problem.names)} columns of X; give one for each")
    if not any(texts) and not any(problem.unit_y or ()):
        return None
    columns = {
        n: _parsed(text, f"of `{n}`")
        for n, text in zip(problem.names, texts or ("",) * len(problem.names), strict=True)
    }
    given = problem.unit_y if isinstance(problem.unit_y, tuple) else (problem.unit_y,) * problem.targets
    if len(given) != problem.targets:
        raise ValueError(f"{len(given)} units were given for the {problem.targets} columns of y; give one for each")
    targets = tuple(_parsed(text, "of y") for text in given)
    words = [w for unit in (*columns.values(), *targets) if unit is not None for w in unit.unknown]
    return ProblemUnits(columns, targets, tuple(dict.fromkeys(words)))


def _parsed(text: str | None, whose: str) -> Unit | None:
    if text is None or not text.strip():
        return None
    try:
        return parse_unit(text)
    except ValueError as error:
        raise ValueError(f"{error} (it is the unit {whose})") from error


def core_dimensions(units: ProblemUnits) -> dict[str, Any]:
    """Settings of the compiled engine."""
    every = [unit for unit in (*units.columns.values(), *units.targets) if unit is not None]
    bases = tuple(dict.fromkeys(name for unit in every for name in unit.powers))
    if len(bases) > MOST_DIMENSIONS:
        raise ValueError(
            f"the units have {len(bases)} base dimensions ({', '.join(bases)}); at most {MOST_DIMENSIONS} can be told apart"
        )

    def vector(unit: Unit) -> list[float]:
        return [float(unit.powers.get(name, 0)) for name in bases]

    return {
        "dimensions": [None if u is None else vector(u) for u in units.columns.values()],
        "target_dimensions": [None if u is None else vector(u) for u in units.targets],
    }


def argument_dimensions(units: ProblemUnits, template: Template) -> list[list[float] | None]:
    """Dimensions of the arguments of a template's functions, None where unknown.

    Raises
    ------
    ValueError
        For an argument that breaks the units.
    """
    found = [dimension_of(argument, units) for own in template.functions.values() for argument in own]
    bases = tuple(dict.fromkeys(name for d in found if d for name in d))
    if len(bases) > MOST_DIMENSIONS:
        raise ValueError(f"the units have {len(bases)} base dimensions; at most {MOST_DIMENSIONS} can be told apart")
    return [None if d is None else [d.get(name, 0.0) for name in bases] for d in found]


def check_dimensions(expr: Expr, units: ProblemUnits, wildcards: bool = True) -> None:
    """Raise DimensionError, with a sentence, unless ``expr`` respects the units and is like one of the targets.

    Parameters
    ----------
    wildcards
        Numbers take whatever dimension fits; else they are pure numbers. Exponents are pure numbers always.
    """
    found = dimension_of(expr, units, wildcards)
    targets = [None if unit is None else _plain(unit) for unit in units.targets]
    if found is not None and all(target is not None and not _same(found, target) for target in targets):
        raise DimensionError(f"`{to_text(expr)}` is {_words(found)}, and y is {' or '.join(map(str, units.targets))}")


def dimension_of(expr: Expr, units: ProblemUnits, wildcards: bool = True) -> Dimension:
    """The dimension of ``expr``. Raises DimensionError."""

    def of(node: Expr) -> Dimension:
        return dimension_of(node, units, wildcards)

    match expr:
        case Number() | Name("pi"):
            return None if wildcards else {}
        case Name(name):
            unit = units.columns[name]
            return None if unit is None else _plain(unit)
        case Negate(operand):
            return of(operand)
        case Binary("+" | "-", left, right):
            return _alike((left, right), of)
        case Binary("*" | "/" as operator, left, right):
            return _product(of(left), of(right), 1.0 if operator == "*" else -1.0)
        case Binary("^", base, exponent):
            return _power(base, of(base), exponent, of(exponent))
        case Call(function, arguments):
            return _call(function, arguments, of)
    raise TypeError(f"not an expression: {expr!r}")


def _call(function: str, arguments: tuple[Expr, ...], of: Callable[[Expr], Dimension]) -> Dimension:
    known = find(function)
    match "pure" if known is None else known.units:
        case "same":
            return _alike(arguments, of)
        case "root":
            return _scaled(of(arguments[0]), 0.5)
        case "alike":
            _alike(arguments, of)
        case "any" | "logic":
            for argument in arguments:
                of(argument)
        case "hill":
            _alike(arguments[:2], of)
            _pure(arguments[2], of(arguments[2]), "a Hill exponent must be a pure number")
        case "choice":
            kinds = known.kinds(len(arguments)) if known is not None else None
            numbers = tuple(a for kind, a in zip(kinds or "", arguments, strict=True) if kind == "n")
            for kind, argument in zip(kinds or "", arguments, strict=True):
                if kind == "c":
                    of(argument)
            return _alike(numbers, of)
        case _:
            for argument in arguments:
                _pure(argument, of(argument), f"`{function}` takes pure numbers")
    return {}


def _alike(parts: tuple[Expr, ...], of: Callable[[Expr], Dimension]) -> Dimension:
    """The dimension that all ``parts`` have."""
    first, common = parts[0], of(parts[0])
    for part in parts[1:]:
        found = of(part)
        if common is not None and found is not None and not _same(common, found):
            raise DimensionError(
                f"`{to_text(first)}` is {_words(common)} and `{to_text(part)}` {_words(found)}: they cannot be added or compared"
            )
        if common is None:
            first, common = part, found
    return common


def _power(base: Expr, of_base: Dimension, exponent: Expr, of_exponent: Dimension) -> Dimension:
    number = fold(exponent)
    if isinstance(number, Negate) and isinstance(number.operand, Number):
        number = Number(-number.operand.value)
    if isinstance(number, Number):
        return _scaled(of_base, number.value)
    _pure(exponent, of_exponent, "an exponent must be a pure number")
    _pure(base, of_base, "what is raised to a varying power must be a pure number")
    return {}


def _pure(expr: Expr, found: Dimension, rule: str) -> None:
    if found is not None and not _same(found, {}):
        raise DimensionError(f"`{to_text(expr)}` is {_words(found)}; {rule}")


def _plain(unit: Unit) -> dict[str, float]:
    return {name: float(power) for name, power in unit.powers.items()}


def _product(a: Dimension, b: Dimension, sign: float) -> Dimension:
    if a is None or b is None:
        return None
    return {name: a.get(name, 0.0) + sign * b.get(name, 0.0) for name in {**a, **b}}


def _scaled(a: Dimension, factor: float) -> Dimension:
    return None if a is None else {name: factor * power for name, power in a.items()}


def _same(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    return all(abs(a.get(name, 0.0) - b.get(name, 0.0)) <= _CLOSE for name in {**a, **b})


def _words(found: Mapping[str, float]) -> str:
    powers = {name: Fraction(p).limit_denominator(60) for name, p in found.items() if abs(p) > _CLOSE}
    return str(Unit(powers))
