"""Which kind of path an input is taken to have, how it is set, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.input_paths import foresight
from ndestudio.data.loading import load
from ndestudio.errors import DataError

T = np.arange(20.0)
LEVELS = {
    "valve": np.repeat([1.0, 0.0, 1.0, 0.0], 5),
    "setpoint": np.repeat([20.0, 22.5, 21.0, 25.0], 5),
    "ramp": np.clip(T - 5.0, 0.0, 8.0),
    "sine": np.sin(T),
    "constant": np.ones(20),
    "triangle": np.array([0.0, 1.0] * 10),
}


def loaded(folder: Path, **settings: object) -> Dataset:
    rows = ["t,x," + ",".join(LEVELS)]
    rows += [",".join(f"{v:g}" for v in (t, t, *(one[k] for one in LEVELS.values()))) for k, t in enumerate(T)]
    file = folder / "data.csv"
    file.write_text("\n".join(rows))
    return load(DataConfig(files=(str(file),), states=("x",), inputs=tuple(LEVELS), **settings))  # type: ignore[arg-type]


def kinds(dataset: Dataset) -> dict[str, str]:
    control = dataset.trajectories[0].control
    return {name: control.kind(k) for k, name in enumerate(dataset.input_names)}


def test_few_values_that_stay_are_held_and_others_are_straight(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    held = {name for name, kind in kinds(dataset).items() if kind == "hold"}
    assert held == {"valve", "setpoint"}
    told = {one.column: one for one in dataset.decisions if one.topic == "path"}
    assert set(told) == held and told["valve"].choices[1].changes == {"interpolation": {"valve": "linear"}}
    assert any("`valve` is held until the next sample" in note for note in dataset.notes)


def test_what_is_said_goes_first_and_names_inputs(tmp_path: Path) -> None:
    dataset = loaded(tmp_path, interpolation={"valve": "linear", "sine": "cubic"}, periodic={"sine": 6.28})
    assert kinds(dataset) | {"valve": "linear", "sine": "cubic"} == kinds(dataset)
    assert dataset.trajectories[0].input_periods[dataset.input_names.index("sine")] == 6.28
    with pytest.raises(
        DataError, match=r"`interpolation`: there is no input `vlave` that changes; did you mean `valve`"
    ):
        loaded(tmp_path, interpolation={"vlave": "hold"})
    with pytest.raises(DataError, match="the period -1 of `sine` must be a positive number"):
        loaded(tmp_path, periodic={"sine": -1.0})


def test_a_file_that_says_where_an_input_steps_is_taken_at_its_word(tmp_path: Path) -> None:
    file = tmp_path / "steps.csv"
    file.write_text("t,C,rate\n0,0,40\n1,3,40\n2,5,40\n2,,0\n4,4,0\n5,3,0\n6,3,0\n")
    dataset = load(DataConfig(files=(str(file),), states=("C",), inputs=("rate",)))
    assert kinds(dataset) == {"rate": "linear"}
    np.testing.assert_allclose(dataset.trajectories[0].control.jumps, [2.0])


def test_a_spline_under_a_forecast_is_warned_of(tmp_path: Path) -> None:
    by_time = SplitConfig(by="time")
    assert "`sine` (cubic)" in foresight(loaded(tmp_path, interpolation={"sine": "cubic"}, split=by_time))
    assert not foresight(loaded(tmp_path, interpolation={"sine": "hermite"}, split=by_time))
    assert not foresight(loaded(tmp_path, interpolation={"sine": "cubic"}, split=SplitConfig(by="none")))


def test_missing_samples_are_passed_over(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    one = dataset.trajectories[0]
    gap = one.inputs.copy()
    gap[7:9] = np.nan
    path, whole = replace(one, inputs=gap).control, one.control
    k = dataset.input_names.index("valve")
    np.testing.assert_allclose(path(T)[:, k], whole(T)[:, k])
