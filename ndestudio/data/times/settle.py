"""What the head of a file left open about its clock is decided by all cells of all files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int64

from ndestudio.data.cells import MISSING
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Decision, question
from ndestudio.data.times.cells import bad_time
from ndestudio.data.times.choice import open_format, settled_format
from ndestudio.data.times.clock import Clock, Part
from ndestudio.data.times.recognise import recognise


@dataclass(frozen=True, eq=False)
class ClockColumns:
    """The columns of a clock as one file has them.

    Parameters
    ----------
    columns
        Index in the first file -> seconds by the form of the part, numbers, or text where a form is not settled.
    rows
        1-based place of each row in the file.
    """

    path: str | None
    columns: dict[int, np.ndarray]
    rows: Int64[np.ndarray, " row"]


def as_number(part: Part) -> bool:
    """Whether the column of a part is read as numbers."""
    return part.form is None or part.form.plain


def settled(
    clock: Clock, files: Sequence[ClockColumns], config: DataConfig
) -> tuple[Clock, list[Float[np.ndarray, " row"]], tuple[Decision, ...]]:
    """The clock without open readings, the time of each row of each file, and what was decided.

    Raises
    ------
    DataError
        A cell is no such time, or all cells together leave open which number is the day.
    """
    columns = [dict(file.columns) for file in files]
    parts: list[Part] = []
    decisions: list[Decision] = []
    for part in clock.parts:
        if part.others and not as_number(part):
            part, seconds, decision = _settled(part, clock.unit, files, config)
            decisions.append(decision)
            for held, found in zip(columns, seconds, strict=True):
                held[part.index] = found
        parts.append(part)
    clock = replace(clock, parts=tuple(parts))
    times = []
    for file, held in zip(files, columns, strict=True):
        times.append(clock.seconds(held))
        _refuse_days(clock, held, times[-1], file)
    return clock, times, tuple(decisions)


def _settled(
    part: Part, unit: str, files: Sequence[ClockColumns], config: DataConfig
) -> tuple[Part, list[np.ndarray], Decision]:
    import polars as pl

    extra = frozenset(marker.strip().lower() for marker in config.missing)
    texts = [pl.Series(file.columns[part.index], dtype=pl.String) for file in files]
    cells = pl.concat(texts)
    cells = cells.set(cells.str.strip_chars().str.to_lowercase().is_in(list(MISSING | extra)), None)
    reading = recognise(cells, part.label, unit, config.time_format) or recognise(cells, part.label, unit)
    first = next(iter(cells.drop_nulls()), "")
    if reading is None or reading.open:
        row = int(files[0].rows[0]) if len(files[0].rows) else None
        forms = (part.form, *part.others) if reading is None else reading.forms
        asked = replace(part, form=forms[0], others=tuple(one for one in forms[1:] if one is not None))
        raise question(open_format(asked, first), files[0].path, row)
    seconds, bad = reading.form.seconds(cells)
    bounds = np.cumsum([0, *(len(one) for one in texts)])
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        file = int(np.searchsorted(bounds, place, side="right")) - 1
        raise bad_time(
            str(cells[place]),
            reading.form,
            name=files[file].path,
            row=int(files[file].rows[place - bounds[file]]),
            column=part.label,
        )
    settled = replace(part, form=reading.form, others=())
    return settled, np.split(seconds, bounds[1:-1]), settled_format(settled, reading, first)


def _refuse_days(clock: Clock, columns: dict[int, np.ndarray], times: np.ndarray, file: ClockColumns) -> None:
    """An error for numbers that make no day, such as month 13."""
    from ndestudio.errors import DataError

    if len(clock.parts) < 2:
        return
    told = np.all([np.isfinite(columns[part.index]) for part in clock.parts], axis=0)
    wrong = np.flatnonzero(told & ~np.isfinite(times))
    if len(wrong):
        row = int(wrong[0])
        seen = ", ".join(f"{part.label} {columns[part.index][row]:g}" for part in clock.parts if part.form is None)
        raise DataError(f"there is no such day: {seen}; correct the row", path=file.path, row=int(file.rows[row]))
