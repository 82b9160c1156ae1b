"""JSON (records, columns, lists of runs, nested) and JSON Lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ndestudio.data.readers.arrays import Contents, ContentsReader
from ndestudio.data.readers.nodes import Group, Variable
from ndestudio.data.readers.plain import tree_of
from ndestudio.errors import DataError

LARGEST = 2**29
"""Bytes of a file that is read; as Python objects its numbers take ten times as much."""

_BEGIN = re.compile(rb"\s*(?:\{\s*\"|\[\s*[\"\[{])")
_LINES = (".jsonl", ".ndjson")


@contextmanager
def json_contents(path: Path, name: str) -> Iterator[Contents]:
    """The arrays of a file.

    Raises
    ------
    DataError
        The file is too large, no JSON, or holds no table.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"JSON files of {size / 2**30:.1f} GiB are not read (at most {LARGEST // 2**20} MiB); save the data as Parquet or CSV",
            path=name,
        )
    try:
        value = _value(_text(path.read_bytes(), name), path.suffix.lower() in _LINES, name)
        root = tree_of(_with_state_names(value))
    except RecursionError as error:
        raise DataError(
            "the file is nested too deeply for a table; save the data as columns or records", path=name
        ) from error
    if isinstance(root, Variable):
        root = Group({path.stem: root})
    if root is None or not root.members:
        raise DataError("the file holds no values; it needs records, or columns of numbers", path=name)
    yield Contents(root)


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode(json.detect_encoding(raw)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the byte 0x{error.object[error.start]:02X} is not {error.encoding} text; save the file as UTF-8",
            path=name,
        ) from error


def _value(text: str, lines: bool, name: str) -> Any:
    if not lines:
        try:
            return _decoded(text)
        except ValueError as error:
            parts = [line for line in text.splitlines()[:2] if line.strip()]
            if len(parts) < 2 or not _is_whole(parts[0]):
                raise _not_json(error, text, 0, name) from error
    values = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                values.append(_decoded(line))
            except ValueError as error:
                raise _not_json(error, line, number, name) from error
    return values


def _decoded(text: str) -> Any:
    """JSON, with the NaN and Infinity that Python and others write besides."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _is_whole(line: str) -> bool:
    try:
        return isinstance(_decoded(line), (dict, list))
    except ValueError:
        return False


def _not_json(error: ValueError, text: str, line: int, name: str) -> DataError:
    if isinstance(error, json.JSONDecodeError):
        line = line or error.lineno
        near = text[max(error.pos - 15, 0) : error.pos + 15].strip()
        end = error.pos >= len(text.rstrip())
        seen = "the file ends too early" if end else f"near `{near}`: {error.msg}"
    else:
        seen = str(error)
    return DataError(f"this is no JSON ({seen}); correct it or write the file again", path=name, row=line or None)


def _with_state_names(value: Any) -> Any:
    """Solutions of a benchmark of equations (ODEBench: `eq`, `dim`, `solutions`) with the names of their states."""
    if isinstance(value, Mapping):
        return _system(value) if "eq" in value and "solutions" in value else value
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "solutions" in one for one in value):
        return (
            {_key(one, place, value): _system(one) for place, one in enumerate(value)}
            if len(value) > 1
            else _system(value[0])
        )
    return value


def _key(system: Mapping[str, Any], place: int, systems: Sequence[Mapping[str, Any]]) -> str:
    ids = [str(one.get("id", "")) for one in systems]
    return ids[place] if all(ids) and len(set(ids)) == len(ids) else str(place + 1)


def _system(system: Mapping[str, Any]) -> Mapping[str, Any]:
    names = list(dict.fromkeys(re.findall(r"\bx_\d+\b", str(system.get("eq", "")))))
    names.sort(key=lambda one: int(one[2:]))
    told = {key: one for key, one in system.items() if isinstance(one, str)}
    return {**told, "solutions": _named(system.get("solutions"), names, system.get("dim"))}


def _named(value: Any, names: list[str], count: Any) -> Any:
    """Runs with their rows `y` as columns called as the equations call them."""
    if isinstance(value, list):
        found = [_named(one, names, count) for one in value]
        return found[0] if len(found) == 1 else found
    if not isinstance(value, Mapping) or "t" not in value or not isinstance(value.get("y"), list):
        return value
    rows = value["y"]
    labels = names if len(names) == len(rows) else [f"x_{place}" for place in range(len(rows))]
    if len(rows) != count or not all(isinstance(row, list) for row in rows):
        return {"t": value["t"], "y": rows}
    return {"t": value["t"], **dict(zip(labels, rows, strict=True))}


def _looks(first: bytes) -> float:
    begin = first.removeprefix(b"\xef\xbb\xbf")
    return 0.7 if _BEGIN.match(begin) else 0.0


READER = ContentsReader("json", json_contents, "JSON", (".json", ".jsonl", ".ndjson"), _looks)
