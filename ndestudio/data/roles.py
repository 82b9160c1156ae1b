"""Which column is the time, which names the trajectory, which are measured: guessed, then overridden by the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ndestudio.data.cells import Kind, is_missing, mostly_numbers, number, plain_numbers
from ndestudio.data.config import DataConfig
from ndestudio.data.names import TIME_NAME, identifier, is_identifier, split_header, unique_labels
from ndestudio.data.readers.base import Head, markers
from ndestudio.data.shape.below import is_beyond
from ndestudio.data.times.calendar import DAY, MICRO
from ndestudio.data.times.candidates import TELLING
from ndestudio.data.times.cells import series_of
from ndestudio.data.times.choice import bad_format
from ndestudio.data.times.recognise import Reading, recognise, recognise_numbers
from ndestudio.data.times.words import name_score
from ndestudio.errors import DataError

Role = Literal[
    "time", "trajectory", "observable", "value", "state", "input", "covariate", "deviation", "dose", "ignore"
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRAJECTORY_NAMES = _words(
    "trajectory traj trial run experiment exp culture replicate rep series batch subject patient id sample group "
    "condition simulation sim episode dataset unit specimen animal cell well plate versuch"
)


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
        plain = plain_numbers(texts, decimal, extra)
        missing = sum(is_missing(cell, extra) for cell in texts) if plain is None else 0
        try:
            kind, values, reading = _read(texts, plain, label, unit, decimal, extra, config)
        except ValueError as error:
            raise bad_format(str(config.time_format), head.path, str(error)) from error
        columns.append(Analysed(index, head.headers[index], label, unit, alias, kind, values, texts, missing, reading))
    return tuple(columns), tuple(notes), tuple(problems)


def find(columns: Sequence[Analysed], name: str) -> int | None:
    """Index of the column that a person calls ``name``, by label first, then alias, then whole header."""
    for attribute in ("label", "alias", "header"):
        for column in columns:
            if getattr(column, attribute) == name:
                return column.index
    return None


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


def _measured(cells: list[str], decimal: str, extra: frozenset[str]) -> bool:
    """Whether what is no cell beyond a limit (`<0.5`) is numbers."""
    others = [cell for cell in cells if not is_beyond(cell)]
    if len(others) == len(cells) or all(is_missing(cell, extra) for cell in others):
        return False
    return mostly_numbers(others, decimal, extra)


def _read(
    texts: tuple[str, ...],
    plain: np.ndarray | None,
    label: str,
    unit: str,
    decimal: str,
    extra: frozenset[str],
    config: DataConfig,
) -> tuple[Kind, np.ndarray, Reading | None]:
    """What the cells are: their kind, their numbers (times as days), and how they tell the time.

    Parameters
    ----------
    plain
        The numbers, where nothing but numbers is there.
    """
    cells = list(texts)
    form = config.time_format
    if plain is not None or mostly_numbers(cells, decimal, extra) or _measured(cells, decimal, extra):
        values = plain
        if values is None:
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
