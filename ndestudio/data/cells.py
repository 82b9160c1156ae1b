"""What the text of one cell means: missing, a number, or something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float

MISSING: frozenset[str] = frozenset(
    {
        "",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#nv",
        "nan",
        "null",
        "none",
        "-",
        "--",
        ".",
        "?",
        "..",
        "***",
        "****",
        "*****",
        "******",
    }
)
"""Cells that mean "not measured", compared without regard to case."""

LARGEST = 1e150
"""Larger magnitudes overflow when squared, so no error of a model could be computed from them."""

Kind = Literal["number", "text", "date"]
"""What most cells of a column are; dates are all forms of times that are more than numbers, clocks and durations too."""

_BODY = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?\Z|[+-]?(?:inf|infinity)\Z", re.IGNORECASE)
BETWEEN = "\x1f"
"""Stands between cells that are looked at in one go."""
_NUMBERS = re.compile(rf"(?>{_BODY})(?:{BETWEEN}(?>{_BODY}))*\Z")


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
    if not _NUMBER.match(text):
        return None
    return float(text.lower().replace("d", "e"))


def mostly_numbers(cells: list[str], decimal: str = ".", extra: frozenset[str] = frozenset()) -> bool:
    """Whether at least half of the cells with a value are numbers; true for a column with nothing in it."""
    present = [cell for cell in cells if not is_missing(cell, extra)]
    return 2 * sum(number(cell, decimal) is not None for cell in present) >= len(present)


def plain_numbers(
    cells: Sequence[str], decimal: str = ".", extra: frozenset[str] = frozenset()
) -> Float[np.ndarray, " cell"] | None:
    """``number`` of many cells at once; None unless all are written in digits and none means "not measured"."""
    text = BETWEEN.join(cells)
    if text.count(BETWEEN) != len(cells) - 1 or (decimal == "," and "." in text):
        return None
    if extra and not extra.isdisjoint(text.lower().split(BETWEEN)):
        return None
    plain = text.replace(",", ".") if decimal == "," else text
    return np.array([float(one) for one in plain.split(BETWEEN)]) if _NUMBERS.match(plain) else None
