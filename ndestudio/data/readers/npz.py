"""NumPy archives (``numpy.savez`` and ``numpy.save``); objects in them are never unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.data.readers.arrays import DAMAGE, ArrayReader, complaint
from ndestudio.errors import DataError


def numpy_arrays(path: Path, name: str) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
    """The arrays of a file, and sentences about those that are left out.

    Raises
    ------
    DataError
        The file is damaged, or no archive of arrays.
    """
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: np.load(path, allow_pickle=False, mmap_mode="r")}, ()
        # opened here, since NumPy leaves a file open that proves to be damaged
        with path.open("rb") as file:
            return _members(np.load(file, allow_pickle=False), path.stem)
    except DAMAGE as error:
        raise DataError(
            f"the file is not readable as NumPy arrays ({complaint(error)}); write plain arrays of numbers with numpy.savez",
            path=name,
        ) from error


def _members(loaded: Any, stem: str) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
    if isinstance(loaded, np.ndarray):
        return {stem: loaded}, ()
    arrays: dict[str, np.ndarray] = {}
    skipped: list[str] = []
    for key in loaded.files:
        try:
            arrays[key] = loaded[key]
        except ValueError:
            skipped.append(f"`{key}` holds Python objects, which are not read, and is left out.")
    return arrays, tuple(skipped)


READER = ArrayReader("npz", numpy_arrays, "NumPy", (".npz", ".npy"), (b"\x93NUMPY", b"PK"))
