"""Delimited text: dialects, headers, units, encodings, big files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ndestudio.data import DataConfig, Dataset, configured, load, preview
from ndestudio.data.shape.sentinels import MARKS
from ndestudio.progress import Phase, Progress, RecordingReporter


def read(folder: Path, text: str | bytes, name: str = "data.csv", **config: object) -> Dataset:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(DataConfig(files=(name,), **config), base=folder)  # pyright: ignore[reportArgumentType]


ROWS = [(0.0, 1.5, -2.0), (0.5, 2.25, 3.0), (1.0, 1e-7, 4.5)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   "])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("header", [True, False])
def test_dialects(tmp_path: Path, delimiter: str, decimal: str, header: bool) -> None:
    if delimiter == decimal:
        pytest.skip("a decimal comma needs quotes between commas; test_quotes")
    lines = [delimiter.join(["time", "x [m]", "y"])] if header else []
    lines += [delimiter.join(f"{value:g}".replace(".", decimal) for value in row) for row in ROWS]
    data = read(tmp_path, "\r\n".join(lines) + "\r\n")
    (trajectory,) = data.trajectories
    assert np.array_equal(np.column_stack([trajectory.t, trajectory.measured]), np.array(ROWS))
    assert data.measured_names == (("x", "y") if header else ("column_2", "column_3"))
    assert data.measured[0].unit == ("m" if header else "")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "utf-32"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings(tmp_path: Path, encoding: str, newline: str) -> None:
    text = newline.join(["t;größe [µm]", "1;2,5", "2;3,5", "3;", "4;1"])
    data = read(tmp_path, text.encode(encoding))
    assert data.measured[0].label == "größe"
    assert data.measured[0].unit == "µm"
    assert data.trajectories[0].measured[:, 0].tolist()[:2] == [2.5, 3.5]
    assert np.isnan(data.trajectories[0].measured[2, 0])


def test_quotes(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        '"t","x, the first (mm)","who"\n"1,0","2,5","a ""b"""\n"2,0","3,5","a ""b"""\n"3,5","4","c"\n"4","5","c"\n',
    )
    assert [one.name for one in data.trajectories] == ['a "b"', "c"]
    assert data.measured[0].label == "x, the first"
    assert data.measured[0].unit == "mm"
    assert data.trajectories[0].measured[:, 0].tolist() == [2.5, 3.5]


def test_comments_and_preamble(tmp_path: Path) -> None:
    text = "# logger 7\n# 2020\nInstrument report\n\nt,x\n# in between\n1,2\n\n2,3\n3,oops\n"
    (tmp_path / "a.csv").write_text(text)
    shown = preview(tmp_path / "a.csv")
    assert shown.comment == "#"
    assert shown.row_numbers == (7, 9, 10)
    assert [problem.row for problem in shown.problems] == [10]
    assert any("skipped" in note for note in shown.notes)


def test_header_in_a_comment(tmp_path: Path) -> None:
    data = read(tmp_path, "# t x [m/s]\n0 1\n1 2\n2 4\n", "a.txt")
    assert data.measured[0].title == "x [m/s]"


def test_line_of_units(tmp_path: Path) -> None:
    data = read(tmp_path, "t\tx\n s\tkm\n0\t1\n1\t2\n2\t4\n")
    assert (data.time.unit, data.measured[0].unit) == ("s", "km")
    assert data.rows == 3


def test_missing_markers(tmp_path: Path) -> None:
    markers = ["", "NA", "NaN", "nan", "null", "-", ".", "?", "n/a", "NULL", " "]
    data = read(tmp_path, "t,x\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(markers)) + "90,1\n91,2\n")
    assert np.isnan(data.trajectories[0].measured[: len(markers)]).all()
    assert data.trajectories[0].measured[-2:, 0].tolist() == [1, 2]


def test_trajectories_stay_apart_and_in_order(tmp_path: Path) -> None:
    data = read(tmp_path, "t,strain,x\n1,B,1\n1,A,2\n2,B,3\n2,A,4\n")
    assert [one.name for one in data.trajectories] == ["B", "A"]
    assert data.trajectories[1].measured[:, 0].tolist() == [2, 4]


def test_numbered_trajectories_are_found_when_the_time_restarts(tmp_path: Path) -> None:
    data = read(tmp_path, "vessel,time,x\n" + "".join(f"{v},{t},{t * v}\n" for v in (1, 2, 3) for t in range(4)))
    assert [one.name for one in data.trajectories] == ["1", "2", "3"]
    assert data.measured_names == ("x",)


def test_a_flag_is_no_trajectory(tmp_path: Path) -> None:
    data = read(tmp_path, "time,x,quality\n" + "".join(f"{i},{i},{'good' if i % 3 else 'bad'}\n" for i in range(12)))
    assert len(data.trajectories) == 1
    assert any("`quality` holds texts" in note for note in data.notes)


def test_a_row_counter_is_neither_time_nor_state(tmp_path: Path) -> None:
    data = read(tmp_path, ",elapsed,x\n0,0.1,5\n1,0.4,4\n2,0.9,6\n3,1.5,5\n")
    assert data.time.label == "elapsed"
    assert data.measured_names == ("x",)


def test_dates(tmp_path: Path) -> None:
    data = read(tmp_path, "date,x\n2020-02-28,5\n2020-03-01,4\n2020-03-01T12:00:00,6\n")
    assert data.trajectories[0].t.tolist() == [0, 2, 2.5]
    assert data.time.unit == "d"
    assert any("days since 2020-02-28" in note for note in data.notes)


def test_several_files_are_several_trajectories(tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_text("t,x,y\n1,2,3\n2,3,4\n")
    (tmp_path / "second.csv").write_text("y;x;t\n3,5;2;1\n4;3;2\n")
    config = DataConfig(files=("first.csv", "second.csv"))
    data = load(config, base=tmp_path)
    assert [one.name for one in data.trajectories] == ["first", "second"]
    assert data.trajectories[1].measured[0].tolist() == [2, 3.5]
    assert len({source.sha256 for source in data.sources}) == 2
    assert [source.path for source in data.sources] == ["first.csv", "second.csv"]


def test_same_names_in_several_files(tmp_path: Path) -> None:
    for name in ("first.csv", "second.csv"):
        (tmp_path / name).write_text("run,t,x\na,1,2\na,2,3\nb,1,2\nb,2,3\n")
    data = load(DataConfig(files=("first.csv", "second.csv")), base=tmp_path)
    assert [one.name for one in data.trajectories] == ["first/a", "first/b", "second/a", "second/b"]


def test_rows_are_counted_in_each_trajectory_without_a_time(tmp_path: Path) -> None:
    data = read(tmp_path, "run,x\na,5\nb,6\na,7\nb,1\nb,2\n", time="", trajectory="run")
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1], [0, 1, 2]]


def test_everything_guessed_can_be_said(tmp_path: Path) -> None:
    text = "t,run,x,u,z\n1,1,2,0,4\n2,1,3,1,5\n1,2,2,0,7\n2,2,3,1,8\n"
    said = {"trajectory": "run", "states": ("z", "x"), "inputs": ("u",), "units": {"x": "kg"}}
    data = read(tmp_path, text, names={"z": "zeta"}, weights={"z": 2.0}, **said)
    assert data.measured_names == ("zeta", "x")
    assert data.measured[1].unit == "kg"
    assert data.input_names == ("u",)
    assert data.weights == {"zeta": 2.0}
    assert data.trajectories[1].inputs[:, 0].tolist() == [0, 1]


def test_what_the_preview_guessed_loads_the_same(tmp_path: Path) -> None:
    text = "run;time [h];x (g);note\na;0;1,5;k\na;1;2,5;l\nb;0;3;m\nb;1;-;n\n"
    data = read(tmp_path, text)
    shown = preview(tmp_path / "data.csv")
    again = read(
        tmp_path,
        text,
        **{
            name: getattr(configured(shown, DataConfig()), name)
            for name in ("time", "trajectory", "states", "inputs", "ignore", "delimiter", "decimal", "encoding")
        },
    )
    assert (shown.delimiter, shown.decimal) == (";", ",")
    for one, other in zip(data.trajectories, again.trajectories, strict=True):
        assert one.name == other.name
        assert np.array_equal(one.measured, other.measured, equal_nan=True)


def test_preview_tells_what_it_saw(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("day,x [m]\n" + "".join(f"{i},{'NA' if i == 7 else i * 2}\n" for i in range(500)))
    shown = preview(tmp_path / "a.csv")
    assert (len(shown.head), shown.row_count, shown.row_count_exact, shown.analysed_rows) == (200, 500, True, 500)
    time, x = shown.columns
    assert (time.role, time.alias, time.minimum, time.maximum) == ("time", "t", 0, 499)
    assert (x.role, x.label, x.unit, x.missing, x.maximum, x.numeric) == ("state", "x", "m", 1, 998, True)


def test_head_only_is_read_for_a_preview_and_little_memory_for_a_load(tmp_path: Path) -> None:
    rows = 400_000
    block = "".join(f"{i},{i * 0.5},some words that are not needed at all,{i % 7}\n" for i in range(rows))
    path = tmp_path / "big.csv"
    path.write_text("t,x,words,z\n" + block)
    tracemalloc.start()
    shown = preview(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not shown.row_count_exact
    assert abs(shown.row_count - rows) < 0.1 * rows
    assert peak < 0.8 * path.stat().st_size + 40e6
    reporter = RecordingReporter()
    data = load(DataConfig(files=("big.csv",), states=("x",)), reporter, base=tmp_path)
    assert data.rows == rows
    assert data.trajectories[0].measured[-1, 0] == (rows - 1) * 0.5
    assert isinstance(reporter.events[0], Phase)
    fractions = [event.fraction for event in reporter.events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_reading_stops_when_asked(tmp_path: Path) -> None:
    from ndestudio.errors import DataError

    (tmp_path / "a.csv").write_text("t,x\n1,2\n2,3\n")
    with pytest.raises(DataError, match="reading was stopped"):
        load(DataConfig(files=("a.csv",)), RecordingReporter(stop_after=0), base=tmp_path)


# what looks like a mark of a missing value is asked about
NUMBERS = st.floats(min_value=-1e14, max_value=1e14).filter(lambda value: value not in MARKS)
CELL = st.one_of(st.none(), NUMBERS, st.integers(-900, 900).map(float).filter(lambda value: value not in MARKS))


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    values=st.lists(st.tuples(CELL, CELL, NUMBERS), min_size=3, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quote=st.booleans(),
    pad=st.sampled_from(["", " "]),
    comment=st.sampled_from(["", "#", "%"]),
    blank=st.booleans(),
    end=st.booleans(),
)
def test_round_trip_in_any_dialect(
    tmp_path: Path,
    values: list[tuple[float | None, float | None, float]],
    delimiter: str,
    decimal: str,
    encoding: str,
    newline: str,
    quote: bool,
    pad: str,
    comment: str,
    blank: bool,
    end: bool,
) -> None:
    assume(all(any(row[column] is not None for row in values) for column in range(2)))
    quote = quote or delimiter == decimal

    def cell(value: float | None) -> str:
        text = "NA" if value is None else repr(value).replace(".", decimal)
        return f'"{text}"' if quote else text

    lines = [delimiter.join(["time [s]", "größe (µm)", "b", "c"])]
    for index, row in enumerate(values):
        lines.append((delimiter + pad).join(cell(one) for one in (0.5 * index, *row)))
        if comment and index == 1:
            lines.append(f"{comment} remark{delimiter}with{delimiter}delimiters")
        if blank and index == 2:
            lines.append("")
    text = newline.join(lines) + (newline if end else "")
    said = {} if decimal == "." else {"decimal": ","}
    data = read(tmp_path, text.encode(encoding), states=("größe", "b", "c"), delimiter=delimiter, **said)
    expected = np.array([[np.nan if one is None else one for one in row] for row in values])
    kept = data.trajectories[0]
    assert np.array_equal(kept.measured, expected, equal_nan=True)
    assert kept.t.tolist() == [0.5 * index for index in range(len(values))]
    assert data.measured[0].title == "größe [µm]"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    values=st.lists(
        st.tuples(*[st.floats(-1e6, 1e6).map(lambda v: round(v, 3) + 0.0005)] * 2), min_size=4, max_size=30
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    decimal=st.sampled_from([".", ","]),
)
def test_the_dialect_is_guessed(
    tmp_path: Path, values: list[tuple[float, float]], delimiter: str, decimal: str
) -> None:
    if delimiter == decimal:
        return
    lines = [delimiter.join(["time", "x", "y"])]
    lines += [
        delimiter.join(repr(one).replace(".", decimal) for one in (0.5 + index, *row))
        for index, row in enumerate(values)
    ]
    data = read(tmp_path, "\n".join(lines))
    assert np.array_equal(data.trajectories[0].measured, np.array(values))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    raw=st.one_of(
        st.binary(max_size=300), st.text(alphabet='0123456789.,;\t \n\r"abt#-[]()eE', max_size=200).map(str.encode)
    )
)
def test_any_bytes_give_a_dataset_or_a_sentence(tmp_path: Path, raw: bytes) -> None:
    from ndestudio.errors import DataError

    for call in (lambda: read(tmp_path, raw), lambda: preview(tmp_path / "data.csv")):
        try:
            call()
        except DataError as error:
            assert str(error).strip()


def test_dates_are_counted_in_the_unit_of_their_steps(tmp_path: Path) -> None:
    rows = "".join(f"2024-03-01T09:00:{k // 10:02d}.{k % 10}00,{k}\n" for k in range(40))
    data = read(tmp_path, "timestamp,x\n" + rows)
    assert data.time.unit == "s"
    assert data.trajectories[0].t == pytest.approx(np.arange(40) / 10, abs=1e-9)
    data = read(tmp_path, "timestamp,x\n" + "".join(f"2024-03-01T{k:02d}:30:00,{k}\n" for k in range(5)))
    assert (data.time.unit, data.trajectories[0].t.tolist()) == ("h", [0, 1, 2, 3, 4])


def test_short_trajectories_of_different_days_have_each_a_time_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"run{day},2024-03-{day:02d}T09:00:{k:02d},{k}\n" for day in (1, 2, 3) for k in range(6))
    data = read(tmp_path, "run,timestamp,x\n" + rows)
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1, 2, 3, 4, 5]] * 3
    assert any("since its first row" in note for note in data.notes)
