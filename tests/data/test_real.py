"""The bundled and the shared measurements load as their source describes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import DataConfig, Part, load, preview, smooth
from ndestudio.paths import examples_dir

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared(name: str) -> str:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"../shared/data/{name} is not here")
    return str(path)


def test_lynx_hare() -> None:
    data = load(DataConfig(files=("lynx_hare/lynx_hare_1900_1920.csv",)), base=examples_dir())
    (trajectory,) = data.trajectories
    assert data.measured_names == ("hare", "lynx")
    assert (trajectory.t[0], trajectory.t[-1], len(trajectory.t)) == (1900, 1920, 21)
    assert data.measured[0].unit == "thousand pelts"
    assert [int((trajectory.part == part).sum()) for part in Part] == [15, 3, 3]
    assert np.all(np.isfinite(smooth(trajectory).derivatives(trajectory.t)))


def test_flu() -> None:
    data = load(DataConfig(files=("school_flu/boarding_school_flu_1978.csv",)), base=examples_dir())
    assert data.measured_names == ("in_bed",)
    assert data.trajectories[0].measured[:, 0].max() == 298


@pytest.mark.parametrize(("name", "count"), [("oscillator", 16), ("lotka_volterra", 8)])
def test_generated(name: str, count: int) -> None:
    data = load(DataConfig(files=(f"{name}/{name}.csv",)), base=examples_dir())
    assert len(data.trajectories) == count
    assert data.measured_names == ("x", "y")
    assert all(data.has(part) for part in Part)
    noise = np.median([smooth(one).noise / np.nanstd(one.measured, axis=0) for one in data.trajectories], axis=0)
    assert np.all(noise < (1e-4 if name == "oscillator" else 0.12))


def test_pendulum() -> None:
    path = shared("pendulum_motion_capture.csv")
    data = load(DataConfig(files=(path,)))
    assert data.rows == 556
    assert data.time.unit == "s"
    assert [column.title for column in data.measured] == ["theta [rad]", "omega [rad/s]"]
    assert [column.role for column in preview(path).columns] == ["trajectory", "time", "state", "state"]
    curves = smooth(data.trajectories[0])
    t = data.trajectories[0].t
    assert np.corrcoef(curves.derivatives(t)[:, 0], data.trajectories[0].measured[:, 1])[0, 1] > 0.98


def test_gause() -> None:
    data = load(DataConfig(files=(shared("gause_paramecium_1934.csv"),)))
    assert [one.name for one in data.trajectories] == ["Pc", "Pa", "Mixture"]
    assert data.measured_names == ("p_caudatum", "p_aurelia")
    pc, pa, mixture = data.trajectories
    assert not np.isfinite(pa.measured[:, 0]).any()
    assert np.all(pc.measured[:, 1] == 0)
    assert 0 < np.isnan(mixture.measured).sum() < mixture.measured.size
