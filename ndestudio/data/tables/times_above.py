"""Headers that are times: a row of names followed by dates or numbers, above rows of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ndestudio.data.cells import number
from ndestudio.data.shape.vocabulary import RUN_WORDS, word
from ndestudio.data.tables.kinds import CellKind
from ndestudio.data.tables.layout import RawRow

FEWEST = 3
"""So many times in a row may be a header."""
_LOOKED_AT = 6


def heads_times(rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], place: int, decimal: str = ".") -> bool:
    """Whether the row at ``place`` holds the times of the columns below it.

    Names come first. Dates above numbers are times; numbers are if they rise in equal steps, or at all, and
    either those in the rows below do not or the names are such that runs have.
    """
    cells, found = rows[place].cells, kinds[place]
    begin = next((k for k, kind in enumerate(found) if kind in ("n", "d")), len(found))
    end = len(found)
    while end > begin and not cells[end - 1]:
        end -= 1
    times = found[begin:end]
    if not begin or "t" not in found[:begin] or len(times) < FEWEST or len(set(times)) > 1:
        return False
    below = [one for one in range(place + 1, min(place + 1 + _LOOKED_AT, len(rows))) if not rows[one].comment]
    below = [one for one in below if len(kinds[one]) >= end]
    names = [cell for cell, kind in zip(cells[:begin], found[:begin], strict=True) if kind == "t"]
    if (
        len(below) < 2
        or len(set(names)) < len(names)
        or any(name in rows[one].cells for one in below for name in names)
    ):
        return False
    if place and not rows[place].gap and not rows[place - 1].comment and len(rows[place - 1].cells) == len(cells):
        return False  # a header of its own stands above
    measured = [kinds[one][begin:end] for one in below]
    if any(kind not in ("n", "") for row in measured for kind in row):
        return False
    if times[0] == "d":
        return True
    named = any(word(name) in RUN_WORDS for name in names)
    if not _equal_steps(cells[begin:end], decimal):
        others = (_rises(rows[one].cells[begin:end], decimal) for one in below)
        return _rises(cells[begin:end], decimal) and (named or (len(times) > FEWEST and not any(others)))
    return named or not all(_equal_steps(rows[one].cells[begin:end], decimal) for one in below)


def _rises(cells: Sequence[str], decimal: str) -> bool:
    values = [number(cell, decimal) for cell in cells]
    known = [value for value in values if value is not None]
    return len(known) == len(values) > 1 and all(b > a for a, b in pairwise(known))


def _equal_steps(cells: Sequence[str], decimal: str) -> bool:
    values = [number(cell, decimal) for cell in cells]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(known) < 2:
        return False
    step = known[1] - known[0]
    return step > 0 and all(abs(b - a - step) < 1e-9 * step for a, b in pairwise(known))
