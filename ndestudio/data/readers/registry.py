"""Which reader reads which file."""

from __future__ import annotations

from pathlib import Path

from ndestudio.data.readers.base import Reader

TEXT = (".csv", ".tsv", ".txt", ".dat", ".tab", ".asc")
EXCEL = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
PARQUET = (".parquet", ".pq")
NUMPY = (".npz", ".npy")
MATLAB = (".mat",)
ENDINGS: tuple[str, ...] = (*TEXT, *PARQUET, *EXCEL, *NUMPY, *MATLAB)
"""File endings that are known; any other file is tried as text."""


def reader_for(path: Path) -> Reader:
    """The reader for a file, by its ending."""
    match path.suffix.lower():
        case ending if ending in PARQUET:
            from ndestudio.data.readers.parquet import ParquetReader

            return ParquetReader()
        case ending if ending in EXCEL:
            from ndestudio.data.readers.excel import ExcelReader

            return ExcelReader()
        case ending if ending in NUMPY:
            from ndestudio.data.readers.npz import NumpyReader

            return NumpyReader()
        case ending if ending in MATLAB:
            from ndestudio.data.readers.matlab import MatlabReader

            return MatlabReader()
        case _:
            from ndestudio.data.readers.text import TextReader

            return TextReader()
