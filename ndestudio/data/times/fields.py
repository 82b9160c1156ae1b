"""Numbers out of many cells of one shape: `12.05.2020 08:30` to day, month, year, hour and minute, a column at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int64

if TYPE_CHECKING:
    import polars as pl

ABSENT = -1
"""Stands for a group that a cell does not have."""

_FORMS_OF_A_LENGTH = 40
"""So many different fillings of the text groups are cut out bytewise; what is left goes through the regular expression."""
_FEW = 64
"""Fewer cells than this go through the regular expression one by one."""
_DIGITS = 18
"""More digits than this fit no number of 64 bits."""


@dataclass(frozen=True, eq=False)
class Fields:
    """What the groups of a regular expression hold, cell by cell.

    Parameters
    ----------
    numbers
        Name of a group of digits -> its number, ``ABSENT`` where the cell has none.
    widths
        Name of a group of digits -> how many there are, 0 where the cell has none.
    texts
        Name of a group of text -> index into ``words``, ``ABSENT`` where the cell has none.
    words
        The different texts, in lower case.
    matched
        Whether the cell has the shape at all.
    """

    numbers: Mapping[str, Int64[np.ndarray, " cell"]]
    widths: Mapping[str, Int64[np.ndarray, " cell"]]
    texts: Mapping[str, Int64[np.ndarray, " cell"]]
    words: tuple[str, ...]
    matched: Bool[np.ndarray, " cell"]

    def number(self, name: str, default: int) -> Int64[np.ndarray, " cell"]:
        """The numbers of a group, ``default`` where a cell has none."""
        if name not in self.numbers:
            return np.full(len(self.matched), default, dtype=np.int64)
        found, there = self.numbers[name], self.widths[name] > 0
        return found if there.all() else np.where(there, found, default)

    def runs(self, names: Collection[str]) -> Int64[np.ndarray, " run"]:
        """Where cells begin that agree in these groups with all up to the next beginning."""
        held = [known[name] for known in (self.numbers, self.widths, self.texts) for name in names if name in known]
        differs = np.zeros(max(len(self.matched) - 1, 0), dtype=np.bool_)
        for values in held:
            differs |= values[1:] != values[:-1]
        return np.concatenate([np.zeros(min(len(self.matched), 1), dtype=np.int64), np.flatnonzero(differs) + 1])

    def at(self, places: Int64[np.ndarray, " chosen"], names: Collection[str]) -> Fields:
        """Some groups of some cells."""

        def chosen(known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: values[places] for name, values in known.items() if name in names}

        return Fields(chosen(self.numbers), chosen(self.widths), chosen(self.texts), self.words, self.matched[places])

    def mapped(self, name: str, table: Mapping[str, int], default: int, unknown: int) -> Int64[np.ndarray, " cell"]:
        """A number for the text of a group: ``default`` where there is none, ``unknown`` for one that ``table`` lacks."""
        if name not in self.texts:
            return np.full(len(self.matched), default, dtype=np.int64)
        values = np.array([*(table.get(word, unknown) for word in self.words), default], dtype=np.int64)
        return values[self.texts[name]]


class _Builder:
    def __init__(self, pattern: re.Pattern[str], texts: frozenset[str], count: int) -> None:
        self.digits = [name for name in pattern.groupindex if name not in texts]
        self.named = [name for name in pattern.groupindex if name in texts]
        self.numbers = {name: np.full(count, ABSENT, dtype=np.int64) for name in self.digits}
        self.widths = {name: np.zeros(count, dtype=np.int64) for name in self.digits}
        self.codes = {name: np.full(count, ABSENT, dtype=np.int64) for name in self.named}
        self.words: dict[str, int] = {}
        self.matched = np.zeros(count, dtype=np.bool_)

    def word(self, text: str) -> int:
        return self.words.setdefault(text.lower(), len(self.words))

    def built(self) -> Fields:
        return Fields(self.numbers, self.widths, self.codes, tuple(self.words), self.matched)


def extract(cells: pl.Series, pattern: str, texts: frozenset[str] = frozenset()) -> Fields:
    """The groups of ``pattern`` in each cell.

    Cells of one length that agree in all but their digits are cut out of one block of bytes, which takes some 50 ns a cell;
    others go through the regular expression.

    Parameters
    ----------
    cells
        Text, null where there is nothing.
    pattern
        Regular expression of whole cells with named groups, in the syntax that Python and Rust share.
    texts
        Names of the groups that hold text; the others hold digits.
    """
    compiled = re.compile(pattern)
    builder = _Builder(compiled, texts, len(cells))
    counted = cells.str.len_bytes()
    lengths = (counted.fill_null(0) if counted.null_count() else counted).to_numpy()
    rest: list[np.ndarray] = []
    alike = len(lengths) > 0 and lengths.min() == lengths.max()  # the rule, and quicker than sorting
    for length in lengths[:1] if alike else np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        if length == 0:
            continue
        if len(places) >= _FEW:
            places = _by_bytes(builder, compiled, cells, places, int(length))
        rest.append(places)
    left = np.sort(np.concatenate(rest)) if rest else np.zeros(0, dtype=np.int64)
    chosen = cells.gather(left) if len(left) else cells
    if 0 < len(left) < _FEW:
        _one_by_one(builder, compiled, chosen, left)
    elif len(left):
        _by_expression(builder, pattern, chosen, left)
    return builder.built()


def _by_bytes(
    builder: _Builder, compiled: re.Pattern[str], cells: pl.Series, places: np.ndarray, length: int
) -> np.ndarray:
    """Fill in what can be cut out; the places that are left."""
    chosen = cells if len(places) == len(cells) else cells.gather(places)
    joined = np.frombuffer(str(chosen.str.join("").item()).encode(), dtype=np.uint8)
    block = np.ascontiguousarray(joined.reshape(len(places), length).T)
    rows = np.arange(len(places))
    for _ in range(_FORMS_OF_A_LENGTH):
        if len(rows) < _FEW:
            break
        mine = block if len(rows) == len(places) else block[:, rows]
        sample = mine[:, 0].tobytes()
        match = compiled.fullmatch(sample.decode("ascii")) if sample.isascii() else None
        if match is None:
            break
        spans = {name: match.span(name) for name in builder.digits if match.group(name) is not None}
        fits = _agrees(mine, sample, spans)
        if fits.sum() < max(_FEW, len(rows) // 200):
            break
        every = bool(fits.all())
        where = places[rows] if every else places[rows[fits]]
        target: np.ndarray | slice = slice(None) if len(where) == len(builder.matched) else where
        for name, (begin, end) in spans.items():
            builder.numbers[name][target] = _joined(mine[begin:end] if every else mine[begin:end, fits])
            builder.widths[name][target] = end - begin
        for name in builder.named:
            if match.group(name) is not None:
                builder.codes[name][target] = builder.word(match.group(name))
        builder.matched[target] = True
        rows = rows[:0] if every else rows[~fits]
    return places[rows]


def _agrees(block: np.ndarray, sample: bytes, spans: Mapping[str, tuple[int, int]]) -> np.ndarray:
    """Which cells have digits where the sample has groups of digits, and its letters elsewhere."""
    digits = {place for begin, end in spans.values() for place in range(begin, end)}
    fits = np.ones(block.shape[1], dtype=np.bool_)
    for place, letter in enumerate(sample):
        fits &= (block[place] - np.uint8(48) < 10) if place in digits else block[place] == letter
    return fits


def _joined(digits: np.ndarray) -> np.ndarray:
    """Numbers from rows of digits, the first row of the highest."""
    total = (digits[0] - np.uint8(48)).astype(np.int64 if len(digits) > 9 else np.int32)
    for row in digits[1:]:
        total *= 10
        total += row - np.uint8(48)
    return total


def _one_by_one(builder: _Builder, compiled: re.Pattern[str], cells: pl.Series, places: np.ndarray) -> None:
    for place, cell in zip(places.tolist(), cells, strict=True):
        match = compiled.match(cell)
        if match is None:
            continue
        builder.matched[place] = True
        for name in builder.digits:
            text = match.group(name)
            if text is not None and len(text) <= _DIGITS:
                builder.numbers[name][place] = int(text)
                builder.widths[name][place] = len(text)
        for name in builder.named:
            if match.group(name) is not None:
                builder.codes[name][place] = builder.word(match.group(name))


def _by_expression(builder: _Builder, pattern: str, cells: pl.Series, places: np.ndarray) -> None:
    import polars as pl

    found = cells.str.extract_groups(pattern).struct.unnest()
    matched = cells.str.contains(pattern).fill_null(False).to_numpy()
    builder.matched[places] = matched
    for name in builder.digits:
        text = found[name]
        builder.numbers[name][places] = text.cast(pl.Int64, strict=False).fill_null(ABSENT).to_numpy()
        builder.widths[name][places] = text.str.len_bytes().fill_null(0).to_numpy()
    for name in builder.named:
        text = found[name].to_frame("text")
        kinds = text.unique().drop_nulls()["text"].to_list()
        codes = {one: builder.word(one) for one in sorted(kinds)}
        if codes:
            mapped = text["text"].replace_strict(codes, default=ABSENT, return_dtype=pl.Int64)
            builder.codes[name][places] = mapped.fill_null(ABSENT).to_numpy()
