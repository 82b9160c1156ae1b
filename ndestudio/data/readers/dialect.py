"""How a text file is written: encoding, delimiter, decimal sign, comments, header."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ndestudio.data.cells import is_missing, number
from ndestudio.data.config import DataConfig
from ndestudio.errors import DataError

_WHOLE_FILE = 64 * 2**20
"""Files up to this size are looked through whole to tell UTF-8 from other encodings."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WORDS = re.compile(r"[^\s\[(]+\s*(?:\[[^\]]*\]|\([^)]*\))|\S+")
_COMMENTS = ("#", "%", "//")
_QUOTED_COMMA = re.compile(r'"\s*([+-]?\d*,\d+(?:[eE][+-]?\d+)?)\s*"')
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}\Z")
"""Between commas, `"1,000"` is a thousand as likely as one; such cells alone do not make a decimal comma."""
_SEPARATOR_LINE = re.compile(r"\s*sep=(?P<delimiter>.)\s*\Z", re.IGNORECASE)
_DIALECTS = (
    ("\t", "."),
    (";", "."),
    (",", "."),
    ("|", "."),
    ("\t", ","),
    (";", ","),
    ("|", ","),
    (" ", "."),
    (" ", ","),
)


def guess_encoding(path: Path, head: bytes, size: int, name: str) -> str:
    """Encoding of a text file by its byte-order mark, its zero bytes, or whether it is UTF-8; else Windows-1252.

    Raises
    ------
    DataError
        The file is not text.
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if even or odd:
        if odd > 0.3 * len(head[1::2]) and even < 0.05 * len(head[0::2]):
            return "utf-16-le"
        if even > 0.3 * len(head[0::2]) and odd < 0.05 * len(head[1::2]):
            return "utf-16-be"
        raise _not_text(name)
    if sum(byte < 32 and byte not in b"\t\n\r\f\v\x1a" for byte in head[:4096]) > 0.02 * len(head[:4096]):
        raise _not_text(name)
    sample = path.read_bytes() if len(head) < size <= _WHOLE_FILE else head
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) == size)
    except UnicodeDecodeError:
        try:
            sample.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "utf-8"


def plain_encoding(encoding: str, head: bytes, name: str) -> str:
    """The name of an encoding that the person gave, with the byte order spelled out.

    Raises
    ------
    DataError
        There is no such encoding, or it is none of text.
    """
    try:
        info = codecs.lookup(encoding)
        "1".encode(info.name)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"there is no text encoding `{encoding}`; use one such as utf-8, utf-16, cp1252 or latin-1", path=name
        ) from error
    plain = {"utf-8-sig": "utf-8", "iso8859-1": "latin-1"}.get(info.name, info.name)
    if plain in {"utf-16", "utf-32"}:
        big = codecs.BOM_UTF16_BE if plain == "utf-16" else codecs.BOM_UTF32_BE
        return f"{plain}-{'be' if head.startswith(big) else 'le'}"
    return plain


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line, without surrounding blanks and quotes."""
    if delimiter == " ":
        if '"' not in line:
            # a unit belongs to the name before it, whatever blanks are around
            return [cell.strip() for cell in _WORDS.findall(line)] if "[" in line or "(" in line else line.split()
        line = " ".join(line.split())
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def guess_comment(lines: list[str]) -> str:
    """The sign that comment lines start with, "" if there are none."""
    for sign in _COMMENTS:
        if any(line.lstrip().startswith(sign) for line in lines):
            return sign
    return ""


def separator_line(line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` names (Excel writes and obeys it), None for any other line."""
    match = _SEPARATOR_LINE.match(line)
    return match["delimiter"] if match else None


def guess_delimiter(lines: list[str], config: DataConfig, extra: frozenset[str]) -> tuple[str, str]:
    """Delimiter and decimal sign under which the lines fall into equally many columns with the most numbers in them.

    Parameters
    ----------
    lines
        Without comments and empty lines.

    Returns
    -------
    tuple[str, str]
        Delimiter and decimal sign; ("," and the best decimal sign) for a single column.
    """
    sample = lines[:1] + lines[1:400:4] if len(lines) > 100 else lines
    pairs = list(_DIALECTS)
    if any(not _GROUPED.match(cell) for line in sample for cell in _QUOTED_COMMA.findall(line)):
        pairs.append((",", ","))
    if config.delimiter:
        delimiter = " " if config.delimiter.isspace() and config.delimiter != "\t" else config.delimiter
        pairs = [(delimiter, "."), (delimiter, ",")]
    if config.decimal:
        pairs = list(dict.fromkeys((delimiter, config.decimal) for delimiter, _ in pairs))
    best, best_score = (pairs[0] if config.delimiter else (",", config.decimal or ".")), 0.0
    for delimiter, decimal in pairs:
        score = _consistency(sample, delimiter, decimal, extra)
        if score > best_score + 1e-9:
            best, best_score = (delimiter, decimal), score
    return best


def _consistency(lines: list[str], delimiter: str, decimal: str, extra: frozenset[str]) -> float:
    rows = [split_line(line, delimiter) for line in lines]
    counts = Counter(len(row) for row in rows)
    width = max(counts, key=lambda count: (counts[count], count))
    if width < 2:
        return 0.0
    body = rows[1:] or rows
    cells = [cell for row in body if len(row) == width for cell in row if not is_missing(cell, extra)]
    numbers = sum(number(cell, decimal) is not None for cell in cells) / max(len(cells), 1)
    return counts[width] / len(rows) * (0.2 + numbers)


@dataclass(frozen=True)
class Layout:
    """Where the header and the numbers are among the lines of the head.

    Parameters
    ----------
    header
        Index of the header line, None if there is none.
    units
        Index of a line of units below it, None if there is none.
    first
        Index of the first line of numbers.
    skipped
        Indices of lines before the table that are no part of it.
    """

    header: int | None
    units: int | None
    first: int
    skipped: tuple[int, ...] = ()


def find_layout(rows: list[list[str]], decimal: str, extra: frozenset[str]) -> Layout:
    """Tell header, units and numbers apart.

    Parameters
    ----------
    rows
        Cells of each line that is neither empty nor a comment.
    """
    counts = Counter(len(row) for row in rows)
    width = max(counts, key=lambda count: (counts[count], count))
    start = 0
    while width > 1 and start < len(rows) - 1 and len(rows[start]) == 1:
        start += 1
    skipped = tuple(range(start))
    if not _is_header(rows[start], rows[start + 1 :], decimal, extra):
        return Layout(None, None, start, skipped)
    below = rows[start + 1 : start + 2]
    if below and len(rows) > start + 2 and _is_units(below[0], rows[start + 2 :], decimal, extra):
        return Layout(start, start + 1, start + 2, skipped)
    return Layout(start, None, start + 1, skipped)


def _is_header(row: list[str], body: list[list[str]], decimal: str, extra: frozenset[str]) -> bool:
    texts = [number(cell, decimal) is None and not is_missing(cell, extra) for cell in row]
    if not any(texts):
        return False
    if all(number(cell, decimal) is None for cell in row):
        return True
    # a name above a column of numbers makes a header; a name above names may be a trajectory's
    return any(text and _numeric(body, index, decimal, extra) for index, text in enumerate(texts)) and not any(
        number(cell, decimal) is not None and "." in cell for cell in row
    )


def _is_units(row: list[str], body: list[list[str]], decimal: str, extra: frozenset[str]) -> bool:
    numeric = [index for index in range(len(row)) if _numeric(body, index, decimal, extra)]
    named = [index for index in numeric if not is_missing(row[index], extra)]
    return bool(named) and len(named) * 2 >= len(numeric) and all(number(row[i], decimal) is None for i in named)


def _numeric(body: list[list[str]], index: int, decimal: str, extra: frozenset[str]) -> bool:
    cells = [row[index] for row in body[:200] if index < len(row) and not is_missing(row[index], extra)]
    return bool(cells) and sum(number(cell, decimal) is not None for cell in cells) > 0.5 * len(cells)


def _not_text(name: str) -> DataError:
    return DataError(
        "this is not a text file; save it as CSV, or give an Excel, Parquet, .npz or .mat file its usual ending",
        path=name,
    )
