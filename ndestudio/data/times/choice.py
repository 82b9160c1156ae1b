"""The clock of a table is chosen, and what was chosen is said: in notes, decisions, questions and problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.times.candidates import (
    READABLE,
    TELLING,
    Candidate,
    Seen,
    best,
    candidates,
    made_of,
    part_by_form,
    part_of,
    parts_of,
    through_midnight,
)
from ndestudio.data.times.clock import Clock, Part
from ndestudio.data.times.grammars import format_names
from ndestudio.data.times.recognise import Reading, tried
from ndestudio.data.times.words import name_score, part_of_clock, unit_in_name
from ndestudio.errors import DataError

_MOST = 8
COUNT = Choice("count the rows 0, 1, 2, ...", {"time": ""})


@dataclass(frozen=True, eq=False)
class Chosen:
    """The clock of a table, None where there is none, and what is to be said about it."""

    clock: Clock | None = None
    values: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    problems: tuple[DataError, ...] = ()


def likely(columns: Sequence[Seen]) -> Candidate | None:
    """The clock that names and cells alone tell, before the trajectories are known; None if none is telling."""
    found = candidates(columns)
    return found[0] if found and found[0].telling else None


def choose(
    columns: Sequence[Seen], rises: Callable[[np.ndarray], bool], path: str | None, runs: bool = False
) -> Chosen:
    """The clock of a table whose time nobody named.

    Parameters
    ----------
    columns
        Those that have no other role.
    rises
        Whether values increase within each trajectory.
    runs
        Whether there are several trajectories: numbers of rows that go on through them are no time.
    """
    found = candidates(columns)
    if runs:
        found = [one for one in found if not one.counter]
    chosen = best(found, rises)
    unread = _unreadable(columns)
    if unread is not None and (chosen is None or not chosen.telling):
        return Chosen(problems=(cannot_read(unread, path),))
    if chosen is None or not (chosen.telling or rises(through_midnight(chosen))):
        return Chosen(problems=(_none(path),))
    if not chosen.telling and not _alone(chosen, found, rises, columns):
        return Chosen(problems=(_which(found, rises, path),))
    decision = _decision(chosen, found, columns)
    notes = (f"`{chosen.clock.label}` was taken as the time.",)
    return Chosen(chosen.clock, chosen.values, notes, (decision, *formats(chosen.clock, columns)))


def named(columns: Sequence[Seen], path: str | None) -> Chosen:
    """The clock that a person named: one column, or several that tell it together."""
    for column in columns:
        if (
            column.kind == "text"
            and column.reading is None
            and column.missing < len(column.texts)
            and part_of(column) != "zone"
        ):
            return Chosen(problems=(cannot_read(column, path),))
    if len(columns) == 1:
        column = columns[0]
        part = Part(column.index, column.label) if column.reading is None else part_by_form(column, "time")
        unit = column.unit or (unit_in_name(column.label) if part.form is None or not part.form.grammar else "")
        candidate = Candidate(Clock((part,), unit), 0.0, column.values)
    else:
        parts = [(what or part_of_clock(column.label), column) for what, column in parts_of(columns)]
        if {what for what, _ in parts} & {"zone"} and len(parts) == 2:
            parts = [(what if what == "zone" else "time", column) for what, column in parts]
        unknown = [column for what, column in parts if not what]
        if unknown or len({what for what, _ in parts}) < len(parts):
            return Chosen(problems=(_no_part(unknown or list(columns), path),))
        candidate = made_of(parts)
    decision = Decision(
        "time",
        f"`{candidate.clock.label}` is the time.",
        choices=(Choice(f"`{candidate.clock.label}`", {"time": _setting(candidate.clock)}), COUNT),
    )
    return Chosen(candidate.clock, candidate.values, (), (decision, *formats(candidate.clock, columns)))


def _setting(clock: Clock) -> str | tuple[str, ...]:
    names = tuple(part.label for part in clock.parts)
    return names[0] if len(names) == 1 else names


def _unreadable(columns: Sequence[Seen]) -> Seen | None:
    for column in columns:
        if column.kind == "text" and column.reading is None and name_score(column.label, column.unit) >= READABLE:
            return column
    return None


def cannot_read(column: Seen, path: str | None) -> DataError:
    """The problem of a column that is called time and is none that can be read."""
    cell = next((text for text in column.texts if text.strip()), "")
    shown = cell if len(cell) <= 40 else cell[:37] + "..."
    return DataError(
        f"this column is called a time, but cells such as `{shown}` are of no form that was tried ({tried()}); give the form as "
        '`time_format` (such as `%d.%m.%Y %H:%M`), name another column as the time, or count the rows (time `""`)',
        path=path,
        column=column.label,
        remedy=("count", ""),
    )


def _none(path: str | None) -> DataError:
    return DataError(
        "no column looks like the time (numbers that increase, dates or clocks); name the time column, or say that there is none "
        '(time ""): then rows are counted 0, 1, 2, ...',
        path=path,
        remedy=("count", ""),
    )


def _no_part(columns: Sequence[Seen], path: str | None) -> DataError:
    return DataError(
        "this column cannot be told to be one part of the time; the parts of a time in several columns are a date and a clock, or "
        "columns called year, month, day, day of year, hour, minute, second",
        path=path,
        column=columns[0].label,
    )


def _alone(
    chosen: Candidate, found: Sequence[Candidate], rises: Callable[[np.ndarray], bool], columns: Sequence[Seen]
) -> bool:
    """Whether a column without a telling name may be taken: nothing has a name, it counts in equal steps, or no other rises."""
    if not any(column.header for column in columns) or chosen.name >= 1.0:
        return True
    known = chosen.values[np.isfinite(chosen.values)]
    even = len(known) > 2 and bool(np.allclose(np.diff(known), known[1] - known[0], rtol=1e-3, atol=0))
    others = [one for one in found if one is not chosen and rises(through_midnight(one))]
    return rises(through_midnight(chosen)) and (
        even or (chosen.name > 0 and not others) or (not others and chosen.clock.parts[0].index == 0)
    )


def _which(found: Sequence[Candidate], rises: Callable[[np.ndarray], bool], path: str | None) -> DataError:
    from ndestudio.data.decisions import question

    able = [one for one in found if rises(through_midnight(one))][:_MOST] or list(found[:_MOST])
    choices = (*(Choice(f"`{one.clock.label}`", {"time": _setting(one.clock)}) for one in able), COUNT)
    names = ", ".join(f"`{one.clock.label}`" for one in able)
    seen = (
        f"no column is called a time; {names} {'rises' if len(able) == 1 else 'rise'} and may be one or a measurement"
    )
    return question(Decision("time", seen, choices=choices, chosen=None), path)


def _decision(chosen: Candidate, found: Sequence[Candidate], columns: Sequence[Seen]) -> Decision:
    offered = [chosen, *(one for one in found if one is not chosen)][:_MOST]
    choices = (*(Choice(f"`{one.clock.label}`", {"time": _setting(one.clock)}) for one in offered), COUNT)
    why = "" if chosen.telling else ", for its values increase; its name says little"
    return Decision(
        "time", f"`{chosen.clock.label}` is the time{why}.", choices=choices, certain=chosen.name >= TELLING
    )


def formats(clock: Clock, columns: Sequence[Seen]) -> tuple[Decision, ...]:
    """How the cells of a clock are read, where that is not plain from them."""
    by_index = {column.index: column for column in columns}
    found: list[Decision] = []
    for part in clock.parts:
        column = by_index[part.index]
        if part.form is None or column.reading is None:
            continue
        found.append(format_decision(part, column))
    return tuple(found)


def format_decision(part: Part, column: Seen) -> Decision:
    reading = column.reading
    assert reading is not None and part.form is not None
    cell = next((text for text in column.texts if text.strip()), "")
    return open_format(part, cell) if reading.open else settled_format(part, reading, cell)


def settled_format(part: Part, reading: Reading, cell: str) -> Decision:
    """How cells were read, with the other readings that fit them."""
    why = f", {reading.why}" if reading.why else ""
    choices = tuple(_format_choice(form.name) for form in reading.forms)
    return Decision(
        "format",
        f"`{cell}` is read as {reading.form.name}{why}.",
        part.label,
        choices=choices,
        chosen=0,
        certain=reading.certain,
    )


def open_format(part: Part, cell: str) -> Decision:
    """The question which number of a date is the day."""
    assert part.form is not None
    choices = tuple(_format_choice(form.name) for form in (part.form, *part.others))
    sentence = f"dates such as `{cell}` can be read in {len(choices)} ways, and nothing in the column decides"
    return Decision("format", sentence, part.label, choices=choices, chosen=None, certain=False)


_EXAMPLES = {
    "day first": "day first (31.12.2020)", "month first": "month first (12/31/2020)", "year first": "year first (20-12-31)",
    "clock": "hours and minutes", "minutes and seconds": "minutes and seconds", "number": "a plain number",
}  # fmt: skip


def _format_choice(name: str) -> Choice:
    return Choice(_EXAMPLES.get(name, name), {"time_format": name})


def bad_format(name: str, path: str | None, why: str) -> DataError:
    """The problem of a ``time_format`` that is none."""
    return DataError(
        f"the time format `{name}` cannot be used ({why}); use one of {', '.join(format_names())}, or a pattern such as "
        "`%d.%m.%Y %H:%M`",
        path=path,
    )
