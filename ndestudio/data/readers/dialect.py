"""How a text file is written: encoding, delimiter, decimal sign, comments, header."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from ndestudio.data.config import DataConfig
from ndestudio.data.tables import Given, RawRow
from ndestudio.data.tables.finder import find_runs
from ndestudio.data.tables.kinds import CellKind, kinds_of_row
from ndestudio.data.tables.times_above import heads_times
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
NO_COMMENT = r"^\s*#(?:[,;]|(?i:N/?A|DIV/0|VALUE|REF|NAME|NUM|NULL|WERT|ZAHL|BEZUG)\b)"
"""A line with a column `#` or with the `#N/A` of a spreadsheet in its first cell."""
_NO_COMMENT = re.compile(NO_COMMENT)
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
_RARE = ("::", "^", "~", "&", "!", ":", "/")
"""Delimiters of files that fall into columns under no usual one."""


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
    if _is_utf8(path, head, size):
        return "utf-8"
    try:
        (path.read_bytes() if size <= _WHOLE_FILE else head).decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _is_utf8(path: Path, head: bytes, size: int) -> bool:
    """Whether a file that is not too big is UTF-8 to its end, and of a bigger one the head."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        if len(head) == size or size > _WHOLE_FILE:
            decoder.decode(head, final=len(head) == size)
            return True
        with path.open("rb") as stream:
            while piece := stream.read(2**20):
                if not piece.isascii() or decoder.getstate()[0]:
                    decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


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


@dataclass(frozen=True)
class Line:
    """A line that is not empty: its 1-based number, whether empty lines are above it, and whether it is a comment."""

    number: int
    text: str
    gap: bool
    comment: bool


def filled_lines(lines: list[str], comment: str) -> list[Line]:
    """The lines that are not empty; a block between `/*` and `*/` at the top is comments, too."""
    found: list[Line] = []
    gap = inside = False
    for number, line in enumerate(lines, 1):
        bare = line.strip(' \t;,|"')
        if not bare:
            gap = True
            continue
        opens = not inside and line.lstrip().startswith("/*")
        inside = inside or opens
        found.append(Line(number, line, gap, inside or is_comment(line, comment)))
        inside = inside and "*/" not in line
        gap = False
    return found


def is_comment(line: str, sign: str) -> bool:
    """Whether a line is a comment; `#,Date Time` is a header with a column `#`, `#N/A,1.5` a row."""
    return bool(sign) and line.lstrip().startswith(sign) and not (sign == "#" and _NO_COMMENT.match(line))


def guess_comment(lines: list[str]) -> str:
    """The sign that comment lines start with, "" if there are none."""
    for sign in _COMMENTS:
        if any(is_comment(line, sign) for line in lines):
            return sign
    return ""


def separator_line(line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` names (Excel writes and obeys it), None for any other line."""
    match = _SEPARATOR_LINE.match(line)
    return match["delimiter"] if match else None


def guess_delimiter(lines: list[Line], config: DataConfig, extra: frozenset[str]) -> tuple[str, str]:
    """Delimiter and decimal sign under which the lines hold the longest table with the most numbers in it.

    Parameters
    ----------
    lines
        Without comments and empty lines.

    Returns
    -------
    tuple[str, str]
        Delimiter and decimal sign; ("," and the best decimal sign) for a single column.
    """
    middle = max(len(lines) // 2, 120)
    sample = lines[:120] + lines[middle : middle + 80]
    pairs = list(_DIALECTS)
    if any(not _GROUPED.match(cell) for line in sample for cell in _QUOTED_COMMA.findall(line.text)):
        pairs.append((",", ","))
    if config.delimiter:
        delimiter = " " if config.delimiter.isspace() and config.delimiter != "\t" else config.delimiter
        pairs = [(delimiter, "."), (delimiter, ",")]
    if config.decimal:
        pairs = list(dict.fromkeys((delimiter, config.decimal) for delimiter, _ in pairs))
    default = pairs[0] if config.delimiter else (",", config.decimal or ".")
    best = _best_dialect(sample, pairs, config, extra)
    if best is None and not config.delimiter:
        signs = [sign for sign in _RARE if sample and all(sign in line.text for line in sample[-3:])]
        best = _best_dialect(sample, [(sign, decimal) for sign in signs for decimal in (".", ",")], config, extra)
    delimiter, decimal = best or default
    if config.decimal is None and decimal == "." and (delimiter, ",") in pairs and _surely_comma(sample, delimiter):
        decimal = ","
    return delimiter, decimal


_POINT, _COMMA = re.compile(r"[+-]?\d*\.\d+\Z"), re.compile(r"[+-]?\d*,\d+\Z")
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3])\.[0-5]\d\Z")
_COMMA_BEHIND_POINTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+\Z")
_POINT_BEHIND_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+\Z")


def _surely_comma(lines: list[Line], delimiter: str) -> bool:
    """Whether numbers such as `1.250,5`, or commas beside clocks such as `23.30`, tell that the comma is the decimal sign."""
    cells = [cell for one in lines if "." in one.text and "," in one.text for cell in split_line(one.text, delimiter)]
    if any(_POINT_BEHIND_COMMAS.match(cell) for cell in cells):
        return False
    if any(_COMMA_BEHIND_POINTS.match(cell) for cell in cells):
        return True
    points = [cell for cell in cells if _POINT.match(cell)]
    commas = [cell for cell in cells if _COMMA.match(cell) and not _GROUPED.match(cell)]
    return len(commas) > 1 and len(points) > 1 and all(_CLOCK.match(cell) for cell in points)


_MANY = 1.2
"""So many times as many numbers decide for a decimal sign."""
_BESIDES = 0.5
"""What blanks and commas count where most lines have tabs, semicolons or bars, too: they stand inside dates, names, numbers."""


def _best_dialect(
    lines: list[Line], pairs: list[tuple[str, str]], config: DataConfig, extra: frozenset[str]
) -> tuple[str, str] | None:
    found: dict[str, tuple[str, _Score]] = {}
    split: dict[str, list[RawRow]] = {}
    for delimiter, decimal in pairs:
        if delimiter not in split:
            split[delimiter] = [RawRow(one.number, tuple(split_line(one.text, delimiter)), one.gap) for one in lines]
        score = _consistency(split[delimiter], decimal, config, extra)
        if delimiter in " ," and any(2 * sum(sign in one.text for one in lines) > len(lines) for sign in "\t;|"):
            score = _Score(_BESIDES * score.table, score.numbers)
        if score.table and (delimiter not in found or score.better_decimal(found[delimiter][1])):
            found[delimiter] = decimal, score
    best, best_score = None, 0.0
    for delimiter, (decimal, score) in found.items():
        if score.table > best_score + 1e-9:
            best, best_score = (delimiter, decimal), score.table
    return best


@dataclass(frozen=True)
class _Score:
    """How much of a table the lines are, and how much of all cells are numbers, from 0 to 1 each."""

    table: float
    numbers: float

    def better_decimal(self, other: _Score) -> bool:
        """Whether this decimal sign fits better than another one: where it makes many more cells numbers, or the better table."""
        if max(self.numbers, other.numbers) > _MANY * min(self.numbers, other.numbers):
            return self.numbers > other.numbers
        return self.table > other.table + 1e-9


def _consistency(rows: list[RawRow], decimal: str, config: DataConfig, extra: frozenset[str]) -> _Score:
    if max((len(row.cells) for row in rows), default=0) < 2:
        return _Score(0.0, 0.0)
    given = Given(config.header_row, config.units_row, config.first_row, config.last_row)
    kinds: list[list[CellKind]] = [kinds_of_row(row.cells, decimal, extra) for row in rows]
    runs = [run for run in find_runs(rows, kinds, given) if run.filled > 1 or run.cells > 1]
    if not runs:
        return _Score(0.0, 0.0)
    run = max(runs, key=lambda one: one.score(rows))
    known = [(sum(one.values()), one["n"] + one["d"]) for one in run.counts()]
    share = sum(numbers for _, numbers in known) / max(sum(cells for cells, _ in known), 1)
    # of equally good tables, the one in a file with the most numbers, then the one with the most columns
    widest = max(len(row) for row in kinds)
    numbers = sum(kind in ("n", "d") for row in kinds for kind in row) / (widest * len(kinds))
    header = run.start > 0 and heads_times(rows, kinds, run.start - 1, decimal)
    table = (run.fitting + header) / len(rows) * (0.2 + share) + 1e-3 * numbers + 1e-6 * min(run.cells, 99)
    return _Score(table, numbers)


def _not_text(name: str) -> DataError:
    return DataError(
        "this is not a text file; save it as CSV, or give an Excel, Parquet, .npz or .mat file its usual ending",
        path=name,
    )
