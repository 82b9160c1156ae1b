"""Columns that a person chooses by label or, as in a spreadsheet, by letter."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ndestudio.data.names import split_header, suggestion
from ndestudio.data.tables.layout import Layout
from ndestudio.errors import DataError

_LETTERS = re.compile(r"(?P<first>[A-Za-z]{1,3})(?::(?P<last>[A-Za-z]{1,3}))?\Z")


def chosen_columns(wanted: Sequence[str], layout: Layout, name: str) -> tuple[int, ...]:
    """Positions of the columns that a person named by label, letter, or range of letters."""
    labels = [split_header(header)[0] for header in layout.headers]
    found: list[int] = []
    for one in wanted:
        same = [index for index, names in enumerate(zip(labels, layout.headers, strict=True)) if one in names]
        match = _LETTERS.match(one)
        if same:
            found += same[:1]
        elif match and _place(match["last"] or match["first"]) < layout.width:
            found += range(_place(match["first"]), _place(match["last"] or match["first"]) + 1)
        else:
            raise DataError(
                f"there is no column `{one}` (named under columns){suggestion(one, [label for label in labels if label])}; "
                f"the columns can also be called A to {_letters(layout.width - 1)}",
                path=name,
            )
    return tuple(dict.fromkeys(found))


def letters_of(columns: Sequence[int]) -> tuple[str, ...]:
    """Columns as ranges of letters."""
    ranges: list[list[int]] = []
    for one in columns:
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return tuple(_letters(first) if first == last else f"{_letters(first)}:{_letters(last)}" for first, last in ranges)


def _place(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - 64
    return number - 1


def _letters(place: int) -> str:
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text
