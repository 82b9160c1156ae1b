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
_MOST_STEPS = 300_000_000
"""Instructions of SQLite's machine, some seconds, after which a view that may never end is given up."""
_STEPS = 1_000_000
_WAL = 2
"""Version in the header of a database whose latest changes lie in a file beside it."""


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._steps = 0

    def _give_up(self) -> bool:
        self._steps += _STEPS
        return self._steps > _MOST_STEPS

    def _limit(self, table: str) -> None:
        """Limit what follows if it asks a view; a table ends by itself."""
        found = self._connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        self._connection.set_progress_handler(self._give_up if found == ("view",) else None, _STEPS)

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
        self._limit(table)
        return int(self._connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])

    def rows(self, table: str, columns: Sequence[str], limit: int | None) -> pl.DataFrame:
        import polars as pl

        self._limit(table)
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
    try:
        with closing(_opened(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            # functions that only the program itself may call are not run by a view of the file
            connection.execute("PRAGMA trusted_schema = OFF")
            yield _Sqlite(connection)
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise _unreadable(name, error) from error
        raise DataError(
            "the view has too many rows to be read; choose a table, or make one of the view", path=name
        ) from error
    except (sqlite3.Error, OverflowError, MemoryError) as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"the file is not readable as an SQLite database ({error}); it may be damaged, locked, or encrypted: copy it "
        "again, or export the table as CSV",
        path=name,
    )


def _opened(path: Path) -> sqlite3.Connection:
    """Read only, and without a trace beside the file."""
    with path.open("rb") as stream:
        header = stream.read(20)
    changes = path.with_name(f"{path.name}-wal")
    pending = changes.exists() and changes.stat().st_size > 0
    # else SQLite would make files beside the database
    still = header[18:19] == bytes([_WAL]) and not pending
    options = "mode=ro&immutable=1" if still else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{options}", uri=True, timeout=2.0)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _looks(first: bytes) -> float:
    return float(first.startswith(_MARK))


READER = DatabaseReader("sqlite", "SQLite", (".sqlite", ".sqlite3", ".db", ".db3", ".s3db"), _connect, _looks)
