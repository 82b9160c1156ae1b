"""NetCDF files: versions 1 and 2 (classic) through SciPy, version 4 (which is HDF5) through h5py.

Both are there for other reasons, and of the conventions only what `cf.py` holds is needed: units, missing values,
packing, times. xarray would do that too, but takes a second to import and pandas with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.data.readers import cf
from ndestudio.data.readers.arrays import DAMAGE, Contents, ContentsReader
from ndestudio.data.readers.dimensions import tables_of
from ndestudio.data.readers.hdf5 import SIGNATURE, hdf5_contents, unreadable
from ndestudio.data.readers.nodes import Group, Node, Variable, check_size
from ndestudio.errors import DataError

_CLASSIC = (b"CDF\x01", b"CDF\x02")
_WIDE = b"CDF\x05"


@contextmanager
def netcdf_contents(path: Path, name: str) -> Iterator[Contents]:
    """The variables of a file, as tables over its times.

    Raises
    ------
    DataError
        The file is damaged, or of a version that is not read.
    """
    with path.open("rb") as stream:
        first = stream.read(8)
    if first.startswith(_WIDE):
        raise DataError(
            "this NetCDF file is of the version CDF-5, which is not read; convert it with `nccopy -k nc4 in.nc out.nc`",
            path=name,
        )
    if not first.startswith(_CLASSIC) and first != SIGNATURE:
        raise unreadable(name, "NetCDF", ValueError("it does not begin as one"))
    if first == SIGNATURE:
        with hdf5_contents(path, name, netcdf=True) as contents:
            yield contents
        return
    yield _classic(path, name)


def _classic(path: Path, name: str) -> Contents:
    from scipy.io import netcdf_file

    size = path.stat().st_size
    attributes: dict[Variable, Mapping[str, Any]] = {}
    members: dict[str, Node] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with netcdf_file(path, "r", mmap=False, maskandscale=False) as file:
                for label, source in file.variables.items():
                    check_size(int(np.prod(source.shape, dtype=object)) * 8, size, name, f"`{label}`")
                    told = dict(source._attributes)
                    one = cf.decoded(_variable(source), told, netcdf=True)
                    if cf.is_time(told) and one.dtype.kind in "iuf" and one.size:
                        one = cf.time_of(one, told)
                    attributes[one] = told
                    members[label] = one
    except DAMAGE as error:
        raise unreadable(name, "NetCDF", error) from error
    root = Group(members)
    return Contents(root, (), tables_of(root, attributes))


def _variable(source: Any) -> Variable:
    data = np.asarray(source.data)
    data = data.astype(data.dtype.newbyteorder("="))
    return Variable(data.shape, data.dtype, lambda part: data[part], axes=tuple(source.dimensions))


def _looks(first: bytes) -> float:
    if first.startswith((*_CLASSIC, _WIDE)):
        return 1.0
    return 0.9 if first.startswith(SIGNATURE) and b"_NCProperties" in first else 0.0


READER = ContentsReader("netcdf", netcdf_contents, "NetCDF", (".nc", ".nc4", ".cdf", ".netcdf"), _looks)
