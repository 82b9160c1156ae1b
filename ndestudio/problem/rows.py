"""Trajectories, or segments of them, as rectangular arrays for solvers that march all rows in step.

Every row has its own grid of the same number of steps, from its first to its last used time. Steps are laid out half by
time and half by the density of its samples, so that evenly sampled data get even steps and a dense start gets short
ones. Values at sample times are read out by cubic Hermite interpolation between grid points, with weights that are data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.deviations import relative_weights
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Mesh, mesh_times, uniform_times


class Grid(NamedTuple):
    """What the solver reads; a pytree of arrays.

    Arguments:
        h: length of each step; the last one is 0 (its first stage gives the slope at the end).
        t, u: time and inputs at each stage of each step.
        step: step in which each sample lies. q: its place in the step, 0..1. sample_t, sample_u: its time and inputs.
    """

    h: Float[np.ndarray, "step row"]
    t: Float[np.ndarray, "step stage row"]
    u: Float[np.ndarray, "step stage row input"]
    step: Int[np.ndarray, "row sample"]
    q: Float[np.ndarray, "row sample"]
    sample_t: Float[np.ndarray, "row sample"]
    sample_u: Float[np.ndarray, "row sample input"]


class Target(NamedTuple):
    """What predictions are compared with; a pytree of arrays. Weights are 0 where nothing was measured.

    Arguments:
        values: measured (or their logarithm), 0 where missing.
        train, validation: weights of squared errors; each sums to 1 (or to 0 when the part is empty).
    """

    values: Float[np.ndarray, "row sample measured"]
    train: Float[np.ndarray, "row sample measured"]
    validation: Float[np.ndarray, "row sample measured"]


class Start(NamedTuple):
    """Where the initial values of a row come from; a pytree of arrays.

    Arguments:
        mode: ``GIVEN``, ``FREE``, ``SHARED`` or ``FORMULA`` for each state.
        given: the value when given. bijection: of the free ones.
        first: measured columns and inputs at the trajectory's first row, for formulas; t: its first time.
    """

    mode: Int[np.ndarray, "row state"]
    given: Float[np.ndarray, "row state"]
    lower: Float[np.ndarray, "row state"]
    upper: Float[np.ndarray, "row state"]
    code: Int[np.ndarray, "row state"]
    scale: Float[np.ndarray, "row state"]
    first: Float[np.ndarray, "row column"]
    t: Float[np.ndarray, " row"]


GIVEN, FREE, SHARED, FORMULA = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class Rows:
    """A slice of one trajectory that becomes a row of a batch: samples ``index`` (in its time array)."""

    trajectory: Trajectory
    index: Int[np.ndarray, " sample"]

    @property
    def t(self) -> Float[np.ndarray, " sample"]:
        return self.trajectory.t[self.index]


def bucket(n: int) -> int:
    """The next of 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... : at most a quarter is padding."""
    if n <= 8:
        return max(n, 1)
    power = 1 << ((n - 1).bit_length() - 3)
    return -(-n // power) * power


def grid_times(t: Float[np.ndarray, " sample"], steps: int, mesh: Mesh | None = None) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid from the first to the last sample, by ``mesh`` if there is one."""
    if len(t) < 2:
        return np.full(steps + 1, float(t[0]))
    times = uniform_times(t, steps) if mesh is None else mesh_times(t, steps, mesh)
    times[0], times[-1] = t[0], t[-1]
    return times


def make_grid(
    rows: Sequence[Rows],
    steps: int,
    method: Tableau,
    samples: int | None = None,
    mesh: Mapping[str, Mesh] | None = None,
) -> Grid:
    """Lay out ``steps`` steps for each row; the sample axis is padded (with the last sample) to ``samples``.

    Arguments:
        mesh: trajectory -> where its steps should lie.
    """
    samples = samples or bucket(max(len(row.index) for row in rows))
    width = len(rows)
    inputs = rows[0].trajectory.inputs.shape[1]
    c = np.asarray(method.c)
    h = np.zeros((steps + 1, width))
    t = np.zeros((steps + 1, len(c), width))
    u = np.zeros((steps + 1, len(c), width, inputs))
    step = np.zeros((width, samples), dtype=np.int32)
    q, sample_t = np.zeros((width, samples)), np.zeros((width, samples))
    sample_u = np.zeros((width, samples, inputs))
    alike: dict[bytes, int] = {}
    for k, row in enumerate(rows):
        places = (mesh or {}).get(row.trajectory.name)
        first = alike.setdefault(row.t.tobytes(), k) if places is None else k
        if first < k:
            # sampled at the same times as an earlier row
            h[:, k], t[:, :, k] = h[:, first], t[:, :, first]
            step[k], q[k], sample_t[k] = step[first], q[first], sample_t[first]
        else:
            times = grid_times(row.t, steps, places)
            h[:-1, k] = np.diff(times)
            t[:, :, k] = times[:, None] + h[:, k, None] * c
            at = np.concatenate([row.t, np.full(samples - len(row.t), row.t[-1])])
            step[k] = np.clip(np.searchsorted(times, at, side="right") - 1, 0, steps - 1)
            length = np.where(h[step[k], k] > 0, h[step[k], k], 1.0)
            q[k] = np.clip((at - times[step[k]]) / length, 0.0, 1.0)
            sample_t[k] = at
        if inputs:
            u[:, :, k] = row.trajectory.input_at(t[:, :, k].ravel()).reshape(steps + 1, len(c), inputs)
            sample_u[k] = row.trajectory.input_at(sample_t[k])
    return Grid(h, t, u, step, q, sample_t, sample_u)


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
    """One row for each trajectory, up to its last training or validation sample (all samples ``with_test``)."""
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
            index = index[: used[-1] + 1]
        found.append(Rows(trajectory, index))
    return found
