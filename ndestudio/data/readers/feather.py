"""Feather and Arrow IPC files and streams, through polars; only the chosen columns leave the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.frames import frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

_FILE = b"ARROW1"
_OLD = b"FEA1"
_STREAM = b"\xff\xff\xff\xff"
"""Continuation marker that a message of a stream begins with."""


class FeatherReader:
    """Feather (version 2) and Arrow IPC files. A row is numbered from 1: there is no header line."""

    title = "Feather"
    endings = (".feather", ".arrow", ".arrows", ".ipc")

    def recognises(self, path: Path, first: bytes) -> float:
        """By the letters that each file begins with; a stream begins with a mark that others may have, too."""
        if first.startswith((_FILE, _OLD)):
            return 1.0
        return 0.4 if first.startswith(_STREAM) and first[4:8] != _STREAM else 0.0

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Schema and first rows."""
        check_path(path, name)
        frame, count = _read(path, name, None, rows=True)
        shown = frame.head(head_rows(frame.width))
        return frame_head(shown, frame.columns, name=name, format="feather", row_count=count, first_row=1)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        check_path(path, head.path)
        meter = Meter(reporter, 1, head.path)
        frame, _ = _read(path, head.path, [head.headers[index] for index in kinds], rows=False)
        frame = frame.rename({head.headers[index]: str(index) for index in kinds})
        table = frame_table(frame, path, head, kinds, config)
        meter.at(1)
        return table


def _read(path: Path, name: str, columns: list[str] | None, *, rows: bool) -> tuple[pl.DataFrame, int]:
    """The columns, or with ``rows`` the first rows and the number of all."""
    import polars as pl

    with path.open("rb") as stream:
        first = stream.read(8)
    if first.startswith(_OLD):
        raise DataError(
            "this is Feather of version 1, which is not read; write it again as version 2 (`write_feather` of pyarrow "
            "or R's arrow), or as Parquet",
            path=name,
        )
    try:
        if first.startswith(_STREAM):
            frame = pl.read_ipc_stream(path, columns=columns)
            return _plain(frame), frame.height
        lazy = pl.scan_ipc(path)
        if not rows:
            return _plain(lazy.select(columns or []).collect()), 0
        count = int(lazy.select(pl.len()).collect().item())
        width = len(lazy.collect_schema())
        return _plain(lazy.head(head_rows(width)).collect()), count
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        told = (str(error).splitlines() or ["damaged"])[0]
        raise DataError(f"the file is not readable as Feather ({told}); write it again", path=name) from error


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Categories, as R and pandas write them, as their texts."""
    import polars as pl

    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
