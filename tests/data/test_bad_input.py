"""Every bad input gets a sentence with file, row, column and remedy, or is set aside with a note; nothing gets lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.data.decisions import Decision
from ndestudio.errors import DataError


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(raw)
    return name


def read(folder: Path, *files: str, **config: object) -> Dataset:
    return load(DataConfig(files=files, **config), base=folder)  # pyright: ignore[reportArgumentType]


def refused(folder: Path, text: str | bytes, name: str = "data.csv", **config: object) -> DataError:
    with pytest.raises(DataError) as caught:
        read(folder, write(folder, text, name), **config)
    assert caught.value.path == name
    return caught.value


@pytest.mark.parametrize("text", ["", "\n\n  \n", "# only a comment\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    assert "needs a header and at least two rows" in error.sentence


def test_header_only(tmp_path: Path) -> None:
    error = refused(tmp_path, "t,x,y\n")
    assert error.row == 1
    assert "no rows of numbers" in error.sentence


@pytest.mark.parametrize(("line", "cells"), [("3,4", "2 cells"), ("3,4,5,6", "4 cells"), ("3", "1 cell")])
def test_ragged_row(tmp_path: Path, line: str, cells: str) -> None:
    error = refused(tmp_path, f"t,x,y\n1,2,3\n2,3,4\n{line}\n4,5,6\n")
    assert error.row == 4
    assert cells in error.sentence
    assert "3 are expected" in error.sentence
    assert str(error).startswith("data.csv, row 4: ")
    shown = preview(tmp_path / "data.csv")
    assert [problem.row for problem in shown.problems] == [4]
    assert len(shown.head) == 4


def test_ragged_row_far_behind_the_head(tmp_path: Path) -> None:
    lines = ["t,x,y"] + [f"{i},{i + 1},{i + 2}" for i in range(60_000)]
    lines[50_001] = "50000,1"
    error = refused(tmp_path, "\n".join(lines))
    assert error.row == 50_002
    # one row too long and one too short cancel in the number of delimiters
    lines[50_002] = "50001,1,2,3"
    assert refused(tmp_path, "\n".join(lines)).row == 50_002


def test_trailing_delimiters_are_no_ragged_rows(tmp_path: Path) -> None:
    data = read(tmp_path, write(tmp_path, "t,x\n1,2,\n2,3,\n3,4,,\n"))
    assert data.rows == 3
    assert data.measured_names == ("x",)


def test_text_in_a_number_column(tmp_path: Path) -> None:
    error = refused(tmp_path, "t,mass (kg)\n1,2\n2,high\n3,4\n")
    assert (error.row, error.column) == (3, "mass")
    assert "`high` is not a number" in error.sentence
    assert "missing markers" in error.sentence
    (problem,) = preview(tmp_path / "data.csv").problems
    assert (problem.row, problem.column) == (3, "mass")
    data = read(tmp_path, "data.csv", missing=("high",))
    assert np.isnan(data.trajectories[0].measured[1, 0])


def test_text_far_behind_the_head(tmp_path: Path) -> None:
    lines = ["t,x"] + [f"{i},{i}" for i in range(60_000)]
    lines[55_555] = "55554,n.d."
    error = refused(tmp_path, "\n".join(lines))
    assert (error.row, error.column) == (55_556, "x")


def test_decimal_comma_is_suggested(tmp_path: Path) -> None:
    error = refused(tmp_path, "t;x\n1;2.5\n2;3.5\n3;4,5\n")
    assert error.row == 4
    assert "decimal comma" in error.sentence


def test_thousands_separator_is_not_taken_for_a_decimal_point(tmp_path: Path) -> None:
    error = refused(tmp_path, "t;x\n1;2,5\n2;1.500\n3;4,5\n")
    assert error.column == "x" and "(line 3)" in error.sentence
    assert isinstance(error.decision, Decision) and error.decision.open
    data = read(tmp_path, "data.csv", thousands=".")
    assert data.trajectories[0].measured[:, 0].tolist() == [2.5, 1500.0, 4.5]


def test_quoted_thousands_are_not_read_as_decimals(tmp_path: Path) -> None:
    error = refused(tmp_path, 't,x\n0,"1,000"\n1,"2,500"\n')
    assert error.column == "x" and "thousands separators" in error.sentence
    write(tmp_path, 't,x\n0,"1,5"\n1,"2,250"\n')
    assert read(tmp_path, "data.csv").trajectories[0].measured[:, 0].tolist() == [1.5, 2.25]
    write(tmp_path, 't,x\n0,"1,000"\n1,"2,500"\n')
    assert read(tmp_path, "data.csv", decimal=",").trajectories[0].measured[:, 0].tolist() == [1.0, 2.5]


@pytest.mark.parametrize("first", ["sep=;", "SEP=; "])
def test_separator_line_of_excel(tmp_path: Path, first: str) -> None:
    write(tmp_path, f"{first}\r\ntime [h];x [g]\r\n0,5;1\r\n1,5;2\r\n")
    dataset = read(tmp_path, "data.csv")
    assert (dataset.time.title, dataset.measured[0].title) == ("time [h]", "x [g]")
    assert dataset.trajectories[0].t.tolist() == [0.5, 1.5]


def test_duplicate_time(tmp_path: Path) -> None:
    error = refused(tmp_path, "day,x\n1,2\n2,3\n2,4\n3,5\n")
    assert (error.row, error.column) == (4, "day")
    assert "there twice" in error.sentence
    assert "also in row 3" in error.sentence
    assert "trajectory column" in error.sentence


def test_decreasing_time_in_a_trajectory(tmp_path: Path) -> None:
    error = refused(tmp_path, "run,t,x\na,1,2\na,2,3\nb,1,1\nb,3,4\nb,2,5\n")
    assert (error.row, error.column) == (6, "t")
    assert "falls from 3 to 2 in trajectory `b`" in error.sentence


def test_one_row_trajectory_is_set_aside(tmp_path: Path) -> None:
    data = read(tmp_path, write(tmp_path, "run,t,x\na,1,2\na,2,3\nb,1,1\nc,1,1\nc,2,1\n"))
    assert [one.name for one in data.trajectories] == ["a", "c"]
    assert any("`b` (row 4)" in note and "set aside" in note for note in data.notes)


def test_nothing_but_one_row_trajectories(tmp_path: Path) -> None:
    error = refused(tmp_path, "run,t,x\na,1,2\nb,2,3\n", trajectory="run")
    assert "no trajectory with at least two measured rows" in error.sentence
    assert "trajectory `a` (row 2)" in error.sentence


def test_one_row(tmp_path: Path) -> None:
    error = refused(tmp_path, "t,x\n1,2\n", time="t")
    assert "at least two" in error.sentence


def test_all_missing_column(tmp_path: Path) -> None:
    text = "t,x,y\n1,2,\n2,3,NA\n3,4,-\n"
    data = read(tmp_path, write(tmp_path, text))
    assert data.measured_names == ("x",)
    assert any("`y`" in note and "left out" in note for note in data.notes)
    error = refused(tmp_path, text, states=("x", "y"))
    assert error.column == "y"
    assert "no value in any row" in error.sentence


def test_all_missing_time(tmp_path: Path) -> None:
    assert "no trajectory" in refused(tmp_path, "t,x,y\n,2,1\n,3,1\n,4,1\n", time="t").sentence


def test_rows_without_time_are_set_aside(tmp_path: Path) -> None:
    data = read(tmp_path, write(tmp_path, "t,x\n1,2\n?,3\n3,4\nnull,4\n5,1\n"), time="t")
    assert data.trajectories[0].t.tolist() == [1, 3, 5]
    assert any("rows 3, 5: the time is missing" in note for note in data.notes)


def test_duplicate_names(tmp_path: Path) -> None:
    data = read(tmp_path, write(tmp_path, "t,x,x,x\n1,2,5,8\n2,3,6,9\n"))
    assert data.measured_names == ("x", "x_2", "x_3")
    assert data.trajectories[0].measured[0].tolist() == [2, 5, 8]
    assert any("Column 3" in note and "`x_2`" in note for note in data.notes)


def test_names_that_are_no_identifiers(tmp_path: Path) -> None:
    header = "t,body mass (g),θ [rad],exp,2nd,lambda,p/q,pi"
    data = read(tmp_path, write(tmp_path, header + "\n1,2,3,4,5,6,7,8\n2,3,4,5,6,7,8,9\n"))
    assert data.measured_names == ("body_mass", "theta", "exp_value", "x_2nd", "lambda_value", "p", "pi_value")
    assert data.measured[0].title == "body mass [g]"
    assert any("`body mass` is called `body_mass` in equations" in note for note in data.notes)
    assert any("`exp` is called `exp_value`" in note for note in data.notes)


def test_measured_column_called_t(tmp_path: Path) -> None:
    data = read(tmp_path, write(tmp_path, "day,t\n1,20.5\n2,20.1\n3,22\n"), time="day")
    assert data.time.name == "t"
    assert data.measured_names == ("t_value",)


@pytest.mark.parametrize(("cell", "seen"), [("inf", "infinite"), ("-Infinity", "infinite"), ("1e300", "too large")])
def test_infinite_and_huge_numbers(tmp_path: Path, cell: str, seen: str) -> None:
    text = f"t,x\n1,2\n2,{cell}\n3,4\n"
    error = refused(tmp_path, text)
    assert (error.row, error.column) == (3, "x")
    assert seen in error.sentence
    assert [problem.row for problem in preview(tmp_path / "data.csv").problems] == [3]
    data = read(tmp_path, "data.csv", missing=(cell,))
    assert np.isnan(data.trajectories[0].measured[1, 0])


def test_infinite_time(tmp_path: Path) -> None:
    error = refused(tmp_path, "t,x\n1,2\n2,3\n-inf,4\n")
    assert (error.row, error.column) == (4, "t")


def test_wrong_encoding(tmp_path: Path) -> None:
    text = "t,größe [m]\n1,2\n2,3\n3,4\n"
    error = refused(tmp_path, text.encode("cp1252"), encoding="utf-8")
    assert error.row == 1
    assert "cp1252" in error.sentence
    data = read(tmp_path, "data.csv")
    assert data.measured[0].label == "größe"
    assert data.measured_names == ("grosse",) or data.measured_names[0].isascii()


def test_wrong_encoding_far_behind_the_head(tmp_path: Path) -> None:
    lines = ["run,t,x"] + [f"a,{i},{i}" for i in range(60_000)]
    raw = "\n".join(lines).encode() + "\né,1,2\né,2,3\n".encode("cp1252")
    assert len(read(tmp_path, write(tmp_path, raw)).trajectories) == 2
    error = refused(tmp_path, raw, encoding="utf-8")
    assert error.row == 60_002
    assert "0xE9" in error.sentence


def test_unknown_encoding(tmp_path: Path) -> None:
    assert "no text encoding `klingon`" in refused(tmp_path, "t,x\n1,2\n2,3\n", encoding="klingon").sentence
    assert "no text encoding `hex`" in refused(tmp_path, "t,x\n1,2\n2,3\n", encoding="hex").sentence


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv: this is a folder"):
        read(tmp_path, "folder.csv")
    with pytest.raises(DataError, match="this is a folder"):
        preview(tmp_path)


def test_file_deleted_between_preview_and_load(tmp_path: Path) -> None:
    name = write(tmp_path, "t,x\n1,2\n2,3\n3,4\n")
    assert preview(tmp_path / name).row_count == 3
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match="no such file \\(any more\\)"):
        read(tmp_path, name)


def test_no_file_at_all() -> None:
    with pytest.raises(DataError, match="no data file is named"):
        load(DataConfig())


@pytest.mark.parametrize(
    "raw", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", bytes(range(256)) * 10, b"\x01\x02\x03\x04" * 50]
)
def test_binary_file(tmp_path: Path, raw: bytes) -> None:
    assert "not a text file" in refused(tmp_path, raw).sentence


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "npz", "npy", "mat"])
def test_damaged_files_of_other_formats(tmp_path: Path, ending: str) -> None:
    error = refused(tmp_path, b"this is none of these formats\n" * 20, f"data.{ending}")
    assert "readable" in error.sentence or "cannot be read" in error.sentence


@pytest.mark.parametrize("ending", ["npz", "mat", "parquet"])
def test_any_damage_is_a_sentence(tmp_path: Path, ending: str) -> None:
    import polars as pl
    from scipy.io import savemat

    t = np.linspace(0.0, 1.0, 50)
    table, path = {"t": t, "x": np.cos(t)}, tmp_path / f"good.{ending}"
    match ending:
        case "npz":
            np.savez_compressed(path, **table)
        case "mat":
            savemat(path, table, do_compression=True)
        case _:
            pl.DataFrame(table).write_parquet(path)
    raw, random = path.read_bytes(), np.random.default_rng(0)
    refusals = 0
    for trial in range(40):
        damaged = bytearray(raw[: random.integers(1, len(raw))] if trial % 4 == 0 else raw)
        for place in random.integers(0, len(damaged), 4):
            damaged[place] = random.integers(256)
        try:
            read(tmp_path, write(tmp_path, bytes(damaged), f"bad.{ending}"))
        except DataError:
            refusals += 1
    assert refusals > 20


def test_text_column_as_state(tmp_path: Path) -> None:
    error = refused(tmp_path, "t,x,who\n1,2,ann\n2,3,bob\n3,4,eve\n", states=("who",))
    assert (error.row, error.column) == (2, "who")
    assert "choose a column of numbers" in error.sentence


def test_unknown_columns_suggest_the_nearest(tmp_path: Path) -> None:
    text = "t,hare,lynx\n1,2,3\n2,3,4\n"
    configs: tuple[dict[str, Any], ...] = (
        {"states": ("hair",)},
        {"inputs": ("hair",)},
        {"names": {"hair": "h"}},
        {"weights": {"hair": 2.0}},
    )
    for config in configs:
        assert "did you mean `hare`?" in refused(tmp_path, text, **config).sentence
    assert "there are `t`, `hare`, `lynx`" in refused(tmp_path, text, time="zzz").sentence


def test_one_column_with_two_roles(tmp_path: Path) -> None:
    assert "both as time and as state" in refused(tmp_path, "t,x\n1,2\n2,3\n", time="t", states=("t", "x")).sentence


def test_bad_alias(tmp_path: Path) -> None:
    text = "t,x,y\n1,2,3\n2,3,4\n"
    assert "means something else" in refused(tmp_path, text, names={"x": "sin"}).sentence
    assert "no name for equations" in refused(tmp_path, text, names={"x": "a b"}).sentence
    assert "name of another column" in refused(tmp_path, text, names={"x": "u", "y": "u"}).sentence


def test_no_time_column(tmp_path: Path) -> None:
    text = "x,y\n3,3\n1,5\n2,4\n"
    assert "no column looks like the time" in refused(tmp_path, text).sentence
    data = read(tmp_path, "data.csv", time="")
    assert data.trajectories[0].t.tolist() == [0, 1, 2]
    assert data.measured_names == ("x", "y")


def test_only_a_time_column(tmp_path: Path) -> None:
    assert "no column of measurements" in refused(tmp_path, "t\n1\n2\n3\n").sentence


def test_input_without_values_in_a_trajectory(tmp_path: Path) -> None:
    error = refused_without_path(tmp_path, "run,t,x,u\na,1,2,1\na,2,3,1\nb,1,1,\nb,2,1,\n", inputs=("u",))
    assert error.column == "u"
    assert "trajectory `b`" in error.sentence


def refused_without_path(folder: Path, text: str, **config: object) -> DataError:
    with pytest.raises(DataError) as caught:
        read(folder, write(folder, text), **config)
    return caught.value


def test_files_with_different_columns_or_units(tmp_path: Path) -> None:
    write(tmp_path, "t,x [m],y\n1,2,3\n2,3,4\n", "a.csv")
    write(tmp_path, "t,x [m]\n1,2\n2,3\n", "b.csv")
    write(tmp_path, "t,y,x [mm]\n1,2,3\n2,3,4\n", "c.csv")
    with pytest.raises(DataError, match=r"b\.csv: there is no column `y`"):
        read(tmp_path, "a.csv", "b.csv")
    with pytest.raises(DataError, match=r"c\.csv, column `x`: the unit is `mm` here and `m` in a\.csv"):
        read(tmp_path, "a.csv", "c.csv")


def test_negative_weight(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a number that is not negative"):
        read(tmp_path, write(tmp_path, "t,x\n1,2\n2,3\n"), weights={"x": -1.0})


def test_weights_of_trajectories(tmp_path: Path) -> None:
    path = write(tmp_path, "t,x,run\n1,2,a\n2,3,a\n1,2,b\n2,3,b\n")
    data = read(tmp_path, path, trajectory="run", trajectory_weights={"b": 0.5})
    assert [trajectory.weight for trajectory in data.trajectories] == [1.0, 0.5]
    for weights, words in (({"c": 1.0}, "no trajectory `c`"), ({"a": -1.0}, "not negative")):
        with pytest.raises(DataError, match=words):
            read(tmp_path, path, trajectory="run", trajectory_weights=weights)
