"""DuckDB databases (the extra `duckdb`), opened for reading only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndestudio.data.readers.database import DatabaseReader
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl


class _DuckDb:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._places: dict[str, tuple[str, str]] = {}
        """Name -> schema and table."""

    def tables(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        rows = self._connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns "
            "WHERE table_catalog = current_database() ORDER BY table_schema, table_name, ordinal_position"
        ).fetchall()
        for schema, table, column in rows:
            name = table if schema == "main" else f"{schema}.{table}"
            self._places[name] = schema, table
            found[name] = (*found.get(name, ()), column)
        return found

    def count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {self._quoted(table)}").fetchone()[0])

    def rows(self, table: str, columns: Sequence[str], limit: int | None) -> pl.DataFrame:
        import polars as pl

        wanted = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
        tail = "" if limit is None else f" LIMIT {limit}"
        found = self._connection.execute(f"SELECT {wanted} FROM {self._quoted(table)}{tail}").fetchnumpy()
        return pl.DataFrame([_column(name, array) for name, array in zip(columns, found.values(), strict=True)])

    def _quoted(self, table: str) -> str:
        known = self._places
        parts = known.get(table, ("main", table))
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _column(name: str, array: np.ndarray) -> pl.Series:
    """A masked array of DuckDB, null where it is masked."""
    import polars as pl

    mask = np.ma.getmaskarray(array)
    values = np.ma.getdata(array)
    if values.dtype.kind == "M":
        dates = values.astype("datetime64[us]").copy()
        dates[mask] = np.datetime64("NaT")
        return pl.Series(name, dates)
    if values.dtype.kind == "m":
        return pl.Series(name, np.where(mask, np.nan, values / np.timedelta64(1, "s")))
    if values.dtype.kind in "biuf":
        return pl.Series(name, np.where(mask, np.nan, values.astype(np.float64)), pl.Float64)
    return pl.Series(name, [None if gone else str(cell) for cell, gone in zip(values, mask, strict=True)], pl.String)


@contextmanager
def _connect(path: Path, name: str) -> Iterator[_DuckDb]:
    try:
        import duckdb
    except ImportError as error:
        raise DataError(
            'reading DuckDB files needs the package duckdb; run `pip install "ndestudio[duckdb]"`, or export the table '
            "as Parquet or CSV",
            path=name,
        ) from error
    try:
        # a view of the file must not read other files or load extensions
        settings: dict[str, Any] = {
            "enable_external_access": "false",
            "autoload_known_extensions": "false",
            "lock_configuration": "true",
        }
        connection = duckdb.connect(str(path), read_only=True, config=settings)
        try:
            yield _DuckDb(connection)
        finally:
            connection.close()
    except duckdb.Error as error:
        told = (str(error).splitlines() or ["damaged"])[0]
        raise DataError(
            f"the file is not readable as a DuckDB database ({told}); close the program that writes it, update duckdb, or "
            "export the table as Parquet or CSV",
            path=name,
        ) from error


def _looks(first: bytes) -> float:
    return float(first[8:12] == b"DUCK")


READER = DatabaseReader("duckdb", "DuckDB", (".duckdb", ".ddb"), _connect, _looks)
