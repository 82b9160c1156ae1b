"""Whole text files in one go by polars, where all their lines are rows of the table.

A survey of the bytes tells beforehand how many rows there must be, and its SHA-256. What polars finds is taken only if it
agrees with the survey; else the file is read block by block (``text_blocks``), which finds the row of every fault.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind, is_missing
from ndestudio.data.config import DataConfig
from ndestudio.data.readers.base import Head, to_columns
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_PIECE = 2**20
_MOST_NULLS = 6
"""So many different markers of missing values are left to polars; each makes it slower."""


@dataclass(frozen=True)
class Survey:
    """What the bytes of a file tell.

    Parameters
    ----------
    lines
        Up to the last one that is not empty.
    quotes, points
        Whether there are quotes and points.
    text
        Whether it is UTF-8.
    """

    sha256: str
    lines: int
    quotes: bool
    points: bool
    text: bool


def survey(path: Path, at: Callable[[int], None]) -> Survey:
    """Look through the bytes of a file once.

    Parameters
    ----------
    at
        Hears how many bytes were looked through.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = done = empty = 0
    quotes = points = False
    text = True
    buffer = bytearray(_PIECE)
    with path.open("rb") as stream:
        while count := stream.readinto(buffer):
            piece = bytes(memoryview(buffer)[:count])
            digest.update(piece)
            breaks = piece.count(b"\n")
            lines += breaks
            bare = piece.rstrip(b"\r\n")
            after = breaks if not bare else piece.count(b"\n", len(bare))
            empty = empty + after if not bare else after
            quotes = quotes or b'"' in piece
            points = points or b"." in piece
            if text and not piece.isascii():
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    text = False
            done += count
            at(done)
    # lines end with a break; breaks behind the last filled line end no row but that one
    rows = lines - empty + 1
    return Survey(digest.hexdigest(), rows, quotes, points, text)


class Scan:
    """Reads a whole file by polars.

    Parameters
    ----------
    kinds
        Raw position -> kind of the columns that are wanted.
    """

    def __init__(
        self, path: Path, head: Head, kinds: Mapping[int, Kind], labels: Mapping[int, str], config: DataConfig
    ):
        assert head.dialect is not None and head.layout is not None
        self._path, self._head, self._kinds, self._labels, self._config = path, head, kinds, labels, config
        self._dialect, self._layout = head.dialect, head.layout

    def able(self, seen: Survey) -> bool:
        """Whether the lines of the file could all be rows."""
        dialect = self._dialect
        plain = dialect.encoding in {"utf-8", "ascii"} and dialect.newline == "\n" and seen.text
        simple = len(dialect.delimiter) == 1 and dialect.delimiter != " " and not dialect.repeats and not dialect.skip
        return plain and simple and self._count(seen) > 0

    def columns(self, seen: Survey, at: Callable[[float], None]) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
        """Columns and the rows of their cells, or None if the file is not as plain as it seemed.

        Parameters
        ----------
        at
            Hears which share of the rows was read.
        """
        numbers_are_text = self._dialect.decimal == "," and seen.points
        for as_text in (False, True):
            if numbers_are_text and not as_text:
                continue
            if (found := self._attempt(seen, as_text, at)) is not None:
                return found
        return None

    def _count(self, seen: Survey) -> int:
        last = min(self._layout.last_row or seen.lines, seen.lines)
        return last - self._layout.first_row + 1

    def _attempt(
        self, seen: Survey, as_text: bool, at: Callable[[float], None]
    ) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
        import polars as pl

        count, first = self._count(seen), self._layout.first_row
        columns = _Filled(self._kinds, count)
        done = 0
        short = False
        try:
            for batch in self._batches(as_text, seen):
                if done + batch.height > count:
                    return None
                short = short or batch.to_series(-1).null_count() > 0
                rows = np.arange(first + done, first + done + batch.height, dtype=np.int64)
                frame = self._without_thousands(batch)
                columns.add(to_columns(frame, self._head, self._kinds, self._config, self._labels, rows), done)
                done += batch.height
                at(done / count)
        except (pl.exceptions.PolarsError, _Unsure):
            return None
        except DataError:
            if as_text or short:
                return None  # block by block the first fault of the file is found, whatever its column
            raise
        if done != count or (short and not self._all_full(seen, count)):
            return None
        return columns.all(), np.arange(first, first + count, dtype=np.int64)

    def _batches(self, as_text: bool, seen: Survey) -> Iterator[pl.DataFrame]:
        import polars as pl

        layout, dialect = self._layout, self._dialect
        width = max(layout.width, layout.least)
        text = {index for index, kind in self._kinds.items() if kind != "number" or as_text} | set(layout.grouped)
        schema = {
            str(index): pl.Float64 if index in self._kinds and index not in text else pl.String
            for index in range(width)
        }
        wanted = sorted({*self._kinds, width - 1})
        lazy = pl.scan_csv(
            self._path,
            has_header=False,
            separator=dialect.delimiter,
            schema=schema,
            skip_lines=layout.first_row - 1,
            n_rows=self._count(seen) if layout.last_row else None,
            quote_char='"' if seen.quotes else None,
            comment_prefix=dialect.comment or None,
            null_values=None if as_text else self._nulls(),
            decimal_comma=dialect.decimal == ",",
            glob=False,
        )
        yield from lazy.select(str(index) for index in wanted).collect_batches(maintain_order=True)

    def _nulls(self) -> list[str] | None:
        """The markers of missing values that the head has in columns of numbers."""
        seen = {
            cell
            for row in self._head.cells[:400]
            for cell in row
            if cell and not cell[0].isdigit() and is_missing(cell, frozenset(self._config.missing))
        }
        return sorted(seen) if 0 < len(seen) <= _MOST_NULLS else None

    def _without_thousands(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        sign = self._layout.thousands
        return frame.with_columns(
            pl.col(str(index)).str.replace_all(sign, "", literal=True)
            for index in self._layout.grouped
            if index in self._kinds
        )

    def _all_full(self, seen: Survey, count: int) -> bool:
        """Whether every row has all its delimiters, where the last column has empty cells."""
        if seen.quotes:
            return False
        sign = self._dialect.delimiter.encode()
        line = found = 0
        with self._path.open("rb") as stream:
            while line < self._layout.first_row - 1:
                if not stream.readline():
                    return False
                line += 1
            if self._layout.last_row:
                return sum(stream.readline().count(sign) for _ in range(count)) == self._delimiters(count)
            while piece := stream.read(_PIECE):
                found += piece.count(sign)
        return found == self._delimiters(count)

    def _delimiters(self, count: int) -> int:
        return (max(self._layout.width, self._layout.least) - 1) * count


class _Unsure(Exception):
    """The columns of a batch do not fit those before."""


class _Filled:
    """Columns that grow batch by batch: those of numbers side by side in one matrix, made once."""

    def __init__(self, kinds: Mapping[int, Kind], count: int) -> None:
        self._numeric = [index for index, kind in kinds.items() if kind != "text"]
        self._matrix = np.empty((count, len(self._numeric)))
        self._texts: dict[int, list[np.ndarray]] = {index: [] for index, kind in kinds.items() if kind == "text"}

    def add(self, columns: Mapping[int, np.ndarray], start: int) -> None:
        for place, index in enumerate(self._numeric):
            column = columns[index]
            if column.dtype.kind != "f":
                raise _Unsure
            self._matrix[start : start + len(column), place] = column
        for index, parts in self._texts.items():
            parts.append(columns[index])

    def all(self) -> dict[int, np.ndarray]:
        found = {index: self._matrix[:, place] for place, index in enumerate(self._numeric)}
        empty = np.zeros(0, dtype=object)
        return found | {index: np.concatenate(parts) if parts else empty for index, parts in self._texts.items()}
