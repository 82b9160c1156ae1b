"""Text and plain values to typed settings, by one thread at a time.

What `msgspec` works out about a type when it meets it first is not guarded against a second thread that meets it meanwhile; a
window that looks at a file on one thread and reads it on another died of it.
"""

from __future__ import annotations

from threading import RLock
from typing import Any

import msgspec

_LOCK = RLock()


def from_json(data: bytes | str, type_: Any) -> Any:
    """JSON as a value of a type; raises as `msgspec.json.decode`."""
    with _LOCK:
        return msgspec.json.decode(data, type=type_)


def from_toml(data: bytes | str, type_: Any) -> Any:
    """TOML as a value of a type; raises as `msgspec.toml.decode`."""
    with _LOCK:
        return msgspec.toml.decode(data, type=type_)


def converted(value: Any, type_: Any) -> Any:
    """Plain values as a value of a type; raises as `msgspec.convert`."""
    with _LOCK:
        return msgspec.convert(value, type_)
