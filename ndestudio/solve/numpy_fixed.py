"""The fixed-grid solver in NumPy: many rows and many perturbed copies at once, with nothing to compile.

Used for predictions while training, for choosing the number of steps, and for fitting constants: a formula of a few
operations on a few thousand numbers costs microseconds per operation, less than any compiler takes to start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ndestudio.expression.tree import Binary, Name, names
from ndestudio.model.events import GIVEN
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.networks import array_neural_term
from ndestudio.problem.conditions import Condition
from ndestudio.problem.dynamics import EventShape
from ndestudio.problem.initial import Start
from ndestudio.problem.periodic import NumpyTools, is_linear, periodic_starts
from ndestudio.problem.problem import Problem
from ndestudio.problem.steady_state import conserved, settle
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.delays import march as march_with_delays
from ndestudio.solve.events import happened
from ndestudio.solve.interpolation import hermite
from ndestudio.solve.jax_backend import one_thread
from ndestudio.solve.log_signature import by_differences, with_brackets
from ndestudio.solve.numpy_implicit import StageField, StageSolver
from ndestudio.solve.runge_kutta import step
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Grid

Addition = tuple[Float[np.ndarray, "state copy row"], Float[np.ndarray, "state copy row"]]
"""What an event adds in any case, and for each unit of what is given."""
ON_KNOT = 1e-9
"""Distance from a grid point, in steps, below which a sample lies on it."""


class VectorModel:
    """A structure ready for NumPy: its functions of arrays, prepared once.

    Parameters
    ----------
    networks
        Trained neural terms, used as they are (their weights are not in ``theta`` here).

    Attributes
    ----------
    field
        (parameters, t, u [input, ...], y [state, ...]) -> dy/dt [state, ...].
    observe
        As ``field`` -> measured columns [measured, ...], NaN for a column without counterpart.
    starts
        (parameters, shared [state][copy, 1], free [copy, row, state], start) -> initial values [state, copy, row].
    jumps
        For each event (parameters, t, u, y, given) -> states after it.
    """

    def __init__(self, structure: ProblemStructure, networks: Mapping[str, NetworkWeights]) -> None:
        self.structure = structure
        functions = {name: array_neural_term(network) for name, network in networks.items()}
        self.delays = structure.delays
        self.field = structure.dynamics.drift(functions, np)
        self.observe = structure.observation.function(structure.dynamics, functions, np)
        self.starts = structure.initial.function(structure.dynamics, functions, np)
        self.jumps = structure.dynamics.jumps(functions, np)
        self.conserved = conserved(structure) if structure.initial.settle else np.zeros((0, 0))
        regimens = structure.initial.regimens
        self.periodic = periodic_starts(regimens, structure.dynamics, functions, NumpyTools()) if regimens else None
        shapes = enumerate(structure.dynamics.events)
        self.adding = [k for k, one in shapes if _adds(one, structure.states, structure.parameters)]
        self.clocks = structure.dynamics.clocks(functions, np)


def initial_values(
    model: VectorModel,
    parameters: Sequence[Any],
    shared: Any,
    start: Start,
    free: Float[np.ndarray, "copy row state"],
) -> Float[np.ndarray, "state copy row"]:
    """Initial values of all rows, from where ``start.mode`` says.

    Parameters
    ----------
    shared
        Physical shared values, [state][copy, 1].
    """
    y0 = model.starts(parameters, shared, free, start)
    if model.structure.initial.settle:
        y0 = _settled(model, parameters, y0, start)
    if model.periodic is None:
        return y0
    with np.errstate(all="ignore"):
        return model.periodic(parameters, y0, start.regimens)


def _settled(
    model: VectorModel, parameters: Sequence[Any], y0: Float[np.ndarray, "state copy row"], start: Start
) -> Float[np.ndarray, "state copy row"]:
    rows = np.flatnonzero(start.settles)
    begin = y0[:, :, rows]
    copies = begin.shape[1:]
    wide = [np.broadcast_to(one, copies).ravel() for one in parameters]
    t, under = np.broadcast_to(start.t[rows], copies), start.under[rows].T
    u = np.broadcast_to(under[:, None], (len(under), *copies)).reshape(len(under), math.prod(copies))
    found = settle(
        lambda y: model.field(wide, t.ravel(), u, y), begin.reshape(len(begin), -1), start_scale(start), model.conserved
    )
    y0 = y0.copy()
    y0[:, :, rows] = found.reshape(begin.shape)
    return y0


def start_scale(start: Start) -> Float[np.ndarray, " state"]:
    """Typical size of each state."""
    return np.asarray(start.scale).reshape(-1, start.scale.shape[-1])[0]


def march(
    model: VectorModel,
    parameters: Sequence[Any],
    y0: Float[np.ndarray, "state copy row"],
    grid: Grid,
    method: Tableau,
    clip: Float[np.ndarray, "2 state"],
    scale: Float[np.ndarray, " state"] | None = None,
) -> tuple[Float[np.ndarray, "knot state copy row"], Float[np.ndarray, "knot state copy row"]]:
    """States and slopes at the grid points; NaN from where an implicit stage has no solution on.

    With delays, see ``delays.march``.

    Parameters
    ----------
    clip
        Limits within which the field reads the states.
    scale
        Size of each state for the convergence of Newton's method; None: from the limits.
    """
    field = inside(model, parameters, clip)
    if model.delays is not None:
        with one_thread(), np.errstate(all="ignore"):
            return march_with_delays(model.delays, field, parameters, y0, grid, method)
    if method.depth > 1:
        span, size = float(grid.h.sum(axis=0).max()), np.abs(grid.u).max(axis=(0, 1, 2), initial=0.0)
        size = np.where(size > 0, size, 1.0)[: len(model.structure.inputs)]
        differences = by_differences((span or 1.0, size, newton_scale(clip)))
        field = with_brackets(field, model.structure.inputs, differences, np)
    stages = StageSolver(field, method, newton_scale(clip) if scale is None else scale)
    additions = _additions(model, parameters, grid, y0)
    happens: list[bool] = np.any(grid.event > 0, axis=1).tolist()
    states = np.empty((len(grid.h), *y0.shape))
    slopes = np.empty_like(states)
    last = len(grid.h) - 1
    with one_thread(), np.errstate(all="ignore"):
        y, k, guess = y0, None, np.zeros_like(y0)
        if method.implicit:
            k = field(grid.sample_t[:, 0], grid.sample_u[:, 0].T, y0)
        for n, h in enumerate(grid.h):
            states[n] = y
            if n < last:
                y, ks = step(method, stages.at(grid.t[n], np.swapaxes(grid.u[n], 1, 2), h), y, h, guess)
                slopes[n] = ks[0] if k is None else k
                if method.implicit:
                    k, guess = ks[-1], np.nan_to_num(ks[-1])
                if happens[n]:
                    y = _after(model, parameters, field, grid, n, y, additions)
                    k = field(grid.t[n, -1], grid.u[n, -1].T, y) if method.implicit else None
            else:
                slopes[n] = field(grid.t[n, 0], grid.u[n, 0].T, y) if k is None else k
    return states, slopes


def _after(
    model: VectorModel,
    parameters: Sequence[Any],
    field: StageField,
    grid: Grid,
    n: int,
    y: Float[np.ndarray, "state copy row"],
    additions: Mapping[int, Addition],
) -> Float[np.ndarray, "state copy row"]:
    """States after the events of a step."""
    found, numbers = y.copy(), grid.event[n]
    for number in sorted(set(numbers.tolist()) - {0}):
        known = additions.get(number - 1)
        if known is not None:
            chosen = np.flatnonzero(numbers == number)
            fixed, each = known
            found[..., chosen] += fixed[..., chosen] + each[..., chosen] * grid.given[n, chosen]
            continue
        rows = numbers == number
        k, t, u = int(number) - 1, grid.t[n, 0], grid.u[n, 0].T
        shape = model.structure.dynamics.events[k]
        jump, clock = model.jumps[k], model.clocks[k]
        after = happened(np, shape, jump, clock, field, parameters, t, u, y, grid.given[n], grid.moment[n], rows)
        found[..., rows] = np.broadcast_to(after, y.shape)[..., rows]
    return found


def _additions(
    model: VectorModel, parameters: Sequence[Any], grid: Grid, y0: Float[np.ndarray, "state copy row"]
) -> dict[int, Addition]:
    """What the events add that only add, looked at once and not at each step: doses, mostly."""
    found: dict[int, Addition] = {}
    for k in model.adding if grid.event.any() else ():
        inputs, nothing = [0.0] * len(model.structure.inputs), np.zeros_like(y0)
        fixed, one = (model.jumps[k](parameters, 0.0, inputs, nothing, given) for given in (0.0, 1.0))
        found[k] = fixed, one - fixed
    return found


def _adds(shape: EventShape, states: Sequence[str], parameters: Sequence[str]) -> bool:
    """Whether an event at a known time adds what depends on parameters alone, and on what is given in proportion."""
    if shape.moves:
        return False
    for state, value in zip(states, shape.after, strict=True):
        if value == Name(state):
            continue
        if not (isinstance(value, Binary) and value.operator in "+-" and value.left == Name(state)):
            return False
        if not set(names(value.right)) <= {GIVEN, *parameters} or not is_linear(value.right, {GIVEN}):
            return False
    return True


def inside(model: VectorModel, parameters: Sequence[Any], clip: Float[np.ndarray, "2 state"]) -> StageField:
    """The field of a model at states kept inside their limits."""
    if model.delays is not None:
        clip = model.delays.limits(clip, np)
    # for y with none, one, two, ... axes after that of the states
    limits = [tuple(limit.reshape(-1, *[1] * axes) for limit in clip) for axes in range(4)]
    slope = model.field

    def field(t: Any, u: Any, y: Any) -> Any:
        low, high = limits[y.ndim - 1]
        return slope(parameters, t, u, np.minimum(np.maximum(y, low), high))

    return field


def newton_scale(clip: Float[np.ndarray, "2 state"]) -> Float[np.ndarray, " state"]:
    """Size of each state for the convergence of Newton's method, from the limits (they lie several ranges apart)."""
    return np.maximum(0.1 * (clip[1] - clip[0]), 1e-300)


def read_out(
    states: Float[np.ndarray, "knot state copy row"],
    slopes: Float[np.ndarray, "knot state copy row"],
    grid: Grid,
) -> Float[np.ndarray, "state copy row sample"]:
    """Cubic Hermite interpolation at the samples; where each lies on a grid point there is nothing to interpolate."""
    knots = _knots(grid)
    if knots is not None:
        if (knots == knots[0]).all():
            return np.moveaxis(states[knots[0]], 0, -1)
        return np.moveaxis(states[knots, :, :, np.arange(len(knots))[:, None]], (2, 3), (0, 1))
    if (grid.step == grid.step[0]).all():
        # all rows are sampled at the same steps: whole slices instead of single numbers
        here, there = grid.step[0], np.minimum(grid.step[0] + 1, len(grid.h) - 1)
        q, h = grid.q.T[:, None, None, :], grid.h[here][:, None, None, :]
        value = hermite(states[here], states[there], h * slopes[here], h * slopes[there], q)
        return np.moveaxis(value, 0, -1)
    rows = np.arange(grid.step.shape[0])[:, None]
    here, there = grid.step, np.minimum(grid.step + 1, len(grid.h) - 1)
    # advanced indices apart from each other: [row, sample, state, copy]
    ya, yb = states[here, :, :, rows], states[there, :, :, rows]
    fa, fb = slopes[here, :, :, rows], slopes[there, :, :, rows]
    q, h = grid.q[..., None, None], grid.h[here, rows][..., None, None]
    value = hermite(ya, yb, h * fa, h * fb, q)
    return np.moveaxis(value, (2, 3), (0, 1))


class GridSimulation:
    """A model solved by a fixed-step method on any grid: what is shown, and what is looked at to choose steps."""

    def __init__(self, problem: Problem, method: Tableau, model: FittedModel) -> None:
        self._vector = VectorModel(problem.structure, model.networks)
        self._values = [np.array([[model.parameters[name]]]) for name in problem.structure.parameters]
        self._method, self._clip = method, problem.numbers.clip

    def states(self, conditions: Sequence[Condition], grid: Grid) -> Float[np.ndarray, "state row sample"]:
        """States at the samples of ``grid``, which was laid out for ``conditions``."""
        y0 = np.stack([one.initial for one in conditions], axis=-1)[:, None, :]
        with np.errstate(all="ignore"):
            return read_out(*march(self._vector, self._values, y0, grid, self._method, self._clip), grid)[:, 0]

    def measured(
        self, grid: Grid, states: Float[np.ndarray, "state row sample"]
    ) -> Float[np.ndarray, "measured row sample"]:
        """The model's counterpart of each measured column (NaN for a column without one)."""
        values, inputs = [v[0] for v in self._values], np.moveaxis(grid.sample_u, -1, 0)
        with np.errstate(all="ignore"):
            return self._vector.observe(values, grid.sample_t, inputs, states)


def _knots(grid: Grid) -> Int[np.ndarray, "row sample"] | None:
    """The grid point of each sample; None if some lie between two."""
    after = grid.q > 1 - ON_KNOT
    if (after | (grid.q < ON_KNOT)).all():
        return grid.step + after
    return None
