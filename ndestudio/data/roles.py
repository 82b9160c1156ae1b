"""Which column is the time, which names the trajectory, which are measured: guessed, then overridden by the person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ndestudio.data.cells import Kind, days, is_missing, kind_of, number
from ndestudio.data.config import DataConfig
from ndestudio.data.names import TIME_NAME, identifier, is_identifier, split_header, unique_labels
from ndestudio.data.readers.base import Head, markers
from ndestudio.errors import DataError

Role = Literal[
    "time", "trajectory", "observable", "value", "state", "input", "covariate", "deviation", "dose", "ignore"
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TIME_NAMES = _words(
    "t time times timestamp date datetime day days d year years yr hour hours h hr minute minutes min second seconds sec "
    "s ms week weeks month months elapsed zeit tag jahr stunde temps tiempo tempo"
)
TRAJECTORY_NAMES = _words(
    "trajectory traj trial run experiment exp culture replicate rep series batch subject patient id sample group "
    "condition simulation sim episode dataset unit specimen animal cell well plate versuch"
)
_TELLING = _words("time date day days hour hours minute minutes second seconds year years week weeks elapsed")
"""Words that make a longer name one of a time, if the numbers increase."""
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

    @property
    def answers_to(self) -> tuple[str, ...]:
        """The names by which a person may call the column."""
        return (self.label, self.alias, self.header)


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
        kind = kind_of(list(texts), decimal, extra)
        unit = config.units.get(label, config.units.get(alias, config.units.get(head.headers[index], parts[index][1])))
        missing = sum(is_missing(cell, extra) for cell in texts)
        values = _values(texts, kind, decimal, extra)
        columns.append(Analysed(index, head.headers[index], label, unit, alias, kind, values, texts, missing))
    return tuple(columns), tuple(notes), tuple(problems)


def find(columns: Sequence[Analysed], name: str) -> int | None:
    """Index of the column that a person calls ``name``, by label first, then alias, then whole header."""
    for attribute in ("label", "alias", "header"):
        for column in columns:
            if getattr(column, attribute) == name:
                return column.index
    return None


def guess_time(free: Sequence[Analysed], groups: np.ndarray | None) -> int | None:
    """The time column: a telling name counts most, then whether the numbers increase within each trajectory."""
    best, best_score = None, 0.0
    for column in free:
        if column.kind == "text" or column.missing == len(column.texts):
            continue
        rises = increasing(column.values, groups)
        word = _word(column.label)
        telling = 4.0 if word in TIME_NAMES else 3.0 if rises and _TELLING & set(word.split("_")) else 0.0
        score = telling + (2.0 if rises else 0.0) + (1.5 if column.kind == "date" else 0.0)
        if score > best_score:
            best, best_score = column.index, score
    return best


def telling(label: str) -> bool:
    """Whether a label says that its column is a time."""
    word = _word(label)
    return word in TIME_NAMES or bool(_TELLING & set(word.split("_")))


def increasing(values: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether numbers increase strictly (within each group), gaps left out; false for fewer than two."""
    known = np.isfinite(values)
    if known.sum() < 2 or known.sum() < 0.9 * len(values):
        return False
    if groups is None:
        return bool(np.all(np.diff(values[known]) > 0))
    return all(bool(np.all(np.diff(values[known & (groups == one)]) > 0)) for one in np.unique(groups))


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


def _values(texts: tuple[str, ...], kind: Kind, decimal: str, extra: frozenset[str]) -> np.ndarray:
    if kind == "text":
        return np.full(len(texts), np.nan)
    parsed = (
        None if is_missing(cell, extra) else days(cell) if kind == "date" else number(cell, decimal) for cell in texts
    )
    return np.array([np.nan if value is None else value for value in parsed], dtype=np.float64)


def _word(label: str) -> str:
    return re.sub(r"[^a-z0-9#]+", "_", label.lower()).strip("_")
