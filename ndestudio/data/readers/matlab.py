"""MATLAB files: up to version 7.2 through SciPy, version 7.3 (which is HDF5) through h5py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.data.readers.arrays import DAMAGE, Contents, ContentsReader, complaint
from ndestudio.data.readers.hdf5 import SIGNATURE, hdf5_contents
from ndestudio.data.readers.matlab_elements import check_elements, unpacked_bytes
from ndestudio.data.readers.nodes import Group, check_size
from ndestudio.data.readers.plain import tree_of
from ndestudio.data.readers.simulink import with_signals
from ndestudio.errors import DataError

_DENSE = 2**23
"""Elements up to which a sparse matrix is written out."""


@contextmanager
def matlab_contents(path: Path, name: str) -> Iterator[Contents]:
    """The variables of a file; the fields of a struct are those of a group, the cells of a cell array a list.

    Raises
    ------
    DataError
        The file is damaged.
    """
    if _is_hdf5(path):
        with hdf5_contents(path, name) as contents:
            yield Contents(with_signals(contents.root), contents.notes, contents.blocks)
        return
    try:
        variables = _loaded(path, name)
    except DAMAGE as error:
        raise DataError(
            f"the file is not readable as a MATLAB file ({complaint(error)}); save it again with save(..., '-v7')",
            path=name,
        ) from error
    notes: list[str] = []
    plain = {label: _plain(value, label, notes) for label, value in variables.items() if not label.startswith("__")}
    root = tree_of({label: value for label, value in plain.items() if value is not None})
    if not isinstance(root, Group) or not root.members:
        raise DataError(notes[0] if notes else "there are no variables in the file", path=name)
    yield Contents(with_signals(root), tuple(notes))


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(520)
    return start[:8] == SIGNATURE or start[512:520] == SIGNATURE


def _loaded(path: Path, name: str) -> dict[str, Any]:
    import warnings

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    size = path.stat().st_size
    check_size(unpacked_bytes(path), size, name)
    check_elements(path)
    try:
        with warnings.catch_warnings():
            # of variables that are there twice, and of objects, both of which are told of below
            warnings.simplefilter("ignore")
            return loadmat(path, struct_as_record=True, squeeze_me=False, chars_as_strings=True)
    except (MatReadError, UnboundLocalError, AttributeError) as error:
        raise ValueError(complaint(error)) from error


def _plain(value: Any, path: str, notes: list[str]) -> Any:
    """What SciPy gives for a variable as dictionaries (structs), lists (cells, struct arrays), arrays and texts."""
    from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

    if isinstance(value, (MatlabOpaque, MatlabFunction)) or (isinstance(value, MatlabObject) and not value.dtype.names):
        kind = _class_name(value)
        notes.append(
            f"`{path}` is a MATLAB object ({kind}), which only MATLAB can read, and is left out; save its numbers instead: "
            + (
                "`s = table2struct(T, 'ToScalar', true)`."
                if "table" in kind
                else "for a timeseries `t = ts.Time; x = ts.Data`."
            )
        )
        return None
    if hasattr(value, "toarray"):
        return _dense(value, path, notes)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names:
        rows = [_struct(row, value.dtype.names, path, notes) for row in np.ravel(value, order="F")]
        return rows[0] if len(rows) == 1 else rows
    if value.dtype == object:
        cells = [_plain(cell, f"{path}{{{place + 1}}}", notes) for place, cell in enumerate(np.ravel(value, order="F"))]
        if len(cells) == 1:
            return cells[0]
        if all(isinstance(cell, str) for cell in cells):
            return np.array(cells, dtype=object)
        return [_single(cell) for cell in cells if cell is not None]
    if value.dtype.kind == "U":
        return str(value.item()) if value.size == 1 else [str(one) for one in np.ravel(value)] if value.size else None
    return value if value.size else None


def _struct(row: Any, fields: tuple[str, ...], path: str, notes: list[str]) -> dict[str, Any]:
    found = {field: _plain(row[field], f"{path}.{field}", notes) for field in fields}
    if all(not isinstance(one, np.ndarray) or one.size <= 1 for one in found.values()):
        # one row of a table
        return {field: _single(one) for field, one in found.items()}
    return found


def _single(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biuf":
        return value.reshape(-1)[0].item()
    return value


def _dense(value: Any, path: str, notes: list[str]) -> np.ndarray | None:
    try:
        value.check_format(full_check=True)
    except (ValueError, AttributeError):
        notes.append(f"`{path}` is a damaged sparse matrix and is left out.")
        return None
    if int(np.prod(value.shape, dtype=object)) <= _DENSE:
        return np.asarray(value.toarray())
    notes.append(f"`{path}` is a sparse matrix of {value.shape[0]} x {value.shape[1]} and is left out.")
    return None


def _class_name(value: Any) -> str:
    """The class of an opaque object, as far as the file tells."""
    names = getattr(getattr(value, "dtype", None), "names", None) or ()
    for field in ("s2", "s1"):
        if field in names:
            found = np.ravel(value)[0][field]
            return found.decode("latin-1") if isinstance(found, bytes) else str(found)
    return str(getattr(value, "classname", "") or "a function or an object")


def _looks(first: bytes) -> float:
    return 0.95 if first.startswith(b"MATLAB ") else 0.0


READER = ContentsReader("mat", matlab_contents, "MATLAB", (".mat",), _looks)
