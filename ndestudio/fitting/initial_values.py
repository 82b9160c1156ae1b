"""Initial values of trajectories that took no part in a fit: fitted to their samples, the model as it is."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Part
from ndestudio.fitting.batches import Batch, make_batch, start_point, take_rows
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point
from ndestudio.fitting.problem import Problem
from ndestudio.fitting.tracker import physical_starts
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.initial import FREE
from ndestudio.problem.rows import Rows, whole_rows

AT_ONCE = 512
"""Trajectories fitted side by side."""
ROUNDS = 8
"""Steps at most: measured starts are near enough for two to finish, but where growth is exponential."""
HORIZONS = (0.08, 0.2, 0.45, 1.0)
"""Parts of a trajectory, one after the other: a start that is fitted to many periods at once is drawn to wrong phases."""
GAIN = 1e-3
"""Relative decrease of a row's error that no further step is worth."""
MOST_HELD = 64
"""Held-out trajectories up to which their starts are fitted before the last stage."""
SECONDS = 3.0
"""Time for the starts of held-out trajectories."""


def with_starts(
    problem: Problem, model: FittedModel, fitted: set[str], steps: int, seconds: float
) -> tuple[FittedModel, int]:
    """``model`` with estimated initial values of the training trajectories not ``fitted``, and how many were left.

    Arguments:
        problem: with the parameters of ``model`` in its vector.
        steps: of the grid. seconds: time after which the rest keeps its measured start.
    """
    rows = [row for row in whole_rows(problem.dataset, with_test=False) if row.trajectory.name not in fitted]
    rows = [row for row in rows if (row.trajectory.part[row.index] == Part.TRAIN).any()]
    return _estimated(problem, model, rows, steps, seconds)


def with_held_starts(problem: Problem, model: FittedModel, steps: int) -> FittedModel:
    """``model`` with estimated initial values of the trajectories that are held out as a whole.

    The first sample of such a trajectory carries noise like any other; without this it would be counted as an error of
    the model, often many times larger than the model's own (the start of an epidemic). Nothing but the start sees them.
    """
    held = [one for one in problem.dataset.trajectories if not (one.part == Part.TRAIN).any()]
    if not held:
        return model
    shown = [replace(one, part=np.full_like(one.part, int(Part.TRAIN))) for one in held]
    rows = [Rows(one, np.arange(len(one.t))) for one in shown]
    return _estimated(problem, model, rows, steps, SECONDS)[0]


def with_held_point(problem: Problem, batch: Batch, point: Point) -> Point:
    """``point`` with the initial values of held-out rows fitted to their validation samples.

    A step to first order from the measured start, as training makes it on its way, does not find the right period.
    """
    held = np.flatnonzero(batch.target.validation.any(axis=(1, 2)) & ~batch.trains)
    if not 0 < len(held) <= MOST_HELD or not (batch.start.mode[held] == FREE).any():
        return point
    few, theirs = take_rows(batch, point, held)
    few = replace(few, target=few.target._replace(train=few.target.validation))
    model = problem.space.fitted(point.theta, {})
    frozen = replace(problem, space=replace(problem.space, model=model, free=np.zeros_like(problem.space.free)))
    found = _settled(VectorEngine(frozen, few), theirs, time.perf_counter() + SECONDS)
    free = point.free.copy()
    free[held] = found.free
    return Point(point.theta, free)


def _estimated(
    problem: Problem, model: FittedModel, rows: list[Rows], steps: int, seconds: float
) -> tuple[FittedModel, int]:
    end = time.perf_counter() + seconds
    space = replace(problem.space, model=model, free=np.zeros_like(problem.space.free))
    frozen = replace(problem, space=space)
    initial: dict[str, Float[np.ndarray, " state"]] = {}
    for first in range(0, len(rows), AT_ONCE):
        if time.perf_counter() > end:
            return replace(model, initial={**model.initial, **initial}), len(rows) - first
        batch = make_batch(frozen, steps, rows=rows[first : first + AT_ONCE], padded=False)
        if not (batch.start.mode == FREE).any():
            return model, 0
        point = _settled(VectorEngine(frozen, batch), _begin(frozen, batch, model), end)
        names = set(batch.names)
        found = physical_starts(frozen, batch, point)
        initial |= {name: start for name, start in found.items() if name in names}
    return replace(model, initial={**model.initial, **initial}), 0


def _begin(problem: Problem, batch: Batch, model: FittedModel) -> Point:
    """Where the model has the starts now."""
    start = batch.start
    here = np.array([model.initial.get(name, start.given[k]) for k, name in enumerate(batch.names)])
    point = start_point(problem, batch)
    with np.errstate(all="ignore"):
        free = np.where(start.code == 0, (here - start.given) / start.scale, point.free)
    return Point(point.theta, np.where(batch.moves & np.isfinite(free), free, point.free))


def _settled(engine: VectorEngine, point: Point, end: float) -> Point:
    """Levenberg-Marquardt for every row by itself, all side by side, along growing horizons."""
    for fraction in HORIZONS:
        point = _descended(engine, point, _seen(engine.batch, fraction), end)
    return point


def _seen(batch: Batch, fraction: float) -> Bool[np.ndarray, "row residual"]:
    """Residuals of the first ``fraction`` of the samples of each row, and of three at least."""
    filled = batch.target.train.any(axis=2)
    number = np.cumsum(filled, axis=1)
    most = np.maximum(np.ceil(fraction * number[:, -1:]), 3)
    return np.repeat(number <= most, batch.target.train.shape[2], axis=1)


def _descended(engine: VectorEngine, point: Point, seen: Bool[np.ndarray, "row residual"], end: float) -> Point:
    batch = engine.batch

    def linearised(at: Point) -> Linear:
        found = engine.linearise(at)
        return found._replace(r=np.where(seen, found.r, 0.0), d_free=np.where(seen[..., None], found.d_free, 0.0))

    linear = linearised(point)
    loss = np.sum(linear.r**2, axis=1)
    damping = np.full(len(loss), 1e-3)
    for _ in range(ROUNDS):
        if time.perf_counter() > end:
            break
        trial = Point(point.theta, point.free + np.where(batch.moves, _steps(linear, damping), 0.0))
        found = linearised(trial)
        with np.errstate(all="ignore"):
            fresh = np.sum(found.r**2, axis=1)
            better = ~(fresh >= loss) & np.isfinite(fresh) & np.isfinite(found.d_free).all(axis=(1, 2))
            gained = bool((better & (loss - fresh > GAIN * loss)).any())
        where = better[:, None]
        point = Point(point.theta, np.where(where, trial.free, point.free))
        linear = linear._replace(
            r=np.where(where, found.r, linear.r), d_free=np.where(where[..., None], found.d_free, linear.d_free)
        )
        loss, damping = np.where(better, fresh, loss), np.where(better, damping / 9.0, damping * 10.0)
        if better.all() and not gained:
            break
    return point


def _steps(linear: Linear, damping: Float[np.ndarray, " row"]) -> Float[np.ndarray, "row state"]:
    """Damped Gauss-Newton steps of the rows; none where a row says nothing."""
    with np.errstate(all="ignore"):
        V = np.nan_to_num(linear.d_free, nan=0.0, posinf=0.0, neginf=0.0)
        r = np.nan_to_num(linear.r, nan=0.0, posinf=0.0, neginf=0.0)
        H = np.matmul(V.transpose(0, 2, 1), V)
    trace = np.trace(H, axis1=1, axis2=2)
    diagonal = np.arange(H.shape[1])
    scale = H[:, diagonal, diagonal] + 1e-3 * trace[:, None] / len(diagonal)
    H[:, diagonal, diagonal] += damping[:, None] * scale + np.where(trace > 0, 1e-12 * trace, 1.0)[:, None]
    return -np.linalg.solve(H, np.matmul(V.transpose(0, 2, 1), r[..., None]))[..., 0]
