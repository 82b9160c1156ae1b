"""What the readers of tables that are no text share: a typed polars frame shown as text, then as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.names import split_header, unique_labels
from ndestudio.data.readers.base import HEAD_CELLS, Head, Table, sha256, to_columns
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def head_rows(columns: int) -> int:
    """How many rows of a head are looked at for a table with so many columns."""
    return max(200, HEAD_CELLS // max(columns, 1))


def frame_head(
    frame: pl.DataFrame,
    headers: Sequence[str],
    *,
    name: str,
    format: str,
    row_count: int,
    first_row: int,
    notes: Sequence[str] = (),
    choices: Sequence[str] = (),
) -> Head:
    """The head of a table.

    Parameters
    ----------
    frame
        Its first rows.
    row_count
        Of the whole table.
    first_row
        1-based place of the first row in the file.

    Raises
    ------
    DataError
        There are no columns or no rows.
    """
    if not headers:
        raise DataError("there are no columns of numbers in the file", path=name)
    if row_count == 0:
        raise DataError("the file has a header but no rows of numbers below it; add at least two", path=name)
    shown = [[as_text(value) for value in frame.to_series(index)] for index in range(frame.width)]
    return Head(
        path=name,
        format=format,
        headers=tuple(headers),
        cells=tuple(zip(*shown, strict=True)),
        rows=tuple(range(first_row, first_row + frame.height)),
        row_count=row_count,
        exact=True,
        notes=tuple(notes),
        choices=tuple(choices),
    )


def frame_table(frame: pl.DataFrame, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig) -> Table:
    """The table of a frame whose columns are called by their index."""
    labels = unique_labels([split_header(header)[0] for header in head.headers])
    first = head.rows[0] if head.rows else 1
    rows = np.arange(first, first + frame.height, dtype=np.int64)
    columns = to_columns(frame, head, kinds, config, dict(enumerate(labels)), rows)
    return Table(columns, rows, sha256(path))


def as_text(value: object) -> str:
    """A cell as it would stand in a text file."""
    if value is None:
        return ""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, bool):
        return str(int(value))
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if callable(isoformat) else str(value)
