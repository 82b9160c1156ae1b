"""Named arrays (of .npz and .mat files) as one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.names import suggestion
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def table_of(arrays: Mapping[str, np.ndarray], key: str | None, name: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Columns from all arrays of equal length.

    Vectors are columns; a matrix with one row for each time gives the columns `name_1`, `name_2`, ...; a structured
    array gives its fields. Scalars and arrays of other lengths are left out, and so is all but ``key`` if that is given.

    Returns:
        Table, and sentences about what was left out.

    Raises:
        DataError: no such key, or nothing that makes a table.
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
