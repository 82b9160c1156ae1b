"""What the readers of databases share: which of the tables is read, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.data.names import suggestion
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.clock import is_time_name
from ndestudio.data.readers.frames import frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

_MOST = 12
"""So many tables are offered as answers."""


@runtime_checkable
class Database(Protocol):
    """A database that is open for reading."""

    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Tables and views with their columns."""
        ...

    def count(self, table: str) -> int:
        """Number of rows."""
        ...

    def rows(self, table: str, columns: Sequence[str], limit: int | None) -> pl.DataFrame:
        """Rows in the order in which they are stored."""
        ...


@dataclass(frozen=True)
class DatabaseReader:
    """Files of databases; `DataConfig.key` names the table. A row is numbered from 1.

    Parameters
    ----------
    connect
        Opens a file (its path, and how errors call it).
    looks
        How sure the first bytes make it, 0 to 1.
    """

    format: str
    title: str
    endings: tuple[str, ...]
    connect: Callable[[Path, str], AbstractContextManager[Database]]
    looks: Callable[[bytes], float]

    def recognises(self, path: Path, first: bytes) -> float:
        """By the first bytes."""
        return self.looks(first)

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Tables, columns and first rows."""
        check_path(path, name)
        with self.connect(path, name) as database:
            tables = database.tables()
            table, decision = _choose(database, tables, config.key, name)
            columns = tables[table]
            frame = database.rows(table, columns, head_rows(len(columns)))
            count = database.count(table)
        head = frame_head(
            frame, columns, name=name, format=self.format, row_count=count, first_row=1, choices=tuple(tables)
        )
        problems = (question(decision, name),) if decision is not None and decision.open else ()
        return replace(head, decisions=() if decision is None else (decision,), problems=problems)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        check_path(path, head.path)
        meter = Meter(reporter, 1, head.path)
        with self.connect(path, head.path) as database:
            table, _ = _choose(database, database.tables(), config.key, head.path)
            frame = database.rows(table, [head.headers[index] for index in kinds], None)
        frame.columns = [str(index) for index in kinds]
        found = frame_table(frame, path, head, kinds, config)
        meter.at(1)
        return found


def _choose(
    database: Database, tables: Mapping[str, tuple[str, ...]], key: str | None, name: str
) -> tuple[str, Decision | None]:
    """The table that is read: the one that is named, or the only one that can be a time series."""
    if key is not None:
        found = key if key in tables else next((one for one in tables if one.lower() == key.lower()), None)
        if found is None:
            raise DataError(f"there is no table `{key}`{suggestion(key, tuple(tables))}", path=name)
        return found, _decision(tables, found, tuple(tables), "as `key` says", True) if len(tables) > 1 else None
    if not tables:
        raise DataError("there is no table in the database", path=name)
    able = [one for one, columns in tables.items() if len(columns) > 1 and database.count(one) > 1]
    timed = [one for one in able if any(is_time_name(column) for column in tables[one])]
    kept = timed or able or list(tables)
    if len(kept) == 1:
        why = "the only one with a time" if timed else "the only one with several columns and rows"
        return kept[0], _decision(tables, kept[0], tuple(tables), why, bool(timed)) if len(tables) > 1 else None
    shown = ", ".join(f"`{one}`" for one in kept[:6]) + (", ..." if len(kept) > 6 else "")
    choices = tuple(Choice(one, {"key": one}) for one in kept[:_MOST])
    return kept[0], Decision(
        "table", f"the database has several tables that may be meant: {shown}", None, choices, None
    )


def _decision(
    tables: Mapping[str, tuple[str, ...]], taken: str, offered: Sequence[str], why: str, certain: bool
) -> Decision:
    names = [taken, *(one for one in offered if one != taken)][:_MOST]
    choices = tuple(Choice(f"`{one}`", {"key": one}) for one in names)
    return Decision("table", f"The table `{taken}` of {len(tables)} was taken, {why}.", None, choices, 0, certain)
