"""Stage A: the field is fitted to the slopes of smoothing splines; no differential equation is solved.

Equations that read a state nobody measured have no slopes and take no part.
After Varah (1982), SIAM J. Sci. Stat. Comput. 3, 28; for neural ODEs Roesch, Rackauckas and Stumpf (2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int32

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.smoothing import SmoothedColumn, SmoothedTrajectory, smooth
from ndestudio.expression.tree import Expr, Name, walk
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.robust import NORMAL
from ndestudio.model.fitted import FittedModel
from ndestudio.model.schedule import schedule
from ndestudio.model.system import System
from ndestudio.problem.rows import bucket
from ndestudio.solve.jax_backend import one_thread
from ndestudio.solve.jax_fixed import Slopes

WORTHLESS = 10.0
"""Standard deviation, in those of the best values, from which on a value says nothing about a slope."""
OUTLYING = 5.0
"""Distance from its neighbours, in usual ones, from which on a value is an outlier."""
FEWEST = 6
MOST_POINTS = 2048
MOST_TRAJECTORIES, MOST_ROWS = 24, 800
LIMIT = 0.3
"""Errors of slopes beyond this part of the typical slope count linearly."""
LOCAL = 0.1
"""Weight of errors of slopes beside that of their sums along stretches."""
STRETCH = 5.0
"""Length of a stretch in distances over which a smooth curve can bend (its length by its degrees of freedom)."""
FEW_ROWS = 60
"""Trajectories up to this long may be interpolated instead of smoothed."""
SMOOTHED_ROWS = 2000
"""Longer trajectories are smoothed in a thinned form."""


def _jumps(model: FittedModel, trajectory: Trajectory) -> bool:
    """Whether states change at a moment after the begin of a trajectory."""
    if any(one.kind == "when" for one in model.system.events):
        return True
    times = schedule(model.system, model.parameters, trajectory).t
    return bool(((times > trajectory.t[0]) & (times < trajectory.t[-1])).any())


def smooth_training(
    dataset: Dataset, train: TrainConfig | None = None, model: FittedModel | None = None
) -> dict[str, SmoothedTrajectory]:
    """Smoothing splines through the training rows of some trajectories, spread over all.

    Where states jump on the way there is no smooth curve.

    Values whose standard deviation makes them next to worthless leave them alone, and outliers where ``train`` asks for
    Huber's loss.
    """
    robust = train is not None and train.loss == "huber"
    trains = [
        trajectory
        for trajectory in dataset.trajectories
        if (trajectory.part == Part.TRAIN).sum() >= 3 and (model is None or not _jumps(model, trajectory))
    ]
    if not trains:
        return {}
    longest = max((len(trajectory.t) for trajectory in trains), default=1)
    most = int(np.clip(MOST_ROWS // longest, 6, MOST_TRAJECTORIES))
    step = max(1, -(-len(trains) // most))
    found = {}
    for trajectory in trains[::step]:
        with one_thread():
            found[trajectory.name] = _smoothed(trajectory, robust)
    return found


def _smoothed(trajectory: Trajectory, robust: bool) -> SmoothedTrajectory:
    mask = trajectory.mask(Part.TRAIN)
    if trajectory.deviation is not None:
        mask = mask & _precise(trajectory.deviation, mask)
    thin = -(-len(trajectory.t) // SMOOTHED_ROWS)
    if thin > 1:
        keep = np.zeros(len(trajectory.t), dtype=bool)
        keep[::thin] = True
        mask = mask & keep[:, None]
    curve = smooth(trajectory, use=mask)
    if not robust:
        return curve
    inside = mask & ~_outlying(trajectory, mask)
    return curve if (inside == mask).all() else smooth(trajectory, use=inside)


def _precise(deviation: Float[np.ndarray, "time measured"], mask: Bool[np.ndarray, "time measured"]) -> np.ndarray:
    """Values with a deviation not far above the smallest quarter of their column's; all where there are too few."""
    kept = np.ones_like(mask)
    for k in range(mask.shape[1]):
        known = deviation[mask[:, k], k]
        known = known[np.isfinite(known)]
        if len(known):
            kept[:, k] = ~(deviation[:, k] > WORTHLESS * np.quantile(known, 0.25))
            if (kept[:, k] & mask[:, k]).sum() < FEWEST:
                kept[:, k] = True
    return kept


def _outlying(trajectory: Trajectory, mask: Bool[np.ndarray, "time measured"]) -> Bool[np.ndarray, "time measured"]:
    """Values far from the median of their neighbours, by the median of such distances.

    A spline would be drawn to an outlier and hide it.
    """
    found = np.zeros_like(mask)
    for k in range(mask.shape[1]):
        rows = np.flatnonzero(mask[:, k])
        if len(rows) < FEWEST:
            continue
        y = trajectory.measured[rows, k]
        wide = np.concatenate([2 * y[0] - y[2:0:-1], y, 2 * y[-1] - y[-2:-4:-1]])
        middle = np.median(np.lib.stride_tricks.sliding_window_view(wide, 5), axis=1)
        away = np.abs(y - middle)
        found[rows, k] = away > OUTLYING * NORMAL * max(float(np.median(away)), 0.02 * float(np.std(middle)))
    return found


def interpolated(dataset: Dataset, curves: Mapping[str, SmoothedTrajectory]) -> dict[str, SmoothedTrajectory]:
    """Cubic interpolation of short trajectories whose smoothing left much of the variation out; empty if none is.

    With a dozen rows a smoothing spline cannot tell a peak from noise; the interpolating one errs to the other side.
    """
    spread = dataset.spread()
    found = {}
    for name, curve in curves.items():
        trajectory = dataset.trajectory(name)
        mask = trajectory.mask(Part.TRAIN)
        if len(trajectory.t) > FEW_ROWS or not (curve.noise > 0.15 * spread).any():
            continue
        columns = tuple(
            _interpolation(trajectory.t[mask[:, k]], trajectory.measured[mask[:, k], k], column)
            for k, column in enumerate(curve.columns)
        )
        found[name] = SmoothedTrajectory(name, columns)
    return found


def _interpolation(t: np.ndarray, y: np.ndarray, fallback: SmoothedColumn) -> SmoothedColumn:
    from scipy.interpolate import make_interp_spline

    if len(t) < 4:
        return fallback
    return SmoothedColumn(make_interp_spline(t, y, k=3), float(t[0]), float(t[-1]), fallback.noise, 0.5 * len(t))


def explained(system: System, measured: tuple[str, ...]) -> list[bool]:
    """Which equations can be compared with slopes: those of measured states that read measured states only."""
    seen = {state for state in system.states if state in measured and state not in system.outputs}
    return [
        state in seen and _reads(expr, system) <= seen for state, expr in zip(system.states, system.rhs, strict=True)
    ]


def _reads(expr: Expr, system: System) -> set[str]:
    """States that an expression depends on, by algebraic equations too."""
    used = {node.name for node in walk(expr) if isinstance(node, Name)}
    if used & set(system.unknowns):
        every = (part for one in system.algebraic for part in one.expressions)
        used |= {node.name for part in every for node in walk(part) if isinstance(node, Name)}
    return used & set(system.states)


def slopes(
    system: System, dataset: Dataset, curves: Mapping[str, SmoothedTrajectory], *, padded: bool = True
) -> tuple[Slopes, Float[np.ndarray, " state"]] | None:
    """Points on the curves with their slopes, and the typical slope of each state; None if no equation can be compared.

    The squares of errors over typical slopes sum, weighted, to a mean; so do those of their sums along stretches of a
    curve, over spreads, which count more.
    """
    usable = explained(system, dataset.measured_names)
    curves = {**curves, **_at_rest(dataset)}
    if not any(usable) or not curves:
        return None
    by_name = {trajectory.name: trajectory for trajectory in dataset.trajectories}
    per = max(MOST_POINTS // len(curves), 8)
    parts = [_points(system, dataset, by_name[name], curve, per) for name, curve in curves.items()]
    t, u, y, slope, known = (np.concatenate([part[k] for part in parts]) for k in range(5))
    rows, columns = _shares(
        system, dataset, [by_name[name].weight for name in curves], [len(part[0]) for part in parts]
    )
    weight = known * np.array(usable)
    with np.errstate(all="ignore"):
        typical = np.sqrt(np.sum(weight * np.nan_to_num(slope) ** 2, axis=0) / np.maximum(weight.sum(axis=0), 1.0))
    typical = np.where(typical > 0, typical, _state_spread(system, dataset))
    weight = rows[:, None] * columns * weight / typical**2 / max(len(t), 1)
    slope, y = np.nan_to_num(slope), np.nan_to_num(y)
    extra = (bucket(len(t)) - len(t)) if padded else 0
    pad = lambda a: np.concatenate([a, np.repeat(a[-1:], extra, axis=0)])  # noqa: E731
    weight = np.concatenate([weight, np.zeros((extra, weight.shape[1]))])
    counts = [len(part[0]) for part in parts]
    first, last = _stretches(counts, [_reach(curve, n) for curve, n in zip(curves.values(), counts, strict=True)])
    h = np.append(np.diff(t), 0.0)
    h[np.cumsum(counts) - 1] = 0.0
    alone = np.arange(len(t), len(t) + extra, dtype=np.int32)
    # a slope of 0 at rest is known, that of a curve only roughly
    rest = np.repeat([by_name[name].is_steady_state for name in curves], counts)
    local = np.append(np.where(rest, 1.0, LOCAL), np.ones(extra))[:, None]
    # sums along stretches go with h, their squares with the weight of the trajectory
    h = np.sqrt(rows) * h
    found = Slopes(
        pad(t),
        pad(u),
        pad(y),
        pad(slope),
        local * weight,
        np.inf * typical if rest.all() else LIMIT * typical,
        np.append(h, np.zeros(extra)),
        np.append(first, alone),
        np.append(last, alone),
        columns * usable / _state_spread(system, dataset) ** 2 / len(t),
    )
    return found, typical


def _at_rest(dataset: Dataset) -> dict[str, SmoothedTrajectory]:
    """Measured steady states, whose slopes are 0."""
    rows = (one for one in dataset.trajectories if one.is_steady_state and one.part[0] == Part.TRAIN)
    return {one.name: smooth(one) for one in rows}


@dataclass(frozen=True, eq=False)
class EarlierCurves:
    """Delayed values of the points of ``slopes``, from the same curves; before a curve begins, its first value.

    Parameters
    ----------
    columns
        Measured column of each delayed value; None of an input.
    inputs
        Number of the input of each delayed value; None of a state.
    parts
        Times of the points on each curve.
    paths
        The inputs of each curve.
    """

    columns: tuple[int | None, ...]
    inputs: tuple[int | None, ...]
    paths: tuple[ControlPath, ...]
    parts: tuple[tuple[SmoothedTrajectory, Float[np.ndarray, " point"]], ...]

    def __call__(self, lags: Sequence[Any]) -> Float[np.ndarray, "delay copy point"]:
        """Values for delays that are numbers or [copy, 1]."""
        found = []
        for column, number, lag in zip(self.columns, self.inputs, lags, strict=True):
            values = []
            for (curve, t), path in zip(self.parts, self.paths, strict=True):
                if column is None:
                    values.append(path(t[None, :] - np.reshape(lag, (-1, 1)))[..., number])
                    continue
                at = np.maximum(t[None, :] - np.reshape(lag, (-1, 1)), curve.columns[column].begin)
                values.append(curve.columns[column].value(at.ravel()).reshape(at.shape))
            found.append(np.concatenate(values, axis=1))
        return np.nan_to_num(np.stack(np.broadcast_arrays(*found)))


def earlier_curves(system: System, dataset: Dataset, curves: Mapping[str, SmoothedTrajectory]) -> EarlierCurves | None:
    """The delayed values of ``slopes``; None without delays, or where they are of states that were not measured."""
    states = [one.operand.name for one in system.delays if isinstance(one.operand, Name)]
    inputs = tuple(dataset.input_names.index(one) if one in dataset.input_names else None for one in states)
    moving = [one for one, number in zip(states, inputs, strict=True) if number is None]
    if not states or any(state not in dataset.measured_names or state in system.outputs for state in moving):
        return None
    by_name, per = {one.name: one for one in dataset.trajectories}, max(MOST_POINTS // len(curves), 8)
    parts = tuple((curve, _points(system, dataset, by_name[name], curve, per)[0]) for name, curve in curves.items())
    columns = tuple(dataset.measured_names.index(one) if one in moving else None for one in states)
    return EarlierCurves(columns, inputs, tuple(by_name[name].control for name in curves), parts)


def with_delayed(points: Slopes, earlier: EarlierCurves | None, lags: Any) -> Slopes:
    """The points with delayed values after the states, as the field reads them."""
    if earlier is None:
        return points
    delayed = earlier(lags)[:, 0].T
    padding = np.repeat(delayed[-1:], len(points.y) - len(delayed), axis=0)
    return points._replace(y=np.concatenate([points.y, np.concatenate([delayed, padding])], axis=1))


def _shares(
    system: System, dataset: Dataset, weights: list[float], counts: list[int]
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " state"]]:
    """Weights of the trajectories of all points, and of the columns that states are measured by; each 1 on average."""
    rows = np.repeat(np.array(weights, dtype=float), counts)
    columns = np.array([dataset.weights.get(state, 1.0) for state in system.states], dtype=float)
    return _on_average(rows), _on_average(columns)


def _on_average(weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    mean = float(weight.mean()) if weight.size else 1.0
    return weight / mean if mean > 0 else np.ones_like(weight)


def _reach(curve: SmoothedTrajectory, points: int) -> int:
    """Points to each side along which errors are summed up: some times the distance over which the curve can bend.

    A number, not a shape: it follows the data without a new program.
    """
    degrees = max((column.degrees for column in curve.columns if np.isfinite(column.degrees)), default=1.0)
    return int(np.clip(0.5 * STRETCH * points / max(degrees, 1.0), 4, max(points, 4)))


def _stretches(
    counts: list[int], reaches: list[int]
) -> tuple[Int32[np.ndarray, " point"], Int32[np.ndarray, " point"]]:
    """First and last point of the stretch around each point, within its trajectory."""
    first, last, begin = [], [], 0
    for count, reach in zip(counts, reaches, strict=True):
        at = np.arange(begin, begin + count, dtype=np.int32)
        first.append(np.maximum(at - reach, begin))
        last.append(np.minimum(at + reach, begin + count - 1))
        begin += count
    return np.concatenate(first).astype(np.int32), np.concatenate(last).astype(np.int32)


def _state_spread(system: System, dataset: Dataset) -> Float[np.ndarray, " state"]:
    """Spread of the column that a state is measured by; 1 where it is not measured."""
    spread = dict(zip(dataset.measured_names, dataset.spread(), strict=True))
    found = np.array([float(spread.get(state, 1.0)) for state in system.states])
    return np.where(np.isfinite(found) & (found > 0), found, 1.0)


def _points(system: System, dataset: Dataset, trajectory: Trajectory, curve: SmoothedTrajectory, most: int):
    """Times, inputs, states, slopes, and where they are known (not at the ends, where splines are loose)."""
    rows = np.flatnonzero(trajectory.part == Part.TRAIN)
    t = trajectory.t[rows]
    # few rows: look between them too; many: thin
    if len(t) > most:
        t = t[np.linspace(0, len(t) - 1, most).astype(int)]
    elif len(t) < 40:
        t = np.unique(np.concatenate([t, 0.5 * (t[1:] + t[:-1])]))
    if system.step:
        # what stands for a rate there is the change over a step; between samples nobody knows the start of one
        t = trajectory.t[rows]
        t = t[t + system.step <= t[-1] + 1e-9 * system.step]
        t = t[np.linspace(0, len(t) - 1, min(most, len(t))).astype(int)]
    values, derivatives, supported = curve.values(t), curve.derivatives(t), curve.supported(t)
    if system.step:
        derivatives = (curve.values(t + system.step) - values) / system.step
    y = np.zeros((len(t), len(system.states)))
    slope, known = np.zeros_like(y), np.zeros_like(y)
    for k, state in enumerate(system.states):
        if state not in dataset.measured_names or state in system.outputs:
            continue
        column = dataset.measured_names.index(state)
        y[:, k], slope[:, k] = values[:, column], derivatives[:, column]
        known[:, k] = supported[:, column] & np.isfinite(slope[:, k])
        if len(t) > 5 and curve.columns[column].degrees > 0.9 * np.isfinite(trajectory.measured[rows, column]).sum():
            known[[0, -1], k] = False
    return t, trajectory.input_at(t), y, slope, known
