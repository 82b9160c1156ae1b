"""NetCDF 3 and 4: times, packing and missing values of the CF conventions; stations are trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import netcdf_file

from ndestudio.data import DataConfig, Dataset, load
from ndestudio.data.readers.cf import epoch
from ndestudio.errors import DataError

N = 6
X = np.sin(np.arange(N))


def read(path: Path, **config: object) -> Dataset:
    return load(DataConfig(files=(str(path),), **config))  # pyright: ignore[reportArgumentType]


def classic(
    path: Path, sizes: dict[str, int], variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]
) -> Path:
    """A NetCDF-3 file: size of each dimension; dimensions, values and attributes of each variable."""
    with netcdf_file(path, "w") as file:
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name, (axes, values, attributes) in variables.items():
            one = file.createVariable(name, values.dtype.char if values.dtype.kind != "S" else "c", axes)
            one[:] = values
            for key, value in attributes.items():
                setattr(one, key, value)
    return path


def modern(
    path: Path, sizes: dict[str, int], variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]
) -> Path:
    """The same as NetCDF-4, which is HDF5 with dimension scales."""
    with h5py.File(path, "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        made = {name: file.create_dataset(name, data=values) for name, (_, values, _) in variables.items()}
        for name, size in sizes.items():
            scale = made.get(name) or file.create_dataset(name, data=np.zeros(size))
            scale.make_scale(name if name in made else "This is a netCDF dimension but not a netCDF variable.  ")
            for other, (axes, _, _) in variables.items():
                if name in axes and other != name:
                    made[other].dims[axes.index(name)].attach_scale(scale)
        for name, (_, _, attributes) in variables.items():
            made[name].attrs.update(attributes)
    return path


BOTH = pytest.mark.parametrize("write", [classic, modern])


def hours(
    values: Any = range(N), unit: str = "hours since 1970-01-01", **more: str
) -> tuple[tuple[str, ...], np.ndarray, Any]:
    return (("time",), np.asarray(values, dtype=float), {"units": unit, **more})


@BOTH
def test_packed_values_and_missing_ones(tmp_path: Path, write: Any) -> None:
    packed = np.array([0, 100, -32000, 300, 400, 500], "i2")
    attributes = {"scale_factor": np.float32(0.01), "add_offset": 20.0, "_FillValue": np.int16(-32000), "units": "degC"}
    single = np.array([1, 2, 1e20, 4, 5, 6], "f4")
    path = write(
        tmp_path / "a.nc",
        {"time": N},
        {
            "time": hours(438288 + np.arange(N)),
            "temp": (("time",), packed, attributes),
            "rain": (("time",), single, {"missing_value": np.float32(1e20), "units": "1"}),
        },
    )
    data = read(path)
    one = data.trajectories[0]
    assert one.t.tolist() == list(range(N)) and data.time.unit == "h"
    assert "since 2020-01-01" in " ".join(data.notes)
    columns = dict(zip(data.measured_names, one.measured.T, strict=True))
    assert np.allclose(columns["temp"], [20, 21, np.nan, 23, 24, 25], rtol=0, atol=1e-12, equal_nan=True)
    assert np.array_equal(columns["rain"], [1, 2, np.nan, 4, 5, 6], equal_nan=True)
    assert {one.label: one.unit for one in data.measured} == {"temp": "degC", "rain": ""}


@BOTH
def test_fill_values_that_no_attribute_names_and_valid_ranges(tmp_path: Path, write: Any) -> None:
    x = np.array([1, 2, 9.96921e36, 4, 5, 6], "f4")
    y = np.array([1, 2, 300, 4, 5, -5], "i2")
    path = write(
        tmp_path / "a.nc",
        {"time": N},
        {"time": hours(), "x": (("time",), x, {}), "y": (("time",), y, {"valid_range": np.array([0, 100], "i2")})},
    )
    measured = read(path).trajectories[0].measured
    columns = dict(zip(read(path).measured_names, measured.T, strict=True))
    assert np.array_equal(columns["x"], [1, 2, np.nan, 4, 5, 6], equal_nan=True)
    assert np.array_equal(columns["y"], [1, 2, np.nan, 4, 5, np.nan], equal_nan=True)


@BOTH
def test_stations_are_trajectories_and_what_they_are_covariates(tmp_path: Path, write: Any) -> None:
    names = np.array([list(b"ab"), list(b"c ")], np.uint8).view("S1").reshape(2, 2)
    values = np.arange(2.0 * N).reshape(N, 2)
    path = write(
        tmp_path / "a.nc",
        {"time": N, "station": 2, "length": 2},
        {
            "time": hours(),
            "station_name": (("station", "length"), names, {"cf_role": "timeseries_id"}),
            "temp": (("time", "station"), values, {}),
            "elevation": (("station",), np.array([10.0, 300.0]), {}),
            "sun": (("time",), X, {}),
        },
    )
    data = read(path)
    assert [one.name for one in data.trajectories] == ["ab", "c"]
    for place, one in enumerate(data.trajectories):
        columns = dict(zip(data.measured_names, one.measured.T, strict=True))
        assert np.array_equal(columns["temp"], values[:, place]) and np.array_equal(columns["sun"], X)
        assert one.inputs[:, 0].tolist() == [[10.0, 300.0][place]] * N
    (only,) = read(path, key="c", states=("temp",)).trajectories
    assert np.array_equal(only.measured[:, 0], values[:, 1])


@BOTH
def test_depths_are_columns_and_a_grid_of_one_cell_a_series(tmp_path: Path, write: Any) -> None:
    path = write(
        tmp_path / "a.nc",
        {"time": N, "depth": 2, "lat": 1, "lon": 1},
        {
            "time": hours(),
            "depth": (("depth",), np.array([5.0, 10.0]), {}),
            "ts": (("time", "depth"), np.arange(2.0 * N).reshape(N, 2), {}),
            "cloud": (("time", "lat", "lon"), X.reshape(N, 1, 1), {}),
            "lat": (("lat",), np.array([50.0]), {}),
            "lon": (("lon",), np.array([7.0]), {}),
        },
    )
    data = read(path)
    (one,) = data.trajectories
    columns = dict(zip(data.measured_names, one.measured.T, strict=True))
    assert columns["ts_10"].tolist() == list(range(1, 2 * N, 2)) and np.array_equal(columns["cloud"], X)


@BOTH
@pytest.mark.parametrize("form", ["contiguous", "indexed"])
def test_ragged_arrays(tmp_path: Path, write: Any, form: str) -> None:
    rows = {
        "time": (("obs",), np.array([0.0, 1, 2, 0, 1, 5]), {"units": "days since 2001-01-01"}),
        "hum": (("obs",), np.arange(6.0), {}),
    }
    if form == "contiguous":
        rows["count"] = (("station",), np.array([3, 3], "i4"), {"sample_dimension": "obs"})
    else:
        rows["index"] = (("obs",), np.array([0, 0, 0, 1, 1, 1], "i4"), {"instance_dimension": "station"})
    data = read(write(tmp_path / "a.nc", {"obs": 6, "station": 2}, rows))
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1, 2], [0, 1, 5]]
    assert data.trajectories[1].measured[:, 0].tolist() == [3, 4, 5]


@BOTH
def test_flags_and_bounds_are_no_measurements(tmp_path: Path, write: Any) -> None:
    flag = (("time",), np.array([0, 0, 1, 0, 0, 0], "i1"), {"flag_meanings": "good bad"})
    bounds = (("time", "two"), np.zeros((N, 2)), {})
    path = write(
        tmp_path / "a.nc",
        {"time": N, "two": 2},
        {"time": hours(bounds="time_bnds"), "time_bnds": bounds, "x": (("time",), X, {}), "x_qc": flag},
    )
    assert read(path).measured_names == ("x",)


def test_model_calendars_stay_numbers(tmp_path: Path) -> None:
    path = classic(
        tmp_path / "a.nc",
        {"time": N},
        {"time": hours(unit="days since 2000-02-26", calendar="noleap"), "x": (("time",), X, {})},
    )
    data = read(path)
    assert (data.trajectories[0].t.tolist(), data.time.unit) == (list(range(N)), "d")


@pytest.mark.parametrize(
    ("date", "calendar", "days"),
    [
        ("1970-01-01", "", 0),
        ("1970-1-2 12:00:0.0", "", 1.5),
        ("2000-01-01T00:00:00Z", "standard", 10957),
        ("2000-01-01 02:00 +02:00", "gregorian", 10957),
        # 1 January of the year 1 is two days earlier in the Julian calendar (cftime 1.6.6)
        ("0001-01-01", "standard", -719164),
        ("1-1-1", "proleptic_gregorian", -719162),
    ],
)
def test_reference_dates(date: str, calendar: str, days: float) -> None:
    assert epoch(date, calendar) == days * 86_400_000_000


def test_damaged_and_other_versions(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"CDF\x05" + bytes(100))
    with pytest.raises(DataError, match="CDF-5"):
        read(tmp_path / "a.nc")
    whole = classic(tmp_path / "b.nc", {"time": N}, {"time": hours(), "x": (("time",), X, {})}).read_bytes()
    for end in (6, 30, len(whole) - 20):
        (tmp_path / "b.nc").write_bytes(whole[:end])
        with pytest.raises(DataError, match="not readable as NetCDF"):
            read(tmp_path / "b.nc")
