"""How far ahead a model can be compared with data: the time in which neighbouring trajectories part.

Where they part exponentially although all of them stay bounded (chaos), whole trajectories tell nothing of the law after a
few of these times. The largest Lyapunov exponent is measured along the data: derivatives of the ends of short segments
by their starts, multiplied along each trajectory (Benettin et al. 1980, Meccanica 15, 9). What parts because the flow
itself becomes faster (growth) does not count. A chaotic model is fitted to segments of two divergence times, each with a
start of its own (multiple shooting: Bock 1983; Voss, Timmer and Kurths 2004, Int. J. Bifurcation Chaos 14, 1905).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.divergence import SHORTEST, Horizon
from ndestudio.fitting.engines import VectorEngine, split_theta
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.multiple_shooting import shooting_batch
from ndestudio.solve.numpy_fixed import initial_values

PIECE = 8
"""Samples of the segments that derivatives are taken over."""
FEWEST = 6
"""Such segments that tell an exponent."""
PARTED = 6.0
"""Logarithm of the growth of a distance along a trajectory from which on a model counts as chaotic."""
TIMES = 2.0
"""Length of the segments of a fit, in divergence times."""
STEP = 1e-5
"""Of the differences, in state scales."""


def horizon_of(problem: PreparedFit, theta: Float[np.ndarray, " theta"], steps: int) -> Horizon | None:
    """The horizon of the model at ``theta``; None where it is not chaotic (it settles), states are not measured, or
    segments lack the past that delays read.

    Parameters
    ----------
    steps
        Of a grid for whole trajectories.
    """
    structure = problem.structure
    if (
        structure.delays is not None
        or structure.initial.settle
        or any(state not in structure.measured for state in structure.states)
    ):
        return None
    pieces = shooting_batch(problem, PIECE, steps)
    if len(pieces.rows) < FEWEST:
        return None
    point = Point(theta, start_point(problem, pieces).free)
    growth, span = _growth(problem, pieces, point)
    if not growth > PARTED:
        return None
    divergence = span / growth
    gap = np.median([float(row.trajectory.t[row.index[-1]] - row.trajectory.t[row.index[0]]) for row in pieces.rows])
    sample = float(gap) / PIECE
    samples = max(round(TIMES * divergence / sample), SHORTEST)
    longest = max(len(one.t) for one in problem.dataset.trajectories)
    return Horizon(divergence, samples, samples * sample) if samples < longest - 1 else None


def _growth(problem: PreparedFit, pieces: Batch, point: Point) -> tuple[float, float]:
    """Largest logarithm of the growth of a distance along a trajectory, beyond that of the speed; and the time it took."""
    states, rows = len(problem.structure.states), len(pieces.rows)
    derivative, speed = _derivatives(problem, pieces, point)
    best, took = 0.0, 1.0
    distance, total, first, begin = np.full(states, states**-0.5), 0.0, speed[0], 0.0
    for row in range(rows):
        t = pieces.rows[row].trajectory.t[pieces.rows[row].index]
        if pieces.follows[row] < 0:
            distance, total, first, begin = np.full(states, states**-0.5), 0.0, speed[row], float(t[0])
        distance = distance @ derivative[:, row]
        size = float(np.linalg.norm(distance))
        if not (np.isfinite(size) and size > 0.0):
            distance, total = np.full(states, states**-0.5), 0.0
            continue
        total, distance = total + float(np.log(size)), distance / size
        after = speed[row + 1] if row + 1 < rows and pieces.follows[row + 1] >= 0 else speed[row]
        slower = min(first, after)
        beyond = total - max(float(np.log(after / slower)), 0.0) if slower > 0.0 else 0.0
        if beyond > best:
            best, took = beyond, float(t[-1]) - begin
    return best, took


def _derivatives(
    problem: PreparedFit, pieces: Batch, point: Point
) -> tuple[Float[np.ndarray, "state row state"], Float[np.ndarray, " row"]]:
    """Derivatives of the ends of segments by their starts, in state scales, and the speed at the starts."""
    model = problem.space.fitted(point.theta, {})
    engine = VectorEngine(replace(problem, space=replace(problem.space, model=model)), pieces)
    states, scale = len(problem.structure.states), problem.space.constants.state_scale
    theta, free = np.repeat(point.theta[None], 1 + states, axis=0), np.repeat(point.free[None], 1 + states, axis=0)
    for k in range(states):
        free[1 + k, :, k] += STEP
    ends = engine.errors(theta, free)[1]
    parameters, shared = split_theta(problem, theta)
    with np.errstate(all="ignore"):
        starts = initial_values(engine.model, parameters, shared, pieces.start, free)
        u = np.moveaxis(pieces.grid.sample_u, -1, 0)[..., 0]
        slope = engine.model.field(parameters, pieces.grid.sample_t[:, 0], u, starts)
        moved = (starts[:, 1:] - starts[:, :1]) / scale[:, None, None]
        step = np.stack([moved[k, k] for k in range(states)])
        derivative = (ends[1:] - ends[0]) / np.where(step == 0.0, STEP, step)[..., None]
        speed = np.linalg.norm(np.broadcast_to(slope, starts.shape)[:, 0] / scale[:, None], axis=0)
    return derivative, np.nan_to_num(speed)
