"""What every reader gives: the head of a file, for guessing and showing, and then its chosen columns."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Int64

from ndestudio.data.cells import LARGEST, Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision
from ndestudio.data.names import split_header
from ndestudio.data.tables.layout import Layout
from ndestudio.data.times.forms import TimeForm
from ndestudio.errors import DataError
from ndestudio.progress import Progress, Reporter

if TYPE_CHECKING:
    import polars as pl

HEAD_CELLS = 100_000
"""At most so many cells of a head are analysed, so that a preview is instant for wide files, too."""


ISO = TimeForm("iso", "date", "ymd")
"""How dates are read where nothing else is said."""


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Parameters
    ----------
    delimiter
        `" "` stands for any run of blanks and tabs.
    comment
        What a comment line starts with, "" if there are none.
    first_row
        1-based line of the first row of numbers.
    newline
        `"\\n"` (also for `"\\r\\n"`) or `"\\r"`.
    repeats
        Pattern of the lines inside the table that repeat a title or header ("": there are none); blanks count as one.
    skip
        Pattern of further lines that are no part of the table ("": there are none).
    """

    encoding: str
    delimiter: str
    decimal: str
    comment: str
    first_row: int
    newline: str = "\n"
    repeats: str = ""
    skip: str = ""


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Parameters
    ----------
    headers
        One for each column, as written in the file ("" where there is none).
    cells
        Rows as text; all rows are as long as ``headers``.
    rows
        1-based place of each row in the file (the header counts).
    row_count
        Rows of the whole file, an estimate unless ``exact``.
    notes
        What was guessed, in sentences.
    problems
        What will keep the file from being loaded.
    choices
        Sheets of a workbook or variables of an array file, where one must be chosen.
    decisions
        What the reader took the file for, and what it leaves open.
    layout
        Where the table is among the rows of the file.
    sheet
        Of a workbook: the one that was taken.
    settings
        Fields of ``DataConfig`` that suit files of the instrument, as far as the person says nothing else.
    clock
        Columns that tell the time: `inf` in them means a steady state.
    """

    path: str
    format: str
    headers: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]
    row_count: int
    exact: bool
    dialect: Dialect | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[DataError, ...] = ()
    choices: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    times: Mapping[int, TimeForm] = field(default_factory=dict)
    layout: Layout | None = None
    sheet: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    clock: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Table:
    """The chosen columns of one whole file.

    Parameters
    ----------
    columns
        Index of the column in the file -> numbers (float64, NaN where missing; times as seconds by ``Head.times``) or text
        (object array, "" where missing).
    rows
        1-based place of each row in the file.
    sha256
        Of the bytes of the file.
    """

    columns: dict[int, np.ndarray]
    rows: Int64[np.ndarray, " row"]
    sha256: str = ""
    notes: tuple[str, ...] = field(default=())


@runtime_checkable
class Reader(Protocol):
    """A file format.

    A reader may also have ``recognises(path, first_bytes) -> float``: how sure it is, 0 to 1, that it can read a file with
    these first bytes. It decides where an ending is nobody's, or that of several readers.
    """

    title: str
    """What a person calls the format."""
    endings: tuple[str, ...]
    """Of its files: lower case, with the dot."""

    def head(self, path: Path, config: DataConfig, name: str) -> Head:
        """The beginning of a file that errors call ``name``."""
        ...

    def read(self, path: Path, head: Head, kinds: Mapping[int, Kind], config: DataConfig, reporter: Reporter) -> Table:
        """The chosen columns of the whole file."""
        ...


def markers(config: DataConfig) -> frozenset[str]:
    """The person's own markers of missing values, ready for ``cells.is_missing``."""
    return frozenset(marker.strip().lower() for marker in config.missing)


def with_markers(config: DataConfig, layout: Layout) -> DataConfig:
    """The configuration with what means "not measured" in files of the instrument."""
    if not layout.missing:
        return config
    return msgspec.structs.replace(config, missing=tuple(dict.fromkeys([*config.missing, *layout.missing])))


def suited(config: DataConfig, head: Head) -> DataConfig:
    """The configuration with the settings that suit files of the instrument, where the person said nothing."""
    labels = {split_header(header)[0] for header in head.headers}
    default = DataConfig()
    changes = {
        name: value
        for name, value in head.settings.items()
        if name in config.__struct_fields__ and getattr(config, name) == getattr(default, name)
        if name not in _COLUMN_FIELDS or value in labels
    }
    return msgspec.structs.replace(config, **changes) if changes else config


_COLUMN_FIELDS = frozenset({"time", "trajectory", "observable", "value"})
"""Settings that name a column."""


def check_path(path: Path, name: str) -> int:
    """Size of a file in bytes; a ``DataError`` if it is missing, a folder, not readable, or empty."""
    try:
        if path.is_dir():
            raise DataError("this is a folder; choose the data files in it", path=name)
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise DataError(
            "there is no such file (any more); if it was moved, renamed or deleted, choose it again", path=name
        ) from error
    except PermissionError as error:
        raise DataError("the file may not be read; change its permissions or copy it elsewhere", path=name) from error
    except OSError as error:
        raise DataError(f"the file cannot be read ({error.strerror or error})", path=name) from error
    if size == 0:
        raise DataError("the file is empty; it needs a header and at least two rows of numbers", path=name)
    return size


def sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file (hex)."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bad_number(text: str, *, name: str, row: int, column: str, decimal: str = ".") -> DataError:
    """The error for text in a column of numbers."""
    hint = ""
    if decimal == "." and "," in text and "." not in text:
        hint = "if the comma is a decimal comma, set decimal to `,`; otherwise "
    elif "," in text and "." in text:
        hint = "write numbers without thousands separators; otherwise "
    shown = text if len(text) <= 40 else text[:37] + "..."
    return DataError(
        f"`{shown}` is not a number; {hint}correct the cell, empty it if nothing was measured, add `{shown}` to the "
        "missing markers, or ignore the column",
        path=name,
        row=row,
        column=column,
        remedy=("missing", text.strip()),
    )


def to_columns(
    frame: pl.DataFrame, head: Head, kinds: Mapping[int, Kind], config: DataConfig, labels: Mapping[int, str], rows: Any
) -> dict[int, np.ndarray]:
    """Turn the columns of a frame (named by their index) into what a ``Table`` holds.

    Parameters
    ----------
    frame
        Text or typed columns, called `"0"`, `"1"`, ...
    rows
        1-based place of each row in the file.

    Raises
    ------
    DataError
        Text in a column of numbers, infinite or huge numbers.
    """
    result: dict[int, np.ndarray] = {}
    for index, kind in kinds.items():
        place = {"name": head.path, "column": labels[index], "rows": rows}
        series = frame[str(index)]
        if kind == "text":
            result[index] = _texts(series, config)
        elif kind == "date":
            result[index] = _times(series, head.times.get(index, ISO), head, config, **place)
        else:
            result[index] = _numbers(series, head, config, **place, endless=index in head.clock)
    return result


def side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray | None:
    """The part of a matrix whose columns are these, if they stand beside each other in one; nothing is copied.

    Parameters
    ----------
    columns
        `[row]` each.

    Returns
    -------
    numpy.ndarray or None
        `[row column]`.
    """
    base = columns[0].base if columns else None
    if not isinstance(base, np.ndarray) or base.ndim != 2 or base.dtype != np.float64 or not base.flags.c_contiguous:
        return None
    first = columns[0].ctypes.data - base.ctypes.data
    count = len(columns[0])
    if not 0 <= first < base.strides[0] or any(
        one.base is not columns[0].base
        or len(one) != count
        or one.strides != base.strides[:1]
        or one.ctypes.data != columns[0].ctypes.data + place * base.itemsize
        for place, one in enumerate(columns)
    ):
        return None
    place = first // base.itemsize
    return base[:count, place : place + len(columns)]


def check_finite(values: np.ndarray, *, name: str, column: str, rows: Any) -> None:
    """Raise for an infinite or huge number."""
    if not len(values) or max(float(np.fmax.reduce(values)), -float(np.fmin.reduce(values))) <= LARGEST:
        return
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(np.abs(values) > LARGEST)
    if len(bad):
        value = float(values[bad[0]])
        seen = "an infinite number" if np.isinf(value) else f"{value:g}, too large to compute with"
        raise DataError(
            f"{seen} was found; correct the cell, or add `{value:g}` to the missing markers if it means that nothing "
            "was measured" + ("" if np.isinf(value) else " (or give the column in a larger unit)"),
            path=name,
            row=int(rows[bad[0]]),
            column=column,
        )


def _texts(series: pl.Series, config: DataConfig) -> np.ndarray:
    import polars as pl

    text = series.cast(pl.String).fill_null("").str.strip_chars()
    return text.to_numpy().astype(object)


def _times(
    series: pl.Series, form: TimeForm, head: Head, config: DataConfig, *, name: str, column: str, rows: Any
) -> np.ndarray:
    from ndestudio.data.times.cells import read

    decimal = head.dialect.decimal if head.dialect else "."
    return read(series, form, name=name, column=column, rows=rows, decimal=decimal, extra=markers(config))


def _numbers(
    series: pl.Series, head: Head, config: DataConfig, *, name: str, column: str, rows: Any, endless: bool = False
) -> np.ndarray:
    import polars as pl

    from ndestudio.data.cells import MISSING, number
    from ndestudio.data.shape.below import beyond

    decimal = head.dialect.decimal if head.dialect else "."
    extra = markers(config)
    if series.dtype == pl.String or series.dtype == pl.Object:
        text = series.cast(pl.String).str.strip_chars()
        wanted = ~text.str.to_lowercase().is_in(list(MISSING | extra)).fill_null(True)
        values = text.cast(pl.Float64, strict=False)
        if decimal == ",":
            # a point could only group thousands here, and 1.500 must not become one and a half
            values = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
            values = pl.select(pl.when(~text.str.contains(".", literal=True)).then(values)).to_series()
        odd = (values.is_null() & wanted).arg_true()
        found: list[float] = []
        for place, cell in zip(odd, text.gather(odd), strict=True):
            value = number(cell, decimal)
            if value is None:
                value = beyond(cell, decimal, config.below, path=name, row=int(rows[place]), column=column)
            if value is None:
                raise bad_number(cell, name=name, row=int(rows[place]), column=column, decimal=decimal)
            found.append(value)
        if found:
            values = values.scatter(odd, found)
        values = pl.select(pl.when(wanted).then(values)).to_series()
    elif series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype == pl.Binary:
        raise DataError(f"the column holds {series.dtype}, not numbers; ignore it", path=name, column=column)
    else:
        values = series if series.dtype == pl.Float64 else series.cast(pl.Float64, strict=False)
    array = (values.fill_null(float("nan")) if values.null_count() else values).to_numpy()
    for marker in extra:
        if (value := number(marker)) is not None and (hit := array == value).any():
            array = np.where(hit, np.nan, array)
    checked = np.where(array == np.inf, np.nan, array) if endless else array
    check_finite(checked, name=name, column=column, rows=rows)
    return array


class Meter:
    """Emits ``Progress`` of reading at most ten times a second, with the seconds still to go."""

    def __init__(self, reporter: Reporter, total: int, text: str) -> None:
        self._reporter = reporter
        self._total = max(total, 1)
        self._text = text
        self._start = self._last = time.monotonic()

    def at(self, done: int) -> None:
        """Report ``done`` of the total; a ``DataError`` if the person asked to stop."""
        if self._reporter.should_stop():
            raise DataError("reading was stopped before its end; load the file again to go on", path=self._text)
        now = time.monotonic()
        if now - self._last < 0.1 and done < self._total:
            return
        self._last = now
        fraction = min(done / self._total, 1.0)
        eta = (now - self._start) * (1 - fraction) / fraction if fraction > 0 else None
        self._reporter.emit(Progress(fraction, eta, f"Reading {self._text}"))
