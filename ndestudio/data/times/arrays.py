"""Times in arrays and frames: the same forms as in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ndestudio.data.config import DataConfig
from ndestudio.data.names import split_header
from ndestudio.data.times.calendar import DAY, MICRO
from ndestudio.data.times.cells import read, series_of
from ndestudio.data.times.choice import bad_format, named
from ndestudio.data.times.clock import Clock
from ndestudio.data.times.recognise import Reading, recognise, recognise_numbers
from ndestudio.data.times.settle import ClockColumns, as_number, settled
from ndestudio.errors import DataError


@dataclass(frozen=True, eq=False)
class Held:
    """A column in memory, as ``candidates.Seen`` has it."""

    index: int
    header: str
    label: str
    unit: str
    kind: Literal["number", "text", "date"]
    values: np.ndarray
    texts: tuple[str, ...]
    missing: int
    reading: Reading | None


def clock_of(
    columns: Sequence[tuple[str, np.ndarray]], time_format: str | None = None, *, plain: bool = False
) -> tuple[Clock, np.ndarray]:
    """The clock of columns in memory, and the time of each row as ``Clock.seconds`` gives it.

    Parameters
    ----------
    columns
        Header and values of the column, or of the columns that tell the time together: numbers, `datetime64`, or objects
        (text, dates, None).
    plain
        Whether numbers are the time as they stand, whatever the header says.

    Raises
    ------
    DataError
        No times, or times that can be read in several ways.
    """
    try:
        held = [_held(index, header, values, time_format, plain) for index, (header, values) in enumerate(columns)]
    except ValueError as error:
        raise bad_format(str(time_format), None, str(error)) from error
    chosen = named(held, None)
    if chosen.problems:
        raise chosen.problems[0]
    assert chosen.clock is not None
    rows = np.arange(1, len(columns[0][1]) + 1, dtype=np.int64)
    taken = {}
    for part in chosen.clock.parts:
        one = held[part.index]
        if as_number(part):
            taken[part.index] = one.values
        elif part.others:
            taken[part.index] = np.array(one.texts, dtype=object)
        else:
            assert part.form is not None
            cells = series_of(one.texts) if one.texts else _numbers(one.values)
            taken[part.index] = read(cells, part.form, name=None, column=one.label, rows=rows)
    config = DataConfig(time_format=time_format)
    clock, times, _ = settled(chosen.clock, [ClockColumns(None, taken, rows)], config)
    return clock, times[0]


def _held(index: int, header: str, values: np.ndarray, time_format: str | None, plain: bool) -> Held:
    label, unit = split_header(header)
    numbers = _as_numbers(values, header)
    if numbers is not None:
        reading = None if plain and time_format is None else recognise_numbers(numbers, label, unit, time_format, ("",))
        return Held(index, header, label, unit, "number", numbers, (), 0 if len(numbers) else 1, reading)
    texts = _as_texts(values, header)
    series = series_of(texts)
    reading = recognise(series, label, unit, time_format) or recognise(series, label, unit)
    missing = series.null_count()
    if reading is None:
        return Held(index, header, label, unit, "text", np.full(len(texts), np.nan), texts, missing, None)
    seconds, _ = reading.form.seconds(series)
    zero = reading.form.zero if reading.form.measure == "moment" else 0
    return Held(index, header, label, unit, "date", (seconds + zero / MICRO) / DAY, texts, missing, reading)


def _numbers(values: np.ndarray) -> Any:
    import polars as pl

    return pl.Series(values, nan_to_null=True)


def _absent(value: object) -> bool:
    return value is None or value != value


def _as_numbers(values: np.ndarray, header: str) -> np.ndarray | None:
    """Numbers, None for a column that holds something else."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    if values.dtype.kind != "O" or not all(_absent(one) or isinstance(one, (int, float, np.number)) for one in values):
        return None
    return np.array([np.nan if _absent(one) else float(one) for one in values], dtype=np.float64)


def _as_texts(values: np.ndarray, header: str) -> tuple[str, ...]:
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        micro = values.astype("datetime64[ns]" if _fine(values) else "datetime64[us]")
        return tuple("" if gone else str(one) for one, gone in zip(micro, missing, strict=True))
    if values.dtype.kind == "m":
        micro = values.astype("timedelta64[us]")
        return tuple("" if np.isnat(one) else _spelled(int(one.astype(np.int64))) for one in micro)
    return tuple(
        _as_text(one, row, header) for row, one in enumerate(values.tolist() if values.dtype.kind in "US" else values)
    )


def _fine(values: np.ndarray) -> bool:
    return np.datetime_data(values.dtype)[0] in ("ns", "ps", "fs", "as")


def _spelled(micro: int) -> str:
    seconds, rest = divmod(abs(micro), MICRO)
    text = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:06d}"
    return f"-{text}" if micro < 0 else text


def _as_text(value: object, row: int, header: str) -> str:
    if _absent(value):
        return ""
    if isinstance(value, str):
        return value
    seconds = getattr(value, "total_seconds", None)
    if callable(seconds):
        return _spelled(round(float(seconds()) * MICRO))  # type: ignore[arg-type]
    isoformat = getattr(value, "isoformat", None)
    if callable(isoformat):
        return str(isoformat())
    if isinstance(value, (int, float, np.number)):
        return repr(float(value))
    raise DataError(f"`{value}` is neither a number nor a time", row=row + 1, column=header)
