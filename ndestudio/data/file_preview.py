"""The preview of a file: its head, what was guessed, and what is wrong, each where it can be put right."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ndestudio.data.cells import LARGEST, Kind, is_missing, number
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision, open_decisions, question
from ndestudio.data.guesses import guesses, with_missing_ones
from ndestudio.data.readers.base import Head, bad_number, markers, suited
from ndestudio.data.readers.registry import reader_for
from ndestudio.data.roles import Analysed, Role, analyse
from ndestudio.data.shape.assign import assign
from ndestudio.data.shape.below import is_beyond
from ndestudio.data.times.cells import bad_time
from ndestudio.errors import DataError

SHOWN_ROWS = 200


@dataclass(frozen=True)
class FileProblem:
    """Something that keeps the file from being loaded as it is.

    Parameters
    ----------
    sentence
        What was seen and what to do, without the place.
    row
        1-based place in the file.
    column
        Label of the column.
    remedy, decision
        As in ``DataError``.
    """

    sentence: str
    row: int | None = None
    column: str | None = None
    remedy: tuple[str, str] = ("", "")
    decision: Decision | None = None

    def __str__(self) -> str:
        return str(DataError(self.sentence, row=self.row, column=self.column))


@dataclass(frozen=True)
class ColumnPreview:
    """One column as guessed, or as the configuration has it.

    Parameters
    ----------
    label
        Header without the unit, made unique; what a ``DataConfig`` calls the column.
    header
        As written in the file.
    alias
        Identifier in equations (the time column is `t` there).
    kind
        What most of its cells are.
    missing
        Cells without a value among the rows that were looked at.
    minimum, maximum
        Of those rows; None if there are no numbers (dates are days since 1970-01-01).
    values
        Their numbers, NaN where there is none.
    """

    label: str
    header: str
    alias: str
    unit: str
    role: Role
    kind: Kind
    missing: int
    minimum: float | None
    maximum: float | None
    values: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False, repr=False)

    @property
    def numeric(self) -> bool:
        return self.kind != "text"


@dataclass(frozen=True)
class Preview:
    """What is known of a file before it is loaded. Every guess is a field that ``DataConfig`` can override.

    Parameters
    ----------
    format
        What the reader calls it: `"text"`, `"parquet"`, `"excel"`, `"npz"`, `"mat"`, `"hdf5"`, `"netcdf"`, `"json"`,
        `"feather"`, `"sqlite"`, `"duckdb"`, or that of an installed reader.
    head
        The first rows as text, at most ``SHOWN_ROWS``.
    row_numbers
        1-based place in the file of each row of ``head``.
    row_count
        Rows of the file, an estimate unless ``row_count_exact``.
    analysed_rows
        How many rows the guesses, counts, minima and maxima come from.
    delimiter, decimal, encoding, comment
        Of a text file, else None.
    choices
        Sheets of a workbook, tables of a database, variables or groups of a file of arrays.
    decisions
        What was taken for what, each with the answers that there are; the open ones are problems, too.
    times
        What several columns together tell in the rows that were looked at, in days; None where one column is the time.
    """

    path: str
    format: str
    columns: tuple[ColumnPreview, ...]
    head: tuple[tuple[str, ...], ...]
    row_numbers: tuple[int, ...]
    row_count: int
    row_count_exact: bool
    analysed_rows: int
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    comment: str | None = None
    choices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    decisions: tuple[Decision, ...] = ()
    times: np.ndarray | None = field(default=None, compare=False, repr=False)

    def with_role(self, role: Role) -> tuple[ColumnPreview, ...]:
        """The columns that have a role."""
        return tuple(column for column in self.columns if column.role == role)

    @property
    def rows_text(self) -> str:
        """Number of rows for a person."""
        return f"{self.row_count:,} rows" if self.row_count_exact else f"about {self.row_count:,} rows"


def preview(path: str | Path, config: DataConfig | None = None) -> Preview:
    """Look at the beginning of a file; quick for files of any size.

    Parameters
    ----------
    path
        The file.
    config
        What the person has said so far; the rest is guessed.

    Raises
    ------
    DataError
        Nothing of the file can be shown (it is missing, empty, a folder, not text, ...). What is wrong with single
        rows or columns is in ``Preview.problems`` instead.
    """
    config = DataConfig() if config is None else config
    return preview_of(head_of(path, config), config)


def head_of(path: str | Path, config: DataConfig) -> Head:
    """The head of a file by whichever reader reads it; raises as ``preview`` does."""
    return reader_for(Path(path), str(path)).head(Path(path), config, str(path))


def preview_of(head: Head, config: DataConfig) -> Preview:
    """What a head shows, see ``preview``."""
    config = suited(config, head)
    columns, names, problems = analyse(head, config)
    assignment = assign(columns, config, head.path, head.dialect.decimal if head.dialect else ".")
    found = [*head.problems, *problems, *assignment.problems]
    asked = [error.decision for error in found]
    found += [question(one, head.path) for one in open_decisions(assignment.decisions) if one not in asked]
    for column, role in zip(columns, assignment.roles, strict=True):
        if role == "time" and column.kind == "date":
            found += _bad_times(column, head)
        if role in ("time", "state", "value", "input", "covariate", "deviation") and column.kind == "number":
            found += _bad_cells(column, head, config, endless=role == "time")
    return Preview(
        path=head.path,
        format=head.format,
        columns=tuple(_column(column, role) for column, role in zip(columns, assignment.roles, strict=True)),
        head=head.cells[:SHOWN_ROWS],
        row_numbers=head.rows[:SHOWN_ROWS],
        row_count=head.row_count,
        row_count_exact=head.exact,
        analysed_rows=len(head.cells),
        delimiter=head.dialect.delimiter if head.dialect else None,
        decimal=head.dialect.decimal if head.dialect else None,
        encoding=head.dialect.encoding if head.dialect else None,
        comment=head.dialect.comment if head.dialect else None,
        choices=head.choices,
        notes=(*head.notes, *names, *assignment.notes),
        problems=tuple(_problem(error) for error in found),
        decisions=with_missing_ones(assignment.decisions, guesses(head, columns, assignment.roles, config)),
        times=assignment.times if assignment.roles.count("time") > 1 else None,
    )


def configured(preview: Preview, config: DataConfig) -> DataConfig:
    """The configuration with every guess of the preview written out, ready to be shown and edited."""
    time, trajectory = preview.with_role("time"), preview.with_role("trajectory")
    return replace_config(
        config,
        time=config.time if not time else time[0].label if len(time) == 1 else tuple(column.label for column in time),
        trajectory=labels if len(labels := tuple(one.label for one in trajectory)) > 1 else "".join(labels),
        states=config.states if preview.with_role("value") else tuple(one.label for one in preview.with_role("state")),
        inputs=tuple(column.label for column in preview.with_role("input")),
        covariates=tuple(column.label for column in preview.with_role("covariate")),
        ignore=tuple(column.label for column in preview.with_role("ignore")),
        delimiter=preview.delimiter,
        decimal=preview.decimal,
        encoding=preview.encoding,
    )


def replace_config(config: DataConfig, **changes: object) -> DataConfig:
    """A copy of a configuration with some fields changed."""
    import msgspec

    return msgspec.structs.replace(config, **changes)


def _problem(error: DataError) -> FileProblem:
    decision = error.decision if isinstance(error.decision, Decision) else None
    return FileProblem(error.sentence, error.row, error.column, error.remedy, decision)


def _column(column: Analysed, role: Role) -> ColumnPreview:
    known = column.values[np.isfinite(column.values)]
    return ColumnPreview(
        label=column.label,
        header=column.header,
        alias="t" if role == "time" else column.alias,
        unit=column.unit,
        role=role,
        kind=column.kind,
        missing=column.missing,
        minimum=float(known.min()) if len(known) else None,
        maximum=float(known.max()) if len(known) else None,
        values=column.values,
    )


def _bad_times(column: Analysed, head: Head) -> list[DataError]:
    reading = column.reading
    if reading is None or reading.bad is None:
        return []
    row = head.rows[reading.bad]
    return [bad_time(column.texts[reading.bad], reading.form, name=head.path, row=row, column=column.label)]


def _bad_cells(
    column: Analysed, head: Head, config: DataConfig, limit: int = 5, *, endless: bool = False
) -> list[DataError]:
    """Cells that are no numbers, or too large ones; ``endless``: `inf` is one, the time of a steady state."""
    decimal = head.dialect.decimal if head.dialect else "."
    extra = markers(config)
    found: list[DataError] = []
    if np.isnan(column.values).sum() == column.missing and not (np.abs(column.values) > LARGEST).any():
        return found  # mostly there is nothing to look for cell by cell
    for cell, row in zip(column.texts, head.rows, strict=True):
        if is_missing(cell, extra):
            continue
        value = number(cell, decimal)
        if value is None and is_beyond(cell):
            continue  # a decision of its own
        if value is None:
            found.append(bad_number(cell, name=head.path, row=row, column=column.label, decimal=decimal))
        elif abs(value) > LARGEST and not (endless and value == np.inf):
            found.append(
                DataError(
                    f"{cell} is too large to compute with; correct it, or add it to the missing markers",
                    path=head.path,
                    row=row,
                    column=column.label,
                    remedy=("missing", cell.strip()),
                )
            )
        if len(found) == limit:
            break
    return found
