"""Delimited text: CSV, TSV, semicolons, columns separated by blanks.

The head is analysed line by line; the whole file is read in blocks of lines (``text_blocks``).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.names import split_header, unique_labels
from ndestudio.data.readers import dialect as guess
from ndestudio.data.readers.base import (
    HEAD_CELLS,
    Dialect,
    Head,
    Meter,
    Table,
    check_path,
    markers,
    with_markers,
)
from ndestudio.data.readers.text_blocks import BlockParser, bad_encoding, blocks, ragged
from ndestudio.data.readers.text_scan import Scan, survey
from ndestudio.data.readers.turned import turned_table
from ndestudio.data.tables import Layout, RawRow, View
from ndestudio.data.tables.instruments import Recognised, recognise, transposed
from ndestudio.data.tables.settle import layout_of, normalised, notes_of
from ndestudio.data.tables.tail import below_table, ended
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

_HEAD_BYTES = 2**18
_FIRST_LINES = 400
_LAST_BYTES = 2**14
_LAST_LINES = 200
_MOST_ABOVE = 400
"""A header is looked for in so many lines where the first row of numbers is said."""


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
            asked = max(config.first_row or 0, config.header_row or 0, config.units_row or 0)
            while asked and raw.count(b"\n") < asked + 2 and (more := stream.read(2**22)):
                raw += more + stream.read(_HEAD_BYTES)
        encoding = (
            guess.plain_encoding(config.encoding, raw, name)
            if config.encoding
            else guess.guess_encoding(path, raw, size, name)
        )
        text = _decode_head(raw, encoding, len(raw) == size, name)
        newline = "\r" if "\n" not in text and "\r" in text else "\n"
        lines = _lines(text, newline, whole=len(raw) == size)
        found = recognise(lines[:_FIRST_LINES], path.suffix.lower(), config)
        if found is not None and found.rule.transposed and len(raw) < size:
            raw = path.read_bytes()
            lines = _lines(_decode_head(raw, encoding, True, name), newline, whole=True)
        return _head_of(lines, _Seen(path, name, size, len(raw), encoding, newline), config, found)

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """Read the chosen columns of the whole file."""
        size = check_path(path, head.path)
        if head.dialect is None or head.layout is None:
            raise ValueError("the head of a text file has a dialect and a layout")
        if head.layout.transposed:
            return turned_table(path, head, kinds, config, reporter)
        layout = head.layout
        view = View(layout)
        sources = view.sources(kinds)
        head = replace(head, times=view.by_position(head.times))
        labels = unique_labels([split_header(header)[0] for header in head.headers])
        named = {raw: view.label_of(raw, labels) for raw in sources}
        config = with_markers(config, layout)
        meter = Meter(reporter, size, head.path)
        try:
            with ThreadPoolExecutor(1) as aside:
                seen = aside.submit(survey, path)
                scan = Scan(path, head, sources, named, config)
                found = scan.columns(seen, lambda share: meter.at(int(size * share))) if scan.able() else None
                if found is None:
                    found = _by_blocks(path, head, BlockParser(head, sources, named, config), sources, meter)
                digest = seen.result().sha256
            meter.at(size)
        except FileNotFoundError as error:
            raise DataError("the file was deleted while it was being read; choose it again", path=head.path) from error
        except OSError as error:
            raise DataError(f"the file cannot be read ({error.strerror or error})", path=head.path) from error
        columns, rows = view.gather(*found, kinds)
        return Table(columns, rows, digest)


def _by_blocks(
    path: Path, head: Head, parser: BlockParser, sources: Mapping[int, Kind], meter: Meter
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    assert head.dialect is not None and head.layout is not None
    parts: list[tuple[dict[int, np.ndarray], np.ndarray]] = []
    for block, first, done in blocks(path, head.dialect, head.layout, head.path):
        parts.append(parser.parse(block, first))
        meter.at(done)
    if not parts:
        return {index: np.zeros(0) for index in sources}, np.zeros(0, np.int64)
    # each block's column is let go as soon as it is joined, so that nothing is held twice
    columns = {index: np.concatenate([part.pop(index) for part, _ in parts]) for index in sources}
    return columns, np.concatenate([rows for _, rows in parts])


class _Seen:
    """What is known of a file before its lines are looked at."""

    def __init__(self, path: Path, name: str, size: int, read: int, encoding: str, newline: str) -> None:
        self.path, self.name, self.size, self.read, self.encoding, self.newline = (
            path,
            name,
            size,
            read,
            encoding,
            newline,
        )

    @property
    def whole(self) -> bool:
        """Whether the head is the whole file."""
        return self.read == self.size


def _decode_head(raw: bytes, encoding: str, whole: bool, name: str) -> str:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        raise bad_encoding(raw[: error.start].count(b"\n") + 1, error, encoding, name) from error
    return text.removeprefix("\ufeff").removesuffix("\x1a")


def _lines(text: str, newline: str, whole: bool) -> list[str]:
    lines = text.split(newline)
    if not whole and len(lines) > 1:
        lines.pop()
    return [line.rstrip("\r") for line in lines]


def _head_of(lines: list[str], seen: _Seen, config: DataConfig, found: Recognised | None) -> Head:
    config = found.dialect(config) if found else config
    comment = config.comment if config.comment is not None else guess.guess_comment(lines[:1000])
    kept = guess.filled_lines(lines, comment)
    plain = [one for one in kept if not one.comment]
    if not plain:
        raise DataError("the file has no rows; it needs a header and at least two rows of numbers", path=seen.name)
    extra = markers(config)
    if (named := guess.separator_line(plain[0].text)) is not None and len(plain) > 1:
        kept = [one for one in kept if one is not plain[0]]
        config = config if config.delimiter else msgspec.structs.replace(config, delimiter=named)
    kept = [one for one in kept if found is None or one.comment or not found.skips(one.number, one.text)]
    delimiter, decimal = guess.guess_delimiter([one for one in kept if not one.comment], config, extra)
    all_rows = bool(config.first_row) or (found is not None and found.rule.transposed)
    rows = _rows(kept, delimiter, comment, all_rows)
    if found is not None and found.rule.transposed:
        rows = transposed(rows, found, config.header_row)
    elif config.first_row:
        rows = [row for row in rows if row.line >= config.first_row or row.line <= _MOST_ABOVE]
    turned = found is not None and found.rule.transposed
    whole = turned or (seen.whole and rows[-1].line == kept[-1].number)
    tail = None if whole else lambda layout: _with_end(layout, seen, kept, delimiter, decimal, config)
    layout, decisions = layout_of(rows, config, decimal, seen.name, found, whole, tail, delimiter == ",")
    body = _body(rows, layout)
    cells, problems = _rectangular(body, layout, seen.name)
    shown, places = View(layout).cells(normalised(cells, layout, decimal), [row.line for row in body])
    count = len(body) + (0 if layout.last_row else max(len(kept) - len(rows), 0))
    if not seen.whole and not layout.last_row:
        count = round(count * seen.size / seen.read)
    repeats, skip = _repeats(layout, lines), found.rule.skip if found else ""
    dialect = Dialect(seen.encoding, delimiter, decimal, comment, layout.first_row, seen.newline, repeats, skip)
    return Head(
        seen.name,
        "text",
        View(layout).headers,
        tuple(shown),
        tuple(places),
        count,
        seen.whole,
        dialect,
        notes_of(layout, rows),
        tuple(problems),
        decisions=decisions,
        layout=layout,
        settings=found.rule.settings if found else {},
    )


def _rows(kept: list[guess.Line], delimiter: str, comment: str, all_rows: bool) -> list[RawRow]:
    """The rows that are analysed, taken apart."""
    rows: list[RawRow] = []
    cells = 0
    for one in kept:
        text = one.text.lstrip().removeprefix(comment).strip() if one.comment else one.text
        rows.append(RawRow(one.number, tuple(guess.split_line(text, delimiter)), one.gap, one.comment))
        cells += len(rows[-1].cells)
        if cells > HEAD_CELLS and len(rows) > 210 and not all_rows:
            break
    return rows


def _with_end(
    layout: Layout, seen: _Seen, kept: list[guess.Line], delimiter: str, decimal: str, config: DataConfig
) -> Layout:
    """The layout with the end of the table, if the last lines of the file are below it."""
    if config.last_row is not None or layout.last_row or layout.blocks:
        return layout
    if seen.whole:
        last = [one for one in kept[-_LAST_LINES:] if not one.comment]
        behind = 0
    else:
        if seen.encoding not in {"utf-8", "ascii", "cp1252", "latin-1"}:
            return layout
        with seen.path.open("rb") as stream:
            stream.seek(max(seen.size - _LAST_BYTES, 0))
            raw = stream.read()
        lines = raw.decode(seen.encoding, errors="replace").split(seen.newline)[1:]
        last = guess.filled_lines([line.rstrip("\r") for line in lines], "")
        behind = len(lines) - (not lines[-1])
    rows = [RawRow(one.number, tuple(guess.split_line(one.text, delimiter)), one.gap) for one in last]
    count = below_table(layout, rows, decimal, markers(config))
    if not count or count == len(rows):
        return layout
    before = 0 if seen.whole else _line_count(seen) - behind
    moved = [RawRow(row.line + before, row.cells, row.gap) for row in rows[-count - 1 :]]
    return ended(layout, moved[0].line, moved[1:])


def _line_count(seen: _Seen) -> int:
    sign = ord(seen.newline)
    count, last = 0, sign
    buffer = bytearray(2**20)
    piece = np.frombuffer(buffer, dtype=np.uint8)
    with seen.path.open("rb", buffering=0) as stream:
        while read := stream.readinto(buffer):
            count += int(np.count_nonzero(piece[:read] == sign))
            last = int(piece[read - 1])
    return count + (last != sign)


def _body(rows: list[RawRow], layout: Layout) -> list[RawRow]:
    repeats = set(layout.repeats)
    last = layout.last_row or rows[-1].line
    return [row for row in rows if layout.first_row <= row.line <= last and not row.comment and row.line not in repeats]


def _rectangular(body: list[RawRow], layout: Layout, name: str) -> tuple[list[list[str]], list[DataError]]:
    width, least = layout.width, layout.least
    cells: list[list[str]] = []
    problems: list[DataError] = []
    for row in body:
        if len(row.cells) < least or any(row.cells[width:]):
            problems.append(ragged(len(row.cells), width, row.line, name))
        cells.append([*row.cells[:width], *[""] * (width - len(row.cells))])
    return cells, problems[:20]


def _repeats(layout: Layout, lines: list[str]) -> str:
    """A pattern of the lines that repeat a header or a title inside the table."""
    forms = {
        re.sub(r"\d+", r"\\d+", re.escape(" ".join(lines[line - 1].split())))
        for line in layout.repeats
        if line <= len(lines)
    }
    return "|".join(f"(?:{form}\\Z)" for form in sorted(forms))
