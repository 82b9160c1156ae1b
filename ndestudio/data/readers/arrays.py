"""Files of named arrays (.npz, .mat, HDF5, NetCDF, JSON) as one table."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers.base import Head, Meter, Table, check_path
from ndestudio.data.readers.blocks import Block, Series, blocks_of
from ndestudio.data.readers.choosing import Chosen, choose
from ndestudio.data.readers.clock import long_axes
from ndestudio.data.readers.frames import as_text, frame_head, frame_table, head_rows
from ndestudio.data.readers.nodes import Group, Variable, canonical, check_size, variable, walk
from ndestudio.data.readers.orientation import Orientation
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

DAMAGE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    KeyError,
    IndexError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of NumPy, SciPy and HDF5 raise for files that are damaged (NotImplementedError is a RuntimeError)."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file of arrays holds, while it is open.

    Parameters
    ----------
    notes
        Sentences about what was left out.
    blocks
        Its tables, where the format itself says what belongs together; else they are found.
    """

    root: Group
    notes: tuple[str, ...] = ()
    blocks: tuple[Block, ...] | None = None


@dataclass(frozen=True)
class ContentsReader:
    """Files of named arrays. A row is numbered from 1.

    Parameters
    ----------
    format
        How ``Head`` calls it.
    open
        Of a file (its path, and how errors call it): its contents.
    title, endings
        See ``Reader``.
    looks
        How sure the first bytes make it, 0 to 1.
    """

    format: str
    open: Callable[[Path, str], AbstractContextManager[Contents]]
    title: str
    endings: tuple[str, ...]
    looks: Callable[[bytes], float]

    def recognises(self, path: Path, first: bytes) -> float:
        """By the first bytes."""
        return self.looks(first)

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Variables and first rows."""
        size = check_path(path, name)
        with self.open(path, name) as contents:
            chosen = _chosen(contents, config, name)
            headers = _headers(chosen)
            frame = frame_of(chosen, None, head_rows(len(headers)), size, name)
            notes = (*contents.notes, *chosen.notes, *_left_out(contents.root, chosen))
        head = frame_head(
            frame,
            headers,
            name=name,
            format=self.format,
            row_count=sum(block.rows for block in chosen.blocks),
            first_row=1,
            notes=notes,
            choices=chosen.choices,
        )
        return replace(head, decisions=chosen.decisions, problems=chosen.problems)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        size = check_path(path, head.path)
        meter = Meter(reporter, 1, head.path)
        with self.open(path, head.path) as contents:
            frame = frame_of(_chosen(contents, config, head.path), tuple(kinds), None, size, head.path)
        table = frame_table(frame, path, head, kinds, config)
        meter.at(1)
        return table


@dataclass(frozen=True)
class ArrayReader:
    """Files of arrays by name, for readers that have no groups.

    Parameters
    ----------
    format, title, endings
        As of a ``ContentsReader``.
    arrays
        Of a file (its path, and how errors call it): the arrays by name, and sentences about what was left out.
    marks
        What files of the format begin with.
    """

    format: str
    arrays: Callable[[Path, str], tuple[Mapping[str, np.ndarray], tuple[str, ...]]]
    title: str
    endings: tuple[str, ...]
    marks: tuple[bytes, ...]

    def recognises(self, path: Path, first: bytes) -> float:
        """By the first bytes."""
        return 0.8 if first.startswith(self.marks) else 0.0

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Variables and first rows."""
        return self._reader().head(path, config, name)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        return self._reader().read(path, head, kinds, config, reporter)

    def _reader(self) -> ContentsReader:
        @contextmanager
        def contents(path: Path, name: str) -> Iterator[Contents]:
            arrays, notes = self.arrays(path, name)
            yield Contents(Group({label: variable(array) for label, array in arrays.items()}), notes)

        return ContentsReader(self.format, contents, self.title, self.endings, lambda first: 0.0)


def complaint(error: BaseException) -> str:
    """The first line of what a library says about a file."""
    return (str(error).splitlines() or ["damaged"])[0]


def _chosen(contents: Contents, config: DataConfig, name: str) -> Chosen:
    orientation = Orientation(config.times_along)
    blocks = contents.blocks if contents.blocks is not None else blocks_of(contents.root, orientation)
    chosen = choose(contents.root, blocks, config.key, orientation, name)
    origins = {one.origin for block in chosen.blocks for one in block.series}
    turned = tuple(decision for origin, decision in orientation.decisions.items() if origin in origins)
    return replace(chosen, decisions=(*chosen.decisions, *turned))


def _headers(chosen: Chosen) -> list[str]:
    first = chosen.blocks[0]
    return [
        *([_trajectory_label(first)] if chosen.names else []),
        *(_header(one) for one in first.series),
        *_varying_constants(chosen),
    ]


def _header(one: Series) -> str:
    unit = one.unit.replace("[", "(").replace("]", ")").strip()
    return f"{one.label} [{unit}]" if unit else one.label


def _trajectory_label(block: Block) -> str:
    taken = {one.label.lower() for one in block.series}
    return next(name for name in ("trajectory", "run", "experiment", "trial", "trajectory name") if name not in taken)


def _varying_constants(chosen: Chosen) -> list[str]:
    """Numbers that stand once beside each of several runs and differ between them, such as a dose."""
    if not chosen.names:
        return []
    first = chosen.blocks[0]
    taken = {one.label for one in first.series}
    found = []
    for name in first.constants:
        values = [block.constants.get(name) for block in chosen.blocks]
        numbers = all(isinstance(value, float) for value in values)
        if numbers and name != chosen.named_by and name not in taken and len(set(values)) > 1:
            found.append(name)
    return found


def frame_of(
    chosen: Chosen, indices: Sequence[int] | None, count: int | None, file_size: int, name: str
) -> pl.DataFrame:
    """The columns of the chosen tables, called by their index.

    Parameters
    ----------
    indices
        Columns that are wanted, None for all.
    count
        So many of the first rows; None for all.
    """
    import polars as pl

    width = len(_headers(chosen))
    wanted = range(width) if indices is None else indices
    total = sum(block.rows for block in chosen.blocks) if count is None else count
    check_size(total * len(wanted) * 8, file_size, name, "the columns")
    blocks = _first(chosen.blocks, count)
    labels = [one.label for one in chosen.blocks[0].series]
    constants = _varying_constants(chosen)
    offset = bool(chosen.names)
    parts: dict[int, list[np.ndarray]] = {index: [] for index in wanted}
    for number, (block, rows) in enumerate(blocks):
        cache: dict[tuple[int, int], np.ndarray] = {}
        by_label = {one.label: one for one in block.series}
        for index in wanted:
            if offset and index == 0:
                parts[index].append(np.full(rows, chosen.names[number], dtype=object))
            elif index - offset < len(labels):
                one = by_label[labels[index - offset]] if len(by_label) == len(labels) else block.series[index - offset]
                parts[index].append(_column(one, rows, cache))
            else:
                value = block.constants[constants[index - offset - len(labels)]]
                parts[index].append(np.full(rows, value))
    return pl.DataFrame([_series(str(index), arrays) for index, arrays in parts.items()])


def _first(blocks: Sequence[Block], count: int | None) -> list[tuple[Block, int]]:
    found = []
    left = count
    for block in blocks:
        rows = block.rows if left is None else min(block.rows, left)
        if rows == 0:
            break
        found.append((block, rows))
        left = None if left is None else left - rows
    return found


def _column(one: Series, rows: int, cache: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    """Rows of a variable along its axis; a whole matrix is read once for all its columns."""
    known = (id(one.variable), one.axis)
    if known not in cache:
        part = tuple(slice(0, rows) if axis == one.axis else slice(None) for axis in range(len(one.variable.shape)))
        if len(long_axes(one.variable.shape)) > 2:
            # of an array that also goes over runs, the run alone
            places = iter(one.place)
            part = tuple(
                slice(0, rows) if axis == one.axis else slice(place := next(places), place + 1)
                for axis in range(len(one.variable.shape))
            )
            return np.ravel(one.variable.read(part))
        cache[known] = np.moveaxis(np.asarray(one.variable.read(part)), one.axis, 0)
    return cache[known][(slice(None), *one.place)]


def _series(name: str, arrays: Sequence[np.ndarray]) -> pl.Series:
    import polars as pl

    if any(array.dtype.kind == "O" for array in arrays):
        cells = [cell for array in arrays for cell in array]
        if all(cell is None or isinstance(cell, (int, float, np.number)) for cell in cells):
            return pl.Series(name, [None if cell is None else float(cell) for cell in cells], pl.Float64)
        return pl.Series(name, [None if cell is None else _text(cell) for cell in cells], pl.String)
    array = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    match array.dtype.kind:
        case "S":
            return pl.Series(name, np.char.decode(array, "latin-1").tolist(), pl.String)
        case "U":
            return pl.Series(name, array.tolist(), pl.String)
        case "M":
            return pl.Series(name, array.astype("datetime64[us]"))
        case "m":
            return pl.Series(name, array / np.timedelta64(1, "s"))
        case "b":
            return pl.Series(name, array.astype(np.int8))
        case "f":
            return pl.Series(name, array.astype(np.float64))
    return pl.Series(name, np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))


def _text(cell: object) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else as_text(cell)


def _left_out(root: Group, chosen: Chosen) -> list[str]:
    """Sentences about variables that are no part of what was chosen, where that is one table."""
    if chosen.names or chosen.problems or any(decision.topic == "table" for decision in chosen.decisions):
        return []
    block = chosen.blocks[0]
    used = {canonical(one.origin) for one in block.series}
    short, single, sentences = list[str](), list[str](), list[str]()
    for path, node in walk(root):
        if not isinstance(node, Variable) or canonical(path) in used or path.rsplit("/", 1)[-1] == block.clock:
            continue
        if node.size == 1:
            single.append(path)
        elif node.usable and len(long_axes(node.shape)) in (1, 2) and block.rows not in node.shape:
            short.append(path)
        else:
            shape = tuple(int(length) for length in node.shape)
            sentences.append(f"`{path}` has the shape {shape} and type {node.dtype} and is left out.")
    if len(sentences) > 8:
        sentences = [*sentences[:7], f"{len(sentences) - 7} further variables of other shapes or types are left out."]
    if single:
        sentences.append(_of(single, "holds a single value and is left out", "hold single values and are left out"))
    if short:
        rows = f"not the {block.rows} rows of the others"
        sentences.append(_of(short, f"has {rows} and is left out", f"have {rows} and are left out"))
    return sentences


def _of(names: Sequence[str], one: str, several: str) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:8]) + (", ..." if len(names) > 8 else "")
    return f"{shown} {one if len(names) == 1 else several}."
