"""Files of other programs, in the formats that these write: the right values, or a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.data import DataConfig, Dataset, load, preview

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "readers"
T = np.array([0, 0.2, 0.4, 0.6, 0.8, 1.0])

RIGHT: dict[str, tuple[str, np.ndarray, dict[str, tuple[str, Any]]]] = {
    "odebench.json": ("", np.array([0, 0.5, 1]), {"x_0": ("", [1, 1.419, 2.014])}),
    "run.h5": ("", T, {"x": ("m", np.sin(T))}),
    "cf.nc": ("h", np.arange(6.0), {"temp": ("degC", [1, 2, 3, np.nan, 5, 6])}),
    "v73.mat": ("", T, {"x": ("", np.sin(T))}),
    "simulink_structure_with_time.mat": ("", T, {"xy_1": ("", np.sin(T)), "xy_2": ("", np.cos(T))}),
    "y_wide.mat": ("", T, {"y_1": ("", np.sin(T)), "y_2": ("", np.cos(T))}),
    "plain.mat": ("", T, {"x": ("", np.sin(T)), "y": ("", np.cos(T))}),
    "tx_matrix.mat": ("", T, {"yout_1": ("", np.sin(T)), "yout_2": ("", np.cos(T))}),
}
"""File -> unit of the time, times, and columns with their units."""


def check(data: Dataset, unit: str, t: np.ndarray, columns: dict[str, tuple[str, Any]]) -> None:
    (one,) = data.trajectories
    assert np.allclose(one.t, t, rtol=0, atol=1e-12)
    assert data.time.unit == unit
    assert {column.label: column.unit for column in data.measured} == {
        name: unit for name, (unit, _) in columns.items()
    }
    expected = np.column_stack([values for _, values in columns.values()])
    assert np.allclose(one.measured, expected, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared inputs are not here")
def test_shared_files(name: str) -> None:
    check(load(DataConfig(files=(str(SHARED / name),))), *RIGHT[name])
    shown = preview(SHARED / name)
    assert not shown.problems
    assert [column.role for column in shown.columns].count("time") == 1


def _ode45(path: Path, t: np.ndarray, x: np.ndarray) -> None:
    from scipy.io import savemat

    savemat(path, {"sol": {"solver": "ode45", "x": t[None, :], "y": x.T, "stats": {"nsteps": 12.0, "nfailed": 0.0}}})


def _scipy(path: Path, t: np.ndarray, x: np.ndarray) -> None:
    np.savez(path, t=t, y=x.T, success=True, nfev=np.array(44))


def _logger(path: Path, t: np.ndarray, x: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["created"] = "2024-02-01"
        file["Acquisition/Time"] = t
        file["Acquisition/Channels"] = x
        file["Acquisition/Channels"].attrs["labels"] = ["a", "b"]
        file["Calibration/gain"] = np.ones(3)


def _tower(path: Path, t: np.ndarray, x: np.ndarray) -> None:
    from scipy.io import netcdf_file

    with netcdf_file(path, "w") as file:
        for axis, size in (("time", None), ("x", 1), ("y", 1)):
            file.createDimension(axis, size)
        time = file.createVariable("time", "d", ("time",))
        time[:], time.units, time.calendar = 40_000 + t, "days since 1900-01-01 00:00:00", "standard"
        for place, name in enumerate(("a", "b")):
            one = file.createVariable(name, "d", ("time", "y", "x"))
            one[:], one.missing_value = x[:, place].reshape(-1, 1, 1), np.float64(-9999)


def _service(path: Path, t: np.ndarray, x: np.ndarray) -> None:
    import json

    rows = [
        {"time": float(one), "values": {"a": float(row[0]), "b": float(row[1])}} for one, row in zip(t, x, strict=True)
    ]
    path.write_text(json.dumps({"status": "ok", "paging": {"next": None}, "items": rows}), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write", "labels"),
    [
        ("solution.mat", _ode45, ("y_1", "y_2")),
        ("solution.npz", _scipy, ("y_1", "y_2")),
        ("logger.h5", _logger, ("a", "b")),
        ("tower.nc", _tower, ("a", "b")),
        ("service.json", _service, ("a", "b")),
    ],
)
def test_files_as_other_programs_write_them(
    tmp_path: Path, name: str, write: Callable[[Path, np.ndarray, np.ndarray], None], labels: tuple[str, ...]
) -> None:
    t = np.array([0.0, 1, 2, 4, 8])
    x = np.column_stack([np.sqrt(t + 1), 5 - t])
    write(tmp_path / name, t, x)
    data = load(DataConfig(files=(name,)), base=tmp_path)
    (one,) = data.trajectories
    assert np.allclose(one.t, t, rtol=0, atol=1e-9)
    assert np.array_equal(one.measured, x)
    assert tuple(column.label.split(".")[-1] for column in data.measured) == labels
