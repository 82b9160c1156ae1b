"""Which reader reads which file. A new one is a module and a line here, or a package with an entry point
``ndestudio.readers``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.errors import DataError
from ndestudio.plugins import Registry

if TYPE_CHECKING:
    from ndestudio.data.readers.base import Reader

READERS: Registry[Reader] = Registry(
    "readers",
    "reader",
    {
        "text": "ndestudio.data.readers.text:TextReader",
        "parquet": "ndestudio.data.readers.parquet:ParquetReader",
        "excel": "ndestudio.data.readers.excel:ExcelReader",
        "numpy": "ndestudio.data.readers.npz:READER",
        "matlab": "ndestudio.data.readers.matlab:READER",
        "hdf5": "ndestudio.data.readers.hdf5:READER",
        "netcdf": "ndestudio.data.readers.netcdf:READER",
        "json": "ndestudio.data.readers.json:READER",
        "feather": "ndestudio.data.readers.feather:FeatherReader",
        "sqlite": "ndestudio.data.readers.sqlite:READER",
        "duckdb": "ndestudio.data.readers.duckdb:READER",
    },
    needs=("title", "endings", "head", "read"),
)
"""Readers by name."""

FIRST_BYTES = 4096
"""So much of a file is shown to ``Reader.recognises``."""

_DOUBT, _CLEAR = 0.2, 0.6
"""A reader that an ending names and that is less sure than the one gives way to one that is surer than the other."""

_log = logging.getLogger(__name__)


def reader_for(path: Path, name: str = "") -> Reader:
    """The reader for a file: by its ending, unless its first bytes are clearly those of another format; else by these.

    Parameters
    ----------
    name
        How an error calls the file (its path by default).

    Raises
    ------
    DataError
        Nothing here reads such a file; the sentence names what was tried.
    """
    ending = path.suffix.lower()
    readers = READERS.all()
    named = [reader for reader in readers if ending in reader.endings]
    first = _first_bytes(path)
    if not first:  # missing, empty, a folder: the reader says so
        return named[0] if named else READERS.get("text")
    if named and max(_score(reader, path, first) for reader in named) < _DOUBT:
        others = {_score(reader, path, first): reader for reader in readers if reader not in named}
        if max(others, default=0.0) > _CLEAR:
            return others[max(others)]
    if len(named) == 1:
        return named[0]
    scores = [_score(reader, path, first) for reader in named or readers]
    if max(scores) > 0 or named:
        return (named or readers)[scores.index(max(scores))]
    tried = ", ".join(reader.title for reader in readers)
    what = f"files that end in `{path.suffix}` are not known here" if ending else "the file has no ending"
    raise DataError(
        f"{what}, and its content is none of {tried}; save the data as CSV, or install a package that reads such files",
        path=name or str(path),
    )


def endings() -> tuple[str, ...]:
    """The endings of all readers, for file dialogs."""
    return tuple(dict.fromkeys(ending for reader in READERS.all() for ending in reader.endings))


def titles() -> tuple[str, ...]:
    """What the formats that can be read are called."""
    return tuple(reader.title for reader in READERS.all())


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(FIRST_BYTES)
    except OSError:
        return b""


def _score(reader: Reader, path: Path, first: bytes) -> float:
    recognises = getattr(reader, "recognises", None)
    if recognises is None:
        return 0.0
    try:
        return float(recognises(path, first))
    except Exception:
        # one reader that stumbles over a file must not keep another from reading it
        _log.warning("the reader %s cannot look at %s", reader.title, path, exc_info=True)
        return 0.0
