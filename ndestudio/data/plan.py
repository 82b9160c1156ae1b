"""Which columns of the files are used for what: settled with the first file, found by label in the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision, open_decisions, question
from ndestudio.data.guesses import guesses, with_missing_ones
from ndestudio.data.names import identifier
from ndestudio.data.readers.base import Head, Table
from ndestudio.data.roles import Analysed, analyse, find
from ndestudio.data.shape.across import Across
from ndestudio.data.shape.assign import Assignment, assign, deviation_columns
from ndestudio.data.shape.replicates import NAMELESS
from ndestudio.data.times.clock import Clock, Part
from ndestudio.data.times.forms import TimeForm
from ndestudio.data.times.settle import ClockColumns, as_number
from ndestudio.errors import DataError


@dataclass(frozen=True)
class Plan:
    """Which columns of the first file are used for what; those of the other files are found by label.

    Parameters
    ----------
    trajectory
        Columns that name the run of a row together.
    clock, clocks
        What tells the time (None: the rows are counted), and its columns.
    measured
        Of a long table the column of values alone.
    observable
        Of a long table the column that says what was measured.
    events
        Setting of `[data.doses]` -> its column.
    across
        Times that stand in the header; ``measured`` is the one quantity that is measured at them.
    unit
        Of a long table the column with the units of its values.
    unknown
        Names of quantities of a long table that its values must show, each with its setting.
    """

    path: str
    columns: tuple[Analysed, ...]
    clock: Clock | None
    clocks: tuple[Analysed, ...]
    trajectory: tuple[Analysed, ...]
    measured: tuple[Analysed, ...]
    inputs: tuple[Analysed, ...]
    notes: tuple[str, ...]
    deviations: tuple[Analysed | None, ...]
    covariates: frozenset[str]
    decisions: tuple[Decision, ...]
    observable: Analysed | None = None
    events: Mapping[str, Analysed] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = ()
    across: Across | None = None
    unit: Analysed | None = None

    @property
    def read_as_values(self) -> tuple[Analysed, ...]:
        """Columns with measured values; those of times in the header are one quantity."""
        return self.measured if self.across is None else tuple(self.columns[place] for place in self.across.columns)

    @property
    def headers(self) -> tuple[str, ...]:
        return tuple(column.header for column in self.columns)

    @property
    def used(self) -> tuple[Analysed, ...]:
        """All columns that are read."""
        single = (*self.clocks, self.observable, self.unit, *self.deviations)
        every = (*(one for one in single if one is not None), *self.trajectory, *self.read_as_values, *self.inputs)
        return tuple(dict.fromkeys((*every, *self.events.values())))

    @property
    def texts(self) -> frozenset[int]:
        """Columns that are read as text, by index."""
        names = [*self.trajectory, *(one for one in (self.observable, self.unit) if one is not None)]
        names += [one for one in self.inputs if one.kind == "text"]
        names += [one for name, one in self.events.items() if name == "compartment"]
        return frozenset(one.index for one in names)


def make_plan(head: Head, config: DataConfig) -> Plan:
    """The plan from the head of the first file.

    Raises
    ------
    DataError
        What is wrong with the file or with what the person said.
    """
    columns, names, problems = analyse(head, config)
    assignment = assign(columns, config, head.path, head.dialect.decimal if head.dialect else ".")
    for problem in (*problems, *assignment.problems):
        raise problem
    # some questions are asked of the whole file, when it has been read
    later = {part.label for part in assignment.clock.parts if part.others} if assignment.clock else set()
    for decision in open_decisions(assignment.decisions):
        if decision.topic != "missing" and not (decision.topic == "format" and decision.column in later):
            raise question(decision, head.path)
    _refuse_text(columns, assignment, head)

    def pick(role: str) -> tuple[Analysed, ...]:
        return tuple(column for column, one in zip(columns, assignment.roles, strict=True) if one == role)

    long, clock, across = assignment.long, assignment.clock, assignment.across
    measured = (
        (_values_of(across, columns, config),)
        if across
        else pick("value")
        if long
        else _ordered(columns, config.states, pick("state"))
    )
    covariates = _ordered(columns, config.covariates, pick("covariate"))
    named = _at(columns, find(columns, config.condition)) if config.condition else None
    if named is not None and named in pick("trajectory"):  # a column may name runs and conditions
        covariates = (*covariates, named)
    inputs = (*_ordered(columns, config.inputs, pick("input")), *covariates)
    pairs = deviation_columns(columns, assignment.roles, config)
    return Plan(
        path=head.path,
        columns=columns,
        clock=clock,
        clocks=tuple(columns[index] for index in clock.columns) if clock else (),
        trajectory=_ordered(columns, _several(config.trajectory), pick("trajectory")),
        measured=measured,
        inputs=inputs,
        notes=(*head.notes, *names, *assignment.notes),
        deviations=tuple(columns[pairs[one.index]] if one.index in pairs else None for one in measured),
        covariates=frozenset(one.alias for one in covariates),
        decisions=with_missing_ones(_answered(assignment), guesses(head, columns, assignment.roles, config)),
        observable=columns[long.observable] if long else _at(columns, across.observable) if across else None,
        events={name: columns[place] for name, place in assignment.events.places.items()},
        unknown=assignment.unknown,
        across=across,
        unit=_at(columns, long.unit) if long else None,
    )


def _at(columns: Sequence[Analysed], place: int | None) -> Analysed | None:
    return None if place is None else columns[place]


def _values_of(across: Across, columns: Sequence[Analysed], config: DataConfig) -> Analysed:
    """The quantity that is measured at times in the header, which no column is called after."""
    label = config.value or NAMELESS
    alias = identifier(config.names.get(label, label), {column.alias for column in columns})
    first = columns[across.columns[0]]
    return replace(first, header=label, label=label, unit=config.units.get(label, ""), alias=alias)


def _answered(assignment: Assignment) -> tuple[Decision, ...]:
    return tuple(decision for decision in assignment.decisions if not decision.open)


def match(plan: Plan, head: Head, config: DataConfig) -> dict[int, Analysed]:
    """For each used column of the plan the column of this file with the same label."""
    if head.path == plan.path:
        return {column.index: column for column in plan.used}
    columns, _, _ = analyse(head, DataConfig(missing=config.missing, units=config.units))
    matched: dict[int, Analysed] = {}
    for wanted in plan.used:
        found = next((column for column in columns if column.label == wanted.label), None)
        if found is None:
            raise DataError(
                f"there is no column `{wanted.label}`, which {plan.path} has; files that are loaded together need the "
                "same columns",
                path=head.path,
            )
        if found.unit != wanted.unit and config.units.get(wanted.label) is None:
            raise DataError(
                f"the unit is `{found.unit or 'none'}` here and `{wanted.unit or 'none'}` in {plan.path}; convert one, "
                "or say which unit holds for all",
                path=head.path,
                column=wanted.label,
            )
        matched[wanted.index] = found
    return matched


def kinds(plan: Plan, columns: Mapping[int, Analysed]) -> dict[int, Kind]:
    """How each used column of a file is read, by its index there."""
    found: dict[int, Kind] = {
        columns[wanted.index].index: "text" if wanted.index in plan.texts else wanted.kind for wanted in plan.used
    }
    for part in _parts(plan):
        # what the head leaves open is decided by all cells of all files
        found[columns[part.index].index] = "number" if as_number(part) else "text" if part.others else "date"
    return found


def forms(plan: Plan, columns: Mapping[int, Analysed]) -> dict[int, TimeForm]:
    """How the columns of the clock are read, by their index in a file."""
    return {columns[part.index].index: part.form for part in _parts(plan) if part.form is not None}


def clock_columns(plan: Plan, columns: Mapping[int, Analysed], table: Table, path: str) -> ClockColumns:
    """The columns of the clock, taken out of the table, so that a long one is not held twice."""
    events = {one.index for one in plan.events.values()}
    taken = {}
    for part in _parts(plan):
        place = columns[part.index].index
        taken[part.index] = table.columns[place] if part.index in events else table.columns.pop(place)
    return ClockColumns(path, taken, table.rows)


def _parts(plan: Plan) -> tuple[Part, ...]:
    return plan.clock.parts if plan.clock else ()


def _several(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if not names else (names,) if isinstance(names, str) else names


def _ordered(
    columns: Sequence[Analysed], names: Sequence[str] | None, found: tuple[Analysed, ...]
) -> tuple[Analysed, ...]:
    """The columns of a role, those that the person named first and in their order."""
    indices = dict.fromkeys(find(columns, name) for name in names or ())
    named = [columns[index] for index in indices if index is not None]
    return (*(one for one in named if one in found), *(one for one in found if one not in named))


def _refuse_text(columns: Sequence[Analysed], assignment: Assignment, head: Head) -> None:
    for column, role in zip(columns, assignment.roles, strict=True):
        if role in ("state", "value", "input", "deviation") and column.kind == "text":
            seen = next(text for text in column.texts if text.strip())
            raise DataError(
                f"this column is to be used as {role} but holds text such as `{seen}`; choose a column of numbers",
                path=head.path,
                row=head.rows[column.texts.index(seen)],
                column=column.label,
            )
