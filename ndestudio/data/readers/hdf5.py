"""HDF5 files, those of MATLAB version 7.3 among them, through h5py.

What lies outside the file (external links, external storage, virtual datasets) is never followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndestudio.data.readers import cf
from ndestudio.data.readers.arrays import DAMAGE, Contents, ContentsReader, complaint
from ndestudio.data.readers.dimensions import ANONYMOUS, tables_of
from ndestudio.data.readers.nodes import Group, Node, Variable, check_size, variable
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEEPEST = 16
_MOST = 20_000
"""Datasets and groups that are looked at."""
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
"""How NetCDF marks datasets that only stand for a dimension."""
_NAMES = ("columns", "column_names", "names", "labels", "header", "fields", "variables")
"""Attributes that name the columns of a matrix."""


@contextmanager
def hdf5_contents(path: Path, name: str, *, netcdf: bool = False) -> Iterator[Contents]:
    """The datasets of a file.

    Parameters
    ----------
    netcdf
        Whether NetCDF wrote it; else that is told by its attributes.

    Raises
    ------
    DataError
        The file is damaged, or holds more than can be read.
    """
    import h5py

    try:
        file = h5py.File(path, "r", locking=False)
    except DAMAGE as error:
        raise unreadable(name, "NetCDF" if netcdf else "HDF5", error) from error
    with file:
        try:
            scan = _Scan(file, path.stat().st_size, name)
            scan.netcdf = scan.netcdf or netcdf
            root = scan.group(file, ())
            blocks = tables_of(root, scan.attributes) if scan.scaled and not scan.matlab else None
        except DAMAGE as error:
            raise unreadable(name, "HDF5", error) from error
        yield Contents(root, tuple(scan.notes), blocks)


def unreadable(name: str, format: str, error: BaseException) -> DataError:
    """The error for a damaged file."""
    return DataError(
        f"the file is not readable as {format} ({complaint(error)}); it may be damaged or cut off: copy or write it again",
        path=name,
    )


class _Scan:
    """Looks through a file once; values are read later."""

    def __init__(self, file: h5py.File, size: int, name: str) -> None:
        self._file, self._size, self._name = file, size, name
        self._seen = {_address(file)}
        self._count = 0
        self.matlab = file.userblock_size >= 512
        self.netcdf = "_NCProperties" in file.attrs
        self.scaled = False
        self.notes: list[str] = []
        self.attributes: dict[Variable, Mapping[str, Any]] = {}

    def group(self, group: h5py.Group, path: tuple[str, ...]) -> Group:
        import h5py

        members: dict[str, Node] = {}
        # soft links last, so that a dataset has the name of its place
        for name in sorted(group, key=lambda one: isinstance(group.get(one, getlink=True), h5py.SoftLink)):
            self._count += 1
            if self._count > _MOST:
                self._note(f"only the first {_MOST} of its members were looked at")
                break
            found = self._member(group, name, path)
            node: Node | None = None
            if isinstance(found, h5py.Dataset):
                node = self._dataset(found, (*path, name))
            elif isinstance(found, h5py.Group) and len(path) < _DEEPEST and name not in ("#refs#", "#subsystem#"):
                node = self.group(found, (*path, name))
            if node is not None and not (isinstance(node, Group) and not node.members):
                members[name] = node
        if self.matlab and path and members and all(isinstance(one, Group) and one.listed for one in members.values()):
            return _struct_array({key: one for key, one in members.items() if isinstance(one, Group)})
        if path:
            members = {**_single_values(group.attrs, members), **members}
        return _pandas_frame(Group(members))

    def _member(self, group: h5py.Group, name: str, path: tuple[str, ...]) -> h5py.Group | h5py.Dataset | None:
        """A member of a group that lies in the file and was not seen before."""
        import h5py

        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            self._note(f"`{'/'.join((*path, name))}` lies in another file (`{link.filename}`) and is left out")
            return None
        if isinstance(link, h5py.SoftLink) and not self._inside(link.path, group):
            self._note(f"`{'/'.join((*path, name))}` leads to nothing in this file and is left out")
            return None
        found: Any = group[name]
        if not isinstance(found, (h5py.Group, h5py.Dataset)):
            return None
        place = _address(found)
        if place in self._seen:
            return None
        self._seen.add(place)
        return found

    def _inside(self, target: str, group: h5py.Group, depth: int = 0) -> bool:
        """Whether the path of a soft link stays in the file."""
        import h5py

        current: Any = self._file if target.startswith("/") else group
        for part in (one for one in target.split("/") if one not in ("", ".")):
            if not isinstance(current, h5py.Group) or depth > _DEEPEST:
                return False
            link = current.get(part, getlink=True)
            if link is None or isinstance(link, h5py.ExternalLink):
                return False
            if isinstance(link, h5py.SoftLink) and not self._inside(link.path, current, depth + 1):
                return False
            current = current[part]
        return True

    def _dataset(self, dataset: h5py.Dataset, path: tuple[str, ...]) -> Node | None:
        import h5py

        where = "/".join(path)
        if dataset.external or dataset.is_virtual:
            self._note(f"the values of `{where}` lie in other files and are left out")
            return None
        attributes = dict(_attributes(dataset))
        if cf.text(attributes.get("NAME")).startswith(_NO_VARIABLE):
            return None
        matlab = cf.text(attributes.get("MATLAB_class"))
        if self.matlab and ("MATLAB_object_decode" in attributes or "MATLAB_sparse" in attributes):
            self._note(
                f"`{where}` is a MATLAB object ({matlab or 'opaque'}), which only MATLAB can read, and is left out"
            )
            return None
        if dataset.shape is None or 0 in dataset.shape or "MATLAB_empty" in attributes:
            return None
        if h5py.check_ref_dtype(dataset.dtype) is h5py.Reference:
            return self._cells(dataset, path) if self.matlab else None
        if self.matlab and matlab == "char":
            codes = np.ravel(self._read(dataset, ..., where)).astype(np.uint32)
            return variable(np.array("".join(map(chr, codes[:10_000])), dtype=object))
        if dataset.dtype.names:
            return self._compound(dataset, attributes, where)
        return self._variable(dataset, attributes, where)

    def _variable(self, dataset: h5py.Dataset, attributes: Mapping[str, Any], where: str) -> Variable:
        import h5py

        strings = h5py.check_string_dtype(dataset.dtype)
        if strings is not None and strings.length == 1 and dataset.shape:
            # characters of NetCDF, which make texts along their last axis
            strings = None
        source: Any = dataset.asstr(errors="replace") if strings is not None else dataset
        dtype = np.dtype(object) if strings is not None else dataset.dtype
        shape = tuple(int(length) for length in dataset.shape)
        backwards = self.matlab

        def read(part: tuple[slice, ...]) -> np.ndarray:
            if backwards:
                return np.asarray(self._read(dataset, part[::-1], where, source)).T
            return np.asarray(self._read(dataset, part, where, source), dtype=object if strings is not None else None)

        names = next((texts for key in _NAMES if len(texts := _texts(attributes.get(key))) in shape[-1:]), ())
        axes = _axes(dataset)
        self.scaled = self.scaled or bool(axes)
        one = Variable(shape[::-1] if backwards else shape, dtype, read, axes=axes, names=names)
        one = cf.decoded(one, attributes, self.netcdf)
        if one.size <= 2**27 and cf.is_time(attributes) and one.dtype.kind in "iuf":
            one = cf.time_of(one, attributes)
        self.attributes[one] = attributes
        return one

    def _compound(self, dataset: h5py.Dataset, attributes: Mapping[str, Any], where: str) -> Group:
        """The fields of a table."""
        fields: dict[str, Node] = {}
        units = {key.removesuffix("_units"): value for key, value in attributes.items() if key.endswith("_units")}
        for field in dataset.dtype.names or ():
            dtype, shape = dataset.dtype[field].base, dataset.dtype[field].shape
            if dtype.names or dtype.kind == "O":
                self._note(f"the field `{field}` of `{where}` holds {dtype} and is left out")
                continue

            def read(part: tuple[slice, ...], field: str = field) -> np.ndarray:
                rows = np.asarray(self._read(dataset, part[: len(dataset.shape)], where, dataset.fields(field)))
                return rows[(*(slice(None) for _ in dataset.shape), *part[len(dataset.shape) :])]

            fields[field] = Variable((*dataset.shape, *shape), dtype, read, unit=cf.text(units.get(field)))
        return Group(fields)

    def _cells(self, dataset: h5py.Dataset, path: tuple[str, ...]) -> Node | None:
        """What a cell array, or one field of a struct array, refers to."""
        import h5py

        members: dict[str, Node] = {}
        for place, reference in enumerate(np.ravel(self._read(dataset, ..., "/".join(path)))):
            self._count += 1
            if not reference or self._count > _MOST:
                continue
            found: Any = self._file[reference]
            name = str(place + 1)
            if isinstance(found, h5py.Dataset):
                node = self._dataset(found, (*path, name))
            elif len(path) < _DEEPEST:
                node = self.group(found, (*path, name))
            else:
                node = None
            if node is not None:
                members[name] = node
        return Group(members, listed=True)

    def _read(self, dataset: h5py.Dataset, part: Any, where: str, source: Any = None) -> np.ndarray:
        """Values (of ``source``, a view of the dataset), if they fit into memory."""
        lengths = dataset.shape
        if isinstance(part, tuple):
            lengths = [len(range(*one.indices(length))) for one, length in zip(part, dataset.shape, strict=True)]
        wanted = int(np.prod(lengths, dtype=object)) * max(dataset.dtype.itemsize, 8)
        check_size(wanted, self._size, self._name, f"`{where}`")
        source = dataset if source is None else source
        try:
            return source[part]
        except DAMAGE as error:
            raise unreadable(self._name, "HDF5", error) from error

    def _note(self, sentence: str) -> None:
        if len(self.notes) < 12:
            self.notes.append(f"{sentence[:1].upper()}{sentence[1:]}.")


def _address(node: h5py.Group | h5py.Dataset) -> int:
    """Where in the file a member lies."""
    from h5py.h5o import get_info

    return int(get_info(node.id).addr)


def _attributes(node: h5py.Group | h5py.Dataset) -> Iterator[tuple[str, Any]]:
    for name in node.attrs:
        try:
            yield name, node.attrs[name]
        except DAMAGE:
            # of a type that NumPy does not have
            continue


def _axes(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Names of the axes that have dimension scales; a scale is its own axis."""
    if "DIMENSION_LIST" in dataset.attrs:
        return tuple(
            str(scales[0].name).rsplit("/", 1)[-1]
            if (scales := dimension.values())
            else f"{dataset.name} {ANONYMOUS}{place + 1}"
            for place, dimension in enumerate(dataset.dims)
        )
    return (str(dataset.name).rsplit("/", 1)[-1],) if dataset.is_scale and len(dataset.shape) == 1 else ()


def _texts(value: Any) -> tuple[str, ...]:
    array = np.asarray(value) if value is not None else np.zeros(0)
    if array.ndim == 1 and array.dtype.kind in "SUO" and array.size:
        return tuple(cf.text(one) for one in array.tolist())
    whole = cf.text(value)
    return tuple(one.strip() for one in whole.split(",")) if "," in whole else ()


def _single_values(attributes: Mapping[str, Any], members: Mapping[str, Node]) -> dict[str, Node]:
    """Attributes of a group that say something of its data in one value, such as a dose or a name."""
    found: dict[str, Node] = {}
    for name in attributes:
        try:
            value = attributes[name]
        except DAMAGE:
            continue
        if name in members or name.isupper():
            continue
        if told := cf.text(value):
            found[name] = variable(np.array(told, dtype=object))
        elif isinstance(value, (np.number, float, int)) and np.asarray(value).dtype.kind in "iuf":
            found[name] = variable(np.asarray(value, dtype=np.float64))
    return found


def _struct_array(fields: Mapping[str, Group]) -> Group:
    """The fields of a struct array (a list each) as a list of structs."""
    names = list(dict.fromkeys(place for one in fields.values() for place in one.members))
    items = {
        place: Group({field: one.members[place] for field, one in fields.items() if place in one.members})
        for place in names
    }
    return Group(items, listed=True) if len(items) > 1 else next(iter(items.values()))


def _pandas_frame(group: Group) -> Group:
    """A frame that pandas wrote (`to_hdf`, format "fixed") as its columns."""
    index = group.members.get("axis1")
    blocks = [name for name in group.members if name.startswith("block") and name.endswith("_values")]
    if not isinstance(index, Variable) or not blocks:
        return group
    members: dict[str, Node] = {"index": index}
    for name in blocks:
        items, values = group.members.get(name.replace("_values", "_items")), group.members[name]
        if isinstance(items, Variable) and isinstance(values, Variable):
            labels = tuple(one.decode() if isinstance(one, bytes) else str(one) for one in np.ravel(items.values()))
            members[name] = replace(values, names=labels)
    return Group(members)


def _looks(first: bytes) -> float:
    return 0.8 if first.startswith(SIGNATURE) else 0.0


READER = ContentsReader("hdf5", hdf5_contents, "HDF5", (".h5", ".hdf5", ".hdf", ".he5", ".nxs"), _looks)
