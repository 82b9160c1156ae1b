"""Trajectories of a problem, or segments of them, laid out as a batch: grid, targets and starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.dataset import Part
from ndestudio.expression.tree import Call, Expr, Name, walk
from ndestudio.fitting.optimizers.levenberg_marquardt import Point, profile
from ndestudio.fitting.prepared import PreparedFit, is_estimated
from ndestudio.model.config import InitialConfig
from ndestudio.model.initial import model_start
from ndestudio.model.schedule import schedule
from ndestudio.problem.bijection import bijection
from ndestudio.problem.initial import FORMULA, FREE, GIVEN, SHARED, Start
from ndestudio.problem.periodic import regimen_numbers
from ndestudio.problem.rows import Rows, Target, bucket, make_target, whole_rows
from ndestudio.problem.space import Space, initial_transforms
from ndestudio.problem.steady_state import conserved
from ndestudio.solve.delays import grid_breaks
from ndestudio.solve.time_grid import Grid, make_grid, of_rows

ENOUGH = 1000
"""Clean values that determine a network of usual size."""
MOST_VALUES = 20_000
"""Values from which a fit with networks takes only some of many trajectories: their noise averages out long before."""
MOST_SAMPLES = 2000
"""Samples of one trajectory that a fit with networks uses; a longer recording repeats itself or is sampled too densely."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows with their grid, targets and starts.

    Parameters
    ----------
    follows
        For segments, the row whose end is this row's start; -1 for the first of a trajectory.
    """

    rows: tuple[Rows, ...]
    grid: Grid
    target: Target
    start: Start
    steps: int
    follows: np.ndarray

    @property
    def names(self) -> list[str]:
        return [row.trajectory.name for row in self.rows]

    @cached_property
    def trains(self) -> Bool[np.ndarray, " row"]:
        """Rows with training samples; the others are held out (or padding)."""
        return np.asarray(self.target.train.any(axis=(1, 2)))

    def validation(
        self, r: Float[np.ndarray, "row residual"], d_free: Float[np.ndarray, "row residual state"]
    ) -> tuple[float, Float[np.ndarray, "row state"]]:
        """Validation loss (NaN without validation samples, infinite without a simulation) and the step of the held-out
        starts, see ``profile``."""
        held = self.target.validation.any(axis=(1, 2)) & ~self.trains
        if not self.target.validation.any():
            return float("nan"), np.zeros(self.start.mode.shape)
        loss, step = profile(r, d_free, held)
        return (loss if np.isfinite(loss) else float("inf")), step

    @cached_property
    def moves(self) -> Bool[np.ndarray, "row state"]:
        """Initial values that are trained."""
        return (self.start.mode == FREE) & self.trains[:, None]


def weighted_sum(weight: Float[np.ndarray, "..."], square: Float[np.ndarray, "..."]) -> float:
    """Sum of the squares that have a weight, infinite where one is no number; the others may be anything."""
    with np.errstate(all="ignore"):
        found = float(np.sum(weight * square, where=weight > 0))
    return found if np.isfinite(found) else float("inf")


def fitted_rows(problem: PreparedFit) -> list[Rows]:
    """Rows for fitting, training ones first: all samples but test ones, thinned where there are more than help."""
    rows = whole_rows(problem.dataset, with_test=False)
    if not problem.structure.neural_terms:
        return rows
    rows.sort(key=lambda row: not (row.trajectory.part[row.index] == Part.TRAIN).any())
    values, longest = problem.values_used_train, max(len(row.index) for row in rows)
    thin = int(np.ceil(values / ENOUGH)) if problem.clean and values > 1.5 * ENOUGH else 1
    thin = max(thin, int(np.ceil(longest / MOST_SAMPLES)))
    rows = _fewer(rows, values / thin)
    found = []
    for row in rows if thin > 1 else ():
        keep = row.index[::thin]
        found.append(Rows(row.trajectory, keep if keep[-1] == row.index[-1] else np.append(keep, row.index[-1])))
    return found or rows


def _fewer(rows: list[Rows], values: float) -> list[Rows]:
    """An even choice of the trajectories where there are many more values than a network needs, at least 32 of them."""
    trains = [row for row in rows if (row.trajectory.part[row.index] == Part.TRAIN).any()]
    share = max(int(np.ceil(values / MOST_VALUES)), 1)
    if share == 1 or len(trains) < 64:
        return rows
    thin = min(share, len(trains) // 32)
    return [*trains[::thin], *rows[len(trains) :: thin]]


def make_batch(
    problem: PreparedFit,
    steps: int,
    *,
    rows: list[Rows] | None = None,
    follows: np.ndarray | None = None,
    padded: bool = True,
) -> Batch:
    """Rows (all trajectories without their test samples, unless given) on a grid of ``steps`` steps.

    ``padded`` are rows, with copies of the first one of weight 0, and samples, for programs compiled for these shapes.
    """
    rows = rows if rows is not None else whole_rows(problem.dataset, with_test=False)
    width = bucket(len(rows)) if padded else len(rows)
    samples = max(len(row.index) for row in rows)
    samples = bucket(samples) if padded else samples
    full = [*rows, *[rows[0]] * (width - len(rows))]
    model, own = problem.space.model, problem.adaptive is not None
    breaks = grid_breaks(problem.definition, problem.method, model, full)
    events = [schedule(model.system, model.parameters, row.trajectory) for row in full] if model.system.events else None
    few = padded and bool(problem.structure.neural_terms)
    grid = make_grid(
        full, steps, problem.method, samples, problem.time_grid, breaks, events=events, paths=own, bounded=few
    )
    target = make_target(full, problem.dataset, problem.observed, problem.space.constants.log, samples)
    if width > len(rows):
        target = _without_padding(target, len(rows))
    chain = np.full(width, -1)
    if follows is not None:
        chain[: len(rows)] = follows
    return Batch(tuple(rows), grid, target, make_start(problem, full, chain), steps, chain)


def _without_padding(target: Target, used: int) -> Target:
    train, validation = target.train.copy(), target.validation.copy()
    train[used:] = 0.0
    validation[used:] = 0.0
    return Target(
        target.values,
        train / train.sum() if train.sum() > 0 else train,
        validation / validation.sum() if validation.sum() > 0 else validation,
    )


def make_start(problem: PreparedFit, rows: list[Rows], follows: np.ndarray) -> Start:
    """Modes and given values of the initial values of each row."""
    space, model = problem.space, problem.space.model
    states = model.system.states
    transforms = initial_transforms(model.system, model, space.constants.state_scale)
    whole = bijection(transforms)
    shape = (len(rows), len(states))
    own = np.array([_own_mode(problem, k) for k in range(len(states))], dtype=np.int32)
    mode = np.full(shape, GIVEN, dtype=np.int32)
    given, first = np.zeros(shape), np.zeros((len(rows), len(model.measured) + len(model.inputs)))
    sums = np.diag(conserved(space.structure)) > 0 if model.settles else np.zeros(len(states), dtype=bool)
    known = space.structure.initial.regimens
    slots = 0 if known is None else len(known.holders)
    settles, under = np.zeros(len(rows), dtype=np.int32), np.zeros((len(rows), len(model.inputs)))
    for b, row in enumerate(rows):
        trajectory = row.trajectory
        given[b] = model_start(model, trajectory)
        first[b] = np.concatenate([_first_values(trajectory.measured), _first_values(trajectory.inputs)])
        mode[b] = FREE if follows[b] >= 0 else np.where([s in trajectory.initial for s in states], GIVEN, own)
        if trajectory.settles and follows[b] < 0:
            # where it settles from tells which of several steady states is meant, and conserved sums
            mode[b] = np.where((mode[b] == FREE) & ~sums, GIVEN, mode[b])
            settles[b] = 1
        under[b] = trajectory.settle_point
        if follows[b] >= 0:
            given[b] = _smooth_start(problem, row, given[b])
    wide = lambda values: np.broadcast_to(values, shape).copy()  # noqa: E731
    return Start(
        mode=mode,
        given=given,
        lower=wide(whole.lower),
        upper=wide(whole.upper),
        code=wide(whole.code),
        scale=wide(space.constants.state_scale),
        first=first,
        t=np.array([row.trajectory.t[0] for row in rows]),
        settles=settles,
        under=under,
        regimens=np.stack([regimen_numbers(model.system, model.inputs, row.trajectory, slots) for row in rows]),
    )


def _own_mode(problem: PreparedFit, k: int) -> int:
    """Where the initial value of a state comes from at the begin of a trajectory."""
    config = problem.space.model.config.initial.get(problem.structure.states[k]) or InitialConfig()
    if config.shared:
        return SHARED
    if is_estimated(config, problem.train):
        return FREE
    return FORMULA if _depends_on_free(problem.space, k) else GIVEN


def _depends_on_free(space: Space, k: int) -> bool:
    expr: Expr | None = space.structure.starts[k]
    if expr is None:
        return False
    trained = {name for name, free in zip(space.structure.parameters, space.free, strict=False) if free}
    return any(isinstance(node, Name) and node.name in trained for node in walk(expr)) or any(
        isinstance(node, Call) and node.function in {neural_term.name for neural_term in space.structure.neural_terms}
        for node in walk(expr)
    )


def _first_values(measured: Float[np.ndarray, "time measured"]) -> Float[np.ndarray, " measured"]:
    found = np.zeros(measured.shape[1])
    for k, column in enumerate(measured.T):
        present = np.flatnonzero(np.isfinite(column))
        found[k] = column[present[0]] if present.size else 0.0
    return found


def _smooth_start(
    problem: PreparedFit, row: Rows, fallback: Float[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """Where a segment begins: on the smooth curve for measured states, without one where its first sample was measured, and
    else at the trajectory's start."""
    curve = problem.smooth.get(row.trajectory.name)
    value = fallback.copy()
    at = row.trajectory.measured[row.index[0]] if curve is None else curve.values(row.t[:1])[0]
    for k, state in enumerate(problem.structure.states):
        if state in problem.structure.measured and state not in problem.space.model.system.outputs:
            column = problem.structure.measured.index(state)
            if np.isfinite(at[column]):
                value[k] = at[column]
    return value


def split_rows(batch: Batch, pieces: int) -> list[tuple[Start, Grid, Target]]:
    """The arrays of as many rows each; weights stay as they are."""
    rows, found = len(batch.grid.step) // pieces, []
    for first in range(0, rows * pieces, rows):
        part = slice(first, first + rows)
        found.append(
            (
                Start(*(a[part] for a in batch.start)),
                of_rows(batch.grid, part),
                Target(*(a[part] for a in batch.target)),
            )
        )
    return found


def take_rows(batch: Batch, point: Point, index: Int[np.ndarray, " chosen"]) -> tuple[Batch, Point]:
    """Some rows of a batch, with the weights normalised anew."""
    start, grid = batch.start, of_rows(batch.grid, index)
    train, validation = _normal(batch.target.train[index]), _normal(batch.target.validation[index])
    target = Target(batch.target.values[index], train, validation)
    rows = tuple(batch.rows[k] for k in index if k < len(batch.rows))
    chosen = Batch(rows, grid, target, Start(*(part[index] for part in start)), batch.steps, batch.follows[index])
    return chosen, Point(point.theta, point.free[index])


def _normal(weight: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    total = float(weight.sum())
    return weight / total if total > 0 else weight


def start_point(problem: PreparedFit, batch: Batch) -> Point:
    """Theta as it stands and free initial values at their given values."""
    transforms = initial_transforms(
        problem.space.model.system, problem.space.model, problem.space.constants.state_scale
    )
    free = np.zeros(batch.start.mode.shape)
    for k, transform in enumerate(transforms):
        if transform.kind != "identity":
            free[:, k] = transform.inverse(batch.start.given[:, k])
    return Point(problem.space.theta.copy(), free)


_shown: WeakKeyDictionary[PreparedFit, dict[tuple[int, int], Batch]] = WeakKeyDictionary()


def predictions_batch(problem: PreparedFit, steps: int, limit: int | None = None) -> Batch:
    """All samples of all trajectories (of the first ``limit``), test samples too, for plots; laid out once."""
    if limit is None:
        return make_batch(problem, steps, rows=whole_rows(problem.dataset, with_test=True), padded=False)
    kept = _shown.setdefault(problem, {})
    if (steps, limit) not in kept:
        rows = whole_rows(problem.dataset, with_test=True)[:limit]
        kept[steps, limit] = make_batch(problem, steps, rows=rows, padded=False)
    return kept[steps, limit]
