"""HDF5 and MATLAB 7.3: groups, attributes, tables, cells; nothing outside the file is read, nothing larger than it should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.errors import DataError

T = np.linspace(0.0, 2.0, 7)
A, B = np.exp(-T), 3 * np.cos(T)


def read(path: Path, **config: object) -> Dataset:
    return load(DataConfig(files=(str(path),), **config))  # pyright: ignore[reportArgumentType]


def check(data: Dataset, *columns: np.ndarray, t: np.ndarray = T) -> None:
    (one,) = data.trajectories
    assert np.array_equal(one.t, t)
    assert np.array_equal(one.measured, np.column_stack(columns))


def test_datasets_with_units(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["time"], file["flow"] = T, A
        file["time"].attrs["units"], file["flow"].attrs["unit"] = "min", np.bytes_("L/h")
    data = read(tmp_path / "a.h5")
    check(data, A)
    assert (data.time.unit, data.measured[0].unit) == ("min", "L/h")
    assert preview(tmp_path / "a.h5").format == "hdf5"


def test_groups_with_the_same_datasets_are_trajectories(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for place, dose in enumerate((0.5, 2.0, 8.0)):
            group = file.create_group(f"run_{place + 1}")
            group["time"], group["x"] = T[: 4 + place], A[: 4 + place] * dose
            group.attrs["dose"] = dose
    data = read(tmp_path / "a.h5")
    assert [one.name for one in data.trajectories] == ["run_1", "run_2", "run_3"]
    assert [len(one.t) for one in data.trajectories] == [4, 5, 6]
    assert np.array_equal(data.trajectories[2].measured[:, 0], A[:6] * 8)
    assert data.input_names == ("dose",)
    check(read(tmp_path / "a.h5", key="/run_2"), A[:5] * 2, t=T[:5])


def test_groups_with_other_datasets_are_a_question(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["slow/t"], file["slow/level"] = T[:4], B[:4]
        file["fast/t"], file["fast/speed"] = T, A
    with pytest.raises(DataError, match='`key = "slow"`'):
        read(tmp_path / "a.h5")
    check(read(tmp_path / "a.h5", key="fast"), A)


def test_groups_that_share_a_time_above_them_are_columns(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["time"], file["pressure/value"], file["level/value"] = T, A, B
    data = read(tmp_path / "a.h5")
    check(data, B, A)
    assert data.measured_names == ("level", "pressure")


def test_tables_of_records(tmp_path: Path) -> None:
    table = np.zeros(7, dtype=[("t", "f8"), ("x", "f8"), ("run", "S3")])
    table["t"], table["x"], table["run"] = T, A, b"abc"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["log"] = table
    data = read(tmp_path / "a.h5")
    check(data, A)
    assert data.trajectories[0].name == "abc"


def test_frames_of_pandas(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("df")
        group["axis0"], group["axis1"] = np.array([b"t", b"x"]), np.arange(7)
        group["block0_items"], group["block0_values"] = np.array([b"t", b"x"]), np.column_stack([T, A])
    check(read(tmp_path / "a.h5", states=("x",)), A)


def test_dimension_scales_name_the_time_and_attributes_the_columns(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        clock, y = file.create_dataset("clock", data=T), file.create_dataset("y", data=np.column_stack([A, B]))
        clock.make_scale("clock")
        clock.attrs["units"] = "hours since 2020-01-01"
        y.dims[0].attach_scale(clock)
        y.attrs["columns"] = ["p", "q"]
    data = read(tmp_path / "a.h5")
    assert data.measured_names == ("p", "q")
    assert np.allclose(data.trajectories[0].t, T, atol=1e-9) and data.time.unit == "h"


def test_dates_as_texts(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["date"], file["x"] = ["2020-01-01", "2020-01-02", "2020-01-04"], [1.0, 2.0, 4.0]
    assert read(tmp_path / "a.h5").trajectories[0].t.tolist() == [0, 1, 3]


def test_what_lies_in_other_files_is_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = B
    (tmp_path / "raw").write_bytes(B.tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["t"], file["own"] = T, A
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        file["soft"] = h5py.SoftLink("/linked")
        file["loop"] = h5py.SoftLink("/")
        file.create_dataset("outside", (7,), "f8", external=[(str(tmp_path / "raw"), 0, 56)])
        layout = h5py.VirtualLayout((7,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(7,))
        file.create_virtual_dataset("virtual", layout)
    data = read(tmp_path / "a.h5")
    check(data, A)
    notes = " ".join(data.notes)
    for name in ("linked", "soft", "outside", "virtual"):
        assert f"`{name}`" in notes


def test_datasets_that_claim_more_than_there_is_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("t", "x"):
            file.create_dataset(name, (10**12,), "f8", chunks=(1000,))
    with pytest.raises(DataError, match=r"would take 7,450\.6 GiB"):
        preview(tmp_path / "a.h5")


def matlab(path: Path, fill: Callable[[h5py.File], None]) -> Path:
    """A file as MATLAB writes it: 512 bytes of its own before, axes in the order of Fortran, classes as attributes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def put(group: h5py.Group, name: str, value: Any, kind: str = "double") -> h5py.Dataset:
    data = np.array([[ord(one)] for one in value], np.uint16) if isinstance(value, str) else np.atleast_2d(value).T
    found = group.create_dataset(name, data=data)
    found.attrs["MATLAB_class"] = np.bytes_("char" if isinstance(value, str) else kind)
    return found


def test_matlab_7_3_has_its_axes_turned(tmp_path: Path) -> None:
    square = np.arange(49.0).reshape(7, 7)

    def fill(file: h5py.File) -> None:
        put(file, "t", T[None, :])
        put(file, "y", square)
        put(file, "who", "hello")
        put(file, "table", [[1.0, 2.0]], "table").attrs["MATLAB_object_decode"] = np.int32(3)

    data = read(matlab(tmp_path / "a.mat", fill))
    check(data, *square)
    assert any("`table` is a MATLAB object (table)" in note for note in data.notes)
    assert preview(tmp_path / "a.mat").format == "mat"


def test_matlab_7_3_struct_arrays_are_trajectories(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        kept, runs = file.create_group("#refs#"), file.create_group("runs")
        fields: dict[str, Callable[[int], Any]] = {
            "t": lambda place: np.arange(4.0 + place)[:, None],
            "x": lambda place: (np.arange(4.0 + place) * (place + 1))[:, None],
            "name": lambda place: f"r{place}",
        }
        for field, value in fields.items():
            references = np.empty((2, 1), dtype=h5py.ref_dtype)
            for place in range(2):
                references[place, 0] = put(kept, f"{field}{place}", value(place)).ref
            runs[field] = references

    data = read(matlab(tmp_path / "a.mat", fill))
    assert [one.name for one in data.trajectories] == ["r0", "r1"]
    assert data.trajectories[1].measured[:, 0].tolist() == [0, 2, 4, 6, 8]


def test_matlab_7_3_simulink(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        put(file, "out/time", T[:, None])
        put(file, "out/signals/values", np.column_stack([A, B]))
        put(file, "out/signals/label", "pos")

    data = read(matlab(tmp_path / "a.mat", fill))
    check(data, A, B)
    assert data.measured_names == ("pos_1", "pos_2")


def test_a_damaged_matlab_7_3_file_is_a_sentence(tmp_path: Path) -> None:
    path = matlab(tmp_path / "a.mat", lambda file: file.update({"t": T}))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match="not readable as HDF5"):
        read(path)
