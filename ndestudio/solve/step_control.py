"""Where the steps of the fixed-grid solver should lie: step control by step-doubling on the present model.

A pass with variable steps over some trajectories compares each pair of steps with one of twice the length. What it finds
is a measure along time, the steps wanted so far, by which a grid with any number of steps is laid out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.model.fitted import FittedModel
from ndestudio.problem.conditions import Condition
from ndestudio.problem.problem import Problem
from ndestudio.problem.rows import Rows, whole_rows
from ndestudio.solve.jax_backend import one_thread
from ndestudio.solve.numpy_fixed import VectorModel, inside, newton_scale
from ndestudio.solve.numpy_implicit import StageSolver
from ndestudio.solve.runge_kutta import step
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import TimeGrid

LOOKED_AT = 12
"""Trajectories that are passed over; the others take the measure of one of them."""
ATTEMPTS = 3000
SECONDS = 3.0
"""Limits of one pass; what it has seen until then is used."""
SAFETY, LEAST, MOST = 0.9, 0.2, 4.0


def find_time_grid(
    problem: Problem, method: Tableau, model: FittedModel, tolerance: float, seconds: float = SECONDS
) -> dict[str, TimeGrid]:
    """Where the steps of each trajectory should lie for ``model``; nothing where the pass got nowhere.

    Parameters
    ----------
    tolerance
        Allowed error per pair of steps, relative to the size of each state (or a hundredth of its spread).
    seconds
        Limit of the pass.
    """
    rows = whole_rows(problem.dataset, with_test=True)
    rows = [row for row in rows if len(row.index) > 1]
    chosen = rows[:: max(1, -(-len(rows) // LOOKED_AT))]
    if not chosen:
        return {}
    seen = dict(
        zip(
            (row.trajectory.name for row in chosen),
            _pass(problem, method, model, chosen, tolerance, seconds),
            strict=True,
        )
    )
    usable = {name: time_grid for name, time_grid in seen.items() if time_grid is not None}
    if not usable:
        return {}
    typical = max(usable.values(), key=lambda time_grid: time_grid.total)
    found = {}
    for row in rows:
        own = usable.get(row.trajectory.name)
        found[row.trajectory.name] = own if own is not None else typical.moved(row.t[0], row.t[-1])
    return found


def _pass(
    problem: Problem, method: Tableau, model: FittedModel, rows: Sequence[Rows], tolerance: float, seconds: float
) -> list[TimeGrid | None]:
    """Variable steps of all rows side by side, each at its own time."""
    conditions = problem.conditions(model, [row.trajectory for row in rows])
    clip = problem.numbers.clip
    stages = StageSolver(_field(problem, model, conditions), method, newton_scale(clip))
    allowed = tolerance * np.maximum(0.01 * problem.numbers.state_scale, 1e-300)[:, None]
    begin, end = np.array([row.t[0] for row in rows]), np.array([row.t[-1] for row in rows])
    y = np.stack([one.initial for one in conditions], axis=-1)
    t, measure = begin.copy(), np.zeros(len(rows))
    # a long first step would leap over a fast beginning and never know
    h = np.minimum(1e-6 * (end - begin), [0.05 * (row.t[1] - row.t[0]) for row in rows])
    guess = np.zeros_like(y)
    knots: list[list[tuple[float, float]]] = [[(b, 0.0)] for b in begin]
    stop = time.monotonic() + seconds
    with one_thread(), np.errstate(all="ignore"):
        for _ in range(ATTEMPTS):
            going = t < end
            if not going.any() or time.monotonic() > stop:
                break
            h = np.where(going, np.minimum(h, 0.5 * (end - t)), 0.0)
            y1, k1, error = _doubled(stages, t, h, y, guess)
            ratio = np.max(np.abs(error) / (allowed + tolerance * np.maximum(np.abs(y), np.abs(y1))), axis=0)
            ratio = np.where(np.isfinite(ratio) & np.isfinite(y1).all(axis=0), ratio, np.inf)
            taken = going & (ratio <= 1.0)
            wanted = np.maximum(ratio, 1e-10) ** (1.0 / (method.order + 1))
            for b in np.flatnonzero(taken):
                t[b] = (
                    end[b]
                    if t[b] + 2 * h[b] >= end[b] * (1 - 1e-15) and h[b] >= 0.5 * (end[b] - t[b])
                    else t[b] + 2 * h[b]
                )
                measure[b] += 2.0 * max(float(wanted[b]), LEAST)
                knots[b].append((float(t[b]), float(measure[b])))
            y, guess = np.where(taken, y1, y), np.where(taken, np.nan_to_num(k1), guess)
            h = h * np.clip(SAFETY / np.maximum(wanted, 1e-3), LEAST, MOST)
            if (going & (h < 1e-14 * np.maximum(np.abs(t), end - begin))).any():
                h = np.where(h < 1e-14 * np.maximum(np.abs(t), end - begin), 0.0, h)
                end = np.where(going & (h == 0.0), t, end)
    return [_time_grid(known, row) for known, row in zip(knots, rows, strict=True)]


def _doubled(stages: StageSolver, t: Any, h: Any, y: Any, guess: Any) -> tuple[Any, Any, Any]:
    """State after two steps, the slope there, and its error, by one step of twice the length.

    y2 - y1 = (2^p - 1) times the error of the finer solution of order p (Hairer, Norsett and Wanner 1993, Solving Ordinary
    Differential Equations I, section II.4).
    """
    wide = np.stack([y, y], axis=1)
    both = np.stack([h, 2 * h])
    first, k = _step(stages, t, both, wide, np.stack([guess, guess], axis=1))
    second, slope = _step(stages, (t + h)[None], h[None], first[:, :1], k[:, :1])
    return second[:, 0], slope[:, 0], (second[:, 0] - first[:, 1]) / (2.0**stages.method.order - 1.0)


def _step(stages: StageSolver, t: Any, h: Any, y: Any, guess: Any) -> tuple[Any, Any]:
    times = [np.broadcast_to(t + c * h, h.shape) for c in stages.method.c]
    end, slopes = step(stages.method, stages.at(times, times, h), y, h, np.nan_to_num(guess))
    return end, slopes[-1]


def _field(problem: Problem, model: FittedModel, conditions: Sequence[Condition]) -> Callable[..., Any]:
    """dy/dt at the time of each row, inputs read from its control path."""
    vector = VectorModel(problem.structure, model.networks)
    values = [np.float64(model.parameters[name]) for name in problem.structure.parameters]
    within = inside(vector, values, problem.numbers.clip)
    if not problem.structure.inputs:
        return lambda t, _, y: within(t, (), y)

    def driven(t: Float[np.ndarray, "copy row"], _: Any, y: Any) -> Any:
        at = [one.control(t[:, b]) for b, one in enumerate(conditions)]
        return within(t, np.moveaxis(np.stack(at, axis=1), -1, 0), y)

    return driven


def _time_grid(known: list[tuple[float, float]], row: Rows) -> TimeGrid | None:
    if len(known) < 3:
        return None
    times, measure = np.array(known).T
    if times[-1] < row.t[-1]:
        # beyond what was seen, as dense as on average so far
        rate = measure[-1] / (times[-1] - times[0])
        measure = np.append(measure, measure[-1] + min(rate * (row.t[-1] - times[-1]), measure[-1]))
        times = np.append(times, row.t[-1])
    return TimeGrid(times, measure)
