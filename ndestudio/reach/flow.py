"""States from many starts at once: what a tube is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath, control_path
from ndestudio.errors import EquationError
from ndestudio.expression.tree import names, walk
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.fitted import FittedModel
from ndestudio.model.schedule import Schedule, schedule
from ndestudio.problem.conditions import Condition
from ndestudio.problem.space import structure_of
from ndestudio.reach import compiled
from ndestudio.reach.ellipsoid import Ellipsoids
from ndestudio.reach.starts import StartSet
from ndestudio.solve.interpolation import hermite
from ndestudio.solve.numpy_fixed import VectorModel, march, read_out
from ndestudio.solve.scipy_reference import simulate
from ndestudio.solve.stiffness import EXPLICIT_LIMIT, decay_rates
from ndestudio.solve.tableau import SDIRK4, TSIT5
from ndestudio.solve.time_grid import Grid, TimeGrid, make_grid

FEWEST, MOST = 32, 65_536
"""Steps of a solution."""
PROBES = 8
"""Starts by which the number of steps is chosen."""
PART = 1e-3
"""Error of the steps over the width of the bundle of solutions, at most."""
ROUNDING = 1e-11
"""Smallest error worth asking for, over the size of a state."""
BATCH = 4096
"""Starts that are solved together."""
COMPILED = 64
"""Steps from which compiled ones are worth their compiling."""
LARGE = 400
"""Operations of the right-hand sides together above which compiling would take longer than it saves."""


@dataclass(eq=False)
class Flow:
    """A model with everything but starts and uncertain parameters given.

    Parameters
    ----------
    t
        Times at which states are wanted, the first of them that of the start.
    control
        The inputs, in the order of ``model.inputs``.
    events
        What happens at known times.

    Attributes
    ----------
    method, steps
        How it is solved; steps are chosen by ``choose_steps``.
    error
        Estimated largest error of the steps, for each state at each time.
    """

    model: FittedModel
    starts: StartSet
    t: Float[np.ndarray, " time"]
    control: ControlPath
    events: Schedule

    def __post_init__(self) -> None:
        self._vector = VectorModel(structure_of(self.model), self.model.networks)
        self._stands = {name: k for k, name in enumerate(self.starts.parameters)}
        self.waiting = any(one.condition is not None for one in self.model.system.events)
        self.single = self.waiting or self._times_move()
        self.method = SDIRK4 if not self.single and self._stiff() else TSIT5
        rhs = self.model.system.rhs
        large = sum(1 for one in rhs for _ in walk(one)) > LARGE
        self._compilable = not (self.method.implicit or self.model.networks or large or black_boxes(rhs))
        self._grids: dict[int, Grid] = {}
        self.steps = FEWEST
        self.error = np.zeros((len(self.t), len(self.model.system.states)))

    def states(self, unit: Float[np.ndarray, "start unit"]) -> Float[np.ndarray, "start time state"]:
        """States at all times from each start, not finite where there are none."""
        if self.single:
            return np.stack([self._one(row[None]) for row in unit])
        parts = [self._solved(unit[k : k + BATCH], self.steps) for k in range(0, len(unit), BATCH)]
        return np.concatenate(parts)

    def farthest(self, unit: Float[np.ndarray, "start unit"], shape: Ellipsoids) -> Float[np.ndarray, " start"]:
        """The largest distance of each start over all times, infinite where there is no solution.

        Distances are those of ``Ellipsoids.distances``; where times lie between grid points, interpolation and the map onto the unit
        ball are one matrix for the times of a step, so that states at all times are never laid out.
        """
        grid = self._grid(self.steps)
        if self.single or grid.q.shape[1] < COMPILED or (np.diff(grid.step[0]) < 0).any():
            return shape.distances(self.states(unit)).max(axis=1)
        found = np.empty(len(unit))
        for k in range(0, len(unit), BATCH):
            with np.errstate(all="ignore"):
                states, slopes = self._marched(unit[k : k + BATCH], grid, self.steps)
            found[k : k + BATCH] = _farthest(states[..., 0], slopes[..., 0], grid, shape)
        return found

    def choose_steps(self, unit: Float[np.ndarray, "start unit"]) -> None:
        """Double the steps until they change the solutions by little against the width of their bundle."""
        if self.single or not len(unit):
            return
        probes = unit[:PROBES]
        coarse = self._solved(probes, self.steps)
        while self.steps < MOST:
            fine = self._solved(probes, 2 * self.steps)
            with np.errstate(all="ignore"):
                # where both have no value there is none, however many steps
                there = np.isfinite(fine) | np.isfinite(coarse)
                error = np.where(there, np.abs(fine - coarse), 0.0).max(axis=0)
                size = np.where(np.isfinite(fine), np.abs(fine), 0.0).max(axis=(0, 1)) + np.abs(self.starts.centre)
                width = np.ptp(np.where(np.isfinite(fine), fine, self.starts.centre), axis=0).max(axis=0)
                width = np.where(there.all(), width, np.inf)
                allowed = np.maximum(PART * width, ROUNDING * size)
            self.steps *= 2
            coarse = fine
            # what is left is the error of the doubled steps; values between grid points are of order 4
            self.error = error / 15.0
            if np.isfinite(error).all() and (self.error <= allowed).all():
                break

    def values(self, unit: Float[np.ndarray, "start unit"]) -> list[Float[np.ndarray, "*start"]]:
        """Each parameter of the model, a number or one for each start."""
        drawn, known = self.starts.values(unit), self.model.parameters
        return [
            drawn[:, self._stands[name]] if name in self._stands else np.array(float(known[name]))
            for name in self.model.system.parameters
        ]

    def model_of(self, unit: Float[np.ndarray, "1 unit"]) -> FittedModel:
        """The model with the parameters of one start."""
        drawn = dict(zip(self.starts.parameters, self.starts.values(unit)[0].tolist(), strict=True))
        return replace(self.model, parameters={**self.model.parameters, **drawn})

    def _solved(self, unit: Float[np.ndarray, "start unit"], steps: int) -> Float[np.ndarray, "start time state"]:
        grid = self._grid(steps)
        with np.errstate(all="ignore"):
            found = self._marched(unit, grid, steps)
            return np.moveaxis(read_out(*found, grid)[:, :, 0], 0, -1)

    def _grid(self, steps: int) -> Grid:
        if steps not in self._grids:
            row = Condition("tube", self.control, self.starts.centre, self.t, self.events)
            even = {"tube": TimeGrid(self.t, np.arange(len(self.t), dtype=float))}
            self._grids[steps] = make_grid([row], steps, self.method, len(self.t), even, events=[self.events])
        return self._grids[steps]

    def _marched(
        self, unit: Float[np.ndarray, "start unit"], grid: Grid, steps: int
    ) -> tuple[Float[np.ndarray, "knot state start 1"], Float[np.ndarray, "knot state start 1"]]:
        y0 = self.starts.states(unit).T
        values = self.values(unit)
        if self._compilable and steps >= COMPILED and not grid.event.any():
            wide = np.array([np.broadcast_to(value, len(unit)) for value in values]).reshape(-1, len(unit))
            states, slopes = compiled.march(structure_of(self.model), wide, y0, grid, self.method)
            return states[..., None], slopes[..., None]
        parameters = [value[:, None] if value.ndim else value.reshape(1, 1) for value in values]
        size = np.maximum(np.abs(self.starts.centre), 1.0)
        if self.model.scale is not None:
            size = np.asarray(self.model.scale, dtype=float)
        clip = np.stack([np.full(len(size), -np.inf), np.full(len(size), np.inf)])
        return march(self._vector, parameters, y0[:, :, None].copy(), grid, self.method, clip, scale=size)

    def _one(self, unit: Float[np.ndarray, "1 unit"]) -> Float[np.ndarray, "time state"]:
        model = self.model_of(unit)
        y0 = self.starts.states(unit)[0]
        events = self.events if not self._times_move() else schedule(model.system, model.parameters, None)
        return simulate(model, self.t, y0, self.control, events=events).states

    def _times_move(self) -> bool:
        """Whether the times of events depend on uncertain parameters."""
        known = [time for one in self.model.system.events for time in one.times]
        return any(name in self._stands for time in known for name in names(time))

    def _stiff(self) -> bool:
        """Whether an explicit method would need very many steps, looked at along the middle."""
        span = float(self.t[-1] - self.t[0])
        result = simulate(self.model, self.t, self.starts.centre, self.control, events=self.events)
        seen = np.isfinite(result.states).all(axis=1)
        if not seen.any():
            return False
        places = np.flatnonzero(seen)[:: max(1, int(seen.sum()) // 20)]
        u = self.control(self.t[places])
        rates = decay_rates(self.model, self.t[places], result.states[places], u)
        rates = rates[np.isfinite(rates)]
        return bool(len(rates) and float(np.quantile(rates, 0.9)) * span > EXPLICIT_LIMIT / 10)


def _farthest(
    states: Float[np.ndarray, "knot state start"],
    slopes: Float[np.ndarray, "knot state start"],
    grid: Grid,
    shape: Ellipsoids,
) -> Float[np.ndarray, " start"]:
    size, count = states.shape[1:]
    onto = np.linalg.inv(shape.factor)
    ones = np.eye(4)
    weights = hermite(ones[0], ones[1], ones[2], ones[3], grid.q[0][:, None])
    found = np.zeros(count)
    # apart from one start, so that no digits are lost to the distance from the origin
    with np.errstate(all="ignore"):
        for n in np.unique(grid.step[0]):
            begin, end = np.searchsorted(grid.step[0], [n, n + 1])
            after, h = min(n + 1, len(grid.h) - 1), grid.h[n, 0]
            ends = np.stack([states[n], states[after], h * slopes[n], h * slopes[after]])
            origin = ends[:, :, :1].copy()
            near = weights[begin:end]
            maps = np.einsum("tij,tk->tikj", onto[begin:end], near).reshape((end - begin) * size, 4 * size)
            away = np.einsum("tk,ki->ti", near, origin[:, :, 0]) - shape.centre[begin:end]
            from_centre = np.einsum("tij,tj->ti", onto[begin:end], away).reshape(-1, 1)
            apart = maps @ (ends - origin).reshape(4 * size, count)
            apart += from_centre
            np.square(apart, out=apart)
            squared = apart.reshape(end - begin, size, count).sum(axis=1)
            found = np.maximum(found, squared.max(axis=0))
    return np.sqrt(np.where(np.isfinite(found), found, np.inf))


def no_inputs(t: Float[np.ndarray, " time"], count: int) -> ControlPath:
    """A path for models that read none of the inputs of the data."""
    return control_path(t, np.zeros((len(t), count)), "linear")


def refuse(model: FittedModel) -> None:
    """Say what tubes are not made for.

    Raises
    ------
    EquationError
        Noise, or delays.
    """
    refuse_noise(model.system, "`reach_tube`")
    if model.system.delays:
        raise EquationError(
            "a tube is made for starts that are points, and with delays the start is a function of earlier times; replace the delay "
            "by a chain of states"
        )
