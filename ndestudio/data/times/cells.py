"""Cells of any source as the text, or the numbers, that a time form reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ndestudio.data.cells import is_missing
from ndestudio.data.times.forms import TimeForm
from ndestudio.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def series_of(texts: Sequence[str], extra: frozenset[str] = frozenset()) -> pl.Series:
    """Cells of a head, null where they mean "not measured"."""
    import polars as pl

    return pl.Series([None if is_missing(text, extra) else text for text in texts], dtype=pl.String)


def as_cells(series: pl.Series, form: TimeForm, decimal: str = ".") -> pl.Series:
    """A column of any type as ``TimeForm.seconds`` takes it."""
    import polars as pl

    if series.dtype == pl.Object:
        series = pl.Series([None if one is None else str(one) for one in series], dtype=pl.String)
    if not form.grammar:
        if series.dtype == pl.String:
            series = series.str.strip_chars()
            return series.str.replace(",", ".", literal=True) if decimal == "," else series
        return series
    if series.dtype == pl.Time:
        return series.dt.to_string("%H:%M:%S%.6f")
    if series.dtype == pl.Duration:
        micro = series.dt.total_microseconds()
        sign = pl.select(pl.when(micro < 0).then(pl.lit("-")).otherwise(pl.lit(""))).to_series()
        size = micro.abs()
        parts = [(size // 3_600_000_000), (size // 60_000_000) % 60, (size // 1_000_000) % 60, size % 1_000_000]
        frame = pl.DataFrame({"sign": sign, **{f"p{k}": one for k, one in enumerate(parts)}})
        padded = [pl.col(f"p{k}").cast(pl.String).str.zfill(width) for k, width in ((1, 2), (2, 2), (3, 6))]
        text = pl.format("{}{}:{}:{}.{}", "sign", "p0", *padded)
        return frame.select(pl.when(pl.col("p0").is_not_null()).then(text)).to_series()
    if series.dtype.is_temporal():
        return series.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    if series.dtype.is_float():
        series = series.fill_nan(None).cast(pl.Int64, strict=False)
    return series if series.dtype == pl.String else series.cast(pl.String)


def read(
    series: pl.Series,
    form: TimeForm,
    *,
    name: str | None,
    column: str,
    rows: Sequence[int] | np.ndarray,
    decimal: str = ".",
    extra: frozenset[str] = frozenset(),
) -> Float[np.ndarray, " row"]:
    """The seconds of a whole column, NaN where a cell means "not measured".

    Raises
    ------
    DataError
        A cell is no such time.
    """
    import polars as pl

    cells = as_cells(series, form, decimal)
    if extra and cells.dtype == pl.String:
        cells = cells.set(cells.str.strip_chars().str.to_lowercase().is_in(list(extra)), None)
    seconds, bad = form.seconds(cells)
    for place in np.flatnonzero(bad):
        cell = str(cells[int(place)])
        if not is_missing(cell, extra):
            raise bad_time(cell, form, name=name, row=int(rows[int(place)]), column=column)
    return seconds


def bad_time(cell: str, form: TimeForm, *, name: str | None, row: int, column: str) -> DataError:
    """The error of a cell that is no time of the form of its column."""
    shown = cell if len(cell) <= 40 else cell[:37] + "..."
    return DataError(
        f"`{shown}` is no time as the other cells are written ({form.name}); correct the cell, add `{shown}` to the missing "
        "markers if it tells no time, or say how the times are written (`time_format`)",
        path=name,
        row=row,
        column=column,
        remedy=("missing", cell.strip()),
    )
