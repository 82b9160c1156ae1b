"""What was guessed of a file, put as decisions, so far as no reader or later step has put it itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision, Topic
from ndestudio.data.readers.base import Head
from ndestudio.data.roles import TRAJECTORY_NAMES, Analysed, Role, telling
from ndestudio.data.shape.vocabulary import RUNS, word

_DELIMITERS = ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), (" ", "blanks"), ("|", "bars"))
_DECIMALS = ((".", "decimal point"), (",", "decimal comma"))
_ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16-le")
_MOST = 12
"""So many columns are offered at most as an answer."""


def guesses(head: Head, columns: Sequence[Analysed], roles: Sequence[Role], config: DataConfig) -> tuple[Decision, ...]:
    """The decisions of the head, and those that follow from its dialect, its tables and the roles of its columns.

    Parameters
    ----------
    columns, roles
        As the head was analysed, and the role that each column was given.
    """
    found = list(head.decisions)
    own = [*_of_format(head, config), *_of_table(head, config), *_of_time(columns, roles, config)]
    own += _of_trajectory(columns, roles, config)
    return with_missing_ones(found, own)


def with_missing_ones(first: Iterable[Decision], more: Iterable[Decision]) -> tuple[Decision, ...]:
    """``first``, then those of ``more`` that are about settings of which none of ``first`` speaks."""
    first = tuple(first)
    known = {(name, decision.column) for decision in first for name in fields_of(decision)}
    known |= {(name, None) for name, _ in known}
    return (*first, *(one for one in more if not any((name, one.column) in known for name in fields_of(one))))


def fields_of(decision: Decision) -> frozenset[str]:
    """Fields of ``DataConfig`` that the answers change."""
    return frozenset(name for choice in decision.choices for name in choice.changes)


def chosen_column(
    topic: Topic, sentence: str, names: Sequence[str], chosen: str | None, extra: Choice, *, certain: bool
) -> Decision:
    """A decision for one of several columns, or for ``extra``; ``chosen`` "" is the latter, None an open question."""
    choices = (*(Choice(f"`{name}`", {topic: name}) for name in names), extra)
    place = None if chosen is None else names.index(chosen) if chosen in names else len(names)
    return Decision(topic, sentence, choices=choices, chosen=place, certain=certain)


def _of_format(head: Head, config: DataConfig) -> list[Decision]:
    if head.dialect is None:
        return []
    dialect = head.dialect
    found = [
        _one_of("delimiter", dialect.delimiter, _DELIMITERS, "{} separate the columns"),
        _one_of("decimal", dialect.decimal, _DECIMALS, "numbers have a {}"),
    ]
    if dialect.encoding not in ("utf-8", "ascii") or config.encoding is not None:
        names = tuple((one, one) for one in _ENCODINGS)
        sure = config.encoding is not None or dialect.encoding != "latin-1"
        found.append(_one_of("encoding", dialect.encoding, names, "the text is encoded in {}", certain=sure))
    return found


def _one_of(
    name: str, value: str, known: Sequence[tuple[str, str]], sentence: str, *, certain: bool = True
) -> Decision:
    if value not in [one for one, _ in known]:
        known = (*known, (value, f"`{value}`"))
    choices = tuple(Choice(words, {name: one}) for one, words in known)
    place = [one for one, _ in known].index(value)
    said = sentence.format(choices[place].label)
    return Decision("format", said[:1].upper() + said[1:] + ".", choices=choices, chosen=place, certain=certain)


def _of_table(head: Head, config: DataConfig) -> list[Decision]:
    if len(head.choices) < 2:
        return []
    field = "sheet" if head.format == "excel" else "key"
    given = config.sheet if field == "sheet" else config.key
    choices = tuple(Choice(f"`{name}`", {field: name}) for name in head.choices[:_MOST])
    if field == "sheet":
        place = head.choices.index(given) if given in head.choices else 0
        if place >= len(choices):
            choices, place = (*choices, Choice(f"`{given}`", {field: given})), len(choices)
        sentence = f"Sheet `{head.choices[place if given is None else head.choices.index(given)]}` was taken."
        return [Decision("table", sentence, choices=choices, chosen=place, certain=given is not None)]
    choices = (Choice("all variables", {field: None}), *choices)
    if given is not None and all(one.changes[field] != given for one in choices):
        choices = (*choices, Choice(f"`{given}`", {field: given}))
    place = next(number for number, one in enumerate(choices) if one.changes[field] == given)
    sentence = "All variables of equal length were taken." if place == 0 else f"The variable `{given}` was taken."
    return [Decision("table", sentence, choices=choices, chosen=place)]


def _of_time(columns: Sequence[Analysed], roles: Sequence[Role], config: DataConfig) -> list[Decision]:
    able = [one for one in columns if one.kind != "text" and one.missing < max(len(one.texts), 1)]
    taken = next((one for one, role in zip(columns, roles, strict=True) if role == "time"), None)
    likely = sorted(able, key=lambda one: (one is not taken, not _called_time(one), one.index))
    names = [one.label for one in likely[:_MOST]]
    count = Choice("count the rows 0, 1, 2, ...", {"time": ""})
    if taken is None:
        if config.time == "":
            return [chosen_column("time", "The rows are counted.", names, "", count, certain=True)]
        return []
    if taken.label not in names:
        names.insert(0, taken.label)
    sure = config.time is not None or _called_time(taken)
    why = "" if sure else ", for its numbers increase; nothing in its name says so"
    return [chosen_column("time", f"`{taken.label}` is the time{why}.", names, taken.label, count, certain=sure)]


def _called_time(column: Analysed) -> bool:
    return telling(column.label) or column.kind == "date"


def _of_trajectory(columns: Sequence[Analysed], roles: Sequence[Role], config: DataConfig) -> list[Decision]:
    taken = next((one for one, role in zip(columns, roles, strict=True) if role == "trajectory"), None)
    if taken is None:
        return []
    count = len(set(taken.texts))
    sentence = f"`{taken.label}` names the trajectories ({count} among the rows that were looked at)."
    none = Choice("none: one trajectory", {"trajectory": ""})
    sure = config.trajectory is not None or (count > 1 and word(taken.label) in TRAJECTORY_NAMES | RUNS)
    return [chosen_column("trajectory", sentence, [taken.label], taken.label, none, certain=sure)]
