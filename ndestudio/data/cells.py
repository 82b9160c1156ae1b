"""What the text of one cell means: missing, a number, a date, or text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

MISSING: frozenset[str] = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "#nv", "nan", "null", "none", "-", "--", ".", "?"}
)
"""Cells that mean "not measured", compared without regard to case."""

LARGEST = 1e150
"""Larger magnitudes overflow when squared, so no error of a model could be computed from them."""

Kind = Literal["number", "text", "date"]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z|[+-]?(?:inf|infinity)\Z", re.IGNORECASE)


@lru_cache(2**16)
def is_missing(cell: str, extra: frozenset[str] = frozenset()) -> bool:
    """Whether a cell means "not measured"; ``extra`` holds further markers, in lower case."""
    text = cell.strip().lower()
    return text in MISSING or text in extra


@lru_cache(2**16)
def number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, or None if there is none."""
    text = cell.strip()
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return float(text) if _NUMBER.match(text) else None


def days(cell: str) -> float | None:
    """Days since 1970-01-01 of an ISO date or date with time (UTC where no zone is given), or None."""
    text = cell.strip()
    if not _DATE.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 86400.0


def kind_of(cells: list[str], decimal: str = ".", extra: frozenset[str] = frozenset()) -> Kind:
    """What a column holds, by what at least half of its cells are; a column with nothing in it counts as numbers."""
    present = [cell for cell in cells if not is_missing(cell, extra)]
    if not present:
        return "number"
    numbers = sum(number(cell, decimal) is not None for cell in present)
    if 2 * numbers >= len(present):
        return "number"
    dates = sum(days(cell) is not None for cell in present)
    return "date" if 2 * dates >= len(present) else "text"
