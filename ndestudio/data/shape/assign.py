"""What each column of a table is for: what the person said, else the guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ndestudio.data.cells import is_missing
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.deviations import measured_by
from ndestudio.data.names import suggestion
from ndestudio.data.readers.base import markers
from ndestudio.data.roles import Analysed, Role, find, increasing
from ndestudio.data.shape.across import Across, find_across
from ndestudio.data.shape.below import decision as below_decision
from ndestudio.data.shape.below import is_beyond
from ndestudio.data.shape.events import Events, event_rows, find_events
from ndestudio.data.shape.long import Long, find_long
from ndestudio.data.shape.replicates import NAMELESS, find_replicates
from ndestudio.data.shape.rest import Rest
from ndestudio.data.shape.runs import groups, guess_runs
from ndestudio.data.shape.sentinels import open_marks, settled_marks
from ndestudio.data.shape.vocabulary import IDENTIFIERS, PETAB_RUNS, word
from ndestudio.data.times.choice import Chosen, choose, likely, named
from ndestudio.data.times.clock import Clock
from ndestudio.errors import DataError

_SETTINGS = ("names", "units", "weights", "deviations", "sentinels")
"""Settings that say something of single columns."""


@dataclass(frozen=True)
class Assignment:
    """The role of each column, the sentences about how it came to it, and what is wrong with what the person asked.

    Parameters
    ----------
    long
        The columns of a long table, None if it is not one.
    across
        The times in the header, None if there are none.
    events
        Where doses and events are written.
    clock
        What tells the time, None where the rows are counted.
    times
        What it tells in the rows of the head.
    unknown
        Names that the person gave to quantities which only the values of a long table can show, each with its setting.
    """

    roles: tuple[Role, ...]
    notes: tuple[str, ...]
    problems: tuple[DataError, ...]
    decisions: tuple[Decision, ...] = ()
    long: Long | None = None
    events: Events = Events({})
    unknown: tuple[tuple[str, str], ...] = ()
    clock: Clock | None = None
    across: Across | None = None
    times: np.ndarray | None = None

    def indices(self, role: Role) -> tuple[int, ...]:
        return tuple(index for index, one in enumerate(self.roles) if one == role)


def assign(columns: Sequence[Analysed], config: DataConfig, path: str, decimal: str = ".") -> Assignment:
    """Give each column its role: what the person said, else the guess."""
    work = _Assigning(columns, config, path, decimal)
    work.take_what_was_asked()
    work.find_doses()
    work.find_shape()
    work.find_runs()
    work.find_time()
    return work.finished()


class _Assigning:
    """The roles of the columns of one table while they are found."""

    def __init__(self, columns: Sequence[Analysed], config: DataConfig, path: str, decimal: str) -> None:
        self._columns, self._config, self._path, self._decimal = columns, config, path, decimal
        self._seen = columns
        self._roles: list[Role | None] = [None] * len(columns)
        self._notes: list[str] = []
        self._problems: list[DataError] = []
        self._decisions: list[Decision] = []
        self._unknown: list[tuple[str, str]] = []
        self._long: Long | None = None
        self._across: Across | None = None
        self._events = Events({})
        self._chosen: Chosen | None = None

    def take_what_was_asked(self) -> None:
        config = self._config
        trajectory = (config.trajectory,) if isinstance(config.trajectory, str) else config.trajectory or ()
        times = (config.time,) if isinstance(config.time, str) else config.time or ()
        runs = config.condition and find(self._columns, config.condition) in {
            find(self._columns, one) for one in trajectory if one
        }
        covariates = (*config.covariates, config.condition) if config.condition and not runs else config.covariates
        asked: tuple[tuple[Role, Sequence[str]], ...] = (
            ("time", [one for one in times if one]),
            ("trajectory", [one for one in trajectory if one]),
            ("input", config.inputs),
            ("covariate", covariates),
            ("ignore", config.ignore),
            ("deviation", tuple(config.deviations.values())),
            ("state", config.states or ()),
            ("observable", [config.observable] if config.observable else []),
        )
        for role, names in asked:
            for name in names:
                self._put(name, role)
        for where in _SETTINGS:
            for name in getattr(config, where):
                if find(self._columns, name) is None:
                    self._unknown.append((name, where))

    def _put(self, name: str, role: Role) -> None:
        place = find(self._columns, name)
        if place is None:
            where = "time" if role == "time" else f"{role} column"
            self._unknown.append((name, where))
        elif self._roles[place] not in (None, role):
            self._problems.append(
                DataError(
                    f"the column is named both as {self._roles[place]} and as {role}; choose one",
                    path=self._path,
                    column=name,
                )
            )
        else:
            self._roles[place] = role

    def find_doses(self) -> None:
        self._events = find_events(self._columns, self._taken(), self._config)
        if not self._events:
            return
        for place in self._events.places.values():
            self._roles[place] = self._roles[place] or "dose"
        given = event_rows(self._columns, self._events)
        if given.all() or not given.any():
            return
        self._seen = [_at(column, np.flatnonzero(~given), self._config) for column in self._columns]

    def find_shape(self) -> None:
        self._across = find_across(self._columns, self._taken(), self._config)
        if self._across is not None:
            self._lay_across(self._across)
            return
        self._long, asked = find_long(self._seen, self._taken(), self._config)
        if asked is not None:
            self._decisions.append(asked)
        if self._config.shape in ("long", "dates across") and self._long is None:
            self._problems.append(self._not_of_shape())
        if self._long is None:
            return
        self._roles[self._long.observable] = "observable"
        self._roles[self._long.value] = "value"
        if self._long.unit is not None:
            self._roles[self._long.unit] = "ignore"
            self._notes.append(f"`{self._columns[self._long.unit].label}` holds the units of the values.")
        if self._long.decision is not None:
            self._decisions.append(self._long.decision)
            self._notes.append(self._long.decision.sentence)

    def _lay_across(self, across: Across) -> None:
        for place in across.columns:
            self._roles[place] = "value"
        self._tell_runs(across.runs)
        if across.observable is not None:
            self._roles[across.observable] = "observable"
        self._decisions += across.decisions
        self._notes += [one.sentence for one in across.decisions if not one.open]
        for column in self._free():
            if column.kind == "number" and (column.missing or word(column.label) in IDENTIFIERS or _is_code(column)):
                self._roles[column.index] = "ignore"
                self._notes.append(f"`{column.label}` is no part of what the times across measure, and is left out.")

    def find_runs(self) -> None:
        if self._across is not None:
            return
        told = [column for column in self._seen if self._roles[column.index] == "time"]
        if not told and self._config.time is None and self._petab():
            told = [one for one in self._free() if word(one.label) == "time" and one.kind == "number"]
        self._chosen = named(told, self._path) if told else None
        if self._config.trajectory is not None:
            return
        first = self._chosen if told or self._config.time == "" else likely(self._free())
        taken = first.clock.columns if first is not None and first.clock is not None else ()
        time = None
        if first is not None and first.values is not None and taken:
            time = replace(self._seen[taken[0]], values=first.values, kind="number")
        free = [one for one in self._free() if one.index not in taken and one.kind != "date"]
        places = self._petab_runs() or guess_runs(free, time, self._seen, self._base())
        self._tell_runs(places)

    def _tell_runs(self, places: Sequence[int]) -> None:
        """Columns that name the run of a row, with what else they may be."""
        for place in places:
            self._roles[place] = "trajectory"
        if not places or self._config.trajectory is not None:
            return
        labels = tuple(self._columns[place].label for place in places)
        names = " and ".join(f"`{label}`" for label in labels)
        said = "name the trajectories together" if len(places) > 1 else "was taken as the name of the trajectory"
        self._notes.append(f"{names} {said}.")
        if len(places) > 1:
            choices = (
                Choice(" and ".join(labels), {"trajectory": labels}),
                *(Choice(f"only `{label}`", {"trajectory": label}) for label in labels),
                Choice("none: one trajectory", {"trajectory": ""}),
            )
            self._decisions.append(Decision("trajectory", self._notes[-1], choices=choices, certain=False))

    def find_time(self) -> None:
        if self._across is not None:
            return
        if self._config.time is None and not (self._petab() and self._chosen is not None):
            number = groups(self._seen, self._runs(), self._base())
            self._chosen = choose(
                self._free(), lambda values: increasing(values, number), self._path, runs=number is not None
            )
        if self._chosen is None:
            return
        for place in self._chosen.clock.columns if self._chosen.clock else ():
            self._roles[place] = "time"
        self._notes += self._chosen.notes
        self._problems += self._chosen.problems
        self._decisions += self._chosen.decisions

    def finished(self) -> Assignment:
        rest = Rest(
            self._seen,
            self._config,
            self._columns,
            self._rows_as_runs() if self._across is not None else groups(self._columns, self._runs()),
            long=self._long is not None,
            across=self._across is not None,
            dosed=self._events.doses,
        )
        roles = rest.roles(self._roles)
        self._find_replicates(roles)
        self._find_marks(roles)
        if self._long is None and self._across is None:
            self._problems[:0] = [self._unknown_error(name, where) for name, where in self._unknown]
        if "state" not in roles and "value" not in roles:
            # to count rows helps only where something was measured in them
            self._problems = [one for one in self._problems if one.column or one.remedy[0] != "count"]
            self._problems.append(_nothing_measured(self._columns, self._path))
        return Assignment(
            tuple(roles),
            (*self._notes, *rest.notes),
            tuple(self._problems),
            (*self._decisions, *rest.decisions),
            self._long,
            self._events,
            tuple(self._unknown) if self._long is not None or self._across is not None else (),
            self._chosen.clock if self._chosen is not None else None,
            self._across,
            self._chosen.values if self._chosen is not None else None,
        )

    def _not_of_shape(self) -> DataError:
        if self._config.shape == "long":
            missing = "name the column that says what was measured (`observable`) and that of its values (`value`)"
        else:
            missing = "at least three headers have to be dates or numbers that increase, with numbers below them"
        return DataError(f"the table cannot be read as `{self._config.shape}`: {missing}", path=self._path)

    def _rows_as_runs(self) -> np.ndarray:
        found = groups(self._columns, self._runs())
        return np.arange(len(self._columns[0].texts)) if found is None else found

    def _find_replicates(self, roles: Sequence[Role]) -> None:
        labels = [column.label for column, role in zip(self._columns, roles, strict=True) if role == "state"]
        found, decision = find_replicates(labels, self._config, self._config.value or NAMELESS)
        if decision is not None and self._long is None:
            self._decisions.append(decision)
            self._notes.append(decision.sentence)
            self._unknown = [one for one in self._unknown if one[0] not in found.stems]

    def _find_marks(self, roles: Sequence[Role]) -> None:
        """Cells and numbers that mark something that was not measured."""
        number = [
            column
            for column, role in zip(self._columns, roles, strict=True)
            if role in ("state", "value", "input", "covariate", "deviation") and column.kind == "number"
        ]
        for column in number:
            # a cell with a number says no such thing
            unread = np.flatnonzero(np.isnan(column.values))
            cell = next((text for place in unread if is_beyond(text := column.texts[place])), None)
            if cell is not None:
                found = below_decision(cell, self._decimal, column.label, self._config.below)
                self._decisions.append(found)
                self._notes += [found.sentence] if not found.open else []
                break
        by_label: dict[str, np.ndarray] = {}
        for column in number:
            if self._long is not None and column.index == self._long.value:
                names = np.array([text.strip() for text in self._columns[self._long.observable].texts], dtype=object)
                by_label.update({str(name): column.values[names == name] for name in dict.fromkeys(names)})
            elif self._across is not None and roles[column.index] == "value":
                rows = by_label.setdefault(self._config.value or NAMELESS, np.zeros(0))
                by_label[self._config.value or NAMELESS] = np.concatenate([rows, column.values])
            elif roles[column.index] != "deviation":
                by_label[column.label] = column.values
        settled = settled_marks(by_label, self._config)
        self._decisions += [settled] if settled is not None else []
        asked = open_marks(by_label, [one.header for one in self._columns], self._config)
        self._decisions += [asked] if asked else []

    def _unknown_error(self, name: str, where: str) -> DataError:
        labels = [column.label for column in self._columns]
        every = [one for column in self._columns for one in column.answers_to]
        return unknown(name, where, every if where in _SETTINGS else labels, self._path)

    def _taken(self) -> list[int]:
        return [index for index, role in enumerate(self._roles) if role is not None]

    def _free(self) -> list[Analysed]:
        return [column for column in self._seen if self._roles[column.index] is None]

    def _runs(self) -> list[int]:
        return [index for index, role in enumerate(self._roles) if role == "trajectory"]

    def _base(self) -> np.ndarray | None:
        return None if self._long is None else groups(self._seen, (self._long.observable,))

    def _petab(self) -> bool:
        return self._long is not None and word(self._columns[self._long.observable].label) == "observableid"

    def _petab_runs(self) -> tuple[int, ...]:
        """The conditions of a PEtab measurement table, and its replicates where a condition has several."""
        if not self._petab():
            return ()
        used = [one for one in self._seen if word(one.label) in PETAB_RUNS and one.missing < len(one.texts)]
        last = PETAB_RUNS.index("simulationconditionid")
        kept = [one for one in used if len(set(one.texts)) > 1 or word(one.label) == PETAB_RUNS[last]]
        order = sorted(kept, key=lambda one: PETAB_RUNS.index(word(one.label)))
        return tuple(one.index for one in order if self._roles[one.index] is None)


def _is_code(column: Analysed) -> bool:
    return word(column.label).endswith(("code", "_id", "fips", "uid", "zip", "code3"))


def deviation_columns(columns: Sequence[Analysed], roles: Sequence[Role], config: DataConfig) -> dict[int, int]:
    """Index of a measured column -> index of the column with its standard deviations."""
    found: dict[int, int] = {}
    for name, deviation in config.deviations.items():
        pair = find(columns, name), find(columns, deviation)
        if pair[0] is not None and pair[1] is not None:
            found[pair[0]] = pair[1]
    named = [(column, role) for column, role in zip(columns, roles, strict=True)]
    labels = [column.label for column, role in named if role in ("state", "value")]
    for column, role in named:
        if role != "deviation" or column.index in found.values():
            continue
        base = measured_by(column.label, labels)
        place = None if base is None else find(columns, base)
        if place is None:  # `sd` beside the values of a long table
            place = next((one.index for one, other in named if other == "value"), None)
        if place is not None:
            found.setdefault(place, column.index)
    return found


def unknown(name: str, where: str, known: Sequence[str], path: str | None) -> DataError:
    """The error for a name that is no column's."""
    shown = [one for one in dict.fromkeys(known) if one]
    return DataError(f"there is no column `{name}` (named under {where}){suggestion(name, shown)}", path=path)


def _at(column: Analysed, rows: np.ndarray, config: DataConfig) -> Analysed:
    texts = tuple(column.texts[row] for row in rows)
    extra = markers(config)
    return replace(
        column, values=column.values[rows], texts=texts, missing=sum(is_missing(text, extra) for text in texts)
    )


def _nothing_measured(columns: Sequence[Analysed], path: str) -> DataError:
    seen = [(one.label, text) for one in columns if one.kind == "text" for text in one.texts if text.strip()]
    if not seen:
        return DataError("no column of measurements is left beside the time; choose at least one state", path=path)
    label, text = seen[0]
    return DataError(
        f"no column of measurements is left beside the time: the column holds text such as `{text}`; choose a column of "
        "numbers, or write numbers without thousands separators (and set decimal to `,` if the comma is a decimal comma)",
        path=path,
        column=label,
    )
