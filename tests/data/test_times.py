"""Times in all the forms in which people and instruments write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.data import DataConfig, Dataset, dataset_from_arrays, dataset_from_frame, load, preview
from ndestudio.data.dates import UNITS
from ndestudio.data.times.recognise import recognise, recognise_numbers
from ndestudio.data.times.words import name_score, unit_in_name
from ndestudio.errors import DataError

GERMAN = "Jan. Feb. März April Mai Juni Juli Aug. Sept. Okt. Nov. Dez.".split()
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
SPANISH = "ene feb mar abr may jun jul ago sep oct nov dic".split()


def loaded(folder: Path, text: str, **settings: object) -> Dataset:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return load(DataConfig(files=(str(path),), **settings))  # type: ignore[arg-type]


def refused(folder: Path, text: str, **settings: object) -> DataError:
    with pytest.raises(DataError) as caught:
        loaded(folder, text, **settings)
    return caught.value


def table(times: list[str], header: str = "Datum", delimiter: str = ";") -> str:
    rows = "".join(f"{time}{delimiter}{3 + (k * 7) % 5}\n" for k, time in enumerate(times))
    return f"{header}{delimiter}x\n{rows}"


def t_of(data: Dataset) -> list[float]:
    return data.trajectories[0].t.tolist()


# --- any known moments in any form --------------------------------------------------------------------------------------

Writer = Callable[[datetime], str]


def _strftime(pattern: str) -> Writer:
    return lambda moment: moment.strftime(pattern)


def _short(moment: datetime, order: str, between: str) -> str:
    parts = {"d": str(moment.day), "m": str(moment.month), "y": str(moment.year)}
    return between.join(parts[one] for one in order)


def _named(months: list[str]) -> Writer:
    return lambda moment: f"{moment.day}. {months[moment.month - 1]} {moment.year}"


DATES: dict[str, Writer] = {
    **{f"%Y{s}%m{s}%d": _strftime(f"%Y{s}%m{s}%d") for s in "-/. "},
    **{f"%d{s}%m{s}%Y": _strftime(f"%d{s}%m{s}%Y") for s in "-/."},
    **{f"%m{s}%d{s}%Y": _strftime(f"%m{s}%d{s}%Y") for s in "-/"},
    **{f"%d{s}%m{s}%y": _strftime(f"%d{s}%m{s}%y") for s in "/."},
    "%m/%d/%y": _strftime("%m/%d/%y"),
    "d.m.yyyy": lambda moment: _short(moment, "dmy", "."),
    "m/d/yyyy": lambda moment: _short(moment, "mdy", "/"),
    "%d %b %Y": _strftime("%d %b %Y"),
    "%d-%b-%y": _strftime("%d-%b-%y"),
    "%B %d, %Y": _strftime("%B %d, %Y"),
    "%a, %d %b %Y": _strftime("%a, %d %b %Y"),
    "%Y-%j": _strftime("%Y-%j"),
    "german": _named(GERMAN),
    "french": _named(FRENCH),
    "spanish": _named(SPANISH),
}
CLOCKS: dict[str, tuple[Writer, timedelta]] = {
    "%H:%M:%S": (_strftime("%H:%M:%S"), timedelta(seconds=1)),
    "%H:%M": (_strftime("%H:%M"), timedelta(minutes=1)),
    "%H:%M:%S.%f": (_strftime("%H:%M:%S.%f"), timedelta(microseconds=1)),
    "%I:%M:%S %p": (_strftime("%I:%M:%S %p"), timedelta(seconds=1)),
    "%I:%M %p": (_strftime("%I:%M %p"), timedelta(minutes=1)),
    "%H:%M:%SZ": (_strftime("%H:%M:%SZ"), timedelta(seconds=1)),
    "%H:%M+02:00": (_strftime("%H:%M+02:00"), timedelta(minutes=1)),
    "%H:%M:%S UTC": (_strftime("%H:%M:%S UTC"), timedelta(seconds=1)),
}
COMPACT: dict[str, timedelta] = {
    "%Y%m%d": timedelta(days=1),
    "%Y%m%d%H": timedelta(hours=1),
    "%Y%m%d%H%M": timedelta(minutes=1),
    "%Y%m%d%H%M%S": timedelta(seconds=1),
    "%Y%m%dT%H%M%S": timedelta(seconds=1),
}


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[datetime], list[str]]:
    """Rising moments, and the cells of one form that tell them."""
    count = draw(st.integers(3, 12))
    kind = draw(st.sampled_from(["date", "date and clock", "compact"]))
    if kind == "date":
        step = timedelta(days=1)
        write = DATES[draw(st.sampled_from(sorted(DATES)))]
    elif kind == "compact":
        pattern = draw(st.sampled_from(sorted(COMPACT)))
        step, write = COMPACT[pattern], _strftime(pattern)
    else:
        date = DATES[draw(st.sampled_from(sorted(DATES)))]
        clock, step = CLOCKS[draw(st.sampled_from(sorted(CLOCKS)))]
        between = draw(st.sampled_from([" ", "T", ", "]))

        def write(moment: datetime) -> str:
            return f"{date(moment)}{between}{clock(moment)}"

    begin = datetime(2000, 1, 1) + timedelta(days=draw(st.integers(0, 12_000)))
    if step < timedelta(days=1):
        begin += timedelta(seconds=draw(st.integers(0, 86_399))) // step * step
    most = max(1, int(timedelta(days=40) / step))
    gaps = draw(st.one_of(
        st.integers(1, most).map(lambda gap: [gap] * (count - 1)),
        st.lists(st.integers(1, most), min_size=count - 1, max_size=count - 1),
    ))  # fmt: skip
    moments = [begin]
    for gap in gaps:
        moments.append(moments[-1] + gap * step)
    return moments, [write(moment) for moment in moments]


@settings(max_examples=300, deadline=None)
@given(columns())
def test_moments_come_back_or_are_asked_about(column: tuple[list[datetime], list[str]]) -> None:
    moments, cells = column
    found = recognise(pl.Series(cells), "date")
    if found is None and cells[0].isdigit():
        found = recognise_numbers(np.array([float(cell) for cell in cells]), "date", texts=cells)
    assert found is not None, cells
    if found.open:
        return
    seconds, bad = found.form.seconds(pl.Series(cells))
    assert not bad.any()
    right = [(moment - moments[0]).total_seconds() for moment in moments]
    if not np.allclose(seconds - seconds[0], right, rtol=0, atol=1e-6):
        # a wrong day or month is never taken silently: the other reading is offered and the first is marked as a guess
        others = [form.seconds(pl.Series(cells))[0] for form in found.forms[1:]]
        assert not found.certain
        assert any(np.allclose(one - one[0], right, rtol=0, atol=1e-6) for one in others)
