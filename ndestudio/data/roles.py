"""Which column is the time, which names the trajectory, which are measured: guessed, then overridden by the person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from ndestudio.data.cells import Kind, is_missing, mostly_numbers, number
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision
from ndestudio.data.deviations import measured_by
from ndestudio.data.names import TIME_NAME, identifier, is_identifier, split_header, suggestion, unique_labels
from ndestudio.data.readers.base import Head, markers
from ndestudio.data.times.calendar import DAY, MICRO
from ndestudio.data.times.candidates import TELLING
from ndestudio.data.times.cells import series_of
from ndestudio.data.times.choice import Chosen, bad_format, choose, likely, named
from ndestudio.data.times.clock import Clock
from ndestudio.data.times.recognise import Reading, recognise, recognise_numbers
from ndestudio.data.times.words import name_score
from ndestudio.errors import DataError

Role = Literal["time", "trajectory", "state", "input", "covariate", "deviation", "ignore"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRAJECTORY_NAMES = _words(
    "trajectory traj trial run experiment exp culture replicate rep series batch subject patient id sample group "
    "condition simulation sim episode dataset unit specimen animal cell well plate versuch"
)
_COUNTERS = frozenset({"", "index", "row", "id", "no", "nr", "number", "#", "unnamed", "unnamed_0"})


@dataclass(frozen=True, eq=False)
class Analysed:
    """One column as its head shows it.

    Parameters
    ----------
    header
        As in the file; ``label`` and ``unit`` are its parts, unique and never empty the first.
    alias
        Identifier for equations.
    values
        Numbers (dates as days), NaN where there is none.
    texts
        The cells.
    missing
        Number of cells without a value.
    reading
        What the cells are as times, None if they are none or plain numbers.
    """

    index: int
    header: str
    label: str
    unit: str
    alias: str
    kind: Kind
    values: np.ndarray
    texts: tuple[str, ...]
    missing: int
    reading: Reading | None = None

    @property
    def answers_to(self) -> tuple[str, ...]:
        """The names by which a person may call the column."""
        return (self.label, self.alias, self.header)


@dataclass(frozen=True)
class Assignment:
    """The role of each column, the sentences about how it came to it, and what is wrong with what the person asked.

    Parameters
    ----------
    clock
        What tells the time, None where the rows are counted.
    decisions
        About the time.
    """

    roles: tuple[Role, ...]
    notes: tuple[str, ...]
    problems: tuple[DataError, ...]
    clock: Clock | None = None
    decisions: tuple[Decision, ...] = ()

    def indices(self, role: Role) -> tuple[int, ...]:
        return tuple(index for index, one in enumerate(self.roles) if one == role)


def analyse(head: Head, config: DataConfig) -> tuple[tuple[Analysed, ...], tuple[str, ...], tuple[DataError, ...]]:
    """Label, unit, alias, kind and numbers of each column.

    Returns
    -------
    tuple[tuple[Analysed, ...], tuple[str, ...], tuple[DataError, ...]]
        Columns, notes about names, and problems with the names that the person gave.
    """
    decimal = head.dialect.decimal if head.dialect else "."
    extra = markers(config)
    parts = [split_header(header) for header in head.headers]
    labels = unique_labels([label for label, _ in parts])
    notes, problems = _label_notes([label for label, _ in parts], labels), []
    taken: set[str] = set()
    columns: list[Analysed] = []
    for index, label in enumerate(labels):
        given = config.names.get(label, config.names.get(head.headers[index]))
        alias = identifier(label, taken)
        if given is not None:
            problem = _bad_alias(given, taken, head.path, label)
            alias = identifier(given, taken) if problem else given
            problems += [problem] if problem else []
        taken.add(alias)
        texts = tuple(row[index] for row in head.cells)
        unit = config.units.get(label, config.units.get(alias, config.units.get(head.headers[index], parts[index][1])))
        missing = sum(is_missing(cell, extra) for cell in texts)
        try:
            kind, values, reading = _read(texts, label, unit, decimal, extra, config)
        except ValueError as error:
            raise bad_format(str(config.time_format), head.path, str(error)) from error
        columns.append(Analysed(index, head.headers[index], label, unit, alias, kind, values, texts, missing, reading))
    known = [name for column in columns for name in column.answers_to]
    for where, given in (
        ("names", config.names),
        ("units", config.units),
        ("weights", config.weights),
        ("deviations", config.deviations),
    ):
        problems += [_unknown(name, where, known, head.path) for name in given if name not in known]
    return tuple(columns), tuple(notes), tuple(problems)


def assign(columns: Sequence[Analysed], config: DataConfig, path: str) -> Assignment:
    """Give each column its role: what the person said, else the guess."""
    problems: list[DataError] = []
    notes: list[str] = []
    roles: list[Role | None] = [None] * len(columns)

    def put(name: str, role: Role) -> None:
        found = find(columns, name)
        if found is None:
            known = [column.label for column in columns]
            problems.append(_unknown(name, "time" if role == "time" else f"{role} column", known, path))
        elif roles[found] not in (None, role):
            problems.append(
                DataError(
                    f"the column is named both as {roles[found]} and as {role}; choose one", path=path, column=name
                )
            )
        else:
            roles[found] = role

    asked: tuple[tuple[Role, Sequence[str]], ...] = (
        ("time", [config.time] if isinstance(config.time, str) and config.time else config.time or []),
        ("trajectory", [config.trajectory] if config.trajectory else []),
        ("input", config.inputs),
        ("covariate", config.covariates),
        ("ignore", config.ignore),
        ("deviation", tuple(config.deviations.values())),
        ("state", config.states or ()),
    )
    for role, names in asked:
        for name in names:
            put(name, role)
    chosen = _with_time(columns, roles, notes, config, path)
    notes += chosen.notes
    problems += chosen.problems
    rest, more = _rest(columns, roles, config)
    notes += more
    if "state" not in rest:
        problems.append(_nothing_measured(columns, path))
    return Assignment(tuple(rest), tuple(notes), tuple(problems), chosen.clock, chosen.decisions)


def _with_time(
    columns: Sequence[Analysed], roles: list[Role | None], notes: list[str], config: DataConfig, path: str
) -> Chosen:
    """Give the columns of the clock and that of the trajectory their roles, each in the light of the other."""
    free = [column for column in columns if roles[column.index] is None]
    told = [columns[index] for index, role in enumerate(roles) if role == "time"]
    if isinstance(config.time, tuple):  # in the order in which the person wrote them
        places = [find(columns, name) for name in config.time]
        told = [columns[place] for place in places if place is not None and roles[place] == "time"]
    chosen = named(told, path) if told else None
    trajectory = roles.index("trajectory") if "trajectory" in roles else None
    if config.trajectory is None:
        first = chosen if chosen is not None or config.time == "" else likely(free)
        taken = first.clock.columns if first is not None and first.clock is not None else ()
        time = None
        if first is not None and first.values is not None and taken:
            time = replace(columns[taken[0]], values=first.values, kind="number")
        able = [one for one in free if one.index not in taken and one.kind != "date"]
        trajectory = guess_trajectory(able, time, columns)
        if trajectory is not None:
            roles[trajectory] = "trajectory"
            notes.append(f"`{columns[trajectory].label}` was taken as the name of the trajectory.")
    if chosen is None and config.time is None:
        groups = _groups(columns, trajectory)
        able = [column for column in free if column.index != trajectory]
        chosen = choose(able, lambda values: increasing(values, groups), path)
        for index in chosen.clock.columns if chosen.clock else ():
            roles[index] = "time"
    return chosen or Chosen()


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


def find(columns: Sequence[Analysed], name: str) -> int | None:
    """Index of the column that a person calls ``name``, by label first, then alias, then whole header."""
    for attribute in ("label", "alias", "header"):
        for column in columns:
            if getattr(column, attribute) == name:
                return column.index
    return None


def deviation_columns(columns: Sequence[Analysed], roles: Sequence[Role], config: DataConfig) -> dict[int, int]:
    """Index of a measured column -> index of the column with its standard deviations."""
    found: dict[int, int] = {}
    for name, deviation in config.deviations.items():
        pair = find(columns, name), find(columns, deviation)
        if pair[0] is not None and pair[1] is not None:
            found[pair[0]] = pair[1]
    labels = [column.label for column, role in zip(columns, roles, strict=True) if role == "state"]
    for column, role in zip(columns, roles, strict=True):
        base = measured_by(column.label, labels) if role == "deviation" else None
        place = None if base is None else find(columns, base)
        if place is not None and column.index not in found.values():
            found.setdefault(place, column.index)
    return found


def guess_trajectory(free: Sequence[Analysed], time: Analysed | None, columns: Sequence[Analysed]) -> int | None:
    """The column that names the trajectories, if one seems to.

    Text in few values is, where it has a telling name, stays the same over neighbouring rows, or makes the time
    increase that else does not. Whole numbers are with a telling name or if they make the time increase.
    """
    rows = max((len(column.texts) for column in free), default=0)
    others = [time] if time else [one for one in columns if name_score(one.label, one.unit) >= TELLING]
    for kind in ("text", "number"):
        for telling in (True, False):
            for column in free:
                if column.kind == kind and (_word(column.label) in TRAJECTORY_NAMES) == telling:
                    distinct = len(set(column.texts))
                    few = distinct < rows if telling and kind == "text" else distinct * 2 <= rows
                    if few and _separates(column, telling, [one for one in others if one is not column], columns):
                        return column.index
    return None


def _separates(column: Analysed, telling: bool, times: Sequence[Analysed], columns: Sequence[Analysed]) -> bool:
    if column.missing:
        return False
    if column.kind == "number" and not (np.isfinite(column.values).all() and np.all(np.mod(column.values, 1) == 0)):
        return False
    changes = sum(one != other for one, other in pairwise(column.texts))
    if telling or (column.kind == "text" and changes + 1 == len(set(column.texts))):
        return True
    groups = _groups(columns, column.index)
    return any(
        one.kind != "text" and not increasing(one.values, None) and increasing(one.values, groups) for one in times
    )


def telling(label: str) -> bool:
    """Whether a label says that its column is a time."""
    return name_score(label) >= TELLING


def increasing(values: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether numbers increase strictly (within each group), gaps left out; false for fewer than two."""
    known = np.isfinite(values)
    if known.sum() < 2 or known.sum() < 0.9 * len(values):
        return False
    if groups is None:
        return bool(np.all(np.diff(values[known]) > 0))
    return all(bool(np.all(np.diff(values[known & (groups == one)]) > 0)) for one in np.unique(groups))


def _rest(columns: Sequence[Analysed], roles: list[Role | None], config: DataConfig) -> tuple[list[Role], list[str]]:
    result: list[Role] = []
    notes: list[str] = []
    headed = any(column.header for column in columns)
    labels = [column.label for column, role in zip(columns, roles, strict=True) if role in (None, "state")]
    for column, role in zip(columns, roles, strict=True):
        if role is None:
            base = measured_by(column.label, labels)
            if base is not None and column.kind == "number":
                notes.append(f"`{column.label}` was taken as the standard deviation of `{base}`.")
                role = "deviation"
            elif config.states is not None:
                role = "ignore"
            elif column.kind != "number":
                notes.append(f"`{column.label}` holds {column.kind}s, not numbers, and is left out.")
                role = "ignore"
            elif column.missing == len(column.texts) and column.texts:
                notes.append(f"`{column.label}` has no value in any row that was looked at, and is left out.")
                role = "ignore"
            elif headed and _word(column.header) in _COUNTERS and _counts(column.values):
                notes.append(f"`{column.label}` only counts the rows and is left out.")
                role = "ignore"
            else:
                role = "state"
        result.append(role)
        used = role in ("state", "input", "covariate")
        if used and column.alias != column.label and column.header:
            notes.append(f"`{column.label}` is called `{column.alias}` in equations.")
    return result, notes


def _counts(values: np.ndarray) -> bool:
    return len(values) > 1 and bool(np.all(np.diff(values) == 1)) and values[0] in (0, 1)


def _label_notes(raw: list[str], labels: list[str]) -> list[str]:
    return [
        f"Column {index + 1} is called `{old}` like one before it; it is now `{new}`."
        for index, (old, new) in enumerate(zip(raw, labels, strict=True))
        if old and old != new
    ]


def _bad_alias(given: str, taken: set[str], path: str, label: str) -> DataError | None:
    if is_identifier(given) and given not in taken:
        return None
    why = (
        "is the name of another column"
        if given in taken
        else f"means something else in equations ({TIME_NAME} is the time)"
        if given.isidentifier() and given.isascii()
        else "is no name for equations (letters a-z, digits and _ only, a letter first)"
    )
    return DataError(f"`{given}` {why}; choose another name", path=path, column=label)


def _unknown(name: str, where: str, known: list[str], path: str) -> DataError:
    shown = [one for one in dict.fromkeys(known) if one]
    return DataError(f"there is no column `{name}` (named under {where}){suggestion(name, shown)}", path=path)


def _read(
    texts: tuple[str, ...], label: str, unit: str, decimal: str, extra: frozenset[str], config: DataConfig
) -> tuple[Kind, np.ndarray, Reading | None]:
    """What the cells are: their kind, their numbers (times as days), and how they tell the time."""
    cells = list(texts)
    form = config.time_format
    if mostly_numbers(cells, decimal, extra):
        parsed = (None if is_missing(cell, extra) else number(cell, decimal) for cell in texts)
        values = np.array([np.nan if value is None else value for value in parsed], dtype=np.float64)
        mine = label == config.time or name_score(label, unit) >= TELLING
        reading = recognise_numbers(values, label, unit, form if mine else None, texts)
        if reading is None or reading.form.plain:
            return "number", values, reading
        import polars as pl

        numbers = pl.Series(values, nan_to_null=True)
        whole = numbers.cast(pl.Int64, strict=False).cast(pl.String)
        seconds, _ = reading.form.seconds(whole if reading.form.grammar else numbers)
        return "date", (seconds + reading.form.zero / MICRO) / DAY, reading
    series = series_of(texts, extra)
    reading = recognise(series, label, unit, form)
    if reading is None and form is not None:
        reading = recognise(series, label, unit)
    if reading is None:
        return "text", np.full(len(texts), np.nan), None
    seconds, _ = reading.form.seconds(series)
    zero = reading.form.zero if reading.form.measure == "moment" else 0
    kind: Kind = "date" if reading.strict or name_score(label, unit) >= TELLING else "text"
    return kind, (seconds + zero / MICRO) / DAY, reading


def _groups(columns: Sequence[Analysed], trajectory: int | None) -> np.ndarray | None:
    if trajectory is None:
        return None
    return np.unique(np.array(columns[trajectory].texts, dtype=str), return_inverse=True)[1]


def _word(label: str) -> str:
    return re.sub(r"[^a-z0-9#]+", "_", label.lower()).strip("_")
