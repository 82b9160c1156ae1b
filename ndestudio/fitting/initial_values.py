"""Initial values of trajectories that took no part in a fit: fitted to their samples, the model as it is."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Part
from ndestudio.fitting.batches import Batch, make_batch, start_point, take_rows
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import prior_terms
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point, with_path
from ndestudio.fitting.optimizers.rowwise import RowLinear, RowObjective, minimise_rows
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.robust import robust_factor, robust_limit
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
TURNS = 3
"""Further fits where weights or noise levels follow the errors."""
GAIN = 1e-3
"""Relative decrease of a row's error that no further step is worth."""
MOST_HELD = 64
"""Held-out trajectories up to which their starts are fitted before the last stage."""
SECONDS = 3.0
"""Time for the starts of held-out trajectories."""


def with_starts(
    problem: PreparedFit, model: FittedModel, fitted: set[str], steps: int, seconds: float
) -> tuple[FittedModel, int]:
    """``model`` with estimated initial values of the training trajectories not ``fitted``, and how many were left.

    Parameters
    ----------
    problem
        With the parameters of ``model`` in its vector.
    steps
        Of the grid.
    seconds
        Time after which the rest keeps its measured start.
    """
    rows = [row for row in whole_rows(problem.dataset, with_test=False) if row.trajectory.name not in fitted]
    rows = [row for row in rows if (row.trajectory.part[row.index] == Part.TRAIN).any()]
    return _estimated(problem, model, rows, steps, seconds)


def with_held_starts(problem: PreparedFit, model: FittedModel, steps: int) -> FittedModel:
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


def with_held_point(problem: PreparedFit, batch: Batch, point: Point) -> Point:
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
    found = _refined(VectorEngine(frozen, few), theirs, time.perf_counter() + SECONDS)
    free = point.free.copy()
    free[held] = found.free
    return Point(point.theta, free)


def _estimated(
    problem: PreparedFit, model: FittedModel, rows: list[Rows], steps: int, seconds: float
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
        point = _refined(VectorEngine(frozen, batch), _begin(frozen, batch, model), end)
        names = set(batch.names)
        found = physical_starts(frozen, batch, point)
        initial |= {name: start for name, start in found.items() if name in names}
    return replace(model, initial={**model.initial, **initial}), 0


def _begin(problem: PreparedFit, batch: Batch, model: FittedModel) -> Point:
    """Where the model has the starts now."""
    start = batch.start
    here = np.array([model.initial.get(name, start.given[k]) for k, name in enumerate(batch.names)])
    point = start_point(problem, batch)
    with np.errstate(all="ignore"):
        free = np.where(start.code == 0, (here - start.given) / start.scale, point.free)
    return Point(point.theta, np.where(batch.moves & np.isfinite(free), free, point.free))


def _refined(engine: VectorEngine, point: Point, end: float) -> Point:
    """Levenberg-Marquardt for every row by itself, all side by side, along growing horizons."""
    for fraction in HORIZONS:
        point = _descended(engine, point, _seen(engine.batch, fraction), end)
    if engine.problem.train.loss == "huber" or engine.problem.priors is not None:
        for _ in range(TURNS):
            point = _descended(engine, point, _seen(engine.batch, 1.0), end)
    return point


def _seen(batch: Batch, fraction: float) -> Bool[np.ndarray, "row residual"]:
    """Residuals of the first ``fraction`` of the samples of each row, and of three at least."""
    filled = batch.target.train.any(axis=2)
    number = np.cumsum(filled, axis=1)
    most = np.maximum(np.ceil(fraction * number[:, -1:]), 3)
    return np.repeat(number <= most, batch.target.train.shape[2], axis=1)


def _descended(engine: VectorEngine, point: Point, seen: Bool[np.ndarray, "row residual"], end: float) -> Point:
    """Errors of the samples ``seen`` by the initial values of each row, with everything asked for."""
    objective = _Starts(engine, point.theta, seen)
    free = minimise_rows(
        RowObjective(objective.linearise, objective.renew),
        point.free,
        engine.batch.moves,
        rounds=ROUNDS,
        gain=GAIN,
        poll=lambda: time.perf_counter() < end,
    )
    return Point(point.theta, free)


class _Starts:
    """Weights of Huber's loss and the noise level in front of priors are those of each row."""

    def __init__(
        self, engine: VectorEngine, theta: Float[np.ndarray, " theta"], seen: Bool[np.ndarray, "row residual"]
    ) -> None:
        self.engine, self.theta, self.seen = engine, theta, seen
        self.terms = prior_terms(engine.problem, engine.batch)
        self.factor = np.ones(seen.shape)
        self.variance = np.zeros(len(seen))

    def renew(self, free: Float[np.ndarray, "row state"]) -> None:
        train = self.engine.problem.train
        if train.loss != "huber" and self.terms is None:
            return
        self.factor = np.ones(self.seen.shape)
        r = np.nan_to_num(self._linear(free).r[:, : self.seen.shape[1]])
        weight = np.sqrt(self.engine.batch.target.train.reshape(r.shape))
        used, measured = self.seen & (weight > 0), len(self.engine.problem.structure.measured)
        for b in np.flatnonzero(used.any(axis=1)):
            error = (r[b] / np.where(weight[b] > 0, weight[b], 1.0)).reshape(-1, measured)
            factor = robust_factor(error, robust_limit(error, used[b].reshape(-1, measured), train))
            self.factor[b] = np.sqrt(factor.ravel())
        spare = np.maximum(used.sum(axis=1) - self.engine.batch.moves.sum(axis=1), 1)
        self.variance = np.sum((self.factor * r) ** 2, axis=1) / spare

    def linearise(self, free: Float[np.ndarray, "row state"]) -> RowLinear:
        linear = self._linear(free)
        if self.terms is None:
            nothing = np.zeros(free.shape)
            return RowLinear(linear.r, linear.d_free, nothing, nothing, np.zeros(len(free)))
        away, scale = self.terms.rows(Point(self.theta, free))[1], self.variance[:, None]
        extra = np.sum(scale * away.rho**2, axis=1)
        return RowLinear(linear.r, linear.d_free, scale * away.rho * away.slope, scale * away.slope**2, extra)

    def _linear(self, free: Float[np.ndarray, "row state"]) -> Linear:
        found = self.engine.linearise(Point(self.theta, free))
        factor = np.where(self.seen, self.factor, 0.0)
        with np.errstate(invalid="ignore"):
            r = np.where(self.seen, factor * found.r, 0.0)
            V = np.where(self.seen[..., None], factor[..., None] * found.d_free, 0.0)
        return with_path(found._replace(r=r, d_free=V))
