"""The first rows of a file as they are written, names, units and what stands above them included.

They are shown where a person points at the rows that hold the names, the units, and the ends of the table; so they must be
there even if no table was found.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ndestudio.data.config import DataConfig
from ndestudio.data.readers.base import Dialect, Head
from ndestudio.data.readers.dialect import guess_encoding, plain_encoding
from ndestudio.data.readers.excel import ExcelReader
from ndestudio.data.readers.frames import as_text
from ndestudio.data.readers.registry import reader_for
from ndestudio.data.readers.text import TextReader
from ndestudio.errors import DataError

_BYTES = 2**18
_ROWS = 400
_LAST = 30
"""Rows shown from the end of a file that is looked through whole: footers stand there."""
_CELLS = 40_000
_LONGEST = 200
"""Characters shown of a cell."""
_DELIMITERS = ("\t", ";", ",", "|")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)\Z")
_FIRST_DAY = datetime(1899, 12, 31)


@dataclass(frozen=True)
class RawRows:
    """Parameters: cells: of each row, as many as stand in it; numbers: its 1-based line in the file or row of the sheet."""

    cells: tuple[tuple[str, ...], ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        return max((len(row) for row in self.cells), default=0)


def raw_rows(path: str | Path, config: DataConfig, head: Head | None) -> RawRows:
    """The first rows (of a short file the last ones, too); none of a format that has no lines or sheets.

    Parameters
    ----------
    head
        What the reader makes of the file with ``config``; None where it cannot make anything of it.
    """
    path = Path(path)
    try:
        reader = reader_for(path, str(path))
        if isinstance(reader, TextReader):
            return _of_text(path, config, head.dialect if head else None)
        if isinstance(reader, ExcelReader):
            return _of_sheet(path, _sheet(config, head))
    except (DataError, OSError, UnicodeError, LookupError, ImportError):
        return RawRows()  # the head says what is wrong
    return RawRows()


def _of_text(path: Path, config: DataConfig, dialect: Dialect | None) -> RawRows:
    size = path.stat().st_size
    with path.open("rb") as stream:
        raw = stream.read(_BYTES)
    if dialect is not None:
        encoding, newline = dialect.encoding, dialect.newline
    else:
        encoding = (
            plain_encoding(config.encoding, raw, str(path))
            if config.encoding
            else guess_encoding(path, raw, size, str(path))
        )
        newline = "\n"
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(raw).removeprefix("\ufeff")
    if "\n" not in text and "\r" in text:
        newline = "\r"
    lines = [line.rstrip("\r") for line in text.split(newline)]
    if len(raw) < size:
        lines.pop()  # cut off in its middle
    elif lines and not lines[-1]:
        lines.pop()
    delimiter = config.delimiter or (dialect.delimiter if dialect else _likely_delimiter(lines))
    limit = _limit(len(_cells(line, delimiter)) for line in lines[:_ROWS])
    numbers = list(range(1, min(len(lines), limit) + 1))
    if len(raw) == size:
        numbers += range(max(len(lines) - _LAST, len(numbers)) + 1, len(lines) + 1)
    return RawRows(tuple(_cells(lines[number - 1], delimiter) for number in numbers), tuple(numbers))


def _limit(widths: object) -> int:
    widest = max(widths, default=1)  # type: ignore[call-overload]
    return max(50, min(_ROWS, _CELLS // max(widest, 1)))


def _cells(line: str, delimiter: str) -> tuple[str, ...]:
    if delimiter.isspace() and delimiter != "\t":
        cells: Sequence[str] = line.split()
    elif '"' in line and len(delimiter) == 1:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            cells = line.split(delimiter)
    else:
        cells = line.split(delimiter)
    return tuple(cell.strip()[:_LONGEST] for cell in cells)


def _likely_delimiter(lines: Sequence[str]) -> str:
    """The sign that most lines have equally often; blanks where none is."""
    best, most = " ", 0
    for sign in _DELIMITERS:
        counts = [line.count(sign) for line in lines[:_ROWS] if sign in line]
        common = max((counts.count(one) for one in set(counts)), default=0)
        if common > most:
            best, most = sign, common
    return best


def _sheet(config: DataConfig, head: Head | None) -> str | None:
    if config.sheet is not None or head is None:
        return config.sheet
    for decision in head.decisions:
        if decision.chosen is not None and "sheet" in decision.choices[decision.chosen].changes:
            return str(decision.choices[decision.chosen].changes["sheet"])
    return None


def _of_sheet(path: Path, sheet: str | None) -> RawRows:
    import fastexcel

    try:
        book = fastexcel.read_excel(str(path))
        name = sheet if sheet in book.sheet_names else book.sheet_names[0]
        frame = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except Exception:  # whatever is wrong with a workbook; the reader tells it
        return RawRows()
    limit = _limit([frame.width])
    numbers = list(range(1, min(frame.height, limit) + 1))
    numbers += range(max(frame.height - _LAST, len(numbers)) + 1, frame.height + 1)
    rows = frame.rows()
    return RawRows(
        tuple(tuple(_sheet_cell(as_text(value)) for value in rows[number - 1]) for number in numbers),
        tuple(numbers),
    )


def _sheet_cell(text: str) -> str:
    """A cell as the sheet shows it: what lies within two years of the first day of Excel is a clock or a duration."""
    text = text.strip()[:_LONGEST]
    match = _MOMENT.match(text)
    if match is None:
        return text
    moment = datetime.fromisoformat(f"{match[1]}T{match[2]}")
    if moment.year > _FIRST_DAY.year + 2:
        return text.removesuffix(" 00:00:00")
    seconds = round((moment - _FIRST_DAY).total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
