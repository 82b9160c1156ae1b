"""Which rows train, which choose between models (validation), and which judge the result (test). No randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int8

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.names import suggestion
from ndestudio.errors import DataError

TRAJECTORIES_FOR_AUTO = 5
"""From so many trajectories on `by = "auto"` holds out whole trajectories."""

STEADY_FOR_AUTO = 20
"""Steady states alone, fewer than these, all train when `by = "auto"`: a curve of twelve points has none to spare."""

_FEWEST_ROWS = 6
"""Trajectories with fewer rows train whole when rows are held out by time."""


def resplit(dataset: Dataset, split: SplitConfig) -> Dataset:
    """The same data with ``Trajectory.part`` set anew.

    By time, the last rows of each trajectory are the test part and those before it the validation part. By trajectory,
    the held-out ones are spread evenly over the order of the file, the first and last left to training where there
    are enough. The same dataset and split always give the same parts.

    Raises
    ------
    DataError
        Fractions that make no sense, unknown trajectories, or nothing left to train on.
    """
    fractions = _fractions(split)
    trajectories = dataset.trajectories
    by = split.by
    if by == "auto":
        named = bool(split.validation_trajectories or split.test_trajectories)
        by = "trajectory" if named or len(trajectories) >= TRAJECTORIES_FOR_AUTO else "time"
        if not named and len(trajectories) < STEADY_FOR_AUTO and all(one.is_steady_state for one in trajectories):
            by = "none"
    if by == "none":
        parts = [_constant(one, Part.TRAIN) for one in trajectories]
    elif by == "time":
        parts = [split_times(len(one.t), fractions) for one in trajectories]
    else:
        parts = [_constant(one, part) for one, part in zip(trajectories, _by_trajectory(dataset, split), strict=True)]
    return replace(
        dataset, trajectories=tuple(replace(one, part=part) for one, part in zip(trajectories, parts, strict=True))
    )


def split_times(rows: int, fractions: tuple[float, float, float]) -> Int8[np.ndarray, " time"]:
    """Parts of the rows of one trajectory, by time.

    Each part with a fraction above zero gets at least one row, training at least half of the rows and three of them.
    """
    part = np.full(rows, Part.TRAIN, dtype=np.int8)
    if rows < _FEWEST_ROWS:
        return part
    test = max(round(rows * fractions[2]), 1) if fractions[2] > 0 else 0
    validation = max(round(rows * fractions[1]), 1) if fractions[1] > 0 else 0
    while test + validation > rows - 3:
        test, validation = (test - 1, validation) if test >= validation else (test, validation - 1)
    part[rows - test - validation : rows - test] = Part.VALIDATION
    part[rows - test :] = Part.TEST
    return part


def spread_evenly(count: int, validation: int, test: int) -> list[Part]:
    """Parts of ``count`` trajectories of which so many are held out, evenly among the others."""
    held = validation + test
    parts = [Part.TRAIN] * count
    if not held:
        return parts
    # the first and the last one train where the others are enough to hold out
    edge = 1 if held <= count - 2 else 0
    places = [edge + int((number + 0.5) * (count - 2 * edge) / held) for number in range(held)]
    due = 0.0
    for number, place in enumerate(places):
        due += test / held
        left = held - number
        is_test = test > 0 and (due >= 0.5 or left <= test)
        due -= float(is_test)
        test -= int(is_test)
        parts[place] = Part.TEST if is_test else Part.VALIDATION
    return parts


def _by_trajectory(dataset: Dataset, split: SplitConfig) -> Sequence[Part]:
    names = [one.name for one in dataset.trajectories]
    if split.validation_trajectories or split.test_trajectories:
        return _named(names, split)
    count = len(names)
    if count < 2:
        raise DataError(
            "there is only one trajectory, so none can be held out; split by time, or give more trajectories"
        )
    train, validation, test = _fractions(split)
    n_test = max(round(count * test), 1) if test > 0 else 0
    n_validation = max(round(count * validation), 1) if validation > 0 else 0
    while n_test + n_validation >= count:
        n_test, n_validation = (n_test - 1, n_validation) if n_test >= n_validation else (n_test, n_validation - 1)
    del train
    return spread_evenly(count, n_validation, n_test)


def _named(names: list[str], split: SplitConfig) -> list[Part]:
    for name in (*split.validation_trajectories, *split.test_trajectories):
        if name not in names:
            raise DataError(f"there is no trajectory `{name}` to hold out{suggestion(name, names)}")
    both = set(split.validation_trajectories) & set(split.test_trajectories)
    if both:
        raise DataError(f"trajectory `{min(both)}` is named both for validation and for test; choose one")
    parts = [
        Part.TEST
        if name in split.test_trajectories
        else Part.VALIDATION
        if name in split.validation_trajectories
        else Part.TRAIN
        for name in names
    ]
    if Part.TRAIN not in parts:
        raise DataError("all trajectories are held out and none is left to train on; hold out fewer")
    return parts


def _fractions(split: SplitConfig) -> tuple[float, float, float]:
    given = (split.train, split.validation, split.test)
    if not all(np.isfinite(given)) or min(given) < 0 or split.train <= 0:
        raise DataError(
            f"the parts train {split.train:g}, validation {split.validation:g} and test {split.test:g} must not be "
            "negative, and train must be above zero"
        )
    total = sum(given)
    return split.train / total, split.validation / total, split.test / total


def _constant(trajectory: Trajectory, part: Part) -> Int8[np.ndarray, " time"]:
    return np.full(len(trajectory.t), part, dtype=np.int8)
