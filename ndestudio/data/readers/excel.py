"""Excel workbooks, through polars and fastexcel (the extra `excel`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.data.cells import Kind, is_missing
from ndestudio.data.config import DataConfig
from ndestudio.data.names import suggestion
from ndestudio.data.readers.base import Head, Meter, Table, check_path, markers
from ndestudio.data.readers.dialect import find_layout
from ndestudio.data.readers.frames import as_text, frame_head, frame_table, head_rows
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl

_MEMBERS = (b"[Content_Types].xml", b"application/vnd.oasis.opendocument.spreadsheet", b"xl/")
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of an OLE compound file, which `.xls` files are."""


class ExcelReader:
    """Workbooks of Excel and LibreOffice; the first sheet unless ``DataConfig.sheet`` says otherwise."""

    title = "Excel"
    endings = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

    def recognises(self, path: Path, first: bytes) -> float:
        """A workbook is a zip archive that begins with one of a few members, or an old compound file."""
        zipped = first.startswith(b"PK") and any(word in first for word in _MEMBERS)
        return 0.9 if zipped else 0.5 if first.startswith(_COMPOUND) else 0.0

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Sheets, header and first rows."""
        frame, sheets, sheet = _open(path, config, name)
        extra = markers(config)
        sample = [[as_text(value) for value in row] for row in frame.head(head_rows(frame.width) + 10).iter_rows()]
        filled = [index for index, row in enumerate(sample) if not all(is_missing(cell) for cell in row)]
        if not filled:
            raise DataError(f"the sheet `{sheet}` is empty; choose another sheet", path=name)
        layout = find_layout([_stripped(sample[index]) for index in filled], ".", extra)
        headers = sample[filled[layout.header]] if layout.header is not None else [""] * frame.width
        if layout.units is not None:
            units = sample[filled[layout.units]]
            headers = [f"{one} [{unit}]" if unit else one for one, unit in zip(headers, units, strict=True)]
        start = filled[layout.first] if layout.first < len(filled) else frame.height
        notes = [f"Sheet `{sheet}` of {len(sheets)} was taken."] if len(sheets) > 1 and config.sheet is None else []
        body = _body(path, sheet, start, name)
        return frame_head(
            body.head(head_rows(frame.width)),
            headers,
            name=name,
            format="excel",
            row_count=body.height,
            first_row=start + 1,
            notes=notes,
            choices=sheets,
        )

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        import polars as pl

        meter = Meter(reporter, 1, head.path)
        check_path(path, head.path)
        body = _body(path, config.sheet if config.sheet is not None else head.choices[0], head.rows[0] - 1, head.path)
        body = body.rename({old: str(index) for index, old in enumerate(body.columns)})
        body = body.select(pl.col(str(index)) for index in kinds)
        table = frame_table(body, path, head, kinds, config)
        meter.at(1)
        return table


def _open(path: Path, config: DataConfig, name: str) -> tuple[pl.DataFrame, tuple[str, ...], str]:
    check_path(path, name)
    try:
        import fastexcel
    except ImportError as error:
        raise DataError(
            'reading Excel files needs the package fastexcel; run `pip install "ndestudio[excel]"`, or save the sheet as CSV',
            path=name,
        ) from error
    try:
        book = fastexcel.read_excel(str(path))
        sheets = tuple(book.sheet_names)
    except Exception as error:
        raise _unreadable(name, error) from error
    if config.sheet is not None and config.sheet not in sheets:
        raise DataError(f"there is no sheet `{config.sheet}`{suggestion(config.sheet, sheets)}", path=name)
    sheet = config.sheet if config.sheet is not None else sheets[0]
    try:
        # all as text, and from the first row on, so that rows keep the numbers that the person sees
        loaded = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
        frame = loaded.to_polars()
    except Exception as error:
        raise _unreadable(name, error) from error
    return frame, sheets, sheet


def _body(path: Path, sheet: str, start: int, name: str) -> pl.DataFrame:
    """The rows of numbers with the types of their cells (as text they would lose digits)."""
    import fastexcel

    try:
        loaded = fastexcel.read_excel(str(path)).load_sheet(sheet, header_row=None, skip_rows=start)
        return loaded.to_polars()
    except Exception as error:
        raise _unreadable(name, error) from error


def _stripped(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


def _unreadable(name: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"the workbook cannot be read ({first}); open and save it again, or save it as CSV", path=name)
