"""What files of arrays hold: variables in groups, read when they are needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ndestudio.errors import DataError

LARGEST_ARRAY = 2**32
"""Bytes that an array may take in memory where the file itself is smaller than it (compressed, or filled with one value)."""

SCALARS = "biufUSMmO"
"""NumPy kinds of what can stand in a column."""


@dataclass(frozen=True, eq=False)
class Variable:
    """An array of a file.

    Parameters
    ----------
    read
        The values of a part of it, one slice for each axis.
    unit
        "" where the file has none.
    axes
        Names of its axes where the format has them, else empty.
    names
        Of the columns of a matrix where the format has them, else empty.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[tuple[slice, ...]], np.ndarray]
    unit: str = ""
    axes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return int(np.prod([int(length) for length in self.shape], dtype=object)) if self.shape else 1

    @property
    def bytes(self) -> int:
        return self.size * max(self.dtype.itemsize, 1)

    @property
    def usable(self) -> bool:
        """Whether its elements can stand in a column."""
        return self.dtype.kind in SCALARS and self.size > 0

    def values(self) -> np.ndarray:
        return self.read(tuple(slice(None) for _ in self.shape))


@dataclass(frozen=True, eq=False)
class Group:
    """Variables and groups by name.

    Parameters
    ----------
    listed
        Whether the members are the items of a list (a struct array, a cell, a list of runs), called by their place.
    """

    members: Mapping[str, Variable | Group]
    listed: bool = False

    @property
    def variables(self) -> dict[str, Variable]:
        return {name: one for name, one in self.members.items() if isinstance(one, Variable)}

    @property
    def groups(self) -> dict[str, Group]:
        return {name: one for name, one in self.members.items() if isinstance(one, Group)}


Node: TypeAlias = Variable | Group


def variable(array: np.ndarray, unit: str = "", axes: tuple[str, ...] = ()) -> Variable:
    """An array that is in memory."""
    # of an array without axes an empty index would take the value out
    return Variable(array.shape, array.dtype, lambda part: array[part] if part else array, unit, axes)


def walk(group: Group, path: str = "") -> Iterator[tuple[str, Node]]:
    """All members below a group with their paths (`a/b`)."""
    for name, node in group.members.items():
        below = f"{path}/{name}" if path else name
        yield below, node
        if isinstance(node, Group):
            yield from walk(node, below)


def text_of(node: Node | None) -> str | None:
    """The text that a variable holds, None if it is none."""
    if not isinstance(node, Variable) or node.size != 1 or node.dtype.kind not in "UO":
        return None
    value = node.values().reshape(-1)[0]
    return value.strip() if isinstance(value, str) else None


def texts_of(node: Node | None) -> tuple[str, ...]:
    """The texts of a vector of texts, empty if it is none."""
    if not isinstance(node, Variable) or node.dtype.kind not in "USO" or node.size > 10_000 or not node.shape:
        return ()
    values = np.ravel(node.values())
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    return tuple(str(one).strip() for one in values) if all(isinstance(one, str) for one in values) else ()


def check_size(wanted: int, file_size: int, name: str, what: str = "the variables") -> None:
    """Raise where arrays would need far more memory than the file has bytes, as damaged and hostile files ask for."""
    if wanted > max(LARGEST_ARRAY, 2 * file_size):
        raise DataError(
            f"{what} would take {wanted / 2**30:,.1f} GiB of memory, more than the {LARGEST_ARRAY // 2**30} GiB that are "
            "read of a file of this size; choose single variables with `key`, or save fewer rows",
            path=name,
        )


def canonical(path: str) -> str:
    """A path as it is compared: `/a/b`, `a.b` and `a/b` are the same."""
    return re.sub(r"[/.]+", "/", path.strip()).strip("/")
