"""Times in all the forms in which people and instruments write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

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

GERMAN = ["Jan.", "Feb.", "März", "April", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."]
FRENCH = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
SPANISH = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]


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

Writer: TypeAlias = Callable[[datetime], str]


def _strftime(pattern: str) -> Writer:
    return lambda moment: moment.strftime(pattern)


def _short(moment: datetime, order: str, between: str) -> str:
    parts = {"d": str(moment.day), "m": str(moment.month), "y": str(moment.year)}
    return between.join(parts[one] for one in order)


def _together(date: Writer, between: str, clock: Writer) -> Writer:
    return lambda moment: f"{date(moment)}{between}{clock(moment)}"


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

        write = _together(date, between, clock)

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


@settings(max_examples=200)
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


# --- one form each ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "unit", "right"),
    [
        (["2021-02-01", "2021-02-02", "2021-02-04"], "d", [0, 1, 3]),
        (["2021/02/01 08:00", "2021/02/01 09:00", "2021/02/01 10:30"], "h", [0, 1, 2.5]),
        (["31.01.2021", "01.02.2021", "03.02.2021"], "d", [0, 1, 3]),
        (["1.2.21 8:00", "1.2.21 9:00", "1.2.21 11:00"], "h", [0, 1, 3]),
        (["01/31/2021", "02/01/2021", "02/02/2021"], "d", [0, 1, 2]),
        (["1/31/2021 11:30 PM", "2/1/2021 12:30 AM", "2/1/2021 1:30 AM"], "h", [0, 1, 2]),
        (["20210131", "20210201", "20210202"], "d", [0, 1, 2]),
        (["2021013123", "2021020100", "2021020101"], "h", [0, 1, 2]),
        (["202101312330", "202102010000", "202102010030"], "min", [0, 30, 60]),
        (["20210131233000", "20210131233030", "20210131233100"], "s", [0, 30, 60]),
        (["202011", "202012", "202101"], "d", [0, 30, 61]),
        (["Dec 2020", "Jan 2021", "Feb 2021"], "d", [0, 31, 62]),
        (["2020-Q4", "2021-Q1", "2021-Q2"], "d", [0, 92, 182]),
        (["2020-W53", "2021-W01", "2021-W02"], "d", [0, 7, 14]),
        (["31 août 2021", "1 septembre 2021", "2 septembre 2021"], "d", [0, 1, 2]),
        (["2021-03-28T01:30:00+01:00", "2021-03-28T03:30:00+02:00", "2021-03-28T04:30:00+02:00"], "h", [0, 1, 2]),
        (["2021-10-31 01:00 CEST", "2021-10-31 01:00 CET", "2021-10-31 02:00 CET"], "h", [0, 1, 2]),
        (["2021-02-01T00:00:00Z", "2021-02-01T00:00:00.250Z", "2021-02-01T00:00:00.5Z"], "s", [0, 0.25, 0.5]),
        (["2020-365", "2020-366", "2021-001"], "d", [0, 1, 2]),
        (["24:00 31.01.2021", "01:00 01.02.2021", "02:00 01.02.2021"], "h", [0, 1, 2]),
        (["0:00", "0:30", "1:30"], "min", [0, 30, 90]),
        (["22:30", "23:30", "00:30"], "h", [22.5, 23.5, 24.5]),
        (["35:59:00", "36:00:00", "36:01:00"], "min", [2159, 2160, 2161]),
        (["00:59.5", "01:00.0", "01:00.5"], "s", [59.5, 60, 60.5]),
        (["0s", "900s", "1800s"], "min", [0, 15, 30]),
        (["0 min", "90 min", "3 h"], "h", [0, 1.5, 3]),
        (["1 day, 0:00:00", "1 day, 12:00:00", "2 days, 0:00:00"], "h", [24, 36, 48]),
        (["1.00:00:00", "1.12:00:00", "2.00:00:00"], "h", [24, 36, 48]),
        (["PT0S", "PT15M", "PT1H"], "min", [0, 15, 60]),
        (["1612137600", "1612137660", "1612137720"], "min", [0, 1, 2]),
        (["1612137600000", "1612137600250", "1612137600500"], "s", [0, 0.25, 0.5]),
        (["44228.5", "44229", "44229.5"], "h", [0, 12, 24]),
        (["2459246.5", "2459247.5", "2459249.5"], "d", [0, 1, 3]),
        (["738188", "738188.25", "738188.5"], "h", [0, 6, 12]),
    ],
)
def test_one_form(tmp_path: Path, cells: list[str], unit: str, right: list[float]) -> None:
    data = loaded(tmp_path, table(cells, "timestamp"))
    assert (data.time.label, data.time.unit) == ("timestamp", unit)
    np.testing.assert_allclose(t_of(data), right, atol=2e-6)
    assert data.measured_names == ("x",)
    assert data.time_reading is not None and data.time_reading.unit == unit


@pytest.mark.parametrize(
    ("header", "label", "unit"),
    [
        ("time_min", "time_min", "min"),
        ("elapsed_ms", "elapsed_ms", "ms"),
        ("Time (s)", "Time", "s"),
        ("Zeit [h]", "Zeit", "h"),
        ("hours", "hours", "h"),
        ("t_sec", "t_sec", "s"),
    ],
)
def test_the_header_names_the_unit(tmp_path: Path, header: str, label: str, unit: str) -> None:
    data = loaded(tmp_path, f"T,H,{header},S\n300,2,0,5\n301,3,5,4\n302,4,10,2\n")
    assert (data.time.label, data.time.unit, t_of(data)) == (label, unit, [0, 5, 10])
    assert [column.label for column in data.measured] == ["T", "H", "S"]


@pytest.mark.parametrize(
    ("text", "label", "right"),
    [
        ("Datum;Uhrzeit;x\n01.02.2021;23:00;3\n02.02.2021;00:00;4\n02.02.2021;01:30;5\n", "Datum + Uhrzeit", [0, 1, 2.5]),
        ("Date,Time,x\n1/31/2021,11:00:00 PM,3\n2/1/2021,12:00:00 AM,4\n2/1/2021,1:00:00 AM,5\n", "Date + Time", [0, 1, 2]),
        ("Year,DoY,Hour,x\n2020,366,22,3\n2020,366,23,4\n2021,1,0,5\n", "Year + DoY + Hour", [0, 1, 2]),
        ("year,month,day,x\n2021,2,28,3\n2021,3,1,4\n2021,3,2,5\n", "year + month + day", [0, 1, 2]),
        (
            "YYYY,MM,DD,HH,mm,x\n2021,2,28,23,0,3\n2021,2,28,23,30,4\n2021,3,1,0,0,5\n",
            "YYYY + MM + DD + HH + mm",
            [0, 30, 60],
        ),
        ("date,hhmm,x\n2021-02-28,2300,3\n2021-02-28,2330,4\n2021-03-01,0,5\n", "date + hhmm", [0, 30, 60]),
        ("Year,Month,x\n2020,11,3\n2020,12,4\n2021,1,5\n", "Year + Month", [0, 30, 61]),
    ],
)  # fmt: skip
def test_a_clock_in_several_columns(tmp_path: Path, text: str, label: str, right: list[float]) -> None:
    data = loaded(tmp_path, text)
    assert (data.time.label, t_of(data)) == (label, right)
    assert data.measured_names == ("x",)
    names = tuple(label.split(" + "))
    assert t_of(loaded(tmp_path, text, time=names)) == right
    assert t_of(loaded(tmp_path, text, time=names[::-1])) == right


# --- day or month first -------------------------------------------------------------------------------------------------


def test_either_order_is_asked_about_and_both_answers_are_honoured(tmp_path: Path) -> None:
    text = table(["01/01/2021", "02/01/2021", "03/01/2021"], "date", ",")
    error = refused(tmp_path, text)
    assert "01/01/2021" in error.sentence and '`time_format = "day first"`' in error.sentence
    assert [choice.changes for choice in error.decision.choices] == [  # type: ignore[union-attr]
        {"time_format": "day first"},
        {"time_format": "month first"},
    ]
    shown = preview(str(tmp_path / "data.csv"))
    assert any(decision.open for decision in shown.decisions) and len(shown.problems) == 1
    assert t_of(loaded(tmp_path, text, time_format="day first")) == [0, 1, 2]
    assert t_of(loaded(tmp_path, text, time_format="month first")) == [0, 31, 59]
    assert t_of(loaded(tmp_path, text, time_format="%m/%d/%Y")) == [0, 31, 59]


def test_the_order_that_rises_is_taken_and_marked_as_a_guess(tmp_path: Path) -> None:
    data = loaded(tmp_path, table(["11/01/2021", "12/01/2021", "01/02/2021", "02/02/2021"], "date", ","))
    assert data.time.unit == "d" and t_of(data) == [0, 1, 21, 22]
    (decision,) = [one for one in data.decisions if one.topic == "format" and one.column == "date"]
    assert (decision.certain, len(decision.choices)) == (False, 2)


def test_what_the_head_leaves_open_is_decided_by_the_whole_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ndestudio.data.readers.text.HEAD_CELLS", 1)
    hours = [datetime(2021, 5, 1) + timedelta(hours=k) for k in range(310)]
    cells = [f"{moment:%d/%m/%Y %H:%M}" for moment in hours]
    assert refused(tmp_path, table([*cells[:5:2], "02/05/2021 12:00"], "date", ",")).decision is not None
    data = loaded(tmp_path, table(cells, "date", ","))
    assert preview(str(tmp_path / "data.csv")).analysed_rows < 250
    assert data.time.unit == "h" and np.array_equal(data.trajectories[0].t, np.arange(310))


def test_a_cell_of_another_form_is_an_error_with_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [f"{day}/01/2021" for day in range(10, 32)]
    cells[20] = "01/30/2021"
    error = refused(tmp_path, table(cells, "date", ","))
    assert (error.row, error.column) == (22, "date") and "01/30/2021" in error.sentence
    monkeypatch.setattr("ndestudio.data.readers.text.HEAD_CELLS", 1)
    for k in range(230):
        cells.insert(0, (datetime(2020, 12, 31) - timedelta(days=k)).strftime("%d/%m/%Y"))
    error = refused(tmp_path, table(cells, "date", ","))
    assert error.row == 252 and "01/30/2021" in error.sentence


# --- what is called a time but is none ----------------------------------------------------------------------------------


def test_no_other_column_takes_the_place_of_a_time_that_cannot_be_read(tmp_path: Path) -> None:
    error = refused(tmp_path, "no,Datum,mass\n1,gestern,1\n2,heute,2\n3,morgen,3\n")
    assert error.column == "Datum" and "gestern" in error.sentence and "31.12.2020" in error.sentence


def test_a_measurement_that_rises_is_not_silently_the_time(tmp_path: Path) -> None:
    error = refused(tmp_path, "biomass,product\n0.1,1\n0.3,1.5\n0.9,4\n")
    assert error.decision is not None and "time" in error.sentence


def test_of_two_stamps_the_start_is_the_time_and_the_end_no_state(tmp_path: Path) -> None:
    text = "TIMESTAMP_END,TIMESTAMP_START,H\n202106010030,202106010000,5\n202106010100,202106010030,4\n202106010130,202106010100,6\n"
    data = loaded(tmp_path, text)
    assert (data.time.label, data.measured_names, t_of(data)) == ("TIMESTAMP_START", ("H",), [0, 30, 60])


@pytest.mark.parametrize(
    "name", ["residence_time", "half_life", "dose_rate", "T", "H", "S", "D", "temperature", "runtime_cost"]
)
def test_names_that_do_not_tell_a_time(name: str) -> None:
    assert name_score(name) <= 0.5


@pytest.mark.parametrize(
    "name",
    [
        "Datum",
        "Zeit",
        "fecha",
        "heure",
        "TIMESTAMP",
        "TIMESTAMP_START",
        "elapsed_ms",
        "cycle_time",
        "Date Time, GMT-06:00",
        "t",
    ],
)
def test_names_that_tell_a_time(name: str) -> None:
    assert name_score(name) >= 2.5


def test_units_in_names() -> None:
    assert [unit_in_name(name) for name in ("time_h", "T_min", "vitamin", "days since 1.1.")] == ["h", "min", "", "d"]


# --- formats that the person names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "time_format", "right"),
    [
        (["01022021_0800", "01022021_0900", "02022021_0800"], "%d%m%Y_%H%M", [0, 1, 24]),
        (["5:10:21", "6:10:21", "7:10:21"], "%d:%m:%y", [0, 1, 2]),
        (["20210201", "20210202", "20210203"], "number", [20210201, 20210202, 20210203]),
        (["1612137600", "1612137601", "1612137602"], "unix s", [0, 1, 2]),
        (["44228", "44229", "44230"], "excel", [0, 1, 2]),
        (["10:20", "10:21", "10:23"], "minutes and seconds", [620, 621, 623]),
        (["210201", "210202", "210203"], "%y%m%d", [0, 1, 2]),
    ],
)
def test_time_format(tmp_path: Path, cells: list[str], time_format: str, right: list[float]) -> None:
    np.testing.assert_allclose(t_of(loaded(tmp_path, table(cells, "t"), time="t", time_format=time_format)), right)


@pytest.mark.parametrize(
    ("time_format", "seen"), [("%Q", "`%Q` is not known"), ("mdy", "no format"), ("%d.%m", "year")]
)
def test_a_time_format_that_is_none(tmp_path: Path, time_format: str, seen: str) -> None:
    error = refused(tmp_path, table(["1.2.2021", "2.2.2021"]), time_format=time_format)
    assert seen in error.sentence and "day first" in error.sentence


# --- arrays and frames --------------------------------------------------------------------------------------------------


def test_frames_have_the_same_forms() -> None:
    frame = pl.DataFrame({"Datum": ["31.01.2021", "01.02.2021", "03.02.2021"], "x": [1.0, 2.0, 3.0]})
    data = dataset_from_frame(frame, time="Datum")
    assert (data.time.unit, t_of(data)) == ("d", [0, 1, 3])
    frame = pl.DataFrame(
        {"day": ["01/02/2021", "02/02/2021", "03/02/2021"], "clock": ["8:00", "9:00", "9:30"], "x": [1, 2, 3]}
    )
    data = dataset_from_frame(frame, time=["day", "clock"], time_format="day first")
    assert (data.time.unit, t_of(data)) == ("d", [0, 25 / 24, 49.5 / 24])
    with pytest.raises(DataError, match="day first"):
        dataset_from_frame(pl.DataFrame({"d": ["01/01/2021", "02/01/2021"], "x": [1, 2]}), time="d")
    frame = pl.DataFrame({"for": [timedelta(minutes=5 * k) for k in range(3)], "x": [1, 2, 3]})
    assert t_of(dataset_from_frame(frame, time="for")) == [0, 5, 10]


def test_arrays_of_moments() -> None:
    moments = np.array(["2021-02-01", "2021-02-02", "2021-02-05"], dtype="datetime64[D]")
    data = dataset_from_arrays(moments, np.array([1.0, 2.0, 3.0]), ["x"])
    assert (data.time.unit, t_of(data)) == ("d", [0, 1, 4])
    data = dataset_from_arrays(["8:00", "8:30", "9:00"], [1.0, 2.0, 3.0], ["x"], time_unit="h")
    assert (data.time.unit, t_of(data)) == ("h", [8, 8.5, 9])
    data = dataset_from_arrays(np.array([1.6e9, 1.6e9 + 60]), np.array([1.0, 2.0]), ["x"], time_format="unix s")
    assert (data.time.unit, t_of(data)) == ("min", [0, 1])


def test_every_unit_is_its_seconds() -> None:
    assert {unit: seconds for unit, (seconds, _) in UNITS.items()} == {"s": 1, "min": 60, "h": 3600, "d": 86_400}


# --- summer time and zones ----------------------------------------------------------------------------------------------


def local_hours(begin: datetime, count: int, zone: str = "Europe/Berlin") -> list[datetime]:
    return [(begin + timedelta(hours=k)).astimezone(ZoneInfo(zone)) for k in range(count)]


def test_a_clock_that_is_set_back_is_counted_on(tmp_path: Path) -> None:
    moments = local_hours(datetime(2021, 10, 30, 20, tzinfo=UTC), 12)
    data = loaded(tmp_path, table([f"{moment:%d.%m.%Y %H:%M}" for moment in moments]))
    assert t_of(data) == list(range(12))
    assert any("set back by an hour after 2021-10-31 02:00" in note for note in data.notes)


def test_a_year_of_local_time_has_as_many_hours_as_it_has(tmp_path: Path) -> None:
    moments = local_hours(datetime(2020, 12, 31, 23, tzinfo=UTC), 8760)
    data = loaded(tmp_path, table([f"{moment:%Y-%m-%d %H:%M}" for moment in moments]))
    assert np.array_equal(data.trajectories[0].t, np.arange(8760))
    assert any("set back" in note and "forward" in note for note in data.notes)


def test_an_hour_that_is_missing_in_spring_is_kept_and_told(tmp_path: Path) -> None:
    moments = local_hours(datetime(2021, 3, 27, 22, tzinfo=UTC), 6)
    data = loaded(tmp_path, table([f"{moment:%Y-%m-%d %H:%M}" for moment in moments]))
    assert t_of(data) == [0, 1, 2, 4, 5, 6]
    assert any("lacks an hour after 2021-03-28 01:00" in note for note in data.notes)


def test_a_fall_elsewhere_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path, table(["2021-06-06 01:00", "2021-06-06 02:00", "2021-06-06 01:30", "2021-06-06 03:00"]))
    assert "falls" in error.sentence


def test_a_column_of_zones_belongs_to_the_clock(tmp_path: Path) -> None:
    rows = ["01:30,EST", "01:45,EST", "03:00,EDT", "03:15,EDT"]
    text = "datetime,tz_cd,flow\n" + "".join(f"2021-03-14 {row},{k}\n" for k, row in enumerate(rows))
    data = loaded(tmp_path, text)
    assert (data.time.label, data.time.unit, t_of(data)) == ("datetime + tz_cd", "min", [0, 15, 30, 45])
    assert data.measured_names == ("flow",) and data.time_reading is not None
    assert data.time_reading.origin == "2021-03-14 06:30 UTC"


def test_days_of_the_year_go_on_after_its_end(tmp_path: Path) -> None:
    data = loaded(tmp_path, "DOY,T,H\n364,3,2\n365,4,1\n1,5,2\n2,5,3\n")
    assert t_of(data) == [364, 365, 366, 367] and any("new year" in note for note in data.notes)
