"""Apache Parquet, read lazily: only the chosen columns leave the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.frames import frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter


class ParquetReader:
    """Parquet files. A row is numbered from 1: there is no header line."""

    title = "Parquet"
    endings = (".parquet", ".pq")

    def recognises(self, path: Path, first: bytes) -> float:
        """By the four letters that each Parquet file begins with."""
        return float(first.startswith(b"PAR1"))

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Schema and first rows."""
        import polars as pl

        check_path(path, name)
        try:
            lazy = pl.scan_parquet(path)
            headers = lazy.collect_schema().names()
            count = int(lazy.select(pl.len()).collect().item())
            frame = lazy.head(head_rows(len(headers))).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(name, error) from error
        return frame_head(frame, headers, name=name, format="parquet", row_count=count, first_row=1)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns, one after the other."""
        import polars as pl

        check_path(path, head.path)
        meter = Meter(reporter, len(kinds), head.path)
        columns: dict[int, np.ndarray] = {}
        table: Table | None = None
        for done, (index, kind) in enumerate(kinds.items()):
            try:
                frame = pl.scan_parquet(path).select(pl.col(head.headers[index]).alias(str(index))).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise _unreadable(head.path, error) from error
            table = frame_table(frame, path, head, {index: kind}, config)
            columns |= table.columns
            meter.at(done + 1)
        assert table is not None
        return Table(columns, table.rows, table.sha256)


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(f"the file is not readable as Parquet ({str(error).splitlines()[0]}); write it again", path=name)
