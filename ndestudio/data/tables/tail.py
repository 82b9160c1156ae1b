"""What stands below a table in the last rows of a file whose beginning was analysed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ndestudio.data.tables.kinds import is_summary, kind_of_cell
from ndestudio.data.tables.layout import Layout, RawRow


def below_table(layout: Layout, last: Sequence[RawRow], decimal: str, extra: frozenset[str]) -> int:
    """How many of the last rows are no rows of the table; 0 if none of them is one (the table may end anywhere)."""
    belongs = (_belongs(layout, row, decimal, extra) for row in reversed(last))
    return next((count for count, one in enumerate(belongs) if one), 0)


def ended(layout: Layout, last_row: int, below: Sequence[RawRow]) -> Layout:
    """The layout of a table that ends in a row."""
    return replace(
        layout, last_row=last_row, below=tuple(below), sure_end=below[0].gap or is_summary(below[0].cells[0])
    )


def _belongs(layout: Layout, row: RawRow, decimal: str, extra: frozenset[str]) -> bool:
    """Whether a row, be it badly written, belongs to the table: it begins as the others do."""
    first = kind_of_cell(row.cells[0], decimal, extra) if row.cells else ""
    if row.filled <= 1 and layout.width > 1:
        return first == layout.kinds[0] and first in ("n", "d")
    if layout.kinds[0] in ("n", "d"):
        return first in ("", layout.kinds[0])
    return not is_summary(row.cells[0]) or len(row.cells) == layout.width
