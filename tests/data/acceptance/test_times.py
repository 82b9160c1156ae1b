"""Files whose time is told in a form of its own: read right, or asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.file_preview import preview
from ndestudio.data.loading import load

N = float("nan")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "readers"


def read(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8", **settings: Any) -> Dataset:
    (folder / name).write_text(text, encoding=encoding)
    return load(DataConfig(files=(name,), **settings), base=folder)


def holds(data: Dataset, time: str, unit: str, t: Sequence[float], **values: Sequence[float]) -> None:
    """Check time, its unit, and all states of the only trajectory."""
    (trajectory,) = data.trajectories
    assert (data.time.label, data.time.unit) == (time, unit)
    np.testing.assert_allclose(trajectory.t, t, atol=1e-9)
    assert [column.label for column in data.measured] == list(values)
    for column, expected in zip(trajectory.measured.T, values.values(), strict=True):
        np.testing.assert_allclose(column, expected)


def test_a_german_table_with_masses_that_rise(tmp_path: Path) -> None:
    text = "Zeitpunkt;Masse;Zucker\n03.04.2022 07:15;0,2;19,5\n03.04.2022 08:15;0,4;17,1\n03.04.2022 10:15;1,1;11,0\n"
    data = read(tmp_path, text, encoding="cp1252")
    holds(data, "Zeitpunkt", "h", [0, 1, 3], Masse=[0.2, 0.4, 1.1], Zucker=[19.5, 17.1, 11.0])


def test_a_french_table(tmp_path: Path) -> None:
    text = "Date;Heure;Température\n28/02/2022;23:40;4,5\n28/02/2022;23:50;4,4\n01/03/2022;00:00;4,2\n"
    holds(read(tmp_path, text, encoding="cp1252"), "Date + Heure", "min", [0, 10, 20], Température=[4.5, 4.4, 4.2])


def test_wells_of_a_plate_beside_an_elapsed_time(tmp_path: Path) -> None:
    text = "Time\tB7\tC7\n0:00:09\t0.10\t0.11\n0:10:09\t0.12\t0.13\n0:20:09\t0.15\t0.14\n"
    data = read(tmp_path, text, "table.txt")
    holds(data, "Time", "min", [0.15, 10.15, 20.15], B7=[0.10, 0.12, 0.15], C7=[0.11, 0.13, 0.14])


def test_a_temperature_before_the_time(tmp_path: Path) -> None:
    text = "T,S,run_time_s,D\n290,1,0,9\n295,2,30,8\n301,3,60,9\n"
    data = read(tmp_path, text, time="run_time_s")
    holds(data, "run_time_s", "s", [0, 30, 60], T=[290, 295, 301], S=[1, 2, 3], D=[9, 8, 9])


def test_half_hours_of_a_flux_tower(tmp_path: Path) -> None:
    text = "TIMESTAMP_START,TIMESTAMP_END,LE,H\n201812312300,201812312330,2,5\n201812312330,201901010000,3,4\n201901010000,201901010030,4,2\n"
    holds(read(tmp_path, text), "TIMESTAMP_START", "min", [0, 30, 60], LE=[2, 3, 4], H=[5, 4, 2])


def test_days_over_the_end_of_february(tmp_path: Path) -> None:
    text = "day;flow\n20200228;5\n20200229;6\n20200301;4\n20200302;3\n"
    holds(read(tmp_path, text), "day", "d", [0, 1, 2, 3], flow=[5, 6, 4, 3])


def test_a_logger_with_am_and_pm(tmp_path: Path) -> None:
    text = "#,Date Time,Temp\n1,06/01/21 11:50:00 PM,3.5\n2,06/01/21 11:55:00 PM,3.4\n3,06/02/21 12:00:00 AM,3.6\n"
    data = read(tmp_path, text)
    holds(data, "Date Time", "min", [0, 5, 10], Temp=[3.5, 3.4, 3.6])
    assert any(one.topic == "format" and not one.certain for one in data.decisions)


@pytest.mark.parametrize(
    ("file", "unit", "t"),
    [
        ("german_rising.csv", "h", [0, 2, 6, 12]),
        ("elapsed_two.csv", "min", [0, 15, 30, 45, 60]),
        ("hobo.csv", "min", [0, 15, 30, 60, 75]),
        ("temperature_T.csv", "min", [0, 5, 10, 15]),
        ("ameriflux_H.csv", "min", [0, 30, 60, 90]),
        ("year_doy_hour.txt", "h", [0, 6, 12, 24, 30, 36, 48, 54, 60]),
        ("elapsed.csv", "min", [5.5, 20.5, 35.5, 50.5, 65.5]),
        ("day_first_dates.csv", "d", [0, 1, 2, 3, 4]),
        ("slash_iso_dates.csv", "d", [0, 1, 2]),
        ("german_excel.csv", "h", [0, 0.5, 1, 24, 24.5]),
        ("duration_cells.xlsx", "h", [0, 12, 24, 36]),
        ("fluxnet.csv", "min", [0, 30, 60, 90, 120, 150, 180]),
        ("fluxnet_daily.csv", "d", [0, 1, 2, 3, 4]),
        ("index_time.csv", "ms", [0, 10, 25, 45]),
        ("substrate_S.csv", "", [0, 1, 2, 3]),
        ("time_cells.xlsx", "min", [0, 15, 30, 60]),
        ("bioreactor_two_clocks.csv", "s", [0, 30, 60, 90]),
        ("toa5.dat", "min", [0, 10, 20, 30, 40]),
        ("pangaea.tab", "h", [0, 6, 12, 18]),
        ("biotek_gen5.csv", "min", [0, 15, 30]),
    ],
)
def test_shared_files(file: str, unit: str, t: list[float]) -> None:
    path = SHARED / file
    if not path.exists():
        pytest.skip("the shared files are not here")
    data = load(DataConfig(files=(str(path),)))
    (trajectory,) = data.trajectories
    assert data.time.unit == unit
    np.testing.assert_allclose(trajectory.t, t, atol=1e-9)
    labels = [column.label for column in preview(path).with_role("time")]
    assert data.time.label == " + ".join(labels)
