"""NumPy archives; objects in them are never unpickled."""

from __future__ import annotations

import zipfile
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


class NumpyReader:
    """Files written by ``numpy.savez`` and ``numpy.save``. A row is numbered from 1."""

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Variables and first rows."""
        frame, notes, keys = _open(path, config, name)
        return frame_head(
            frame.head(head_rows(frame.width)),
            frame.columns,
            name=name,
            format="npz",
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
    check_path(path, name)
    arrays: dict[str, np.ndarray] = {}
    skipped: list[str] = []
    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix.lower() == ".npy" else None)
        if isinstance(loaded, np.ndarray):
            arrays[path.stem] = loaded
        else:
            with loaded:
                for key in loaded.files:
                    try:
                        arrays[key] = loaded[key]
                    except ValueError:
                        skipped.append(f"`{key}` holds Python objects, which are not read, and is left out.")
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the file is not readable as NumPy arrays ({(str(error).splitlines() or ['damaged'])[0]}); write plain arrays "
            "of numbers with numpy.savez",
            path=name,
        ) from error
    frame, notes = table_of(arrays, config.key, name)
    return frame, (*skipped, *notes), tuple(arrays)
