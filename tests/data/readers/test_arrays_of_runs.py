"""Variables of array files become tables: by their time, by lengths, several runs as trajectories, else a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.data.readers.base import Head
from ndestudio.data.readers.registry import reader_for
from ndestudio.errors import DataError

T = np.linspace(0.0, 2.0, 7)
A, B = np.exp(-T), 3 * np.cos(T)


def read(path: Path, **config: object) -> Dataset:
    return load(DataConfig(files=(str(path),), **config))  # pyright: ignore[reportArgumentType]


def head(path: Path, **config: object) -> Head:
    return reader_for(path).head(path, DataConfig(**config), path.name)  # pyright: ignore[reportArgumentType]


def check(data: Dataset, *columns: np.ndarray, t: np.ndarray = T) -> None:
    (one,) = data.trajectories
    assert np.array_equal(one.t, t)
    assert np.array_equal(one.measured, np.column_stack(columns))


def column(values: object) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, None]


def cells(*values: object) -> np.ndarray:
    found = np.empty((1, len(values)), dtype=object)
    found[0] = list(values)
    return found


@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_states_in_rows_or_columns(tmp_path: Path, shape: str) -> None:
    y = np.vstack([A, B]) if shape == "rows" else np.column_stack([A, B])
    savemat(tmp_path / "a.mat", {"y": y, "tau": T[None, :] * 0 + 1, "t": T})
    savemat(tmp_path / "b.mat", {"y": y, "t": T})
    np.savez(tmp_path / "c.npz", y=y, t=T)
    for name in ("b.mat", "c.npz"):
        data = read(tmp_path / name)
        check(data, A, B)
        assert data.measured_names == ("y_1", "y_2")


@pytest.mark.parametrize(("clock", "expected"), [(T[None, :5], 0), (T[:5, None], 1)])
def test_a_square_matrix_lies_like_the_time_beside_it(tmp_path: Path, clock: np.ndarray, expected: int) -> None:
    y = np.arange(25.0).reshape(5, 5)
    savemat(tmp_path / "a.mat", {"t": clock, "y": y})
    shown = head(tmp_path / "a.mat")
    (decision,) = [one for one in shown.decisions if one.topic == "shape"]
    assert decision.certain and decision.chosen == 1 - expected
    check(read(tmp_path / "a.mat"), *(y if expected == 0 else y.T), t=T[:5])
    other = decision.choices[1 - (decision.chosen or 0)].changes
    check(read(tmp_path / "a.mat", **other), *(y.T if expected == 0 else y), t=T[:5])


def test_a_square_matrix_without_evidence_is_marked_as_a_guess(tmp_path: Path) -> None:
    y = np.column_stack([offset + np.sin(0.1 * np.arange(5)) for offset in (0, 50, -30, 10, -5)])
    np.savez(tmp_path / "a.npz", t=np.arange(5.0), y=y)
    np.savez(tmp_path / "b.npz", t=np.arange(5.0), y=y.T)
    for name in ("a.npz", "b.npz"):
        (decision,) = head(tmp_path / name).decisions
        assert not decision.certain
        check(read(tmp_path / name), *y.T, t=np.arange(5.0))


def test_time_in_the_first_row_of_a_matrix_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.vstack([T, A, B]))
    check(read(tmp_path / "a.npy"), A, B)


def test_columns_are_named_by_texts_beside_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", t=T, data=np.column_stack([A, B]), columns=np.array(["prey", "predator"]))
    assert read(tmp_path / "a.npz").measured_names == ("prey", "predator")
    savemat(tmp_path / "a.mat", {"t": T, "Y": np.column_stack([A, B]), "names": np.array(["u", "v"], dtype=object)})
    assert read(tmp_path / "a.mat").measured_names == ("u", "v")


def test_structs_and_parameters_beside_a_simulation(tmp_path: Path) -> None:
    savemat(
        tmp_path / "a.mat",
        {"tspan": [0.0, 2.0], "y0": [1.0, 3.0], "out": {"T": T, "S": A, "I": B}, "p": {"beta": 0.3, "k": 2.0}},
    )
    data = read(tmp_path / "a.mat")
    check(data, A, B)
    assert data.measured_names == ("S", "I")
    assert any("`p/beta`, `p/k` hold single values" in note for note in data.notes)


def test_a_struct_array_of_runs_is_several_trajectories(tmp_path: Path) -> None:
    runs = np.zeros((1, 2), dtype=[("t", "O"), ("x", "O"), ("strain", "O")])
    runs[0, 0] = (column([0, 1, 2]), column([5, 6, 7]), "wild")
    runs[0, 1] = (column([0, 2]), column([8, 9]), "mutant")
    savemat(tmp_path / "a.mat", {"runs": runs})
    data = read(tmp_path / "a.mat")
    assert [one.name for one in data.trajectories] == ["wild", "mutant"]
    assert data.trajectories[1].t.tolist() == [0, 2]
    assert data.trajectories[1].measured[:, 0].tolist() == [8, 9]
    only = read(tmp_path / "a.mat", key="runs/2")
    assert only.trajectories[0].measured[:, 0].tolist() == [8, 9]
    assert preview(tmp_path / "a.mat").choices == ("runs/1", "runs/2")
    (decision,) = head(tmp_path / "a.mat").decisions
    assert decision.topic == "trajectory" and decision.certain


def test_records_in_a_struct_array_are_rows(tmp_path: Path) -> None:
    rows = np.zeros((1, 4), dtype=[("t", "O"), ("x", "O")])
    for place in range(4):
        rows[0, place] = (float(place), float(place**2))
    savemat(tmp_path / "a.mat", {"s": rows})
    check(read(tmp_path / "a.mat"), np.array([0.0, 1, 4, 9]), t=np.arange(4.0))


def test_cells_of_runs_and_cells_of_columns(tmp_path: Path) -> None:
    savemat(
        tmp_path / "a.mat",
        {"t": cells(column([0, 1]), column([0, 1, 2])), "x": cells(column([3, 4]), column([5, 6, 7]))},
    )
    data = read(tmp_path / "a.mat")
    assert [one.measured[:, 0].tolist() for one in data.trajectories] == [[3, 4], [5, 6, 7]]
    savemat(tmp_path / "b.mat", {"t": T, "x": cells(column(A), column(B))})
    data = read(tmp_path / "b.mat")
    check(data, A, B)
    assert data.measured_names == ("x_1", "x_2")


def test_each_run_with_its_own_time_in_matrices(tmp_path: Path) -> None:
    t = np.arange(5.0)[:, None] + np.array([[0.0, 100.0, 200.0]])
    x = np.arange(15.0).reshape(5, 3)
    for name, turned in (("a.npz", False), ("b.npz", True)):
        np.savez(tmp_path / name, t=t.T if turned else t, x=x.T if turned else x, dose=np.array([1.0, 2.0, 4.0]))
        data = read(tmp_path / name)
        assert [one.t.tolist() for one in data.trajectories] == t.T.tolist()
        found = [
            dict(zip((*data.measured_names, *data.input_names), row, strict=True))
            for one in data.trajectories
            for row in np.column_stack([one.measured, one.inputs])
        ]
        assert [row["x"] for row in found] == x.T.ravel().tolist()
        assert [row["dose"] for row in found] == [1.0] * 5 + [2.0] * 5 + [4.0] * 5


def test_runs_on_the_first_of_three_axes(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 7, 2))
    np.savez(tmp_path / "a.npz", t=T, x=x)
    data = read(tmp_path / "a.npz")
    assert np.array_equal(np.stack([one.measured for one in data.trajectories]), x)
    np.savez(tmp_path / "b.npz", t=T, x=np.swapaxes(x, 1, 2))
    assert np.array_equal(np.stack([one.measured for one in read(tmp_path / "b.npz").trajectories]), x)


def test_dates_of_numpy_are_dates(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", time=np.datetime64("2021-03-01") + np.arange(4) * np.timedelta64(30, "m"), x=A[:4])
    data = read(tmp_path / "a.npz")
    assert (data.trajectories[0].t.tolist(), data.time.unit) == ([0, 30, 60, 90], "min")


def signals(*found: tuple[np.ndarray, str, str]) -> np.ndarray:
    array = np.zeros((1, len(found)), dtype=[("values", "O"), ("dimensions", "O"), ("label", "O"), ("blockName", "O")])
    for place, (values, label, block) in enumerate(found):
        array[0, place] = (values, float(values.shape[-1]), label, block)
    return array


def test_simulink_structure_with_time(tmp_path: Path) -> None:
    logged = signals((column(A), "", "model/Tank"), (np.column_stack([B, 2 * B]), "<flow>", "model/Sum"))
    savemat(tmp_path / "a.mat", {"ScopeData": {"time": column(T), "signals": logged, "blockName": "model/Scope"}})
    data = read(tmp_path / "a.mat")
    check(data, A, B, 2 * B)
    assert data.measured_names == ("Tank", "flow_1", "flow_2")


def test_simulink_structure_without_time_takes_the_time_beside_it(tmp_path: Path) -> None:
    savemat(
        tmp_path / "a.mat", {"tout": column(T), "yout": {"time": [], "signals": signals((column(A), "y", "m/Out"))}}
    )
    data = read(tmp_path / "a.mat")
    check(data, A)
    assert data.measured_names == ("y",)


def test_simulink_signals_that_are_matrices(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(2, 3, 7))
    savemat(
        tmp_path / "a.mat",
        {"o": {"time": column(T), "signals": {"values": values, "dimensions": [2.0, 3.0], "label": "M"}}},
    )
    check(read(tmp_path / "a.mat"), *values.reshape(6, 7, order="F"))


def test_time_series_as_structs(tmp_path: Path) -> None:
    series = {"Name": "speed", "Time": column(T), "Data": A.reshape(1, 1, 7), "DataInfo": {"Units": "m/s"}}
    savemat(tmp_path / "a.mat", {"ts": {**series, "TimeInfo": {"Units": "s"}}})
    data = read(tmp_path / "a.mat")
    check(data, A)
    assert (data.time.unit, data.measured[0].label, data.measured[0].unit) == ("s", "speed", "m/s")


def test_several_scopes_are_one_table_over_one_time_and_a_question_over_two(tmp_path: Path) -> None:
    first = {"time": column(T), "signals": signals((column(A), "a", "m/A"))}
    savemat(tmp_path / "a.mat", {"A": first, "B": {"time": column(T), "signals": signals((column(B), "b", "m/B"))}})
    check(read(tmp_path / "a.mat"), A, B)
    savemat(
        tmp_path / "b.mat", {"A": first, "B": {"time": column(T[:4]), "signals": signals((column(B[:4]), "b", "m/B"))}}
    )
    with pytest.raises(DataError, match=r'several tables.*`key = "B"`') as caught:
        read(tmp_path / "b.mat")
    assert caught.value.decision is not None
    assert preview(tmp_path / "b.mat").choices == ("A", "B")
    check(read(tmp_path / "b.mat", key="B"), B[:4], t=T[:4])


def test_one_variable_is_chosen_with_its_time(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", t=T, x=A, y=B)
    check(read(tmp_path / "a.npz", key="y"), B)


def test_what_matlab_alone_can_read_is_named(tmp_path: Path) -> None:
    import scipy.sparse

    savemat(
        tmp_path / "a.mat",
        {
            "t": T,
            "x": A,
            "big": scipy.sparse.csc_matrix(([1.0, 2.0], ([0, 5], [3, 7])), shape=(10**6, 10**6)),
            "z": A + 1j * B,
        },
    )
    data = read(tmp_path / "a.mat")
    check(data, A)
    assert any("`big` is a sparse matrix of 1000000 x 1000000" in note for note in data.notes)
    assert any("`z` has the shape" in note for note in data.notes)


def test_arrays_that_claim_more_than_there_is_are_refused(tmp_path: Path) -> None:
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("t.npy", header.getvalue())
        archive.writestr("x.npy", header.getvalue())
    (tmp_path / "b.npy").write_bytes(header.getvalue())
    for name in ("a.npz", "b.npy"):
        with pytest.raises(DataError, match="not readable as NumPy arrays"):
            read(tmp_path / name)


def test_compressed_variables_of_matlab_may_not_fill_the_memory(tmp_path: Path) -> None:
    import struct
    import zlib

    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    packed = zlib.compress(struct.pack("<II", 14, 2**32 - 8) + bytes(4096))
    element = struct.pack("<II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(header + element * 3)
    with pytest.raises(DataError, match=r"12\.0 GiB of memory"):
        read(tmp_path / "a.mat")
