"""Where a table is among the rows of a file or sheet."""

from __future__ import annotations

from dataclasses import dataclass, field

from ndestudio.data.tables.kinds import CellKind


@dataclass(frozen=True)
class RawRow:
    """One row as it stands in the file.

    Parameters
    ----------
    line
        1-based line of the file or row of the sheet.
    cells
        Without surrounding blanks and quotes.
    gap
        Whether empty rows are above it.
    comment
        Whether it is a comment; its sign is not in ``cells``.
    """

    line: int
    cells: tuple[str, ...]
    gap: bool = False
    comment: bool = False

    @property
    def filled(self) -> int:
        """How many cells there are up to the last one that is not empty."""
        count = len(self.cells)
        while count and not self.cells[count - 1]:
            count -= 1
        return count


@dataclass(frozen=True)
class Block:
    """One of several tables beside each other: its name and the positions of its columns."""

    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Clock:
    """A time that is not written in each row: `start + i*step` in the i-th row from 0; ``decimal`` as in the file."""

    start: float
    step: float
    label: str
    unit: str
    decimal: str = "."


@dataclass(frozen=True)
class Other:
    """A further table below or above the one that was taken."""

    header_row: int
    first_row: int
    last_row: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """A table among raw rows. Rows are 1-based lines of the file; 0 stands for "there is none".

    Parameters
    ----------
    header_row, units_row
        Where names and units are.
    extra_rows
        Rows between header and numbers, or right above the header, that belong to the table but hold no names.
    first_row, last_row
        The rows of numbers; ``last_row`` 0 where they go on to the end of the file.
    width
        Cells of a row.
    least
        So many cells a row has at least; those of the last columns may be cut off where they are empty in most rows.
    names, units
        Of each column.
    kinds
        What most cells of each column look like.
    repeats
        Rows inside the table that repeat its title or header.
    above
        Number of filled rows above the table that are no part of it.
    below
        Rows below the table that are no part of it.
    columns
        Positions of the columns that are taken.
    blocks
        Tables beside each other, () if there is one.
    clock
        The time, where it is counted and not written.
    names_missing
        Whether the header has no cell for the first column, which numbers or names the rows.
    thousands, grouped
        The sign between thousands, and the columns with numbers that have it.
    percent
        Columns of numbers with `%` behind them.
    missing
        Cells that mean "not measured" in files of the instrument.
    instrument
        Name of the rule by which the table was found, "" if by none.
    transposed
        Whether rows and columns of the file were exchanged; then rows are columns of the file.
    sure_units
        Whether the row of units holds what is known as units.
    sure_end
        Whether what follows the last row is no measurement for sure.
    others
        Further tables of the file.
    """

    header_row: int
    units_row: int
    first_row: int
    last_row: int
    width: int
    least: int
    names: tuple[str, ...]
    units: tuple[str, ...]
    kinds: tuple[CellKind, ...]
    extra_rows: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    repeats: tuple[int, ...] = ()
    above: int = 0
    below: tuple[RawRow, ...] = ()
    columns: tuple[int, ...] = ()
    blocks: tuple[Block, ...] = ()
    clock: Clock | None = None
    names_missing: bool = False
    thousands: str = ""
    grouped: tuple[int, ...] = ()
    percent: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    instrument: str = ""
    transposed: bool = False
    sure_units: bool = True
    sure_end: bool = True
    others: tuple[Other, ...] = field(default=())

    @property
    def headers(self) -> tuple[str, ...]:
        """Name and unit of each column, as `name [unit]`."""
        return tuple(
            f"{name} [{unit.strip('[]() ')}]" if unit.strip("[]() ") and "[" not in name else name
            for name, unit in zip(self.names, self.units, strict=True)
        )
