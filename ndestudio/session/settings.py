"""What the window remembers between sessions: scheme, recent files, shortcuts, layout."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from ndestudio.decoding import from_json
from ndestudio.paths import user_config_dir

_RECENT = 10
_log = logging.getLogger(__name__)

Scheme = Literal["system", "light", "dark"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the person, not of a project. Unknown keys of a newer version are ignored.

    Attributes
    ----------
    recent
        Project, spec and data files, newest first.
    shortcuts
        Action -> key sequence, where it differs from the default.
    geometry, layout
        Of the window, opaque to everybody else.
    """

    scheme: Scheme = "system"
    recent: tuple[str, ...] = ()
    shortcuts: dict[str, str] = {}
    geometry: str = ""
    layout: dict[str, str] = {}
    tour_seen: bool = False

    def with_recent(self, path: str) -> Settings:
        others = tuple(other for other in self.recent if other != path)
        return msgspec.structs.replace(self, recent=(path, *others)[:_RECENT])


class SettingsStore:
    """Keeps ``Settings`` in a JSON file, written whole or not at all."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_dir() / "settings.json"
        self.value = self._read()

    @property
    def folder(self) -> Path:
        """Where the file is; other things of the person are kept beside it."""
        return self._path.parent

    def change(self, **changes: object) -> None:
        self.put(msgspec.structs.replace(self.value, **changes))

    def put(self, value: Settings) -> None:
        if value != self.value:
            self.value = value
            self._write()

    def _read(self) -> Settings:
        try:
            return from_json(self._path.read_bytes(), Settings)
        except FileNotFoundError:
            return Settings()
        except (OSError, msgspec.MsgspecError):
            _log.warning("settings in %s cannot be read; starting with the defaults", self._path, exc_info=True)
            return Settings()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".settings")
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(self.value)))
            Path(name).replace(self._path)
        except OSError:
            _log.warning("settings cannot be written to %s", self._path, exc_info=True)
