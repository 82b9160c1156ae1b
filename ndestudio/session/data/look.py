"""What the Data stage asks of a file on a worker: its preview, its first rows as written, and import settings that fit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    from ndestudio.data.file_preview import Preview
    from ndestudio.data.raw_rows import RawRows
    from ndestudio.data.readers.base import Head
    from ndestudio.figures.description import Panel


@dataclass(frozen=True)
class RowMarks:
    """Which rows of the file are what, 1-based; None where there is none or it is not known."""

    names: int | None = None
    units: int | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Look:
    """What was seen of a file.

    Parameters
    ----------
    preview
        None where the reader makes nothing of it; then ``error`` says why.
    raw
        Its first rows; they may be there without a preview.
    panels
        Its columns over the time, see ``figures.columns``.
    offers
        Names of import settings that were saved for files of its shape.
    """

    preview: Preview | None
    raw: RawRows | None = None
    marks: RowMarks = RowMarks()
    panels: tuple[Panel, ...] = field(default=(), compare=False)
    offers: tuple[str, ...] = ()
    error: DataError | None = None


def look(path: str, config: DataConfig, settings: Path | None, *, reporter: Reporter) -> Look:
    """Look at the beginning of a file.

    Parameters
    ----------
    settings
        File with the person's import settings; they are tried only while nothing was said about the file yet.
    """
    from ndestudio.data.file_preview import head_of, preview_of
    from ndestudio.data.raw_rows import raw_rows
    from ndestudio.figures.columns import column_panels

    del reporter
    head, preview, error = None, None, None
    try:
        head = head_of(path, config)
        preview = preview_of(head, config)
    except DataError as found:
        error = found
    raw = raw_rows(path, config, head)
    offers = _offers(path, config, settings, raw) if settings is not None else ()
    if error is not None and not raw.cells:
        raise error
    panels = column_panels(preview) if preview is not None else ()
    return Look(preview, raw, _marks(head, raw), panels, offers, error)


def untouched(config: DataConfig) -> bool:
    """Whether nothing was said about the files but which they are and how they are split."""
    return config == msgspec.structs.replace(DataConfig(), files=config.files, split=config.split)


def _offers(path: str, config: DataConfig, settings: Path, raw: RawRows) -> tuple[str, ...]:
    from ndestudio.data.import_settings import ImportSettingsStore, fitting_settings

    if not untouched(config):
        return ()
    known = ImportSettingsStore(settings).all()
    return tuple(one.name for one in fitting_settings(known, path, config, raw)) if known else ()


def _marks(head: Head | None, raw: RawRows) -> RowMarks:
    """Where the rows of a head are among the rows as written."""
    from ndestudio.data.names import split_header

    if head is None or not head.rows:
        return RowMarks()
    first, labels = head.rows[0], [split_header(header)[0] for header in head.headers]
    above = [(number, cells) for number, cells in zip(raw.numbers, raw.cells, strict=True) if number < first]
    names = None
    for number, cells in above:
        same = sum(split_header(cell)[0] == label for cell, label in zip(cells, labels, strict=False) if label)
        if same and 2 * same >= len([label for label in labels if label]):
            names = number
    between = [number for number, cells in above if names is not None and number > names and any(cells)]
    last = head.rows[-1] if head.exact and len(head.rows) == head.row_count else None
    return RowMarks(names, between[0] if len(between) == 1 else None, first, last)
