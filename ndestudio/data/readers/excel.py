"""Excel workbooks, through polars and fastexcel (the extra `excel`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import split_header, suggestion, unique_labels
from ndestudio.data.readers.base import Head, Meter, Table, check_path, markers, sha256, to_columns, with_markers
from ndestudio.data.readers.frames import as_text, head_rows
from ndestudio.data.readers.turned import turned_cells, turned_table
from ndestudio.data.tables import Layout, RawRow, View, find
from ndestudio.data.tables.instruments import recognise, transposed
from ndestudio.data.tables.settle import layout_of, normalised, notes_of
from ndestudio.errors import DataError
from ndestudio.progress import Reporter

if TYPE_CHECKING:
    import polars as pl
    from fastexcel import ExcelReader as ExcelBook

_MEMBERS = (b"[Content_Types].xml", b"application/vnd.oasis.opendocument.spreadsheet", b"xl/")
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of an OLE compound file, which `.xls` files are."""


_FIRST_LINES = 400
"""In so many rows an instrument is known by what stands there."""


class ExcelReader:
    """Workbooks of Excel and LibreOffice; the first sheet with a table unless ``DataConfig.sheet`` says otherwise."""

    title = "Excel"
    endings = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

    def recognises(self, path: Path, first: bytes) -> float:
        """A workbook is a zip archive that begins with one of a few members, or an old compound file."""
        zipped = first.startswith(b"PK") and any(word in first for word in _MEMBERS)
        return 0.9 if zipped else 0.5 if first.startswith(_COMPOUND) else 0.0

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """Sheets, header and first rows."""
        check_path(path, name)
        book = _book(path, name)
        sheets = tuple(book.sheet_names)
        if config.sheet is not None and config.sheet not in sheets:
            raise DataError(f"there is no sheet `{config.sheet}`{suggestion(config.sheet, sheets)}", path=name)
        sheet, rows, layout, decided = _first_table(
            book, [config.sheet] if config.sheet is not None else sheets, path, config, name
        )
        view = View(layout)
        if layout.transposed:
            raw, lines = turned_cells(rows, layout)
            count = len(raw)
        else:
            body = _body(path, sheet, layout, name)
            raw = [[as_text(value) for value in row] for row in body.head(head_rows(body.width)).iter_rows()]
            lines, count = range(layout.first_row, layout.first_row + len(raw)), body.height
        cells, places = view.cells(normalised(raw, layout), lines)
        if not cells:
            raise DataError("the file has a header but no rows of numbers below it; add at least two", path=name)
        which = [] if len(sheets) < 2 or config.sheet is not None else [_which_sheet(sheet, sheets)]
        return Head(
            path=name,
            format="excel",
            headers=view.headers,
            cells=tuple(cells),
            rows=tuple(places),
            row_count=count,
            exact=True,
            notes=(*(one.sentence for one in which), *notes_of(layout, rows)),
            choices=sheets,
            sheet=sheet,
            decisions=(*which, *decided),
            layout=layout,
        )

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns."""
        import polars as pl

        if head.layout is None:
            raise ValueError("the head of a workbook has a layout")
        check_path(path, head.path)
        if head.layout.transposed:
            return turned_table(path, head, kinds, config, reporter)
        meter = Meter(reporter, 1, head.path)
        view = View(head.layout)
        body = _body(path, head.sheet, head.layout, head.path)
        rows = np.arange(head.layout.first_row, head.layout.first_row + body.height, dtype=np.int64)
        body = body.rename({old: str(index) for index, old in enumerate(body.columns)})
        sources = view.sources(kinds)
        config = with_markers(config, head.layout)
        head = replace(head, times=view.by_position(head.times))
        body = body.select(pl.col(str(index)) for index in sources)
        labels = unique_labels([split_header(header)[0] for header in head.headers])
        named = {raw: view.label_of(raw, labels) for raw in sources}
        columns, rows = view.gather(to_columns(body, head, sources, config, named, rows), rows, kinds)
        meter.at(1)
        return Table(columns, rows, sha256(path))


def _which_sheet(sheet: str, sheets: Sequence[str]) -> Decision:
    first = " It is the first that holds a table." if sheet != sheets[0] else ""
    return Decision(
        "table",
        f"Sheet `{sheet}` of {len(sheets)} was taken.{first}",
        choices=tuple(Choice(one, {"sheet": one}) for one in sheets),
        chosen=sheets.index(sheet),
        certain=sheet != sheets[0],
    )


def _book(path: Path, name: str) -> ExcelBook:
    try:
        import fastexcel
    except ImportError as error:
        raise DataError(
            'reading Excel files needs the package fastexcel; run `pip install "ndestudio[excel]"`, or save the sheet as CSV',
            path=name,
        ) from error
    try:
        return fastexcel.read_excel(str(path))
    except Exception as error:
        raise _unreadable(name, error) from error


def _first_table(
    book: ExcelBook, sheets: Sequence[str], path: Path, config: DataConfig, name: str
) -> tuple[str, list[RawRow], Layout, tuple[Decision, ...]]:
    """The first of some sheets that holds a table."""
    filled = False
    for sheet in sheets:
        rows, whole = _grid(book, sheet, name)
        filled = filled or bool(rows)
        if find(rows, ".", markers(config), to_the_end=whole) is None:
            continue
        found = recognise(_lines(rows), path.suffix.lower(), config)
        if found is not None and found.rule.transposed:
            rows, whole = _grid(book, sheet, name, every=True)
            rows = transposed(rows, found, config.header_row)
        layout, decisions = layout_of(rows, config, ".", name, found, whole)
        return sheet, rows, layout, decisions
    what = f"the sheet `{sheets[0]}`" if len(sheets) == 1 else "every sheet"
    why = "holds no rows of numbers" if filled else "is empty"
    raise DataError(f"{what} {why}; choose another sheet", path=name)


def _lines(rows: Sequence[RawRow]) -> list[str]:
    """The first rows of a sheet as lines of a text file, empty ones among them."""
    lines = [""] * min(rows[-1].line if rows else 0, _FIRST_LINES)
    for row in rows:
        if row.line <= len(lines):
            lines[row.line - 1] = "\t".join(row.cells)
    return lines


def _grid(book: ExcelBook, sheet: str, name: str, every: bool = False) -> tuple[list[RawRow], bool]:
    """The first rows of a sheet as text, and whether these are all."""
    try:
        # all as text, and from the first row on, so that rows keep the numbers that the person sees
        frame = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except Exception as error:
        raise _unreadable(name, error) from error
    count = frame.height if every else head_rows(frame.width) + 10
    rows: list[RawRow] = []
    gap = False
    for line, row in enumerate(frame.head(count).iter_rows(), 1):
        cells = tuple(as_text(value).strip() for value in row)
        if any(cells):
            rows.append(RawRow(line, cells, gap))
        gap = not any(cells)
    return rows, frame.height <= count


def _body(path: Path, sheet: str, layout: Layout, name: str) -> pl.DataFrame:
    """The rows of numbers with the types of their cells (as text they would lose digits); durations as `h:mm:ss`."""
    import fastexcel
    import polars as pl

    count = layout.last_row - layout.first_row + 1 if layout.last_row else None
    try:
        loaded = fastexcel.read_excel(str(path)).load_sheet(
            sheet, header_row=None, skip_rows=layout.first_row - 1, n_rows=count
        )
        frame = loaded.to_polars()
    except Exception as error:
        raise _unreadable(name, error) from error
    missing = [pl.lit(None, dtype=pl.String).alias(f"missing {k}") for k in range(layout.width - frame.width)]
    return frame.with_columns(
        _clock(pl.col(one)).alias(one) for one, kind in frame.schema.items() if kind == pl.Duration
    ).with_columns(missing)


def _clock(column: pl.Expr) -> pl.Expr:
    """A duration as text, its hours beyond 24 counted on."""
    import polars as pl

    total = column.dt.total_milliseconds()
    whole = total.abs() // 1000
    two = [(whole // 60 % 60).cast(pl.String).str.zfill(2), (whole % 60).cast(pl.String).str.zfill(2)]
    rest = total.abs() % 1000
    sign = pl.when(total < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    fraction = pl.when(rest > 0).then(pl.format(".{}", rest.cast(pl.String).str.zfill(3))).otherwise(pl.lit(""))
    return pl.format("{}{}:{}:{}{}", sign, whole // 3600, *two, fraction)


def _unreadable(name: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"the workbook cannot be read ({first}); open and save it again, or save it as CSV", path=name)
