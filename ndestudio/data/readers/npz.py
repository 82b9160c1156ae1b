"""NumPy archives (``numpy.savez`` and ``numpy.save``); objects in them are never unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ndestudio.data.readers.arrays import DAMAGE, Contents, ContentsReader, complaint
from ndestudio.data.readers.nodes import Group, Node, check_size, variable
from ndestudio.errors import DataError


@contextmanager
def numpy_contents(path: Path, name: str) -> Iterator[Contents]:
    """The arrays of a file, and sentences about those that are left out.

    Raises
    ------
    DataError
        The file is damaged, or no archive of arrays.
    """
    try:
        with path.open("rb") as file:
            single = file.read(6) == b"\x93NUMPY"
        if single:
            contents = Contents(_fields({path.stem: np.load(path, allow_pickle=False, mmap_mode="r")}))
        else:
            contents = _archive(path, name)
    except DAMAGE as error:
        raise DataError(
            f"the file is not readable as NumPy arrays ({complaint(error)}); write plain arrays of numbers with numpy.savez",
            path=name,
        ) from error
    yield contents


def _archive(path: Path, name: str) -> Contents:
    arrays: dict[str, np.ndarray] = {}
    skipped: list[str] = []
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
        if not members:
            raise ValueError("it holds no arrays")
        check_size(sum(one.file_size for one in members), path.stat().st_size, name)
        for member in members:
            label = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                shape, dtype = _header(stream)
                if dtype.hasobject:
                    skipped.append(f"`{label}` holds Python objects, which are not read, and is left out.")
                    continue
                if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
                    raise ValueError(f"`{label}` ends before its {shape} values")
            with archive.open(member) as stream:
                arrays[label] = np.lib.format.read_array(stream, allow_pickle=False)
    return Contents(_fields(arrays), tuple(skipped))


def _header(stream: IO[bytes] | zipfile.ZipExtFile) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def _fields(arrays: dict[str, np.ndarray]) -> Group:
    """The fields of a structured array count as arrays; archives hold them with their name before."""
    members: dict[str, Node] = {}
    for name, array in arrays.items():
        if array.dtype.names:
            fields = {field: variable(array[field]) for field in array.dtype.names}
            members |= fields if len(arrays) == 1 else {name: Group(fields)}
        else:
            members[name] = variable(array)
    return Group(members)


def _looks(first: bytes) -> float:
    return 1.0 if first.startswith(b"\x93NUMPY") else 0.8 if first.startswith(b"PK") and b".npy" in first[:300] else 0.0


READER = ContentsReader("npz", numpy_contents, "NumPy", (".npz", ".npy"), _looks)
