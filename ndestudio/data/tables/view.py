"""The columns of a table as the rest of the program sees them, made of the cells of raw rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from ndestudio.data.cells import Kind
from ndestudio.data.tables.layout import Block, Clock, Layout

_T = TypeVar("_T")


class View:
    """What a layout makes of raw rows: chosen columns, a counted time, blocks below each other.

    Parameters
    ----------
    layout
        Where the table is.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lead = (layout.clock is not None) + bool(layout.blocks)

    @property
    def headers(self) -> tuple[str, ...]:
        """Of the columns seen."""
        layout = self._layout
        headers = layout.headers
        if layout.blocks:
            return ("block", *(headers[one] for one in layout.blocks[0].columns))
        chosen = tuple(headers[one] for one in layout.columns)
        if layout.clock is None:
            return chosen
        clock = layout.clock
        return (f"{clock.label} [{clock.unit}]" if clock.unit else clock.label, *chosen)

    def cells(self, raw: Sequence[Sequence[str]], places: Sequence[int]) -> tuple[list[tuple[str, ...]], list[int]]:
        """Cells and places of the rows seen."""
        layout = self._layout
        if layout.blocks:
            found = [
                ((block.name, *(row[one] for one in block.columns)), place)
                for block in layout.blocks
                for row, place in zip(raw, places, strict=True)
                if any(row[one] for one in block.columns)
            ]
            return [cells for cells, _ in found], [place for _, place in found]
        plain = layout.columns == tuple(range(layout.width))
        rows = [tuple(row) if plain else tuple(row[one] for one in layout.columns) for row in raw]
        if (clock := layout.clock) is not None:
            rows = [(repr(_time(clock, index)).replace(".", clock.decimal), *row) for index, row in enumerate(rows)]
        return rows, list(places)

    def sources(self, kinds: Mapping[int, Kind]) -> dict[int, Kind]:
        """Raw position -> kind, for the columns that are wanted."""
        layout = self._layout
        if layout.blocks:
            # the first column tells an empty row of a block from one whose wanted cells are missing
            wanted: dict[int, Kind] = {block.columns[0]: "text" for block in layout.blocks}
            for block in layout.blocks:
                wanted |= {block.columns[index - 1]: kind for index, kind in kinds.items() if index > 0}
            return wanted
        return {layout.columns[index - self._lead]: kind for index, kind in kinds.items() if index >= self._lead}

    def by_position(self, seen: Mapping[int, _T]) -> dict[int, _T]:
        """What is known of columns seen, by their raw positions."""
        layout = self._layout
        if layout.blocks:
            return {
                block.columns[index - 1]: one for block in layout.blocks for index, one in seen.items() if index > 0
            }
        return {layout.columns[index - self._lead]: one for index, one in seen.items() if index >= self._lead}

    def label_of(self, raw: int, labels: Sequence[str]) -> str:
        """The label of the column seen at a raw position."""
        layout = self._layout
        for block in layout.blocks:
            if raw in block.columns:
                return labels[block.columns.index(raw) + 1]
        return labels[layout.columns.index(raw) + self._lead]

    def gather(
        self, columns: dict[int, np.ndarray], rows: Int64[np.ndarray, " row"], kinds: Mapping[int, Kind]
    ) -> tuple[dict[int, np.ndarray], Int64[np.ndarray, " seen"]]:
        """Columns seen, from raw ones (which are taken out of their mapping)."""
        layout = self._layout
        if layout.blocks:
            return _stacked(layout.blocks, columns, rows, kinds)
        seen: dict[int, np.ndarray] = {}
        for index in kinds:
            if index < self._lead:
                assert layout.clock is not None
                seen[index] = layout.clock.start + layout.clock.step * np.arange(len(rows), dtype=np.float64)
            else:
                seen[index] = columns.pop(layout.columns[index - self._lead])
        return seen, rows


def _time(clock: Clock, index: int) -> float:
    return clock.start + clock.step * index


def _stacked(
    blocks: Sequence[Block], columns: dict[int, np.ndarray], rows: np.ndarray, kinds: Mapping[int, Kind]
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    kept = [_filled(columns[block.columns[0]]) for block in blocks]
    seen: dict[int, np.ndarray] = {}
    for index in kinds:
        if index == 0:
            names = [
                np.full(int(keep.sum()), block.name, dtype=object) for block, keep in zip(blocks, kept, strict=True)
            ]
            seen[0] = np.concatenate(names)
        else:
            parts = [columns[block.columns[index - 1]][keep] for block, keep in zip(blocks, kept, strict=True)]
            seen[index] = np.concatenate(parts)
    return seen, np.concatenate([rows[keep] for keep in kept])


def _filled(column: np.ndarray) -> np.ndarray:
    return np.isfinite(column) if column.dtype.kind == "f" else column.astype(str) != ""
