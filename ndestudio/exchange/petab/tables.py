"""Tables (TSV) and lists (YAML) of PEtab, read as text and nothing else."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ndestudio.errors import DataError
from ndestudio.exchange.packages import package

LARGEST = 256 * 1024 * 1024
LARGEST_YAML = 16 * 1024 * 1024
MOST_ALIASES = 100
"""A YAML text may name a part again; many layers of that unfold to any size."""

Row = dict[str, str]


def read_text(path: Path, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8.

    Raises
    ------
    DataError
        It is missing, too large or no text.
    """
    try:
        size = path.stat().st_size
        if size > largest:
            raise DataError(f"it has {size:,} bytes; at most {largest:,} are read", path=str(path))
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror})", path=str(path)) from None
    except ValueError:
        raise DataError("it is not in UTF-8", path=str(path)) from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file.

    Raises
    ------
    DataError
        It is no YAML, or no mapping.
    """
    text, yaml = read_text(path, LARGEST_YAML), package("yaml")
    if "\0" in text:
        raise DataError("it is no text", path=str(path))
    try:
        aliases = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            aliases += isinstance(event, yaml.AliasEvent)
            if aliases > MOST_ALIASES:
                raise DataError("it refers to its own parts again and again; write them out", path=str(path))
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise DataError(f"{where}it is no YAML ({getattr(error, 'problem', error)})", path=str(path)) from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"it cannot be read as YAML ({type(error).__name__})", path=str(path)) from None
    if not isinstance(found, dict):
        raise DataError("it holds no mapping of names to values", path=str(path))
    return found


def read_table(path: Path, needed: tuple[str, ...] = ()) -> list[Row]:
    """Rows of a table with a header, each a mapping of columns to texts ("" where empty).

    Raises
    ------
    DataError
        A needed column is missing, or a row has more cells than the header.
    """
    text = read_text(path)
    if "\0" in text:
        raise DataError("it is no text", path=str(path))
    lines = csv.reader(io.StringIO(text), delimiter="\t")
    try:
        rows = list(_rows(lines, path))
    except csv.Error as error:
        raise DataError(f"row {lines.line_num}: {error}", path=str(path)) from None
    header = rows[0][1] if rows else []
    for name in needed:
        if name not in header:
            near = ", ".join(f"`{one}`" for one in header[:12]) or "none"
            raise DataError(f"the column `{name}` is missing; there are {near}", path=str(path))
    if len(set(header)) != len(header):
        twice = next(one for one in header if header.count(one) > 1)
        raise DataError(f"the column `{twice}` is there twice", path=str(path))
    found = []
    for line, cells in rows[1:]:
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise DataError(f"it has {len(cells)} cells and the header {len(header)}", path=str(path), row=line)
        found.append(dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False)))
    return found


def _rows(lines: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    for cells in lines:
        if any(cell.strip() for cell in cells):
            yield lines.line_num, [cell.strip() for cell in cells]


def number(text: str, what: str, path: str = "") -> float:
    """A number; NaN for an empty cell.

    Raises
    ------
    DataError
        It is no number.
    """
    if text == "":
        return math.nan
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise DataError(f"{what} is `{text[:60]}`, which is no number", path=path or None) from None


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def listed(value: Any, what: str, path: Path) -> list[Path]:
    """Files that a YAML entry names (one or several), beside the YAML file.

    Raises
    ------
    DataError
        The entry is no name or list of names.
    """
    names = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise DataError(f"`{what}` should be a list of file names", path=str(path))
    found = []
    for one in names:
        if "://" in one:
            raise DataError(f"`{what}` names `{one}`; files are not fetched, put it beside the problem", path=str(path))
        found.append(path.parent / one)
    return found
