"""What the Data stage asks of a file on a worker: its preview, its first rows as written, and import settings that fit it."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Which rows of the file are what, 1-based; None where there is none or it is not known.

    labels: of the column that each cell of a row belongs to, "" where it belongs to none.
    """

    names: int | None = None
    units: int | None = None
    first: int | None = None
    last: int | None = None
    labels: tuple[str, ...] = ()


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
    labels = [column.label for column in preview.columns] if preview is not None else []
    marks = _marks(head, raw, labels) if labels else RowMarks()
    return Look(preview, raw, marks, panels, offers, error)


def untouched(config: DataConfig) -> bool:
    """Whether nothing was said about the files but which they are and how they are split."""
    return config == msgspec.structs.replace(DataConfig(), files=config.files, split=config.split)


def _offers(path: str, config: DataConfig, settings: Path, raw: RawRows) -> tuple[str, ...]:
    from ndestudio.data.import_settings import ImportSettingsStore, fitting_settings

    if not untouched(config):
        return ()
    known = ImportSettingsStore(settings).all()
    return tuple(one.name for one in fitting_settings(known, path, config, raw)) if known else ()


def _marks(head: Head | None, raw: RawRows, labels: Sequence[str]) -> RowMarks:
    """Where the rows and columns of a head are among the rows as written."""
    from ndestudio.data.tables.view import View

    layout = head.layout if head is not None else None
    if layout is None:
        return RowMarks()
    view, columns = View(layout), {*layout.columns, *(place for one in layout.blocks for place in one.columns)}
    return RowMarks(
        layout.header_row or None,
        layout.units_row or None,
        layout.first_row,
        layout.last_row or None,
        tuple(
            view.label_of(place, labels) if place in columns else "" for place in range(max(raw.width, layout.width))
        ),
    )
