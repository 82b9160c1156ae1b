"""MATLAB files up to version 7.2, through SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers.arrays import table_of
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.frames import frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl


class MatlabReader:
    """Variables of a .mat file; the fields of a struct count as variables. A row is numbered from 1."""

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Variables and first rows."""
        frame, notes, keys = _open(path, config, name)
        return frame_head(
            frame.head(head_rows(frame.width)),
            frame.columns,
            name=name,
            format="mat",
            row_count=frame.height,
            first_row=1,
            notes=notes,
            choices=keys,
        )

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        meter = Meter(reporter, 1, head.path)
        frame, _, _ = _open(path, config, head.path)
        frame = frame.rename({old: str(index) for index, old in enumerate(frame.columns)})
        table = frame_table(frame, path, head, kinds, config)
        meter.at(1)
        return table


def _open(path: Path, config: DataConfig, name: str) -> tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    check_path(path, name)
    try:
        variables = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        raise DataError(
            "this MATLAB file is of version 7.3, which is not read; save it in MATLAB with save(..., '-v7'), or as CSV",
            path=name,
        ) from error
    except (MatReadError, ValueError, TypeError, OSError, EOFError, KeyError, IndexError) as error:
        raise DataError(
            f"the file is not readable as a MATLAB file ({(str(error).splitlines() or ['damaged'])[0]}); save it again "
            "with save(..., '-v7')",
            path=name,
        ) from error
    arrays: dict[str, np.ndarray] = {}
    for key, value in variables.items():
        if key.startswith("__"):
            continue
        if isinstance(value, dict):
            arrays |= {field: np.asarray(inner) for field, inner in value.items() if not isinstance(inner, dict)}
        else:
            arrays[key] = np.asarray(value)
    frame, notes = table_of(arrays, config.key, name)
    return frame, notes, tuple(arrays)
