"""Parts of the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndestudio.data import Dataset, Part, SplitConfig, dataset_from_arrays, resplit
from ndestudio.data.split import split_times, spread_evenly
from ndestudio.errors import DataError


def dataset(trajectories: int, rows: int) -> Dataset:
    t = np.arange(rows, dtype=float)
    return dataset_from_arrays([t] * trajectories, [np.sin(t)] * trajectories, ["x"])


def parts(data: Dataset) -> list[int]:
    return [int(one.part[0]) for one in data.trajectories]


def test_by_time_holds_out_the_last_rows() -> None:
    data = resplit(dataset(1, 21), SplitConfig(by="time"))
    assert data.trajectories[0].part.tolist() == [0] * 15 + [1] * 3 + [2] * 3


def test_auto() -> None:
    assert parts(resplit(dataset(4, 20), SplitConfig())) == [0] * 4
    assert set(parts(resplit(dataset(5, 20), SplitConfig()))) == {0, 1, 2}
    assert all(len(set(one.part.tolist())) == 1 for one in resplit(dataset(5, 20), SplitConfig()).trajectories)


def test_a_short_curve_of_steady_states_all_trains() -> None:
    one = dataset(30, 2)
    at_rest = [
        replace(
            each, t=each.t[:1], measured=each.measured[:1], inputs=each.inputs[:1], part=each.part[:1], settles=True
        )
        for each in one.trajectories
    ]
    steady = replace(one, trajectories=tuple(at_rest))
    few = replace(steady, trajectories=steady.trajectories[:12])
    assert set(parts(resplit(few, SplitConfig()))) == {0}
    assert set(parts(resplit(few, SplitConfig(by="trajectory")))) == {0, 1, 2}
    assert set(parts(resplit(steady, SplitConfig()))) == {0, 1, 2}


def test_named_trajectories() -> None:
    data = resplit(dataset(3, 20), SplitConfig(test_trajectories=("2",), validation_trajectories=("3",)))
    assert parts(data) == [0, 2, 1]
    with pytest.raises(DataError, match="there is no trajectory `4`"):
        resplit(data, SplitConfig(test_trajectories=("4",)))
    with pytest.raises(DataError, match="both for validation and for test"):
        resplit(data, SplitConfig(test_trajectories=("2",), validation_trajectories=("2",)))
    with pytest.raises(DataError, match="none is left to train on"):
        resplit(data, SplitConfig(test_trajectories=("1", "2", "3")))


def test_none_and_single_trajectory() -> None:
    assert set(resplit(dataset(1, 20), SplitConfig(by="none")).trajectories[0].part.tolist()) == {0}
    with pytest.raises(DataError, match="only one trajectory"):
        resplit(dataset(1, 20), SplitConfig(by="trajectory"))


@pytest.mark.parametrize("fractions", [(0.0, 0.5, 0.5), (-1.0, 1.0, 1.0), (float("nan"), 0.1, 0.1)])
def test_bad_fractions(fractions: tuple[float, float, float]) -> None:
    train, validation, test = fractions
    with pytest.raises(DataError, match="must not be negative"):
        resplit(dataset(1, 20), SplitConfig(train=train, validation=validation, test=test))


FRACTIONS = st.tuples(st.floats(0.1, 1), st.floats(0, 1), st.floats(0, 1))


@given(st.integers(2, 400), FRACTIONS)
def test_times_any(rows: int, fractions: tuple[float, float, float]) -> None:
    total = sum(fractions)
    part = split_times(rows, tuple(one / total for one in fractions))  # pyright: ignore[reportArgumentType]
    assert np.all(np.diff(part) >= 0)
    counts = np.bincount(part, minlength=3)
    assert counts[0] >= min(rows, 3)
    if rows >= 6:
        assert counts[1] >= (fractions[1] > 0) and counts[2] >= (fractions[2] > 0)
        assert (counts[1] > 0) <= (fractions[1] > 0) and (counts[2] > 0) <= (fractions[2] > 0)
        assert abs(counts[2] - rows * fractions[2] / total) <= 3.5


@given(st.integers(2, 60), st.data())
def test_spread_any(count: int, data: st.DataObject) -> None:
    test = data.draw(st.integers(0, count - 1))
    validation = data.draw(st.integers(0, count - 1 - test))
    found = spread_evenly(count, validation, test)
    assert (found.count(Part.VALIDATION), found.count(Part.TEST)) == (validation, test)
    held = [index for index, part in enumerate(found) if part != Part.TRAIN]
    if held and len(held) <= count // 3:
        assert held[0] > 0 and held[-1] < count - 1
        assert max(np.diff([-1, *held, count])) <= 2 * count / len(held) + 1


@given(st.integers(2, 30), FRACTIONS)
def test_by_trajectory_any(count: int, fractions: tuple[float, float, float]) -> None:
    data = dataset(count, 6)
    split = SplitConfig(by="trajectory", train=fractions[0], validation=fractions[1], test=fractions[2])
    assert parts(resplit(data, split)) == parts(resplit(data, split))
    assert Part.TRAIN in parts(resplit(data, split))
