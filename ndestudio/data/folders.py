"""The data files of a folder: those that are read alike, in the order in which a person counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ndestudio.data.config import DataConfig
from ndestudio.data.import_settings import labels_of
from ndestudio.data.readers.registry import endings, reader_for
from ndestudio.errors import DataError

_MOST = 2000
_NAMED = 4
"""So many files that were left out are named."""


@dataclass(frozen=True)
class FolderFiles:
    """Parameters: files: in natural order; sentence: what was taken and what was left out, and why."""

    files: tuple[Path, ...]
    sentence: str


def data_files(folder: str | Path) -> FolderFiles:
    """The data files of a folder that have the same columns; those of its folders are not looked for.

    Where the files have different columns the largest set that is alike is taken, the first of equal ones.

    Raises
    ------
    DataError
        The folder cannot be listed, or there is no data file in it.
    """
    folder = Path(folder)
    try:
        entries = [one for one in folder.iterdir() if not one.name.startswith((".", "~$"))]
    except OSError as error:
        raise DataError(f"the folder cannot be read ({error.strerror or error})", path=str(folder)) from error
    entries.sort(key=natural)
    named = [one for one in entries if one.is_file() and one.suffix.lower() in endings()][:_MOST]
    if not named:
        raise DataError(
            "there is no data file in this folder; choose a folder with files that end in "
            + ", ".join(endings()[:6])
            + ", ...",
            path=str(folder),
        )
    alike = _alike(named)
    reasons = [(one.name, "no data file" if one.is_file() else "a folder") for one in entries if one not in set(named)]
    reasons += [(one.name, "other columns") for one in named if one not in set(alike)]
    return FolderFiles(tuple(alike), _sentence(folder, alike, reasons))


def natural(path: Path) -> tuple[tuple[int, int | str], ...]:
    """Sorts `run2` before `run10`."""
    parts = re.split(r"(\d+)", path.name.lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def _alike(files: Sequence[Path]) -> list[Path]:
    groups: dict[tuple[str, ...], list[Path]] = {}
    for one in files:
        groups.setdefault(_shape(one), []).append(one)
    read = {shape: group for shape, group in groups.items() if len(shape) > 1} or groups
    return max(read.values(), key=len)


def _shape(path: Path) -> tuple[str, ...]:
    """Format and labels; empty for what is no table."""
    try:
        head = reader_for(path, path.name).head(path, DataConfig(), path.name)
    except DataError:
        return ()
    labels = labels_of(head)
    return (head.format, *labels) if len(labels) > 1 else ()


def _sentence(folder: Path, files: Sequence[Path], left_out: Sequence[tuple[str, str]]) -> str:
    count = f"{len(files)} file{'' if len(files) == 1 else 's'} of `{folder.name}` {'is' if len(files) == 1 else 'are'} opened"
    if not left_out:
        return f"{count}."
    shown = ", ".join(f"`{name}` ({why})" for name, why in left_out[:_NAMED])
    more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
    return f"{count}; left out: {shown}{more}."
