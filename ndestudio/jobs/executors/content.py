"""A key for content: equal values have equal keys, in any process and on any machine."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Set
from enum import Enum
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np

from ndestudio import __version__

_LETTERS = 32


def content_key(*values: Any) -> str:
    """A text of 32 hexadecimal digits that stands for ``values`` and the version of the program.

    Parameters
    ----------
    values
        Dataclasses, structs, arrays, mappings, sequences, sets, enums, paths, plain values, and functions of modules (by their name), nested
        in any way. What a dataclass keeps beside its fields does not count.

    Raises
    ------
    TypeError
        A value of another kind, which has no content that could be compared.
    """
    found = hashlib.sha256(__version__.encode())
    for one in values:
        _add(found, one)
    return found.hexdigest()[:_LETTERS]


def _add(found: Any, value: Any) -> None:
    """Each value with its kind and its length, so that no two nestings give the same bytes."""
    match value:
        case None | bool() | int() | str() | bytes():
            _put(found, type(value).__name__, value if isinstance(value, bytes) else repr(value).encode())
        case Enum():
            _put(found, type(value).__name__, value.name.encode())
        case float():
            _put(found, "float", float(value).hex().encode())
        case np.ndarray() if value.dtype.hasobject:
            _put(found, "objects", repr(value.shape).encode())
            _add(found, value.ravel().tolist())
        case np.ndarray():
            plain = np.ascontiguousarray(value)
            _put(found, f"array {plain.dtype.str} {value.shape}", plain.tobytes())
        case np.generic():
            _add(found, value.item())
        case PurePath():
            _put(found, "path", str(value).encode())
        case Mapping():
            _put(found, "mapping", str(len(value)).encode())
            for name, one in value.items():
                _add(found, name)
                _add(found, one)
        case list() | tuple():
            _put(found, "sequence", str(len(value)).encode())
            for one in value:
                _add(found, one)
        case Set():
            _add(found, sorted(content_key(one) for one in value))
        case msgspec.Struct():
            names = value.__struct_fields__
            _put(found, type(value).__qualname__, str(len(names)).encode())
            for name in names:
                _add(found, name)
                _add(found, getattr(value, name))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [one.name for one in dataclasses.fields(value)]
            _put(found, type(value).__qualname__, str(len(fields)).encode())
            for name in fields:
                _add(found, name)
                _add(found, getattr(value, name))
        case _ if callable(value) and "<" not in getattr(value, "__qualname__", "<"):
            _put(found, "function", f"{value.__module__}:{value.__qualname__}".encode())
        case _:
            raise TypeError(f"a {type(value).__name__} has no content that could be compared")


def _put(found: Any, kind: str, content: bytes) -> None:
    found.update(f"{kind} {len(content)};".encode())
    found.update(content)
