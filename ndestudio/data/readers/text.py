"""Delimited text: CSV, TSV, semicolons, columns separated by blanks.

The head is analysed line by line. The whole file is read in blocks of lines: a block that is clean is parsed by polars
in one go; one that is not (comments, empty lines, quotes, missing cells) is taken apart so that every complaint has
its row. Only the chosen columns are kept, as numbers, so memory stays near eight bytes a value.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ndestudio.data.cells import MISSING, Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.readers import dialect as guess
from ndestudio.data.readers.base import (
    HEAD_CELLS,
    Dialect,
    Head,
    Meter,
    Table,
    check_path,
    markers,
    to_columns,
)
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

_HEAD_BYTES = 2**18
_BLOCK_BYTES = 2**24


class TextReader:
    """CSV and its relatives."""

    title = "CSV"
    endings = (".csv", ".tsv", ".txt", ".dat")

    def recognises(self, path: Path, first: bytes) -> float:
        """Little, for any text: another reader may know better what it means."""
        try:
            guess.guess_encoding(path, first, len(first), path.name)
        except DataError:
            return 0.0
        return 0.1

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Guess the dialect and split the first lines into cells."""
        size = check_path(path, name)
        with path.open("rb") as stream:
            raw = stream.read(_HEAD_BYTES)
        encoding = (
            guess.plain_encoding(config.encoding, raw, name)
            if config.encoding
            else guess.guess_encoding(path, raw, size, name)
        )
        text = _decode_head(raw, encoding, len(raw) == size, name)
        newline = "\r" if "\n" not in text and "\r" in text else "\n"
        lines = _lines(text, newline, whole=len(raw) == size)
        return _head_of(lines, _Seen(name, size, len(raw), encoding, newline), config)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """Read the chosen columns of the whole file."""
        size = check_path(path, head.path)
        if head.dialect is None:
            raise ValueError("the head of a text file has a dialect")
        parser = _BlockParser(head, kinds, config)
        meter = Meter(reporter, size, head.path)
        digest = hashlib.sha256()
        parts: list[tuple[dict[int, np.ndarray], np.ndarray]] = []
        try:
            for block, first, done in _blocks(path, head.dialect, head.path, digest):
                parts.append(parser.parse(block, first))
                meter.at(done)
        except FileNotFoundError as error:
            raise DataError("the file was deleted while it was being read; choose it again", path=head.path) from error
        except OSError as error:
            raise DataError(f"the file cannot be read ({error.strerror or error})", path=head.path) from error
        # each block's column is let go as soon as it is joined, so that nothing is held twice
        columns = {index: np.concatenate([part.pop(index) for part, _ in parts]) for index in kinds}
        rows = np.concatenate([rows for _, rows in parts]) if parts else np.zeros(0, np.int64)
        return Table(columns, rows, digest.hexdigest())


class _Seen:
    """What is known of a file before its lines are looked at."""

    def __init__(self, name: str, size: int, read: int, encoding: str, newline: str) -> None:
        self.name, self.size, self.read, self.encoding, self.newline = name, size, read, encoding, newline


def _decode_head(raw: bytes, encoding: str, whole: bool, name: str) -> str:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        raise _bad_encoding(raw[: error.start].count(b"\n") + 1, error, encoding, name) from error
    return text.removeprefix("\ufeff").removesuffix("\x1a")


def _bad_encoding(row: int, error: UnicodeDecodeError, encoding: str, name: str) -> DataError:
    byte = error.object[error.start]
    other = "cp1252 (Windows) or latin-1" if encoding.startswith("utf") else "utf-8"
    return DataError(
        f"the byte 0x{byte:02X} is not {encoding} text; set the encoding to {other}, or save the file as UTF-8",
        path=name,
        row=row,
    )


def _lines(text: str, newline: str, whole: bool) -> list[str]:
    lines = text.split(newline)
    if not whole and len(lines) > 1:
        lines.pop()
    return [line.rstrip("\r") for line in lines]


def _head_of(lines: list[str], seen: _Seen, config: DataConfig) -> Head:
    comment = config.comment if config.comment is not None else guess.guess_comment(lines[:1000])
    kept = [
        index
        for index, line in enumerate(lines)
        if line.strip(" \t;,|") and not (comment and line.lstrip().startswith(comment))
    ]
    if not kept:
        raise DataError("the file has no rows; it needs a header and at least two rows of numbers", path=seen.name)
    extra = markers(config)
    if (named := guess.separator_line(lines[kept[0]])) is not None and len(kept) > 1:
        kept = kept[1:]
        config = config if config.delimiter else msgspec.structs.replace(config, delimiter=named)
    delimiter, decimal = guess.guess_delimiter([lines[index] for index in kept[:401]], config, extra)
    first_cells = guess.split_line(lines[kept[0]], delimiter)
    limit = max(200, HEAD_CELLS // max(len(first_cells), 1))
    rows = [guess.split_line(lines[index], delimiter) for index in kept[: limit + 10]]
    layout = guess.find_layout(rows, decimal, extra)
    notes: list[str] = []
    if layout.skipped:
        notes.append(f"The first {len(layout.skipped)} lines are no part of the table and were skipped.")
    body = rows[layout.first :]
    headers, header_notes = _headers(rows, layout, lines, kept, comment, delimiter)
    places = [kept[layout.first + offset] + 1 for offset in range(len(body))]
    if not body:
        raise DataError(
            "the file has a header but no rows of numbers below it; add at least two", path=seen.name, row=kept[0] + 1
        )
    cells, problems = _rectangular(body, places, headers, seen.name)
    exact = seen.read == seen.size
    count = len(kept) - layout.first
    if not exact:
        count = round(count * seen.size / seen.read)
    dialect = Dialect(seen.encoding, delimiter, decimal, comment, places[0], seen.newline)
    return Head(
        seen.name,
        "text",
        tuple(headers),
        tuple(cells[:limit]),
        tuple(places[:limit]),
        count,
        exact,
        dialect,
        tuple(notes + header_notes),
        tuple(problems),
    )


def _headers(
    rows: list[list[str]], layout: guess.Layout, lines: list[str], kept: list[int], comment: str, delimiter: str
) -> tuple[list[str], list[str]]:
    width = len(rows[min(layout.first, len(rows) - 1)])
    if layout.header is None:
        above = kept[layout.first] - 1
        if comment and above >= 0 and lines[above].lstrip().startswith(comment):
            cells = guess.split_line(lines[above].lstrip()[len(comment) :].strip(), delimiter)
            if len(cells) == width:
                return cells, ["The last comment line above the numbers was taken as the header."]
        return [""] * width, ["There is no header line, so the columns were numbered; rename them as you like."]
    headers = list(rows[layout.header])
    while len(headers) > width and not headers[-1]:
        headers.pop()
    if layout.units is None:
        return headers, []
    units = rows[layout.units]
    named = [
        f"{header} [{units[index].strip('[]() ')}]"
        if index < len(units) and units[index] and "[" not in header
        else header
        for index, header in enumerate(headers)
    ]
    return named, ["The line below the header was taken as units."]


def _rectangular(
    body: list[list[str]], places: list[int], headers: list[str], name: str
) -> tuple[list[tuple[str, ...]], list[DataError]]:
    width = len(headers)
    cells: list[tuple[str, ...]] = []
    problems: list[DataError] = []
    for row, place in zip(body, places, strict=True):
        if len(row) < width or any(row[width:]):
            problems.append(_ragged(len(row), width, place, name))
        cells.append(tuple((row + [""] * width)[:width]))
    return cells, problems[:20]


def _ragged(found: int, width: int, row: int, name: str) -> DataError:
    cells = "1 cell" if found == 1 else f"{found} cells"
    return DataError(
        f"this row has {cells} where {width} are expected; add or remove delimiters (a missing value is an empty cell), "
        "or choose another delimiter",
        path=name,
        row=row,
    )


def _blocks(path: Path, dialect: Dialect, name: str, digest: hashlib._Hash) -> Iterator[tuple[bytes, int, int]]:
    """Whole lines of the file as UTF-8, the row of their first line, and how many bytes were read so far."""
    plain = dialect.encoding in {"utf-8", "ascii"}
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    rest, row, done = b"", 1, 0
    with path.open("rb") as stream:
        while True:
            raw = stream.read(_BLOCK_BYTES)
            digest.update(raw)
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
                kept, first = _from_row(block, row, dialect.first_row)
                if kept:
                    yield kept, first, done
            row += lines
            if not raw:
                return


def _recode(decoder: codecs.IncrementalDecoder, raw: bytes, row: int, encoding: str, name: str) -> bytes:
    try:
        return decoder.decode(raw, final=not raw).encode()
    except UnicodeDecodeError as error:
        raise _bad_encoding(row + raw[: error.start].count(b"\n"), error, encoding, name) from error


def _check_utf8(block: bytes, row: int, name: str) -> None:
    try:
        block.decode()
    except UnicodeDecodeError as error:
        raise _bad_encoding(row + block[: error.start].count(b"\n"), error, "utf-8", name) from error


def _from_row(block: bytes, row: int, first: int) -> tuple[bytes, int]:
    start = 0
    while row < first:
        end = block.find(b"\n", start)
        if end < 0:
            return b"", row
        start, row = end + 1, row + 1
    return block[start:], row


class _BlockParser:
    """Parses blocks of lines into the chosen columns."""

    def __init__(self, head: Head, kinds: Mapping[int, Kind], config: DataConfig) -> None:
        from ndestudio.data.names import split_header, unique_labels

        assert head.dialect is not None
        self._head, self._kinds, self._config, self._dialect = head, kinds, config, head.dialect
        self._width = len(head.headers)
        labels = unique_labels([split_header(header)[0] for header in head.headers])
        self._labels = {index: labels[index] for index in kinds}
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
        ):
            return None
        text = {str(i): pl.Float64 if self._kinds.get(i) == "number" else pl.String for i in range(self._width)}
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
        return to_columns(frame, self._head, self._kinds, self._config, self._labels, rows), rows

    def _parse_lines(self, block: bytes, row: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
        import polars as pl

        lines = pl.DataFrame({"line": block.decode().removesuffix("\n").split("\n")}).with_columns(
            row=pl.int_range(row, row + pl.len(), dtype=pl.Int64)
        )
        comment = self._dialect.comment
        keep = pl.col("line").str.strip_chars(" \t\r;,|\x1a") != ""
        if comment:
            keep &= ~pl.col("line").str.strip_chars_start().str.starts_with(comment)
        lines = lines.filter(keep)
        rows = lines["row"].to_numpy().astype(np.int64)
        frame = self._split(lines["line"], rows)
        return to_columns(frame, self._head, self._kinds, self._config, self._labels, rows), rows

    def _split(self, lines: pl.Series, rows: np.ndarray) -> pl.DataFrame:
        import polars as pl

        delimiter, width = self._dialect.delimiter, self._width
        if lines.str.contains('"', literal=True).any() or len(delimiter) > 1:
            split = [guess.split_line(line, delimiter) for line in lines]
            for cells, place in zip(split, rows, strict=True):
                if len(cells) < width or any(cells[width:]):
                    raise _ragged(len(cells), width, int(place), self._head.path)
            return pl.DataFrame({str(i): [cells[i] for cells in split] for i in self._kinds}, strict=False)
        if delimiter == " ":
            lines = lines.str.strip_chars().str.replace_all(r"\s+", " ")
        cells = lines.str.split_exact(delimiter, width - 1).struct.unnest()
        counts = lines.str.count_matches(delimiter, literal=True).to_numpy() + 1
        ends = lines.str.strip_chars(" \t\r").str.strip_chars_end(delimiter).str.count_matches(delimiter, literal=True)
        bad = np.flatnonzero((counts < width) | (ends.to_numpy() + 1 > width))
        if len(bad):
            raise _ragged(int(counts[bad[0]]), width, int(rows[bad[0]]), self._head.path)
        return cells.select(pl.col(f"field_{i}").str.strip_chars().alias(str(i)) for i in sorted(self._kinds))
