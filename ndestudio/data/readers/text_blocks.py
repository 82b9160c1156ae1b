"""The rows of a text file, block by block, as the chosen columns.

A block that is clean is parsed by polars in one go; one that is not (comments, empty lines, missing cells) is taken apart
so that every complaint has its row. Only the chosen columns are kept, as numbers, so memory stays near eight bytes a value.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import MISSING, Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers import dialect as guess
from ndestudio.data.readers.base import Dialect, Head, to_columns
from ndestudio.data.tables import Layout
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_BLOCK_BYTES = 2**24


def bad_encoding(row: int, error: UnicodeDecodeError, encoding: str, name: str) -> DataError:
    """The error for a byte that is no text in the encoding."""
    byte = error.object[error.start]
    other = "cp1252 (Windows) or latin-1" if encoding.startswith("utf") else "utf-8"
    return DataError(
        f"the byte 0x{byte:02X} is not {encoding} text; set the encoding to {other}, or save the file as UTF-8",
        path=name,
        row=row,
    )


def ragged(found: int, width: int, row: int, name: str) -> DataError:
    """The error for a row with too few or too many cells."""
    cells = "1 cell" if found == 1 else f"{found} cells"
    return DataError(
        f"this row has {cells} where {width} are expected; add or remove delimiters (a missing value is an empty cell), "
        "choose another delimiter, or say which row is the last of the table (`last_row`)",
        path=name,
        row=row,
    )


def blocks(path: Path, dialect: Dialect, layout: Layout, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Whole lines of the file as UTF-8, the row of their first line, and how many bytes were read so far."""
    plain = dialect.encoding in {"utf-8", "ascii"}
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    rest, row, done = b"", 1, 0
    with path.open("rb") as stream:
        while True:
            raw = stream.read(_BLOCK_BYTES)
            if plain:
                piece = raw.removeprefix(codecs.BOM_UTF8) if done == 0 else raw
            else:
                piece = _recode(decoder, raw, row + rest.count(b"\n"), dialect.encoding, name)
                piece = piece.removeprefix(codecs.BOM_UTF8) if done == 0 else piece
            done += len(raw)
            piece = rest + (piece.replace(b"\r", b"\n") if dialect.newline == "\r" else piece)
            cut = piece.rfind(b"\n") + 1 if raw else len(piece)
            block, rest = piece[:cut].replace(b"\r\n", b"\n"), piece[cut:]
            lines = block.count(b"\n")
            if block and plain and not block.isascii():
                _check_utf8(block, row, name)
            if block:
                kept, first = _from_row(block, row, layout.first_row)
                if layout.last_row and row + lines > layout.last_row:
                    kept = _up_to(kept, layout.last_row - first + 1)
                if kept:
                    yield kept, first, done
            row += lines
            if not raw:
                return


def _recode(decoder: codecs.IncrementalDecoder, raw: bytes, row: int, encoding: str, name: str) -> bytes:
    try:
        return decoder.decode(raw, final=not raw).encode()
    except UnicodeDecodeError as error:
        raise bad_encoding(row + raw[: error.start].count(b"\n"), error, encoding, name) from error


def _check_utf8(block: bytes, row: int, name: str) -> None:
    try:
        block.decode()
    except UnicodeDecodeError as error:
        raise bad_encoding(row + block[: error.start].count(b"\n"), error, "utf-8", name) from error


def _from_row(block: bytes, row: int, first: int) -> tuple[bytes, int]:
    start = 0
    while row < first:
        end = block.find(b"\n", start)
        if end < 0:
            return b"", row
        start, row = end + 1, row + 1
    return block[start:], row


def _up_to(block: bytes, count: int) -> bytes:
    """The first ``count`` lines of a block."""
    end = 0
    for _ in range(count):
        end = block.find(b"\n", end) + 1
        if end == 0:
            return block
    return block[:end]


class BlockParser:
    """Parses blocks of lines into the chosen columns."""

    def __init__(self, head: Head, kinds: Mapping[int, Kind], labels: Mapping[int, str], config: DataConfig) -> None:
        assert head.dialect is not None and head.layout is not None
        self._head, self._kinds, self._config, self._dialect = head, kinds, config, head.dialect
        self._width, self._least = head.layout.width, head.layout.least
        self._labels = labels
        self._repeats = re.compile(head.dialect.repeats) if head.dialect.repeats else None
        self._skip = re.compile(head.dialect.skip) if head.dialect.skip else None
        self._grouped = frozenset((*head.layout.grouped, *head.layout.percent))
        markers_of_case = {form for one in MISSING for form in (one, one.upper(), one.capitalize(), "NaN", "N/A")}
        self._nulls = sorted(markers_of_case | set(config.missing))

    def parse(self, block: bytes, row: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
        """Columns and rows of one block whose first line is ``row``."""
        return self._parse_clean(block, row) or self._parse_lines(block, row)

    def _parse_clean(self, block: bytes, row: int) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
        import polars as pl

        dialect = self._dialect
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if (
            dialect.delimiter == " "
            or len(dialect.delimiter) > 1
            or b'"' in block
            or (dialect.comment and dialect.comment.encode() in block)
            or (dialect.decimal == "," and b"." in block)
            or block.count(dialect.delimiter.encode()) != (self._width - 1) * lines
            or b"\n\n" in block
            or block.startswith(b"\n")
            or self._config.missing
            or self._repeats
            or self._skip
        ):
            return None
        text = {
            str(i): pl.Float64 if self._kinds.get(i) == "number" and i not in self._grouped else pl.String
            for i in range(self._width)
        }
        try:
            frame = pl.read_csv(
                block,
                has_header=False,
                separator=dialect.delimiter,
                schema=text,
                columns=sorted(self._kinds),
                quote_char=None,
                null_values=self._nulls,
                decimal_comma=dialect.decimal == ",",
            )
        except pl.exceptions.PolarsError:
            return None
        if frame.height != lines:
            return None
        rows = np.arange(row, row + lines, dtype=np.int64)
        return self._columns(frame, rows), rows

    def _parse_lines(self, block: bytes, row: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
        import polars as pl

        lines = pl.DataFrame({"line": block.decode().removesuffix("\n").split("\n")}).with_columns(
            row=pl.int_range(row, row + pl.len(), dtype=pl.Int64)
        )
        comment = self._dialect.comment
        keep = pl.col("line").str.strip_chars(' \t\r;,|"\x1a') != ""
        if comment:
            keep &= ~pl.col("line").str.strip_chars_start().str.starts_with(comment) | (
                pl.col("line").str.contains(guess.NO_COMMENT) & (comment == "#")
            )
        lines = lines.filter(keep)
        if self._repeats or self._skip:
            lines = lines.filter(pl.Series([not self._drops(line) for line in lines["line"]], dtype=pl.Boolean))
        rows = lines["row"].to_numpy().astype(np.int64)
        frame = self._split(lines["line"], rows)
        return self._columns(frame, rows), rows

    def _drops(self, line: str) -> bool:
        """Whether a line inside the table is no part of it."""
        if self._repeats and self._repeats.match(" ".join(line.split())):
            return True
        return self._skip is not None and self._skip.search(line) is not None

    def _columns(self, frame: pl.DataFrame, rows: np.ndarray) -> dict[int, np.ndarray]:
        import polars as pl

        if self._grouped:
            assert self._head.layout is not None
            sign = self._head.layout.thousands
            frame = frame.with_columns(
                pl.col(str(index)).str.replace_all(sign, "", literal=True)
                for index in self._head.layout.grouped
                if index in self._kinds
            ).with_columns(
                pl.col(str(index)).str.strip_chars_end("% ")
                for index in self._head.layout.percent
                if index in self._kinds
            )
        return to_columns(frame, self._head, self._kinds, self._config, self._labels, rows)

    def _split(self, lines: pl.Series, rows: np.ndarray) -> pl.DataFrame:
        import polars as pl

        delimiter, width, least = self._dialect.delimiter, self._width, self._least
        if lines.str.contains('"', literal=True).any() or len(delimiter) > 1:
            split = [guess.split_line(line, delimiter) for line in lines]
            for cells, place in zip(split, rows, strict=True):
                if len(cells) < least or any(cells[width:]):
                    raise ragged(len(cells), width, int(place), self._head.path)
            return pl.DataFrame(
                {
                    str(i): pl.Series([cells[i] if i < len(cells) else "" for cells in split], dtype=pl.String)
                    for i in self._kinds
                }
            )
        if delimiter == " ":
            lines = lines.str.strip_chars().str.replace_all(r"\s+", " ")
        cells = lines.str.split_exact(delimiter, max(width - 1, 1)).struct.unnest()
        counts = lines.str.count_matches(delimiter, literal=True).to_numpy() + 1
        ends = lines.str.strip_chars(" \t\r").str.strip_chars_end(delimiter).str.count_matches(delimiter, literal=True)
        bad = np.flatnonzero((counts < least) | (ends.to_numpy() + 1 > width))
        if len(bad):
            raise ragged(int(counts[bad[0]]), width, int(rows[bad[0]]), self._head.path)
        return cells.select(pl.col(f"field_{i}").str.strip_chars().alias(str(i)) for i in sorted(self._kinds))
