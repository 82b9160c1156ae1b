"""Which reader reads which file."""

from __future__ import annotations

from pathlib import Path

from ndestudio.data.readers.base import Reader

EXCEL = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
PARQUET = (".parquet", ".pq")
NUMPY = (".npz", ".npy")
MATLAB = (".mat",)


def reader_for(path: Path) -> Reader:
    """The reader for a file, by its ending; a file with any other ending is tried as text."""
    match path.suffix.lower():
        case ending if ending in PARQUET:
            from ndestudio.data.readers.parquet import ParquetReader

            return ParquetReader()
        case ending if ending in EXCEL:
            from ndestudio.data.readers.excel import ExcelReader

            return ExcelReader()
        case ending if ending in NUMPY:
            from ndestudio.data.readers.arrays import ArrayReader
            from ndestudio.data.readers.npz import numpy_arrays

            return ArrayReader("npz", numpy_arrays)
        case ending if ending in MATLAB:
            from ndestudio.data.readers.arrays import ArrayReader
            from ndestudio.data.readers.matlab import matlab_arrays

            return ArrayReader("mat", matlab_arrays)
        case _:
            from ndestudio.data.readers.text import TextReader

            return TextReader()
