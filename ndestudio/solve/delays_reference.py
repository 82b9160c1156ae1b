"""The reference solution of equations with delays: the method of steps with an adaptive method of order 8 in between.

Each piece ends where a derivative jumps, or after the shortest delay, so that everything it reads was solved before; it is
kept as the dense output of its method (Hairer, Norsett and Wanner 1993, Solving Ordinary Differential Equations I, sections
II.6 and II.17).
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.model.evaluate import point_field
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.delays import Delays, system_delays
from ndestudio.solve.delays import later_jumps

ORDER = 8
MOST_PIECES = 20_000


class _Spent(Exception):
    """The budget is used up."""


@dataclass
class _Solved:
    """What was solved so far: pieces with their begins, and the past before them."""

    delays: Delays
    parameters: Sequence[float]
    y0: Float[np.ndarray, " state"]
    start: float
    control: ControlPath | None = None
    begins: list[float] = field(default_factory=list)
    pieces: list[Callable[[float], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lags = [float(lag) for lag in self.delays.lag(np)(self.parameters)]
        self._before = self.delays.before(np)
        self._input = [self.delays.input_of(d) for d in range(len(self.delays.of))]
        self.right = np.inf
        """Where the present piece ends: what jumps there has not jumped yet."""
        self.falling = False
        self.end = self.y0

    def earlier(self, t: float) -> list[float]:
        """The delayed values at a time of the piece that is being solved."""
        self.falling = bool(t >= self.right - 1e-12 * max(abs(self.right), abs(self.start), 1.0))
        return [
            self._at(state, t - lag) if self._input[d] is None else self._input_at(self._input[d], t - lag)
            for d, (state, lag) in enumerate(zip(self.delays.of, self._lags, strict=True))
        ]

    def _input_at(self, number: int | None, t: float) -> float:
        """An input; before a jump the value that holds in the piece that ends there."""
        pieces = self.control.pieces[number] if self.control is not None and number is not None else None
        if pieces is None:
            return float("nan")
        jumps = pieces.jumps
        k = int(np.searchsorted(jumps, t)) if len(jumps) else 0
        near = 1e-12 * max(abs(t), abs(self.start), 1.0)
        for jump in jumps[max(k - 1, 0) : k + 1]:
            if abs(jump - t) <= near:
                return float(pieces.function.at(np.array(jump), left=self.falling))
        return float(pieces.function.at(np.array(t)))

    def _at(self, state: int, t: float) -> float:
        place = bisect_right(self.begins, t + 1e-12 * max(abs(t), abs(self.start), 1.0)) - 1
        if place < 0 or not self.pieces:
            formula = self._before[state]
            return float(self.y0[state]) if formula is None else float(formula(self.parameters, t))
        return float(self.pieces[min(place, len(self.pieces) - 1)](t)[state])


def solve_with_delays(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    control: ControlPath | None,
    *,
    rtol: float,
    atol: Float[np.ndarray, " state"],
    longest_step: float,
    seconds: float,
    evaluations: int,
) -> tuple[Float[np.ndarray, "time state"], str]:
    """States at ``t`` (not decreasing) from ``y0`` at ``t[0]``, NaN from where it failed on, and a sentence about that."""
    from scipy.integrate import DOP853

    system = model.system
    delays = system_delays(system, model.inputs)
    assert delays is not None
    states = np.full((len(t), len(y0)), np.nan)
    lags = delays.values(model.parameters)
    if not (np.isfinite(lags).all() and (lags > 0).all()):
        bad = int(np.argmin(np.where(np.isfinite(lags), lags, -np.inf)))
        return states, f"the delay of `{delays.slots[bad]}` is {lags[bad]:.6g}; it must be above 0"
    if len(t) == 0 or not np.isfinite(y0).all():
        return states, "" if len(t) == 0 else "the start is not a finite number"
    begin, end = float(t[0]), float(t[-1])
    states[t <= begin] = y0
    shortest = float(delays.of_states(model.parameters).min(initial=np.inf))
    joints = _joints(delays, model, begin, end, shortest, control)
    if len(joints) > MOST_PIECES:
        return states, f"the shortest delay, {shortest:.3g}, is too short beside the whole time {end - begin:.3g}"
    solved = _Solved(delays, [float(model.parameters[name]) for name in system.parameters], y0, begin, control)
    function = point_field(model, control, solved.earlier)
    deadline, spent = time.monotonic() + seconds, 0

    def counted(at: float, y: Any) -> list[float]:
        nonlocal spent
        spent += 1
        if spent > evaluations or (spent & 63 == 0 and time.monotonic() > deadline):
            raise _Spent
        return function(at, y.tolist())

    y = np.asarray(y0, dtype=float)
    options: dict[str, Any] = {"rtol": max(rtol, 1e-12), "atol": atol}
    options |= {"max_step": longest_step} if longest_step > 0 else {}
    with np.errstate(all="ignore"):
        for left, right in pairwise(joints):
            solved.right = right
            try:
                solver: Any = DOP853(counted, left, y, right, **options)
                reason = _through(solver, solved, t, states)
            except _Spent:
                reason = f"more than {seconds:.3g} s or {evaluations} evaluations of the equations were needed"
            except (ValueError, ArithmeticError):
                reason = "the equations have no finite value there"
            if reason:
                return states, f"the simulation stops near t = {left:.6g}: {reason}"
            y = solved.end
    return states, ""


def _through(
    solver: Any, solved: _Solved, t: Float[np.ndarray, " time"], states: Float[np.ndarray, "time state"]
) -> str:
    """One piece to its end, kept in ``solved`` and read at ``t``; why it ended before, "" if it did not."""
    while solver.status == "running":
        solver.step()
        if solver.status == "failed" or not np.isfinite(solver.y).all():
            return "the step size became too small"
        dense = solver.dense_output()
        solved.begins.append(float(solver.t_old))
        solved.pieces.append(dense)
        inside = (t > solver.t_old) & (t <= solver.t)
        if inside.any():
            states[inside] = dense(t[inside]).T
    solved.end = solver.y
    return ""


def _joints(
    delays: Delays, model: FittedModel, begin: float, end: float, shortest: float, control: ControlPath | None
) -> list[float]:
    """Where pieces begin and end."""
    points = [begin, *(begin + delays.breaks(model.parameters, ORDER, end - begin)), end]
    if control is not None and model.system.inputs:
        jumps = np.concatenate([control.jumps, later_jumps(delays, model, control)])
        points += [float(one) for one in jumps if begin < one < end]
    count = int(min((end - begin) / shortest, MOST_PIECES + 1.0)) if np.isfinite(shortest) else 0
    points += [begin + k * shortest for k in range(1, count + 1) if begin + k * shortest < end]
    near = 1e-12 * max(end - begin, 1e-300)
    found = np.unique(points)
    found = found[np.append(True, np.diff(found) > near)]
    return [*found[found < end - near].tolist(), end]
