"""Nested dictionaries, lists and arrays, as JSON and MATLAB files hold them, as variables in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.data.readers.clock import is_time_name
from ndestudio.data.readers.nodes import Group, Node, Variable, variable

_DEEPEST = 24
"""Levels that are followed; what lies deeper is left out."""
_WIDEST_CELL = 64
"""Values that one cell of a list of records may hold."""


def tree_of(value: Any, depth: int = 0) -> Node | None:
    """The variables and groups of a nested value; None for what holds no values.

    A list of dictionaries of single values is a table (one row each), a list of lists of equal length a matrix, any
    other list of dictionaries or arrays a list of groups or variables.
    """
    if depth > _DEEPEST:
        return None
    if isinstance(value, np.ndarray):
        return variable(value)
    if isinstance(value, Mapping):
        return _group({str(key): one for key, one in value.items()}, depth)
    if isinstance(value, (list, tuple)):
        return _list(value, depth)
    return variable(_vector([value]).reshape(()))


def _group(value: dict[str, Any], depth: int) -> Node | None:
    if (split := _split_form(value)) is not None:
        return _group(split, depth)
    if (table := _keyed_rows(value)) is not None:
        return table
    units = next((value[key] for key in ("units", "Units", "unit") if isinstance(value.get(key), Mapping)), {})
    members: dict[str, Node] = {}
    for name, one in value.items():
        node = tree_of(one, depth + 1) if one is not units else None
        if node is not None:
            unit = units.get(name)
            members[name] = replace(node, unit=unit) if isinstance(node, Variable) and isinstance(unit, str) else node
    return Group(members)


def _list(value: Sequence[Any], depth: int) -> Node | None:
    if not value:
        return None
    if all(_single(one) for one in value):
        return variable(_vector(value))
    if all(isinstance(one, Mapping) for one in value):
        rows = _records([{str(key): one for key, one in row.items()} for row in value])
        return rows if rows is not None else _items(value, depth)
    if all(isinstance(one, (list, tuple)) and all(_single(cell) for cell in one) for one in value):
        widths = {len(one) for one in value}
        if len(widths) == 1 and widths != {0}:
            return _matrix(value)
    return _items(value, depth)


def _items(value: Sequence[Any], depth: int) -> Node | None:
    members = {str(place + 1): tree_of(one, depth + 1) for place, one in enumerate(value)}
    return Group({name: one for name, one in members.items() if one is not None}, listed=True)


def _matrix(rows: Sequence[Sequence[Any]]) -> Node:
    """A matrix of numbers; with a first row of names, the columns by their names."""
    header = rows[0]
    named = len(rows) > 2 and all(isinstance(one, str) for one in header) and len(set(header)) == len(header)
    if named and not all(isinstance(cell, str) for cell in rows[1]):
        columns = list(zip(*rows[1:], strict=True))
        return Group({str(name): variable(_vector(column)) for name, column in zip(header, columns, strict=True)})
    numbers = _vector([cell for row in rows for cell in row])
    return variable(numbers.reshape(len(rows), len(header)))


def _records(rows: list[dict[str, Any]]) -> Group | None:
    """Columns of a list of records, None if its items are no rows."""
    if len(rows) < 2:
        return None
    flat = []
    for row in rows:
        cells = _cells(row)
        if cells is None:
            return None
        flat.append(cells)
    names = dict.fromkeys(name for row in flat for name in row)
    if len(names) < 2:
        return None
    return Group({name: variable(_vector([row.get(name) for row in flat])) for name in names})


def _cells(row: Mapping[str, Any], timed: bool = False) -> dict[str, Any] | None:
    """The cells of one record; None if it holds more than one row.

    Parameters
    ----------
    timed
        Whether it is part of a record with one time, whose lists can only be vectors.
    """
    cells: dict[str, Any] = {}
    single_time = timed or any(is_time_name(name) and _single(value) for name, value in row.items())
    for name, value in row.items():
        if _single(value):
            cells[name] = value
        elif isinstance(value, Mapping):
            inner = _cells({str(key): one for key, one in value.items()}, single_time)
            if inner is None:
                return None
            cells |= {f"{name}.{key}": one for key, one in inner.items()}
        elif single_time and isinstance(value, (list, tuple, np.ndarray)) and 0 < np.size(value) <= _WIDEST_CELL:
            if not all(_single(one) for one in value):
                return None
            cells |= {f"{name}_{place + 1}": one for place, one in enumerate(value)}
        elif value is None or (isinstance(value, (list, tuple)) and not value):
            cells[name] = None
        else:
            return None
    return cells


def _split_form(value: dict[str, Any]) -> dict[str, Any] | None:
    """A table that is written as names of columns and rows (`orient="split"` of pandas, InfluxDB) as columns."""
    names = next((value[key] for key in ("columns", "fields", "header") if key in value), None)
    rows = next((value[key] for key in ("data", "values", "rows") if key in value), None)
    if not _texts(names) or not isinstance(rows, (list, tuple)) or not rows:
        return None
    assert names is not None
    if not all(isinstance(row, (list, tuple)) and len(row) == len(names) and all(map(_single, row)) for row in rows):
        return None
    others = {key: one for key, one in value.items() if one is not names and one is not rows and key != "index"}
    columns = {str(name): list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    index = value.get("index")
    if isinstance(index, (list, tuple)) and len(index) == len(rows) and list(index) != list(range(len(rows))):
        columns = {"index": list(index)} | columns
    return others | columns


def _keyed_rows(value: dict[str, Any]) -> Group | None:
    """A table whose rows, or whose columns, are dictionaries with the same keys and single values."""
    inner = list(value.values())
    if len(inner) < 2 or not all(isinstance(one, Mapping) and one and all(map(_single, one.values())) for one in inner):
        return None
    keys = [str(key) for key in inner[0]]
    if any([str(key) for key in one] != keys for one in inner[1:]):
        return None
    cells = [list(one.values()) for one in inner]
    if len(keys) > 1 and _row_keys(keys) and not _row_keys(list(value)):
        columns = {name: _vector(column) for name, column in zip(value, cells, strict=True)}
        return Group({**_index(keys), **{name: variable(column) for name, column in columns.items()}})
    if len(value) > 2 and _row_keys(list(value)):
        columns = {name: _vector(column) for name, column in zip(keys, zip(*cells, strict=True), strict=True)}
        return Group({**_index(list(value)), **{name: variable(column) for name, column in columns.items()}})
    return None


def _row_keys(keys: list[str]) -> bool:
    """Whether keys are numbers or dates, as those of rows are."""
    return all(key[:1].isdigit() or key[:1] in "-+." for key in keys if key) and all(keys)


def _index(keys: list[str]) -> dict[str, Variable]:
    """The keys of rows as a column, unless they only count."""
    if keys in ([str(place) for place in range(len(keys))], [str(place + 1) for place in range(len(keys))]):
        return {}
    return {"index": variable(np.array(keys, dtype=object))}


def _single(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float, np.generic))


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, str) for one in value)


def _vector(cells: Sequence[Any]) -> np.ndarray:
    """Numbers (NaN for null) or, where there is any text, objects."""
    if any(isinstance(cell, (str, np.str_)) for cell in cells):
        array = np.empty(len(cells), dtype=object)
        array[:] = [None if cell is None else cell if isinstance(cell, str) else _plain(cell) for cell in cells]
        return array
    if cells and all(isinstance(cell, int) and abs(cell) < 2**53 for cell in cells):
        return np.array(cells, dtype=np.int64)
    return np.array([np.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell
