"""Datasets from arrays and frames."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ndestudio.data import SplitConfig, dataset_from_arrays, dataset_from_frame
from ndestudio.errors import DataError

T = np.arange(8.0)


def test_one_trajectory() -> None:
    data = dataset_from_arrays(
        T,
        np.column_stack([T, T**2]),
        ["x [m]", "exp"],
        inputs=-T,
        input_names=["u"],
        time_unit="s",
        weights={"x": 2.0},
        split=SplitConfig(by="none"),
    )
    assert data.measured_names == ("x", "exp_value")
    assert data.measured[0].unit == "m"
    assert data.time.unit == "s"
    assert data.trajectories[0].inputs[:, 0].tolist() == (-T).tolist()
    assert data.weights == {"x": 2.0}


def test_lists_and_several_trajectories() -> None:
    assert dataset_from_arrays([0, 1, 2], [[1, 2], [3, 4], [5, 6]], ["x", "y"]).trajectories[0].measured[2, 1] == 6
    assert dataset_from_arrays([0, 1, 2], [5, 6, 7], ["x"]).rows == 3
    data = dataset_from_arrays([T, T[:5]], [T[:, None], T[:5]], ["x"], trajectories=["a", "b"])
    assert [(one.name, len(one.t)) for one in data.trajectories] == [("a", 8), ("b", 5)]
    stack = np.zeros((3, 8, 2))
    assert len(dataset_from_arrays([T] * 3, stack, ["x", "y"]).trajectories) == 3
    assert len(dataset_from_arrays(np.stack([T] * 3), stack, ["x", "y"]).trajectories) == 3


def test_the_arrays_given_are_not_shared() -> None:
    values = np.column_stack([T, T])
    data = dataset_from_arrays(T, values, ["x", "y"])
    values[:] = 99.0
    assert data.trajectories[0].measured[3, 0] == 3.0


@pytest.mark.parametrize(
    ("t", "values", "names", "sentence"),
    [
        (T, np.zeros((8, 3)), ["x", "y"], "shape"),
        (T, np.zeros((7, 1)), ["x"], "8 times, 7 rows of values"),
        ([T, T], [T], ["x"], "2 arrays of times, 1 of values"),
        (T[::-1], T, ["x"], "falls from 7 to 6"),
        (T, np.where(T == 3, np.inf, T), ["x"], "infinite"),
        (T, ["a"] * 8, ["x"], "no number"),
        (T[:1], T[:1], ["x"], "at least two"),
    ],
)
def test_misuse(t: object, values: object, names: list[str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        dataset_from_arrays(t, values, names)  # pyright: ignore[reportArgumentType]


def test_frame() -> None:
    frame = pl.DataFrame(
        {"run": ["b", "b", "a", "a"], "time": [0, 1, 0, 1], "x [m]": [1.0, None, 3.0, 4.0], "u": [1, 2, 3, 4]}
    )
    data = dataset_from_frame(frame, time="time", trajectory="run", inputs=["u"])
    assert [one.name for one in data.trajectories] == ["a"]
    assert any("trajectory `b`" in note for note in data.notes)
    assert data.measured[0].title == "x [m]"
    assert data.input_names == ("u",)
    with pytest.raises(DataError, match="no column `tme`; did you mean `time`"):
        dataset_from_frame(frame, time="tme")
    with pytest.raises(DataError, match="`b` is not a number"):
        dataset_from_frame(frame, time="time", states=["run"])


@pytest.mark.parametrize("text", [True, False])
def test_frame_with_dates(text: bool) -> None:
    moments = [datetime(2020, 1, 1), datetime(2020, 1, 2, 12), datetime(2020, 1, 4)]
    frame = pl.DataFrame({"when": [one.isoformat() for one in moments] if text else moments, "x": [1, 2, 3]})
    data = dataset_from_frame(frame, time="when")
    assert data.trajectories[0].t.tolist() == [0, 1.5, 3]
    assert data.time.unit == "d"
