"""What a person has allowed to run, by the content of the file: once for each hash, kept in the user's own folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ndestudio.errors import BlackBoxError
from ndestudio.paths import user_config_dir

_FILE = "allowed.json"
_hashes: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class Allowed:
    """One entry of the store.

    Parameters
    ----------
    when
        Date and time (UTC) at which it was allowed.
    """

    sha256: str
    path: str
    when: str


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file as hexadecimal text; computed anew when size or time of the file change.

    Raises
    ------
    BlackBoxError
        The file cannot be read.
    """
    try:
        status = Path(path).stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        if key not in _hashes:
            _hashes[key] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return _hashes[key]
    except OSError as error:
        raise BlackBoxError(
            f"the black box `{path}` cannot be read ({error.strerror or error}); give its place"
        ) from None


def allowed() -> tuple[Allowed, ...]:
    """Everything that was allowed, in the order in which it was."""
    try:
        table = json.loads((user_config_dir() / _FILE).read_text(encoding="utf-8"))
        return tuple(Allowed(sha, str(one["path"]), str(one["when"])) for sha, one in table.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def is_allowed(sha256: str) -> bool:
    """Whether a file of this content may run."""
    return any(one.sha256 == sha256 for one in allowed())


def allow(path: str | Path) -> Allowed:
    """Let a file run from now on, for as long as its content stays; to be called for a person who said so.

    Raises
    ------
    BlackBoxError
        The file, or the store, cannot be read or written.
    """
    place = Path(path).expanduser().resolve()
    entry = Allowed(file_hash(place), str(place), datetime.now(UTC).isoformat(timespec="seconds"))
    _write([*(one for one in allowed() if one.sha256 != entry.sha256), entry])
    return entry


def disallow(sha256: str) -> None:
    """Take an entry back; nothing happens if there is none."""
    _write([one for one in allowed() if one.sha256 != sha256])


def place_of(sha256: str) -> str:
    """Where a file of this content was when it was allowed, if it is there still; else ""."""
    for one in allowed():
        if one.sha256 == sha256 and Path(one.path).is_file() and file_hash(one.path) == sha256:
            return one.path
    return ""


def _write(entries: list[Allowed]) -> None:
    table = {one.sha256: {"path": one.path, "when": one.when} for one in entries}
    folder = user_config_dir()
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=_FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)
        Path(temporary).replace(folder / _FILE)
    except OSError as error:
        raise BlackBoxError(f"`{folder / _FILE}` cannot be written ({error.strerror or error})") from None


def refusal(title: str, path: str, sha256: str) -> str:
    """What is said of a file that nobody has allowed."""
    return (
        f"`{title}` is a program of somebody ({path}, SHA-256 {sha256[:12]}...), and nobody has allowed it to run; look where it "
        f"comes from, then allow it: `--allow {path}` on the command line, or the question in the window"
    )
