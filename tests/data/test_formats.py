"""Parquet, Excel, NumPy and MATLAB files give the numbers that were written."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import savemat

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.errors import DataError

T = np.linspace(0.0, 1.0, 30)
X = np.sin(7 * T)
Y = np.cos(7 * T)


def read(folder: Path, name: str, **config: object) -> Dataset:
    return load(DataConfig(files=(name,), **config), base=folder)  # pyright: ignore[reportArgumentType]


def check(data: Dataset, atol: float = 0.0) -> None:
    (trajectory,) = data.trajectories
    assert np.allclose(trajectory.t, T, rtol=0, atol=atol)
    assert np.allclose(trajectory.measured[:, :2], np.column_stack([X, Y]), rtol=0, atol=atol)
    assert len(data.sources[0].sha256) == 64


def test_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"time [s]": T, "x [m]": X, "exp": Y, "who": ["a"] * 30}).write_parquet(tmp_path / "a.parquet")
    data = read(tmp_path, "a.parquet", trajectory="", states=("x", "exp"))
    check(data)
    assert data.measured_names == ("x", "exp_value")
    assert data.measured[0].unit == "m"
    shown = preview(tmp_path / "a.parquet")
    assert (shown.format, shown.row_count, shown.row_count_exact, shown.delimiter) == ("parquet", 30, True, None)


def test_parquet_with_bad_cells(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"t": [1.0, 2.0, 3.0, 4.0], "x": [1.0, None, float("inf"), 2.0], "y": ["1", "2", "three", "4"]}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="infinite") as caught:
        read(tmp_path, "a.parquet", states=("x",))
    assert (caught.value.row, caught.value.column) == (3, "x")
    with pytest.raises(DataError, match="`three` is not a number"):
        read(tmp_path, "a.parquet", states=("y",))
    data = read(tmp_path, "a.parquet", states=("x",), missing=("inf",))
    assert np.isnan(data.trajectories[0].measured[:, 0]).tolist() == [False, True, True, False]


def test_parquet_dates(tmp_path: Path) -> None:
    frame = pl.DataFrame({"when": ["2020-01-01", "2020-01-03", "2020-01-04"], "x": [1, 2, 4]})
    frame.with_columns(pl.col("when").str.to_date()).write_parquet(tmp_path / "a.parquet")
    data = read(tmp_path, "a.parquet")
    assert data.trajectories[0].t.tolist() == [0, 2, 3]


def test_excel(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        first = book.add_worksheet("runs")
        for column, name in enumerate(["time [s]", "x (m)", "y", "run"]):
            first.write(0, column, name)
        for row in range(30):
            first.write_row(row + 1, 0, [T[row], X[row], Y[row], "north"])
        second = book.add_worksheet("other")
        second.write_row(0, 0, ["t", "z"])
        second.write_row(1, 0, [1, 5])
        second.write_row(2, 0, [2, "oops"])
        second.write_row(3, 0, [3, 5])
    data = read(tmp_path, "a.xlsx")
    check(data, 1e-15)
    assert data.trajectories[0].name == "north"
    assert any("Sheet `runs` of 2" in note for note in data.notes)
    shown = preview(tmp_path / "a.xlsx", DataConfig(sheet="other"))
    assert shown.choices == ("runs", "other")
    assert [(problem.row, problem.column) for problem in shown.problems] == [(3, "z")]
    with pytest.raises(DataError, match=r"a\.xlsx, row 3, column `z`: `oops` is not a number"):
        read(tmp_path, "a.xlsx", sheet="other")
    with pytest.raises(DataError, match="no sheet `run`; did you mean `runs`"):
        read(tmp_path, "a.xlsx", sheet="run")


def test_excel_rows_keep_their_numbers_under_titles_and_units(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet("s")
        sheet.write_row(3, 0, ["t", "x"])
        sheet.write_row(4, 0, ["s", "mm"])
        sheet.write_row(5, 0, [1, 5])
        sheet.write_row(6, 0, [2])
        sheet.write_row(7, 0, [3, 7])
        sheet.write_row(8, 0, [3, 7])
    shown = preview(tmp_path / "a.xlsx")
    assert shown.row_numbers == (6, 7, 8, 9)
    assert [column.unit for column in shown.columns] == ["s", "mm"]
    with pytest.raises(DataError, match="there twice") as caught:
        read(tmp_path, "a.xlsx")
    assert caught.value.row == 9


def test_excel_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "fastexcel":
            raise ImportError(name)
        return real(name, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"pip install \"ndestudio\[excel\]\""):
        preview(tmp_path / "a.xlsx")


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", t=T, y=np.column_stack([X, Y]), g=9.81, short=np.arange(3), cube=np.zeros((2, 3, 4)))
    data = read(tmp_path, "a.npz")
    check(data)
    assert data.measured_names == ("y_1", "y_2")
    notes = " ".join(data.notes)
    assert "`short` has not the 30 rows" in notes
    assert "`cube` has the shape (2, 3, 4)" in notes


def test_npz_key_and_npy(tmp_path: Path) -> None:
    table = np.column_stack([T, X, Y])
    np.savez(tmp_path / "a.npz", first=np.zeros((4, 2)), second=table)
    np.save(tmp_path / "b.npy", table)
    check(read(tmp_path, "a.npz", key="second"))
    check(read(tmp_path, "b.npy"))
    with pytest.raises(DataError, match="no variable `secnd`; did you mean `second`"):
        read(tmp_path, "a.npz", key="secnd")


def test_structured_npy(tmp_path: Path) -> None:
    table = np.zeros(30, dtype=[("t", ">f8"), ("x", "f4"), ("y", "f8"), ("run", "U3")])
    table["t"], table["x"], table["y"], table["run"] = T, X, Y, "abc"
    np.save(tmp_path / "a.npy", table)
    data = read(tmp_path, "a.npy")
    check(data, 1e-6)
    assert data.trajectories[0].name == "abc"


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", t=T, x=X, y=Y, trap=np.array([_Trap()], dtype=object))
    data = read(tmp_path, "a.npz")
    check(data)
    assert any("`trap` holds Python objects" in note for note in data.notes)
    np.save(tmp_path / "b.npy", np.array([_Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="not readable as NumPy arrays"):
        read(tmp_path, "b.npy")


def test_matlab(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"t": T, "s": {"x": X, "y": Y[:, None]}, "name": "a run", "k": 3})
    check(read(tmp_path, "a.mat"))
    savemat(tmp_path / "b.mat", {"table": np.column_stack([T, X, Y]), "other": np.zeros((3, 3))})
    check(read(tmp_path, "b.mat", key="table"))


@pytest.mark.parametrize("ending", ["parquet", "npz", "npy", "mat", "xlsx", "csv"])
def test_a_file_without_its_ending_is_known_by_its_content(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    table = {"t": T, "x": X, "y": Y}
    match ending:
        case "parquet":
            pl.DataFrame(table).write_parquet(path)
        case "npz":
            np.savez(path, **table)
        case "npy":
            np.save(path, np.rec.fromarrays(list(table.values()), dtype=[(name, float) for name in table]))
        case "mat":
            savemat(path, table)
        case "xlsx":
            pl.DataFrame(table).write_excel(path)
        case _:
            pl.DataFrame(table).write_csv(path)
    bare = path.rename(tmp_path / "measurements.unknown")
    assert preview(bare).format == {"npy": "npz", "xlsx": "excel", "csv": "text"}.get(ending, ending)


def test_what_nothing_reads_is_refused_and_says_what_was_tried(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 50)
    with pytest.raises(
        DataError,
        match=r"`\.png` are not known here.*none of CSV, Parquet, Excel, NumPy, MATLAB, HDF5, NetCDF, JSON, Feather, SQLite, DuckDB",
    ):
        read(tmp_path, "photo.png")
