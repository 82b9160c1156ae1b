"""Whole text files in one go by polars, where all their lines are rows of the table.

Beside it a thread looks through the bytes. What polars finds is taken only if no row can have been cut or joined; else the
file is read block by block (``text_blocks``), which finds the row of every fault.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
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
_ROWS = 4096
_MOST_NULLS = 6
"""So many different markers of missing values are left to polars; each makes it slower."""


@dataclass(frozen=True)
class Survey:
    """What the bytes of a file tell.

    Parameters
    ----------
    quotes, points
        Whether there are quotes and points.
    text
        Whether it is UTF-8.
    """

    sha256: str
    quotes: bool
    points: bool
    text: bool


def survey(path: Path) -> Survey:
    """Look through the bytes of a file once."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    quotes = points = False
    text = True
    buffer = bytearray(_PIECE)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(view[:count])
            quotes = quotes or buffer.find(b'"', 0, count) >= 0
            points = points or buffer.find(b".", 0, count) >= 0
            if text and not (count == _PIECE and buffer.isascii() and not decoder.getstate()[0]):
                try:
                    decoder.decode(view[:count])
                except UnicodeDecodeError:
                    text = False
    return Survey(digest.hexdigest(), quotes, points, text)


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

    def able(self) -> bool:
        """Whether the lines of the file could all be rows."""
        dialect = self._dialect
        plain = dialect.encoding in {"utf-8", "ascii"} and dialect.newline == "\n"
        return (
            plain
            and len(dialect.delimiter.encode()) == 1
            and dialect.delimiter != " "
            and not dialect.repeats
            and not dialect.skip
        )

    def columns(
        self, seen: Future[Survey], at: Callable[[float], None]
    ) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
        """Columns and the rows of their cells, or None if the file is not as plain as it seemed.

        Parameters
        ----------
        at
            Hears which share of the rows was read.
        """
        comma = self._dialect.decimal == ","
        # a point beside a decimal comma can stand between thousands; polars would take it for a decimal point
        points = comma and any("." in cell for row in self._head.cells[:400] for cell in row)
        for as_text in (True,) if points else (False, True):
            found = self._attempt(seen, as_text, at)
            if found is not None and seen.result().text and (as_text or not (comma and seen.result().points)):
                return found
        return None

    def _attempt(
        self, seen: Future[Survey], as_text: bool, at: Callable[[float], None]
    ) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
        import polars as pl

        first = self._layout.first_row
        expected = max(self._head.row_count, 1)
        columns = _Filled(self._kinds, int(1.1 * expected) + 1000)
        done = empty = 0
        try:
            for batch in self._batches(as_text):
                empty += batch.to_series(-1).null_count()
                rows = np.arange(first + done, first + done + batch.height, dtype=np.int64)
                frame = self._without_thousands(batch)
                columns.add(to_columns(frame, self._head, self._kinds, self._config, self._labels, rows), done)
                done += batch.height
                at(min(done / expected, 1.0))
        except pl.exceptions.PolarsError:
            return None
        except DataError:
            return None  # block by block the first fault of the file is found, whatever its column
        if not done or (
            (empty or seen.result().quotes or self._dialect.comment)
            and not self._all_rows(done, empty > 0, seen.result())
        ):
            return None
        return columns.all(done), np.arange(first, first + done, dtype=np.int64)

    def _batches(self, as_text: bool) -> Iterator[pl.DataFrame]:
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
            n_rows=layout.last_row - layout.first_row + 1 if layout.last_row else None,
            quote_char='"',
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

        if not self._layout.grouped and not self._layout.percent:
            return frame
        sign = self._layout.thousands
        return frame.with_columns(
            pl.col(str(index)).str.replace_all(sign, "", literal=True)
            for index in self._layout.grouped
            if index in self._kinds
        ).with_columns(
            pl.col(str(index)).str.strip_chars_end("% ") for index in self._layout.percent if index in self._kinds
        )

    def _all_rows(self, count: int, empty: bool, seen: Survey) -> bool:
        """Whether every row is one line with all its delimiters, where cells of the last column are empty."""
        if empty and seen.quotes:
            return False
        sign = ord(self._dialect.delimiter)
        breaks = found = 0
        last = b"\n"
        with self._path.open("rb") as stream:
            for _ in range(self._layout.first_row - 1):
                stream.readline()
            if self._layout.last_row:
                lines = [stream.readline() for _ in range(count)]
                return not empty or sum(line.count(sign.to_bytes()) for line in lines) == self._delimiters(count)
            while piece := stream.read(_PIECE):
                letters = np.frombuffer(piece, dtype=np.uint8)  # many hits are counted faster than by ``bytes.count``
                breaks += int(np.count_nonzero(letters == ord("\n")))
                found += int(np.count_nonzero(letters == sign)) if empty else 0
                last = piece[-1:]
        breaks += last != b"\n"
        return breaks == count and (not empty or found == self._delimiters(count))

    def _delimiters(self, count: int) -> int:
        return (max(self._layout.width, self._layout.least) - 1) * count


class _Filled:
    """Columns that grow batch by batch: those of numbers side by side in one matrix, made once."""

    def __init__(self, kinds: Mapping[int, Kind], count: int) -> None:
        self._numeric = [index for index, kind in kinds.items() if kind != "text"]
        self._matrix = np.empty((count, len(self._numeric)))
        self._texts: dict[int, list[np.ndarray]] = {index: [] for index, kind in kinds.items() if kind == "text"}

    def add(self, columns: Mapping[int, np.ndarray], start: int) -> None:
        """Put a batch behind those before."""
        stop = start + max((len(column) for column in columns.values()), default=0)
        if stop > len(self._matrix):
            more = np.empty((max(stop, 3 * len(self._matrix) // 2), len(self._numeric)))
            more[:start] = self._matrix[:start]
            self._matrix = more
        numeric = [columns[index] for index in self._numeric]
        for first in range(
            0, stop - start, _ROWS
        ):  # so that the rows stay in the cache until all their columns are there
            rows = self._matrix[start + first : min(start + first + _ROWS, stop)]
            for place, column in enumerate(numeric):
                rows[:, place] = column[first : first + _ROWS]
        for index, parts in self._texts.items():
            parts.append(columns[index])

    def all(self, count: int) -> dict[int, np.ndarray]:
        """The columns, with so many rows."""
        matrix = self._matrix[:count]
        found = {index: matrix[:, place] for place, index in enumerate(self._numeric)}
        empty = np.zeros(0, dtype=object)
        return found | {index: np.concatenate(parts) if parts else empty for index, parts in self._texts.items()}
