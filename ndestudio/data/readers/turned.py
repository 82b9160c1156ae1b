"""Tables whose names stand in the first column: each further column is a row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.names import split_header, unique_labels
from ndestudio.data.readers.base import Head, Meter, Table, sha256, to_columns, with_markers
from ndestudio.data.tables import Layout, RawRow
from ndestudio.progress import Reporter


def turned_cells(rows: Sequence[RawRow], layout: Layout) -> tuple[list[list[str]], list[int]]:
    """The cells of the rows of a table that was turned, and their places."""
    last = layout.last_row or rows[-1].line
    body = [row for row in rows if layout.first_row <= row.line <= last]
    width = layout.width
    return [[*row.cells[:width], *[""] * (width - len(row.cells))] for row in body], [row.line for row in body]


def turned_table(path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
    """The table of a file that was turned: all of it is in the head."""
    import polars as pl

    assert head.layout is not None
    meter = Meter(reporter, 1, head.path)
    labels = unique_labels([split_header(header)[0] for header in head.headers])
    frame = pl.DataFrame(
        {str(index): pl.Series([row[index] for row in head.cells], dtype=pl.String) for index in kinds}
    )
    rows = np.array(head.rows, dtype=np.int64)
    columns = to_columns(frame, head, kinds, with_markers(config, head.layout), dict(enumerate(labels)), rows)
    meter.at(1)
    return Table(columns, rows, sha256(path))
