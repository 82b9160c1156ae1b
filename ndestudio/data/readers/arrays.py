"""Named arrays (of .npz and .mat files) as one table."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.names import suggestion
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.frames import frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

DAMAGE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    KeyError,
    IndexError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of NumPy and SciPy raise for files that are damaged (NotImplementedError is a RuntimeError)."""


@dataclass(frozen=True)
class ArrayReader:
    """Files of named arrays. A row is numbered from 1.

    Parameters
    ----------
    format
        How ``Head`` calls it.
    title, endings
        See ``Reader``.
    marks
        What files of the format begin with.
    arrays
        Of a file (its path, and how errors call it): the arrays by name, and sentences about what was left out.
    """

    format: str
    arrays: Callable[[Path, str], tuple[Mapping[str, np.ndarray], tuple[str, ...]]]
    title: str
    endings: tuple[str, ...]
    marks: tuple[bytes, ...]

    def recognises(self, path: Path, first: bytes) -> float:
        """By the first bytes."""
        return 0.8 if first.startswith(self.marks) else 0.0

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Variables and first rows."""
        frame, notes, keys = self._open(path, config, name)
        return frame_head(
            frame.head(head_rows(frame.width)),
            frame.columns,
            name=name,
            format=self.format,
            row_count=frame.height,
            first_row=1,
            notes=notes,
            choices=keys,
        )

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        meter = Meter(reporter, 1, head.path)
        frame, _, _ = self._open(path, config, head.path)
        frame = frame.rename({old: str(index) for index, old in enumerate(frame.columns)})
        table = frame_table(frame, path, head, kinds, config)
        meter.at(1)
        return table

    def _open(self, path: Path, config: DataConfig, name: str) -> tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...]]:
        check_path(path, name)
        arrays, skipped = self.arrays(path, name)
        frame, notes = table_of(arrays, config.key, name)
        return frame, (*skipped, *notes), tuple(arrays)


def complaint(error: BaseException) -> str:
    """The first line of what a library says about a file."""
    return (str(error).splitlines() or ["damaged"])[0]


def table_of(arrays: Mapping[str, np.ndarray], key: str | None, name: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Columns from all arrays of equal length.

    Vectors are columns; a matrix with one row for each time gives the columns `name_1`, `name_2`, ...; a structured
    array gives its fields. Scalars and arrays of other lengths are left out, and so is all but ``key`` if that is given.

    Returns
    -------
    tuple[pl.DataFrame, tuple[str, ...]]
        Table, and sentences about what was left out.

    Raises
    ------
    DataError
        No such key, or nothing that makes a table.
    """
    import polars as pl

    if key is not None:
        if key not in arrays:
            raise DataError(f"there is no variable `{key}`{suggestion(key, list(arrays))}", path=name)
        arrays = {key: arrays[key]}
    columns: dict[str, np.ndarray] = {}
    left_out: list[str] = []
    for label, array in arrays.items():
        found = _columns(label, array, alone=len(arrays) == 1)
        columns |= found
        if not found:
            left_out.append(f"`{label}` has the shape {tuple(array.shape)} and type {array.dtype} and is left out.")
    lengths = [len(column) for column in columns.values()]
    if not lengths:
        raise DataError("no variable of the file is a vector or a matrix of numbers", path=name)
    length = max(set(lengths), key=lambda one: (lengths.count(one), one))
    if any(one != length for one in lengths):
        other = [label for label, column in columns.items() if len(column) != length]
        left_out.append(
            f"{', '.join(f'`{one}`' for one in other[:8])} {'has' if len(other) == 1 else 'have'} not the {length} rows "
            "of the others and are left out."
        )
    kept = {label: _plain(column) for label, column in columns.items() if len(column) == length}
    return pl.DataFrame(kept, strict=False), tuple(left_out)


def _columns(label: str, array: np.ndarray, alone: bool) -> dict[str, np.ndarray]:
    if array.dtype.names:
        return {field: np.ravel(array[field]) for field in array.dtype.names}
    if array.dtype.kind not in "biufUSM" or array.ndim == 0 or array.size == 0:
        return {}
    squeezed = np.squeeze(array)
    if squeezed.ndim == 0:
        return {}
    if squeezed.ndim == 1:
        return {label: squeezed}
    if squeezed.ndim > 2:
        return {}
    base = "" if alone else f"{label}_"
    return {
        f"{base}{index + 1}" if base else f"column_{index + 1}": squeezed[:, index]
        for index in range(squeezed.shape[1])
    }


def _plain(column: np.ndarray) -> np.ndarray:
    if column.dtype.kind == "S":
        return np.char.decode(column, "latin-1")
    if column.dtype.kind in "fiub":
        return column.astype(column.dtype.newbyteorder("=")) if column.dtype.kind != "f" else column.astype(np.float64)
    return column
