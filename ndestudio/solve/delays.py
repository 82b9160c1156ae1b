"""The method of steps on a fixed grid, in NumPy: delayed values are read from the steps that were made already.

Between grid points a solution is its cubic Hermite interpolation, of fourth order as RK4 is; where a delay is shorter than
two steps, the last step is read by the parabola through what is known of it. Grid points lie where derivatives jump (two of
them, as at jumps of inputs), so that the order is kept. After Bellen and Zennaro 2003, Numerical Methods for Delay
Differential Equations, chapters 4 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath, Piecewise
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.delays import Delays
from ndestudio.problem.problem import Problem
from ndestudio.solve.interpolation import hermite
from ndestudio.solve.runge_kutta import step
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import NO_BREAKS, Breaks, Grid, Sampled

NEAR = 1e-10
"""Part of the whole time by which a delayed time may miss the grid point it belongs to."""
STEPS_PER_DELAY = 2.5


def grid_breaks(
    problem: Problem, method: Tableau, model: FittedModel, rows: Sequence[Sampled]
) -> Breaks | Float[np.ndarray, " break"]:
    """Times after the begin of each row at which steps should end; none without delays."""
    delays = problem.structure.delays
    if delays is None:
        return NO_BREAKS
    common = delays.breaks(model.parameters, method.order, _span(rows))
    if not delays.reads_inputs:
        return common
    own = tuple(later_jumps(delays, model, row.control) - row.t[0] for row in rows)
    return Breaks(common, own, paths=True)


def later_jumps(delays: Delays, model: FittedModel, control: ControlPath) -> Float[np.ndarray, " jump"]:
    """Times at which a delayed input jumps."""
    found = [np.zeros(0)]
    for k, lag in delays.of_inputs(model.parameters):
        pieces = control.pieces[k]
        if pieces is not None:
            found.append(pieces.jumps + lag)
    return np.unique(np.concatenate(found))


def few_steps(problem: Problem, model: FittedModel, rows: Sequence[Sampled]) -> int:
    """Steps of the longest row with which every delay is longer than two of them; 0 without delays."""
    delays = problem.structure.delays
    lags = np.zeros(0) if delays is None else delays.of_states(model.parameters)
    if not len(lags):
        return 0
    shortest = float(np.min(lags))
    return int(min(STEPS_PER_DELAY * _span(rows) / shortest, 2.0**30)) + 1 if shortest > 0 else 2**30


def refused(problem: Problem, method: Tableau) -> str | None:
    """Why a method cannot solve equations with delays, None if it can or there are none."""
    delays = problem.structure.delays
    if delays is None or not method.implicit:
        return None
    return (
        f"`{method.name}` is implicit, and equations with delays (`{delays.slots[0]}`) are solved by explicit methods; choose "
        "`auto`, `rk4`, `tsit5` or `dopri5`"
    )


def _span(rows: Sequence[Sampled]) -> float:
    return max((float(row.t[-1] - row.t[0]) for row in rows), default=0.0)


def march(
    delays: Delays,
    field: Any,
    parameters: Sequence[Any],
    y0: Float[np.ndarray, "state copy row"],
    grid: Grid,
    method: Tableau,
) -> tuple[Float[np.ndarray, "knot state copy row"], Float[np.ndarray, "knot state copy row"]]:
    """States and slopes at the grid points, by an explicit method.

    Parameters
    ----------
    field
        (t, u, values of states and delays [value, copy, row]) -> dy/dt.
    parameters
        Arrays that broadcast against [copy, row]; each copy has its own delays.
    """
    assert not method.implicit
    states, slopes = np.empty((len(grid.h), *y0.shape)), np.empty((len(grid.h), *y0.shape))
    history = _History(delays, parameters, y0, grid, method, states, slopes)
    last = len(grid.h) - 1
    y = y0
    for n, h in enumerate(grid.h):
        states[n] = y
        u = np.swapaxes(grid.u[n], 1, 2)

        def stage(i: int, base: Any, guess: Any, n: int = n, u: Any = u) -> Any:
            k = field(grid.t[n, i], u[i], np.concatenate([base, history.at(n, i)]))
            if i == 0:
                slopes[n] = k
            return k

        if n < last:
            y, _ = step(method, stage, y, h)
        else:
            stage(0, y, None)
    return states, slopes


class _History:
    """Delayed values at the stages of a grid, from the steps made so far."""

    def __init__(
        self, delays: Delays, parameters: Sequence[Any], y0: Any, grid: Grid, method: Tableau, states: Any, slopes: Any
    ) -> None:
        self.delays, self.grid, self.y0 = delays, grid, y0
        self.states, self.slopes = states, slopes
        shape = y0.shape[1:]
        self.knots = grid.t[:, 0]
        self.rows, self.copies = np.arange(shape[1])[None, :], np.arange(shape[0])[:, None]
        self.lags = [np.broadcast_to(lag, shape) for lag in delays.lag(np)(parameters)]
        self.past = delays.before(np)
        self.parameters = parameters
        self.side = sides(grid, method)
        self.index = np.stack([self._located(lag) for lag in self.lags])
        self.inputs = {
            d: self._earlier_inputs(k, lag) for d, lag in enumerate(self.lags) if (k := delays.input_of(d)) is not None
        }

    def _earlier_inputs(self, number: int, lag: Float[np.ndarray, "copy row"]) -> np.ndarray:
        """An input at the delayed time of each stage [step, stage, copy, row]."""
        times = self.grid.t[:, :, None, :] - lag + self.side[:, :, None, :]
        paths, found = self.grid.paths, np.empty(times.shape)
        for row in range(times.shape[-1]):
            path = Piecewise(paths.breaks[row, number], paths.coefficients[row, number])
            found[..., row] = path.at(times[..., row])
        return found

    def _located(self, lag: Float[np.ndarray, "copy row"]) -> np.ndarray:
        """Step in which each stage finds its delayed value, -1 before the begin [step, stage, copy, row]."""
        times = self.grid.t[:, :, None, :] - lag + self.side[:, :, None, :]
        found = np.empty(times.shape, dtype=int)
        for row in range(times.shape[-1]):
            found[..., row] = np.searchsorted(self.knots[:, row], times[..., row], side="right") - 1
        return found

    def at(self, n: int, i: int) -> Float[np.ndarray, "delay copy row"]:
        """Delayed values at stage ``i`` of step ``n``."""
        found = np.empty((len(self.lags), *self.y0.shape[1:]))
        for d, (state, lag) in enumerate(zip(self.delays.of, self.lags, strict=True)):
            if d in self.inputs:
                found[d] = self.inputs[d][n, i]
                continue
            t = self.grid.t[n, i] - lag
            before = self._before(state, t)
            step_, begun = np.clip(self.index[d, n, i], 0, max(n - 1, 0)), self.index[d, n, i] >= 0
            if n == 0 or not begun.any():
                found[d] = before
                continue
            h = self.grid.h[step_, self.rows]
            length = np.where(h > 0, h, 1.0)
            q = (t - self.knots[step_, self.rows]) / length
            ya, yb = (self.states[at, state, self.copies, self.rows] for at in (step_, step_ + 1))
            da = h * self.slopes[step_, state, self.copies, self.rows]
            open_ = (step_ + 1 == n) & (i == 0)
            known = np.where(open_, step_, step_ + 1)
            db = np.where(open_, 2 * (yb - ya) - da, h * self.slopes[known, state, self.copies, self.rows])
            found[d] = np.where(begun, hermite(ya, yb, da, db, q), before)
        return found

    def _before(self, state: int, t: Any) -> Any:
        formula = self.past[state]
        return self.y0[state] if formula is None else np.broadcast_to(formula(self.parameters, t), t.shape)


def sides(grid: Grid, method: Tableau) -> Float[np.ndarray, "step stage row"]:
    """A hair before or after the time of each stage: at the end of a step, and between two points at one time, values are
    those before."""
    ends = np.asarray(method.c)[None, :, None] == 1.0
    before = ends | ((grid.h[:, None] <= 0) & (np.arange(len(grid.h)) < len(grid.h) - 1)[:, None, None])
    span = np.maximum(grid.t[-1, 0] - grid.t[0, 0], 1e-300)
    return np.where(before, -NEAR, NEAR) * span
