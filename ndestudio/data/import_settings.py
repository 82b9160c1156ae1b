"""Import settings under a name: how the files of one instrument are read, kept for the next file of the same shape.

They are one JSON file in the person's folder of settings. A file is of the same shape if, read with the settings, it has the
columns that they were saved with.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision, Topic, answered
from ndestudio.data.names import split_header, suggestion
from ndestudio.data.raw_rows import RawRows
from ndestudio.data.readers.base import Head
from ndestudio.data.readers.registry import reader_for
from ndestudio.decoding import converted, from_json
from ndestudio.errors import DataError, SettingError
from ndestudio.paths import user_config_dir

FILE = "import-settings.json"
_LONGEST_NAME = 80
_SAME = 0.6
"""Two sets of columns are of one shape if so much of them together is in both."""
_OF_ONE_FILE = ("files", "split", "trajectory_weights", "values", "span", "last_row")
"""Settings that say something of one file and not of its shape."""
_KEPT: tuple[Topic, ...] = ("format", "time", "unit", "trajectory", "shape", "missing", "dose")
"""Guesses that are kept as they were made: another file of the shape may have less evidence for them."""

_log = logging.getLogger(__name__)


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How files of one shape are read.

    Attributes
    ----------
    format
        As ``Preview.format`` has it.
    labels
        Labels of the columns of the file that they were saved with.
    data
        Field of ``DataConfig`` -> value, where it is not the default.
    """

    name: str
    format: str
    labels: tuple[str, ...]
    data: dict[str, Any] = {}

    def applied(self, config: DataConfig) -> DataConfig:
        """These settings for the files of ``config``, whose split is kept.

        Raises
        ------
        SettingError
            They were written by a version that knows other settings.
        """
        kept = {name: msgspec.to_builtins(getattr(config, name)) for name in _OF_ONE_FILE if hasattr(config, name)}
        try:
            return converted({**self.data, **kept}, DataConfig)
        except msgspec.ValidationError as error:
            raise SettingError(
                f"the import settings `{self.name}` cannot be understood ({error}); save them again"
            ) from None


class ImportSettingsStore:
    """All import settings of a person, in one file that is written whole or not at all.

    Parameters
    ----------
    path
        None: in the folder of settings.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_dir() / FILE

    def all(self) -> tuple[ImportSettings, ...]:
        """In the order of their names; none if the file is not there or cannot be read."""
        try:
            found = from_json(self._path.read_bytes(), list[ImportSettings])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError):
            _log.warning("import settings in %s cannot be read", self._path, exc_info=True)
            return ()
        return tuple(sorted(found, key=lambda one: one.name.lower()))

    def get(self, name: str) -> ImportSettings:
        """Raises ``SettingError`` with the nearest name where there are none called so."""
        known = self.all()
        for one in known:
            if one.name == name:
                return one
        there = suggestion(name, [one.name for one in known]) or "; none have been saved yet"
        raise SettingError(f"there are no import settings `{name}`{there}")

    def save(self, settings: ImportSettings) -> None:
        """Keep settings, in place of those with the same name."""
        name = checked_name(settings.name)
        others = [one for one in self.all() if one.name != name]
        self._write([*others, msgspec.structs.replace(settings, name=name)])

    def rename(self, old: str, new: str) -> None:
        """Raises ``SettingError`` if the new name is none, or is taken."""
        settings, new = self.get(old), checked_name(new)
        if new != old and any(one.name == new for one in self.all()):
            raise SettingError(f"there are import settings `{new}` already; choose another name")
        self._write([msgspec.structs.replace(one, name=new) if one.name == old else one for one in self.all()])
        del settings

    def delete(self, name: str) -> None:
        self._write([one for one in self.all() if one.name != name])

    def _write(self, settings: Iterable[ImportSettings]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".import-settings")
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(list(settings))))
            Path(name).replace(self._path)
        except OSError as error:
            raise SettingError(
                f"the import settings cannot be written to {self._path} ({error.strerror or error})"
            ) from error


def checked_name(name: str) -> str:
    """A name without blanks around it; ``SettingError`` if nothing is left or it is too long."""
    name = " ".join(name.split())
    if not name:
        raise SettingError("give the import settings a name")
    if len(name) > _LONGEST_NAME:
        raise SettingError(f"the name of import settings has at most {_LONGEST_NAME} letters")
    return name


def settings_from(
    name: str, config: DataConfig, format: str, labels: Sequence[str], decisions: Iterable[Decision]
) -> ImportSettings:
    """What is to be kept of how a file is read: what the person said, and guesses for which another file may lack evidence.

    Parameters
    ----------
    format, labels
        Of the file, as its preview has them.
    decisions
        Those that were taken.
    """
    whole = config
    for decision in decisions:
        if decision.topic in _KEPT and decision.chosen is not None and decision.choices:
            changes = decision.choices[decision.chosen].changes
            said = {field for field in changes if getattr(config, field, None) != getattr(DataConfig(), field, None)}
            whole = answered(whole, {field: value for field, value in changes.items() if field not in said})
    plain, usual = msgspec.to_builtins(whole), msgspec.to_builtins(DataConfig())
    data = {field: value for field, value in plain.items() if value != usual[field] and field not in _OF_ONE_FILE}
    return ImportSettings(name=checked_name(name), format=format, labels=tuple(labels), data=data)


def fitting_settings(
    known: Sequence[ImportSettings], path: str | Path, config: DataConfig, raw: RawRows
) -> tuple[ImportSettings, ...]:
    """The import settings that were saved for files of the shape of this one, the nearest first.

    Parameters
    ----------
    raw
        Its first rows, in which the labels must stand; without any (arrays) all settings are tried.
    """
    words = "\n".join(cell for row in raw.cells for cell in row if cell)
    found: list[tuple[float, ImportSettings]] = []
    for settings in known:
        if raw.cells and sum(label in words for label in settings.labels) < _SAME * len(settings.labels):
            continue  # without reading it by these settings
        try:
            applied = settings.applied(config)
            head = reader_for(Path(path), str(path)).head(Path(path), applied, str(path))
        except (DataError, SettingError):
            continue
        score = _likeness(settings.labels, labels_of(head))
        if head.format == settings.format and score >= _SAME and _names_there(settings.data, head):
            found.append((score, settings))
    return tuple(settings for _, settings in sorted(found, key=lambda one: (-one[0], one[1].name.lower())))


def labels_of(head: Head) -> tuple[str, ...]:
    """Labels of the columns of a head."""
    return tuple(split_header(header)[0] for header in head.headers)


def _likeness(labels: Sequence[str], others: Sequence[str]) -> float:
    mine, theirs = set(labels) - {""}, set(others) - {""}
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


def _names_there(data: Mapping[str, Any], head: Head) -> bool:
    """Whether the columns that are given a use are in the file."""
    there = {*labels_of(head), *head.headers}
    wanted: list[str] = []
    for field in ("time", "trajectory"):
        value = data.get(field) or ()
        wanted += [value] if isinstance(value, str) else list(value)
    return all(name in there for name in wanted)
