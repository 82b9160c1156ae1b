"""Arrays in HDF5 as PEtab SciML lays them out: `parameters/<network>/<layer>/<array>` and `inputs/<input>/<condition>`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import DataError

MOST_NUMBERS = 50_000_000
"""Numbers of all arrays of a file."""


def read_arrays(path: Path, group: str) -> dict[str, dict[str, Any]]:
    """Nested mapping of all arrays below a group (`"parameters"`, `"inputs"`, `"outputs"`); empty where there is none.

    Raises
    ------
    DataError
        It is no HDF5, or holds more than is read, something else than numbers, or parts in other files.
    """
    import h5py

    if not path.is_file():
        raise DataError("there is no such file", path=str(path))
    try:
        with h5py.File(path, "r") as file:
            found: dict[str, Any] = {}
            total = 0
            for names, dataset in _datasets(file, path):
                total += int(np.prod(dataset.shape, dtype=np.int64))
                if total > MOST_NUMBERS or dataset.dtype.kind not in "fiub":
                    sentence = "more numbers than are read" if total > MOST_NUMBERS else "something else than numbers"
                    raise DataError(f"`{'/'.join(names)}` holds {sentence}", path=str(path))
                if names[0] != group:
                    continue
                place = found
                for name in names[1:-1]:
                    place = place.setdefault(name, {})
                place[names[-1]] = np.asarray(dataset[()], dtype=float)
            return found
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeError) as error:
        raise DataError(f"it cannot be read as HDF5 ({str(error)[:120]})", path=str(path)) from None


def _datasets(file: Any, path: Path) -> Iterator[tuple[tuple[str, ...], Any]]:
    import h5py

    stack: list[tuple[tuple[str, ...], Any]] = [((), file)]
    count = 0
    while stack:
        names, group = stack.pop()
        for name in group:
            count += 1
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
                raise DataError(f"`{name}` is a link; links are not followed", path=str(path))
            if count > 100_000 or len(names) > 20:
                raise DataError("it has more groups than are read", path=str(path))
            inner = group[name]
            if isinstance(inner, h5py.Group):
                stack.append(((*names, name), inner))
            elif isinstance(inner, h5py.Dataset):
                if inner.external or inner.is_virtual:
                    raise DataError(f"`{name}` is kept in another file; such files are not read", path=str(path))
                yield (*names, name), inner


def write_arrays(
    path: Path,
    values: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    inputs: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> None:
    """Network -> layer -> array, as an array file of PEtab SciML; of inputs condition -> array."""
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("metadata/pytorch_format", data=np.uint8(1))
        for network, layers in values.items():
            for layer, arrays in layers.items():
                for name, value in arrays.items():
                    file.create_dataset(f"parameters/{network}/{layer}/{name}", data=np.asarray(value, dtype=float))
        for key, conditions in (inputs or {}).items():
            for name, value in conditions.items():
                file.create_dataset(f"inputs/{key}/{name}", data=np.asarray(value, dtype=float))
