"""Names, units, types and groups in the rows above a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ndestudio.data.names import split_header
from ndestudio.data.tables.kinds import CellKind, is_summary, is_type, is_unit, kind_of_cell
from ndestudio.data.tables.layout import RawRow
from ndestudio.data.tables.times_above import heads_times
from ndestudio.data.times.words import TELLING, name_score

_ABOVE = 6
"""So many rows above the numbers may belong to the header."""
_DASHES = re.compile(r":?[-–=]+:?\Z")
_TIME_WORDS = re.compile(
    r"(?:date|time|timestamp|datetime|datum|zeit|uhrzeit|day|hour|year|doy|elapsed|x_value|t|x)\b|.*[\s_](?:time|date)\b",
    re.IGNORECASE,
)
_CLOCK_NAMES = re.compile(
    r"(?:date|time|timestamp|datum|zeit|zeitstempel|uhrzeit|elapsed|fecha|hora|heure|temps|tiempo)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Header:
    """What stands above a table.

    Parameters
    ----------
    row, units_row
        1-based, 0 where there is none.
    places
        Indices of all rows that belong to the header.
    groups
        A name above each column that stands for several, "" where there is none.
    names_missing
        Whether the first column has no name and those of the header belong to the columns behind it.
    """

    row: int
    units_row: int
    names: tuple[str, ...]
    units: tuple[str, ...]
    places: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    names_missing: bool = False
    sure_units: bool = True


def find_header(
    rows: Sequence[RawRow],
    kinds: Sequence[list[CellKind]],
    first: int,
    usual: Sequence[CellKind],
    filled: int,
    cells: int,
    header_row: int | None,
    units_row: int | None,
) -> Header:
    """The header of the table whose numbers begin at index ``first``.

    Parameters
    ----------
    usual
        What most cells of each column look like.
    filled, cells
        Columns that are filled, and that there are with empty ones at the ends of rows.
    header_row, units_row
        What is known of them: 1-based, 0 for none, None where they are to be found.
    """
    if header_row is None and units_row is None and (frame := _of_frame(rows, first, cells)) is not None:
        return frame
    candidates = _candidates(rows, kinds, first, filled, cells)
    roles = _roles(rows, candidates, usual)
    roles = _as_given(rows, first, roles, header_row, units_row)
    if roles.names is None:
        width = max(filled, 1)
        return Header(0, 0, ("",) * width, ("",) * width)
    names = list(rows[roles.names].cells[: rows[roles.names].filled])
    missing = len(names) == filled - 1 and cells == len(rows[roles.names].cells) + 1 and _names_rows(rows, kinds, first)
    names = ["", *names] if missing else names
    width = max(filled, len(names))
    names += [""] * (width - len(names))
    units = _padded(rows[roles.units].cells, width) if roles.units is not None else [""] * width
    groups = _spread(_padded(rows[roles.group].cells, width)) if roles.group is not None else []
    places = [one for one in (roles.names, roles.units, roles.group, *roles.rest) if one is not None]
    return Header(
        rows[roles.names].line,
        rows[roles.units].line if roles.units is not None else 0,
        tuple(names),
        tuple("" if _DASHES.match(unit.strip("[]() ")) else unit for unit in units),
        tuple(sorted(places)),
        tuple(groups),
        missing,
        roles.sure,
    )


def _of_frame(rows: Sequence[RawRow], first: int, cells: int) -> Header | None:
    """Names in one or more rows above a row that only names the first column, as pandas writes them."""
    index = rows[first - 1] if first > 1 else None
    if index is None or index.filled != 1 or len(index.cells) != cells or cells < 2:
        return None
    above: list[int] = []
    for place in range(first - 2, -1, -1):
        row = rows[place]
        full = row.filled == len(row.cells) == cells and all(row.cells[1:]) and not row.comment
        if not full or rows[place + 1].gap or any(kind_of_cell(cell) == "n" for cell in row.cells[1:]):
            break
        above.insert(0, place)
    corners = [rows[place].cells[0] for place in above]
    if index.comment or index.gap or not above or (any(corners) and (len(above) == 1 or is_unit(index.cells[0]))):
        return None
    telling = [place for place in above if len(set(rows[place].cells[1:])) > 1] or above[-1:]
    names = [" ".join(rows[place].cells[column] for place in telling) for column in range(1, cells)]
    return Header(
        rows[above[-1]].line, 0, (index.cells[0], *names), ("",) * cells, places=(*above, first - 1), sure_units=True
    )


@dataclass(frozen=True)
class _Roles:
    names: int | None = None
    units: int | None = None
    group: int | None = None
    rest: tuple[int, ...] = ()
    sure: bool = True


def _candidates(
    rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], first: int, filled: int, cells: int
) -> list[int]:
    """Rows above the numbers that could belong to the header, nearest first."""
    for comments in (False, True):
        found: list[int] = []
        gap = False
        for place in range(first - 1, -1, -1):
            row = rows[place]
            gap = gap or rows[place + 1].gap
            if row.comment and not comments:
                continue
            if row.comment != comments or len(found) == _ABOVE or (found and gap):
                break
            gap = False
            numbers = sum(kind == "n" for kind in kinds[place])
            texts = sum(kind in ("t", "d") for kind in kinds[place])
            dashes = sum(bool(_DASHES.match(cell.strip("[]() "))) for cell in row.cells)
            if numbers and row.cells[0] and is_summary(row.cells[0]):
                continue
            nearest = place == first - 1
            named = nearest and (heads_times(rows, kinds, place) or _numbered(row, kinds, place, first))
            few = numbers > texts + dashes and not named
            if texts + dashes == 0 or few or row.filled > max(filled, cells) + 1:
                break
            if row.filled == 1 and filled > 1 and row.cells[0] and not _lone_unit(rows, place, filled):
                break
            if _is_setting(rows, place, filled):
                break
            if comments and not found and abs(row.filled - filled) > 1:
                break
            found.append(place)
        if found:
            return found
    return []


def _is_setting(rows: Sequence[RawRow], place: int, filled: int) -> bool:
    """Whether a row that is too short for a header is one of several with a name and a value."""
    row = rows[place]
    if row.filled != 2 or filled < 3 or row.comment:
        return False
    return place > 0 and rows[place - 1].filled == 2 and not rows[place - 1].comment and not row.gap


def _lone_unit(rows: Sequence[RawRow], place: int, filled: int) -> bool:
    """Whether a row has the unit of the first column, and empty cells for the others, below a row of names."""
    row = rows[place]
    return (
        len(row.cells) >= filled
        and is_unit(row.cells[0])
        and place > 0
        and not row.gap
        and all(rows[place - 1].cells[:filled])
        and len(rows[place - 1].cells) >= filled
    )


def _numbered(row: RawRow, kinds: Sequence[list[CellKind]], place: int, first: int) -> bool:
    """Whether a row is a header of one name and numbers of wells or replicates: `time, 1, 2, 3`."""
    named = kinds[place][0] == "t" and kinds[first][0] in ("n", "d")
    return named and all(cell.isdigit() for cell in row.cells[1 : row.filled])


def _roles(rows: Sequence[RawRow], candidates: list[int], usual: Sequence[CellKind]) -> _Roles:
    """Which of the rows holds names, which units, and which neither."""
    rest: list[int] = []
    units: int | None = None
    sure = True
    for order, place in enumerate(candidates):
        texts = _texts(rows[place])
        higher = candidates[order + 1 :]
        names_above = [one for one in higher if _could_name(rows[one], rows[place], usual)]
        if names_above and texts and all(is_type(text) for text in texts):
            rest.append(place)
            continue
        if names_above and units is None and not _all_names(texts, rows[names_above[0]], len(higher)):
            known = sum(is_unit(text) for text in texts)
            if 2 * known >= len(texts):
                units = place
                continue
            if _unknown_units(rows, place, higher):
                units, sure = place, False
                continue
        group = higher[0] if higher and _is_group(rows[higher[0]], rows[place]) else None
        return _Roles(place, units, group, tuple(rest), sure)
    return _Roles(candidates[-1] if candidates else None, None, None, tuple(candidates[:-1]))


def _texts(row: RawRow) -> list[str]:
    return [cell for cell in row.cells if _says(cell)]


def _says(cell: str) -> bool:
    bare = cell.strip("[]() ")
    return bool(bare) and not _DASHES.match(bare)


def _could_name(row: RawRow, below: RawRow, usual: Sequence[CellKind]) -> bool:
    """Whether a row has a name above each cell of the row below, and not only units itself."""
    texts = _texts(row)
    named = all(index < len(row.cells) and row.cells[index] for index, cell in enumerate(below.cells) if _says(cell))
    enough = 2 * len(texts) >= min(len(usual), row.filled)
    long = [text for text in texts if len(text) > 1]
    return named and enough and bool(texts) and not (long and all(is_unit(text) for text in long))


def _all_names(texts: list[str], above: RawRow, count: int) -> bool:
    """Whether texts that could be units are names, as `t, m, V` below `Operator, Smith` and `Date, pH` below `Method, A` are.

    ``count`` rows stand above them, settings if there are several.
    """
    if not any(_TIME_WORDS.match(text) or _names_clock(text) for text in _texts(above)):
        if any(_names_clock(text) for text in texts):
            return True
        if count > 1 and texts and len(texts[0]) > 1 and name_score(texts[0]) >= TELLING:
            return True
    if any(is_unit(unit) and (not is_unit(label) or "_" in label) for label, unit in map(split_header, texts)):
        return True
    lone = all(len(text) == 1 for text in texts)
    return lone and any(cell.rstrip().endswith(":") for cell in above.cells)


def _names_clock(text: str) -> bool:
    """Whether a text names a time, and is no unit of one."""
    return bool(_CLOCK_NAMES.match(text)) or ((not is_unit(text) or "_" in text) and name_score(text) >= TELLING)


def _unknown_units(rows: Sequence[RawRow], place: int, higher: list[int]) -> bool:
    """Whether a row of unknown texts below a row of names is one of units, as `furlong, fortnight`."""
    above, row = rows[higher[0]], rows[place]
    texts = _texts(row)
    if any(_TIME_WORDS.match(text) for text in texts) or above.gap or row.gap:
        return False
    if above.filled < row.filled or _is_group(above, row) or max(map(len, texts)) > 20:
        return False
    if any(_TIME_WORDS.match(text) for text in _texts(above)):
        return True
    return len(higher) == 1


def _is_group(row: RawRow, names: RawRow) -> bool:
    """Whether a row holds names that each stand above several columns."""
    texts = [cell for cell in row.cells if cell]
    if not texts or row.comment != names.comment or any(re.fullmatch(r"[+-]?[\d.,]+", text) for text in texts):
        return False
    sparse = len(texts) < names.filled or len(set(texts)) < len(texts)
    below = names.cells[: names.filled]
    return sparse and (len(set(below)) < len(below) or len(set(texts)) > 1) and not texts[0].endswith(":")


def _as_given(
    rows: Sequence[RawRow], first: int, roles: _Roles, header_row: int | None, units_row: int | None
) -> _Roles:
    at = {row.line: place for place, row in enumerate(rows[:first])}
    names, units, group, rest = roles.names, roles.units, roles.group, roles.rest
    if header_row is not None:
        names = at.get(header_row) if header_row else None
        group = group if names == roles.names else None
        units = None if units is None or names is None or units <= names else units
        rest = tuple(one for one in rest if names is not None and one > names)
    if units_row is not None:
        units = at.get(units_row) if units_row else None
        if names is not None and units == names:
            names = names - 1 if names > 0 and header_row is None else None
    return _Roles(names, units, group, tuple(one for one in rest if one != units), roles.sure or units_row is not None)


def _names_rows(rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], first: int) -> bool:
    """Whether the first column only numbers or names the rows, as R writes it."""
    cells = [row.cells[0] for row in rows[first : first + 50] if row.cells and not row.comment]
    if len(set(cells)) < len(cells):
        return False
    if kinds[first][0] == "t":
        return True
    return (
        cells[: min(len(cells), 3)] == [str(number + int(cells[0] or 0)) for number in range(min(len(cells), 3))]
        if cells[0] in {"0", "1"}
        else False
    )


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _spread(cells: list[str]) -> list[str]:
    """Each name of a merged cell above all its columns."""
    for index in range(1, len(cells)):
        if not cells[index]:
            cells[index] = cells[index - 1]
    return cells
