"""What a found table leaves to be settled: which columns, blocks beside each other, signs between thousands; and the
decisions about it, each with the answers that make sense."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ndestudio.data.cells import is_missing, number
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import split_header
from ndestudio.data.tables.blocks import find_blocks, grouped_names
from ndestudio.data.tables.choosing import chosen_columns
from ndestudio.data.tables.finder import Given, find
from ndestudio.data.tables.instruments import Recognised
from ndestudio.data.tables.kinds import GROUPED, GROUPED_POINT
from ndestudio.data.tables.layout import Layout, RawRow
from ndestudio.errors import DataError

_VARIANTS = {" ": (" ", "\u00a0", "\u202f", "\u2009"), "'": ("'", "\u2019")}
"""Sign between thousands -> how it is written."""


def layout_of(
    rows: Sequence[RawRow],
    config: DataConfig,
    decimal: str,
    name: str,
    found: Recognised | None,
    whole: bool,
    tail: Callable[[Layout], Layout] | None = None,
    commas: bool = True,
) -> tuple[Layout, tuple[Decision, ...]]:
    """The table among raw rows, found and settled.

    Parameters
    ----------
    found
        The instrument that was recognised.
    whole
        Whether these are all rows of the file.
    tail
        Finds the end of the table in the last rows of the file, if ``rows`` are not all.
    commas
        Whether a decimal comma is unlikely, since commas stand between cells or it is a sheet.

    Raises
    ------
    DataError
        There are no rows below a header, or the person named columns that there are not.
    """
    if found is None:
        given = Given(config.header_row, config.units_row, config.first_row, config.last_row)
    else:
        given = found.given(config)
        config = found.columns(config)
    extra = frozenset(marker.strip().lower() for marker in config.missing)
    if given.first_row and given.header_row is None:
        natural = find(rows, decimal, extra, replace(given, first_row=None), whole)
        if natural is not None and natural.header_row and natural.first_row < given.first_row:
            given = replace(given, header_row=natural.header_row, units_row=natural.units_row)
    layout = find(rows, decimal, extra, given, whole) or _without_numbers(rows, name)
    layout = layout if tail is None else tail(layout)
    if found is None:
        return settle(layout, rows, config, decimal, name, commas)
    layout = replace(found.applied(layout, rows, decimal), transposed=found.rule.transposed)
    layout, decisions = settle(layout, rows, config, decimal, name, commas)
    return layout, (found.decision(), *found.which(config.header_row), *decisions)


def _without_numbers(rows: Sequence[RawRow], name: str) -> Layout:
    """A table of texts: its first row is the header."""
    plain = [row for row in rows if not row.comment]
    if len(plain) < 2:
        raise DataError(
            "the file has a header but no rows of numbers below it; add at least two", path=name, row=plain[0].line
        )
    width = max(row.filled for row in plain)
    names = (*plain[0].cells[:width], *[""] * (width - len(plain[0].cells)))
    columns = tuple(range(width))
    return Layout(plain[0].line, 0, plain[1].line, 0, width, 1, names, ("",) * width, ("t",) * width, columns=columns)


def normalised(cells: list[list[str]], layout: Layout, decimal: str = ".") -> list[list[str]]:
    """Cells without signs between thousands, and empty where the instrument writes that nothing was measured."""
    for index in layout.percent:
        for row in cells:
            row[index] = row[index].removesuffix("%").rstrip()
    for index in layout.grouped:
        for row in cells:
            row[index] = row[index].replace(layout.thousands, "")
    if layout.missing:
        texts = frozenset(layout.missing)
        numbers = {value for one in layout.missing if (value := number(one)) is not None}
        for row in cells:
            for index, cell in enumerate(row):
                if cell in texts or (numbers and cell[:1] in "-9" and number(cell, decimal) in numbers):
                    row[index] = ""
    return cells


def settle(
    layout: Layout, rows: Sequence[RawRow], config: DataConfig, decimal: str, name: str, commas: bool = True
) -> tuple[Layout, tuple[Decision, ...]]:
    """Complete a layout by what the person said and by what its cells show.

    Raises
    ------
    DataError
        ``config.columns`` names a column that the table does not have.
    """
    body = [row for row in rows if row.line >= layout.first_row and not row.comment and row.line not in layout.repeats]
    body = [row for row in body if not layout.last_row or row.line <= layout.last_row]
    decisions: list[Decision] = []
    if config.columns:
        layout = replace(layout, columns=chosen_columns(config.columns, layout, name))
    else:
        layout, found = find_blocks(layout, body)
        decisions += found
    if not layout.blocks:
        layout = grouped_names(layout)
    layout = _percent(layout, body, decimal)
    layout, found = _thousands(layout, body, config, decimal, commas)
    decisions += found
    return layout, (*decisions_about(layout, config), *decisions)


def notes_of(layout: Layout, rows: Sequence[RawRow]) -> tuple[str, ...]:
    """What was taken for what, in sentences."""
    notes: list[str] = []
    if layout.above:
        notes.append(
            f"The first {layout.above} lines are no part of the table and were skipped."
            if layout.above > 1
            else "The first line is no part of the table and was skipped."
        )
    if not layout.header_row:
        notes.append("There is no header line, so the columns were numbered; rename them as you like.")
    elif any(row.line == layout.header_row and row.comment for row in rows):
        notes.append("The last comment line above the numbers was taken as the header.")
    if layout.units_row:
        notes.append(f"Line {layout.units_row} was taken as units.")
    if layout.names_missing:
        notes.append("The header has no name for the first column, which only names the rows.")
    if layout.repeats:
        notes.append(f"{len(layout.repeats)} lines inside the table repeat its title or header and were skipped.")
    if layout.below and layout.last_row:
        first = layout.below[0]
        shown = next(cell for cell in first.cells if cell)
        notes.append(f"The table ends in line {layout.last_row}; what follows (`{shown}`, ...) was left out.")
    return tuple(notes)


def decisions_about(layout: Layout, config: DataConfig) -> list[Decision]:
    """The decisions about header, units, end and further tables."""
    found: list[Decision] = []
    if layout.header_row:
        shown = ", ".join(f"`{name}`" for name in layout.names[:4] if name)
        found.append(
            Decision(
                "header",
                f"Line {layout.header_row} has the names of the columns ({shown}).",
                choices=(
                    Choice(f"names in line {layout.header_row}", {"header_row": layout.header_row}),
                    Choice("no names", {"header_row": 0}),
                ),
            )
        )
    if layout.units_row and any(layout.units):
        shown = ", ".join(f"`{unit}`" for unit in layout.units if unit)
        found.append(
            Decision(
                "unit",
                f"Line {layout.units_row} was taken as units ({shown}).",
                choices=(
                    Choice(f"units in line {layout.units_row}", {"units_row": layout.units_row}),
                    Choice("no units", {"units_row": 0, "header_row": layout.header_row}),
                    Choice("these are the names", {"units_row": 0, "header_row": layout.units_row}),
                ),
                certain=layout.sure_units or config.units_row is not None,
            )
        )
    if layout.last_row and layout.below:
        below = layout.below[0]
        shown = " ".join(cell for cell in below.cells if cell)[:40]
        found.append(
            Decision(
                "table",
                f"The table ends in line {layout.last_row}; line {below.line} (`{shown}`) is no row of it.",
                choices=(
                    Choice(f"ends in line {layout.last_row}", {"last_row": layout.last_row}),
                    Choice("goes on to the end of the file", {"last_row": 0}),
                ),
                certain=layout.sure_end or config.last_row is not None,
            )
        )
    if layout.others and config.header_row is None and config.first_row is None:
        choices = [
            Choice(
                _described(layout.names, layout.first_row),
                _rows_of(layout.header_row, layout.first_row, layout.last_row),
            )
        ]
        choices += [
            Choice(_described(one.names, one.first_row), _rows_of(one.header_row, one.first_row, one.last_row))
            for one in layout.others
        ]
        found.append(
            Decision(
                "table",
                f"The file holds {len(layout.others) + 1} tables; the longest was taken (from line {layout.first_row} on).",
                choices=tuple(choices),
                certain=False,
            )
        )
    return found


def _described(names: Sequence[str], first_row: int) -> str:
    shown = ", ".join(name for name in names[:3] if name)
    return f"from line {first_row}" + (f" ({shown})" if shown else "")


def _rows_of(header_row: int, first_row: int, last_row: int) -> dict[str, int]:
    return {"header_row": header_row, "first_row": first_row, "last_row": last_row}


def _percent(layout: Layout, body: Sequence[RawRow], decimal: str) -> Layout:
    """Columns in which `%` stands behind each number; that is their unit."""
    found: list[int] = []
    for index in range(layout.width):
        cells = [row.cells[index] for row in body if index < len(row.cells) and not is_missing(row.cells[index])]
        if cells and all(
            cell.endswith("%") and number(cell.removesuffix("%").rstrip(), decimal) is not None for cell in cells
        ):
            found.append(index)
    if not found:
        return layout
    units = [
        "%" if index in found and not unit and not split_header(layout.names[index])[1] else unit
        for index, unit in enumerate(layout.units)
    ]
    return replace(layout, percent=tuple(found), units=tuple(units))


def _thousands(
    layout: Layout, body: Sequence[RawRow], config: DataConfig, decimal: str, commas: bool
) -> tuple[Layout, list[Decision]]:
    """Columns with signs between thousands, as far as these are told from decimal signs."""
    sign, pattern = ("," if decimal == "." else "."), (GROUPED if decimal == "." else GROUPED_POINT)
    if config.thousands == "":
        return layout, []
    wanted = config.thousands
    if wanted is None and (other := _other_sign(layout, body, decimal)):
        wanted = sign = other
    elif wanted is not None:
        sign = _as_written(wanted, body)
    if wanted is not None:
        pattern = _grouped_by(sign, decimal)
    sure: list[int] = []
    doubtful: list[tuple[int, str, int]] = []
    for index in range(layout.width):
        every = [row.cells[index] for row in body if index < len(row.cells)]
        if not any(sign in cell for cell in every):
            continue
        cells = [cell for cell in every if not is_missing(cell)]
        with_sign = [cell for cell in cells if pattern.match(cell)]
        if not with_sign or sum(sign in cell for cell in cells) > len(with_sign):
            continue
        rest = [cell for cell in cells if not pattern.match(cell)]
        if wanted is not None or _groups_for_sure(with_sign, rest, sign, decimal, commas):
            sure.append(index)
        else:
            line = next(row.line for row in body if index < len(row.cells) and row.cells[index] == with_sign[0])
            doubtful.append((index, with_sign[0], line))
    layout = replace(layout, thousands=sign if sure else "", grouped=tuple(sure))
    if config.decimal is not None and sign == ",":
        doubtful = []
    found = [_which_sign(layout, *one, sign) for one in doubtful]
    return layout, [*found, *([_as_thousands(layout, body, sign)] if sure else [])]


def _grouped_by(sign: str, decimal: str) -> re.Pattern[str]:
    return re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+(?:{re.escape(decimal)}\d*)?\Z")


def _as_written(sign: str, body: Sequence[RawRow]) -> str:
    """A sign between thousands as the file writes it: blanks and apostrophes are of several kinds."""
    return next(
        (one for one in _VARIANTS.get(sign, ()) if any(one in cell for row in body for cell in row.cells)), sign
    )


def _other_sign(layout: Layout, body: Sequence[RawRow], decimal: str) -> str:
    """A blank or an apostrophe between the thousands of a column that has nothing but numbers otherwise; "" if none."""
    for index in range(layout.width):
        cells = [row.cells[index] for row in body if index < len(row.cells) and not is_missing(row.cells[index])]
        for sign in (one for variants in _VARIANTS.values() for one in variants):
            if not any(sign in cell for cell in cells):
                continue
            pattern = _grouped_by(sign, decimal)
            grouped = sum(bool(pattern.match(cell)) for cell in cells)
            if grouped and all(pattern.match(cell) or number(cell, decimal) is not None for cell in cells):
                return sign
    return ""


def _groups_for_sure(with_sign: Sequence[str], rest: Sequence[str], sign: str, decimal: str, commas: bool) -> bool:
    """Whether `7,250` can only be seven thousand: a decimal sign stands beside it, or it stands twice, or whole numbers do."""
    if any(decimal in cell or cell.count(sign) > 1 for cell in with_sign):
        return True
    return (
        commas
        and decimal == "."
        and any(re.fullmatch(r"[+-]?\d{1,3}", cell) for cell in rest)
        and not any("." in cell for cell in rest)
    )


def _as_thousands(layout: Layout, body: Sequence[RawRow], sign: str) -> Decision:
    index = layout.grouped[0]
    cell = next(row.cells[index] for row in body if index < len(row.cells) and sign in row.cells[index])
    return Decision(
        "format",
        f"The `{sign}` in `{cell}` stands between thousands.",
        column=split_header(layout.headers[index])[0] or None,
        choices=(
            Choice("between thousands", {"thousands": _usual(sign)}),
            Choice("decimal sign", {"thousands": "", "decimal": sign})
            if sign in (".", ",")
            else Choice("text", {"thousands": ""}),
        ),
    )


def _usual(sign: str) -> str:
    return next((usual for usual, variants in _VARIANTS.items() if sign in variants), sign)


def _which_sign(layout: Layout, index: int, cell: str, line: int, sign: str) -> Decision:
    return Decision(
        "format",
        f"the `{sign}` in `{cell}` (line {line}) may be a decimal sign or stand between thousands (numbers are best written without "
        "thousands separators)",
        column=split_header(layout.headers[index])[0] or None,
        choices=(
            Choice("between thousands", {"thousands": sign}),
            Choice("decimal sign", {"decimal": sign, "thousands": ""}),
        ),
        chosen=None,
    )
