"""Whether the units of equations fit together: what each side measures, and the factor where only sizes differ.

Columns have the unit of the file (or the model's), parameters and networks that of their settings, the time that of the
file. What has no unit, or one with a word that is not known, fits everywhere. A number fits where a unit is missing; it
does not excuse a wrong size unless it is the factor between the two. Nothing is converted: a check only tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression, to_text
from ndestudio.expression.delays import read_delays
from ndestudio.expression.tree import Binary, Expr, Name, Negate, names
from ndestudio.expression.units import Unit, parse_unit
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.measures import Measure, Measuring, Mismatch, measured, words_text
from ndestudio.model.statements import Statement, read_statements

_PURE_WORDS = ("OD", "OD600", "OD_600", "a.u.", "RFU", "RLU", "AFU")
"""Readings without a dimension; they are units of their own for a search, and pure numbers in an equation."""


@dataclass(frozen=True)
class Conversion:
    """A parameter in another unit: its value times ``factor``."""

    name: str
    unit: str
    factor: float

    def applied(self, parameter: ParameterConfig) -> ParameterConfig:
        """The settings with value and bounds in the new unit."""
        value, lower, upper = (
            None if number is None else float(f"{number * self.factor:.12g}")
            for number in (parameter.value, parameter.lower, parameter.upper)
        )
        return msgspec.structs.replace(parameter, value=value, lower=lower, upper=upper, unit=self.unit)


@dataclass(frozen=True)
class UnitProblem:
    """Units that do not fit.

    Parameters
    ----------
    line, column, length
        Place in the equation text, 1-based.
    factor
        What one side is to be multiplied by, None where no factor can mend it.
    conversions
        Parameters in other units, which would mend it too.
    """

    sentence: str
    line: int = 1
    column: int = 1
    length: int = 1
    factor: float | None = None
    conversions: tuple[Conversion, ...] = ()

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.sentence}"


def quantity_units(config: ModelConfig, dataset: Dataset) -> dict[str, str]:
    """Unit of every name of the equations that has one: the file's for columns, unless the model says otherwise."""
    units = {column.name: column.unit for column in (*dataset.measured, *dataset.inputs)}
    units |= {name: settings.unit for name, settings in config.parameters.items()}
    units["t"] = dataset.time.unit
    return {name: unit for name, unit in (units | dict(config.units)).items() if unit}


def unit_problems(config: ModelConfig, dataset: Dataset) -> tuple[UnitProblem, ...]:
    """What does not fit together in the units of a model, in the order of the text; most often nothing.

    Lines that cannot be read are left out.
    """
    statements = [one for one in read_statements(config.equations)[0] if one.expr is not None]
    moving = {*(one.name for one in statements), *dataset.measured_names, *dataset.input_names} - {*config.networks}
    statements = [replace(one, expr=read_delays(_expr(one), moving)) for one in statements]
    units = quantity_units(config, dataset)
    found = _Check(config, units, statements).problems()
    told = [replace(one, conversions=()) for one in _twice_given(config, dataset)]
    if not found:
        return tuple(told)
    conversions = _conversions(config, units, statements, len(found))
    mended = [_with_conversions(one, conversions, config) if one.factor is not None else one for one in found]
    return tuple(sorted([*told, *mended], key=lambda one: (one.line, one.column)))


def _twice_given(config: ModelConfig, dataset: Dataset) -> list[UnitProblem]:
    """Columns to which the model gives a unit of another size than the file."""
    found = []
    for column in (*dataset.measured, *dataset.inputs):
        own, given = _unit(config.units.get(column.name, "")), _unit(column.unit)
        if own is None or given is None or (own == given and abs(own.size / given.size - 1) < 1e-6):
            continue
        found.append(
            UnitProblem(
                f"the model gives `{column.name}` the unit {config.units[column.name]}, the data are in {column.unit}; values are not "
                "converted, so take the unit away or the data in that unit"
            )
        )
    return found


def _unit(text: str) -> Unit | None:
    """The unit, None where it says nothing that can be compared."""
    if not text.strip():
        return None
    if text.strip() in _PURE_WORDS:
        return Unit()
    try:
        unit = parse_unit(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    pure = [word for word in unit.unknown if word in _PURE_WORDS]
    if "AU" in unit.words or len(pure) < len(unit.unknown):
        return None
    # cells and copies are numbers: what is given per cell is often written without
    return replace(unit, powers={name: p for name, p in unit.powers.items() if name != "count" and name not in pure})


@dataclass
class _Check:
    config: ModelConfig
    units: Mapping[str, str]
    statements: Sequence[Statement]
    found: list[UnitProblem] = field(default_factory=list)

    def problems(self) -> list[UnitProblem]:
        known: dict[str, Measure | None] = {name: measured(_unit(text)) for name, text in self.units.items()}
        networks = {name: measured(_unit(settings.unit)) for name, settings in self.config.networks.items()}
        time = known.get("t")
        for one in self.statements:
            if one.kind == "derivative" and isinstance(one.expr, Name) and not one.tokens:
                known.setdefault(one.expr.name, _rate(known.get(one.name), time))
        waiting = [one for one in self.statements if one.kind == "quantity"]
        for _ in range(len(waiting)):
            ready = [one for one in waiting if not any(other.name in names(_expr(one)) for other in waiting)]
            for one in ready:
                value = self._side(one, known, networks, known.get(one.name), f"`{one.name}`")
                known.setdefault(one.name, value)
                waiting.remove(one)
        for one in self.statements:
            if one.kind == "derivative" and one.tokens:
                left = _rate(known.get(one.name), time)
                self._side(one, known, networks, left, f"the rate of `{one.name}`")
                if known.get(one.name) is None and one.name not in self.units:
                    self._of_its_own(one, known, networks, time)
        for one in self.statements:
            if one.kind == "algebraic" and one.expr is not None:
                self._side(one, known, networks, None, "")
        for name, initial in self.config.initial.items():
            if isinstance(initial.start, str):
                self._text(initial.start, f"initial value of `{name}`: ", known, networks, known.get(name), f"`{name}`")
        for name, penalty in self.config.penalties.items():
            self._text(penalty.expression, f"penalty `{name}`: ", known, networks, None, "")
        return self.found

    def _of_its_own(
        self,
        statement: Statement,
        known: Mapping[str, Measure | None],
        networks: Mapping[str, Measure | None],
        time: Measure | None,
    ) -> None:
        """The summands in proportion to a state without a unit: whatever it is measured in, `k*A` has to be in that over time."""
        own = Measure({(f"[{statement.name}]", ""): 1.0}, {}, {(f"[{statement.name}]", ""): 1.0})
        left = _rate(own, time)
        for summand in _summands(_expr(statement)):
            if left is None or statement.name not in names(summand):
                continue
            measuring = Measuring({**known, statement.name: own}, networks)
            value = measuring.of(summand)
            if value is None or measuring.slips or set(value.powers) != set(left.powers):
                continue
            measuring.same_side(summand, value, left, f"the rate of `{statement.name}`")
            for slip in measuring.slips:
                if slip.factor is not None:
                    token = next((statement.mention(name) for name in names(summand)), statement.target)
                    text = slip.sentence.replace("the right-hand side", f"`{to_text(summand)}`")
                    self.found.append(UnitProblem(text, token.line, token.column, token.length, slip.factor))

    def _side(
        self,
        statement: Statement,
        known: Mapping[str, Measure | None],
        networks: Mapping[str, Measure | None],
        left: Measure | None,
        whose: str,
    ) -> Measure | None:
        expr, target = _expr(statement), statement.target
        value, slips = _compared(expr, known, networks, left, whose)
        for slip in slips:
            token = target
            if slip.expr is not expr:
                token = next((statement.mention(name) for name in names(slip.expr)), target)
            self.found.append(UnitProblem(slip.sentence, token.line, token.column, token.length, slip.factor))
        return value

    def _text(
        self,
        text: str,
        where: str,
        known: Mapping[str, Measure | None],
        networks: Mapping[str, Measure | None],
        left: Measure | None,
        whose: str,
    ) -> None:
        try:
            expr = parse_expression(text)
        except EquationError:
            return
        _, slips = _compared(expr, known, networks, left, whose)
        state = where.split("`")[1]
        token = next((one.target for one in self.statements if one.name == state), None)
        place = (token.line, token.column, token.length) if token is not None else (1, 1, 1)
        self.found += [UnitProblem(where + slip.sentence, *place, slip.factor) for slip in slips]


def _compared(
    expr: Expr,
    known: Mapping[str, Measure | None],
    networks: Mapping[str, Measure | None],
    left: Measure | None,
    whose: str,
) -> tuple[Measure | None, list[Mismatch]]:
    """The measure of a right-hand side, and what does not fit in it or with the left."""
    measuring = Measuring(known, networks)
    value = measuring.of(expr)
    if left is not None and value is not None:
        measuring.same_side(expr, value, left, whose)
    return value, measuring.slips


def _summands(expr: Expr) -> list[Expr]:
    match expr:
        case Binary("+" | "-", left, right):
            return [*_summands(left), *_summands(right)]
        case Negate(operand):
            return _summands(operand)
    return [expr]


def _rate(of: Measure | None, time: Measure | None) -> Measure | None:
    return None if of is None or time is None else of.interval().over(time)


def _expr(statement: Statement) -> Expr:
    assert statement.expr is not None
    return statement.expr


def _conversions(
    config: ModelConfig, units: Mapping[str, str], statements: Sequence[Statement], count: int
) -> tuple[Conversion, ...]:
    """The parameters that, written in other units of the model, leave the fewest problems; one if one will do."""
    every = {name: _unit(text) for name, text in units.items()}
    words = {
        word: Unit({}, (), 1.0) if parsed is None else parsed
        for unit in every.values()
        if unit is not None
        for word in unit.words
        for parsed in [_unit(word)]
    }
    single = []
    for name in config.parameters:
        unit = every.get(name)
        if unit is None or config.parameters[name].prior is not None:
            continue
        single += [
            Conversion(name, words_text(other), unit.size / resized) for other, resized in _rewritten(unit, words)
        ]
    together: dict[str, list[Conversion]] = {}
    for one in single:
        together.setdefault(one.unit, []).append(one)
    best, choice = count, ()
    for option in [(one,) for one in single] + [tuple(group) for group in together.values() if len(group) > 1]:
        changed = dict(units) | {one.name: one.unit for one in option}
        left = len(_Check(config, changed, statements).problems())
        if left < best:
            best, choice = left, option
    return choice


def _rewritten(unit: Unit, words: Mapping[str, Unit]) -> list[tuple[dict[str, Fraction], float]]:
    """The unit with each of its words exchanged for each other word that measures the same: (words, size)."""
    found = []
    for old in unit.words:
        before = words[old]
        for new, after in words.items():
            if new != old and after == before and after.powers and after.size != before.size:
                power = unit.words[old]
                exchanged = {word: p for word, p in unit.words.items() if word != old}
                exchanged[new] = exchanged.get(new, Fraction(0)) + power
                found.append((exchanged, unit.size * (after.size / before.size) ** float(power)))
    return found


def _with_conversions(problem: UnitProblem, options: tuple[Conversion, ...], config: ModelConfig) -> UnitProblem:
    if not options:
        return problem
    told = []
    for one in options:
        parameter = config.parameters[one.name]
        told.append(
            f"`{one.name}` in {one.unit} ({parameter.value:g} {parameter.unit} is {parameter.value * one.factor:.4g} {one.unit})"
        )
    return replace(problem, sentence=f"{problem.sentence}; or give {' and '.join(told)}", conversions=options)


__all__ = ["Conversion", "UnitProblem", "quantity_units", "unit_problems"]
