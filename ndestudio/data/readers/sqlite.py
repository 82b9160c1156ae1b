"""SQLite databases, opened for reading only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from ndestudio.data.readers.database import DatabaseReader
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_MARK = b"SQLite format 3\0"
_CHUNK = 50_000
_MOST_STEPS = 2_000_000_000
"""Instructions of SQLite's machine after which a view that never ends is given up."""
_STEPS = 1_000_000


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tables(self) -> dict[str, tuple[str, ...]]:
        found = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
            "ORDER BY rowid"
        ).fetchall()
        columns = {str(name): self._columns(str(name)) for (name,) in found}
        return {name: names for name, names in columns.items() if names}

    def _columns(self, table: str) -> tuple[str, ...]:
        return tuple(str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({_quoted(table)})"))

    def count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])

    def rows(self, table: str, columns: Sequence[str], limit: int | None) -> pl.DataFrame:
        import polars as pl

        query = f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)}"
        if limit is not None:
            query += f" LIMIT {limit}"
        cursor = self._connection.execute(query)
        parts: list[list[Any]] = [[] for _ in columns]
        while rows := cursor.fetchmany(_CHUNK):
            for part, cells in zip(parts, zip(*rows, strict=True), strict=True):
                part.append(_packed(cells))
        return pl.DataFrame([_column(name, part) for name, part in zip(columns, parts, strict=True)])


def _packed(cells: tuple[Any, ...]) -> Any:
    """Numbers as an array; cells with any text as they are."""
    if any(isinstance(cell, (str, bytes)) for cell in cells):
        return cells
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _column(name: str, parts: Sequence[Any]) -> pl.Series:
    import polars as pl

    if all(isinstance(part, np.ndarray) for part in parts):
        return pl.Series(name, np.concatenate(parts) if parts else np.zeros(0), pl.Float64)
    texts: list[str | None] = []
    for part in parts:
        texts += [_text(cell) for cell in (part.tolist() if isinstance(part, np.ndarray) else part)]
    return pl.Series(name, texts, pl.String)


def _text(cell: Any) -> str | None:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


@contextmanager
def _connect(path: Path, name: str) -> Iterator[_Sqlite]:
    steps = 0

    def give_up() -> bool:
        nonlocal steps
        steps += _STEPS
        return steps > _MOST_STEPS

    try:
        with closing(_opened(path)) as connection:
            connection.set_progress_handler(give_up, _STEPS)
            connection.execute("PRAGMA query_only = ON")
            # functions that only the program itself may call are not run by a view of the file
            connection.execute("PRAGMA trusted_schema = OFF")
            yield _Sqlite(connection)
    except (sqlite3.Error, OverflowError, MemoryError) as error:
        raise DataError(
            f"the file is not readable as an SQLite database ({error}); it may be damaged, locked, or encrypted: copy it "
            "again, or export the table as CSV",
            path=name,
        ) from error


def _opened(path: Path) -> sqlite3.Connection:
    """Read only; a file in a folder that may not be written to is taken as one that nobody changes."""
    place = quote(str(path.absolute()))
    connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=2.0)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        connection = sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _looks(first: bytes) -> float:
    return float(first.startswith(_MARK))


READER = DatabaseReader("sqlite", "SQLite", (".sqlite", ".sqlite3", ".db", ".db3", ".s3db"), _connect, _looks)
