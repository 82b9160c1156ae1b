"""Trajectories, or segments of them, as rows of rectangular arrays: measured values and what each weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.deviations import relative_weights


class Target(NamedTuple):
    """What predictions are compared with; a pytree of arrays. Weights are 0 where nothing was measured.

    Parameters
    ----------
    values
        Measured (or their logarithm), 0 where missing.
    train, validation
        Weights of squared errors; each sums to 1 (or to 0 when the part is empty).
    """

    values: Float[np.ndarray, "row sample measured"]
    train: Float[np.ndarray, "row sample measured"]
    validation: Float[np.ndarray, "row sample measured"]


@dataclass(frozen=True, eq=False)
class Rows:
    """A slice of one trajectory that becomes a row of a batch: samples ``index`` (in its time array)."""

    trajectory: Trajectory
    index: Int[np.ndarray, " sample"]

    @property
    def t(self) -> Float[np.ndarray, " sample"]:
        return self.trajectory.t[self.index]

    @property
    def name(self) -> str:
        return self.trajectory.name

    @property
    def control(self) -> ControlPath:
        return self.trajectory.control


def bucket(n: int) -> int:
    """The next of 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... : at most a quarter is padding."""
    if n <= 8:
        return max(n, 1)
    power = 1 << ((n - 1).bit_length() - 3)
    return -(-n // power) * power


def make_target(
    rows: Sequence[Rows],
    dataset: Dataset,
    observed: Bool[np.ndarray, " measured"],
    log: Bool[np.ndarray, " measured"],
    samples: int,
) -> Target:
    """Measured values and weights; columns without counterpart in the model weigh nothing."""
    column = np.array([dataset.weights.get(name, 1.0) for name in dataset.measured_names]) * observed
    shape = (len(rows), samples, len(column))
    values, train, validation = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    relative = _relative_weights(rows)
    lengths = [len(row.index) for row in rows]
    place = np.repeat(np.arange(len(rows)), lengths), np.concatenate([np.arange(n) for n in lengths])
    compared = np.concatenate([row.trajectory.measured[row.index] for row in rows])
    part = np.concatenate([row.trajectory.part[row.index] for row in rows])[:, None]
    if log.any():
        with np.errstate(all="ignore"):
            compared = np.where(log, np.log(compared), compared)
    usable = np.isfinite(compared)
    weight = usable * column * np.repeat([row.trajectory.weight for row in rows], lengths)[:, None]
    if relative:
        weight = weight * np.concatenate([relative[id(row.trajectory)][row.index] for row in rows])
    values[place] = np.where(usable, compared, 0.0)
    train[place] = weight * (part == Part.TRAIN)
    validation[place] = weight * (part == Part.VALIDATION)
    return Target(values, _normal(train), _normal(validation))


def _relative_weights(rows: Sequence[Rows]) -> dict[int, Float[np.ndarray, "time measured"]]:
    """Weights of the values of each trajectory by their standard deviations; empty if none are known."""
    used = {id(row.trajectory): row.trajectory for row in rows}
    if all(one.deviation is None for one in used.values()):
        return {}
    found = relative_weights([one.deviation for one in used.values()], [one.measured.shape for one in used.values()])
    return dict(zip(used, found, strict=True))


def _normal(weight: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    total = weight.sum()
    return weight / total if total > 0 else weight


def whole_rows(dataset: Dataset, *, with_test: bool) -> list[Rows]:
    """One row for each trajectory, up to its last training or validation sample (all samples ``with_test``).

    Without test samples those at which only inputs are known are left out where they are the most: the path of the inputs has them.
    """
    kept = _whole.setdefault(dataset, {})
    if with_test not in kept:
        kept[with_test] = tuple(_whole_rows(dataset, with_test))
    return list(kept[with_test])


_whole: WeakKeyDictionary[Dataset, dict[bool, tuple[Rows, ...]]] = WeakKeyDictionary()


def _whole_rows(dataset: Dataset, with_test: bool) -> list[Rows]:
    found = []
    for trajectory in dataset.trajectories:
        index = np.arange(len(trajectory.t))
        if not with_test:
            used = np.flatnonzero(trajectory.part != Part.TEST)
            if not len(used):
                continue
            index = _measured_rows(trajectory, index[: used[-1] + 1])
        found.append(Rows(trajectory, index))
    return found


def _measured_rows(trajectory: Trajectory, index: Int[np.ndarray, " sample"]) -> Int[np.ndarray, " sample"]:
    """The first and last sample and those with a measured value; all of them where less than half go."""
    known = np.any(trajectory.present[index], axis=1)
    if 2 * np.count_nonzero(known) >= len(index):
        return index
    return index[np.union1d(np.flatnonzero(known), [0, len(index) - 1])]
