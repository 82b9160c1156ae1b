"""Plain dictionaries to TOML text a person would write: settings first, tables after, equations as a block."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def dump_table(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """TOML text of nested dictionaries of numbers, texts, booleans and lists."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {dump_value(value)}" for key, value in plain.items()]
    if path and (lines or not tables):
        lines.insert(0, f"[{'.'.join(_key(part) for part in path)}]")
    blocks = ["\n".join(lines) + "\n"] if lines else []
    blocks += [dump_table(value, (*path, key)) for key, value in tables.items()]
    return "\n".join(blocks)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _quoted(key)


def dump_value(value: Any) -> str:
    """A number, text, boolean, list or table as the right side of a setting."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            return _block(value) if "\n" in value else _quoted(value)
        case list() | tuple():
            return f"[{', '.join(dump_value(item) for item in value)}]"
        case Mapping():
            return f"{{{', '.join(f'{_key(key)} = {dump_value(item)}' for key, item in value.items())}}}"
        case _:
            raise TypeError(f"a {type(value).__name__} has no place in a spec")


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(float(value))


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(character) for character in text)}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04x}" if ord(character) < 0x20 or ord(character) == 0x7F else character


def _block(text: str) -> str:
    """A text of several lines; the newline after the opening quotes is not part of it."""
    body = "".join(character if character == "\n" else _escaped(character) for character in text)
    return f'"""\n{body}"""'
