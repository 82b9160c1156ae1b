"""The fixed-grid solver in NumPy: many rows and many perturbed copies at once, with nothing to compile.

Used for predictions while training, for choosing the number of steps, and for fitting constants: a formula of a few
operations on a few thousand numbers costs microseconds per operation, less than any compiler takes to start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ndestudio.expression.arrays import compile_array
from ndestudio.model.fitted import NetworkWeights
from ndestudio.model.networks import array_hole
from ndestudio.problem.rows import FORMULA, FREE, SHARED, Grid, Start
from ndestudio.problem.space import Bijection, Structure
from ndestudio.solve.jax_backend import one_thread
from ndestudio.solve.numpy_implicit import StageField, implicit_step
from ndestudio.solve.tableau import Tableau

ON_KNOT = 1e-9
"""Distance from a grid point, in steps, below which a sample lies on it."""


class VectorModel:
    """A system ready for NumPy: right-hand sides, outputs and starts as functions of arrays.

    Arguments:
        networks: trained holes, used as they are (their weights are not in ``theta`` here).
    """

    def __init__(self, structure: Structure, networks: Mapping[str, NetworkWeights]) -> None:
        self.structure = structure
        names = (*structure.states, *structure.inputs, *structure.parameters, "t")
        slots = {name: k for k, name in enumerate(names)}
        holes = {name: array_hole(network) for name, network in networks.items()}
        self._rhs = [compile_array(expr, slots, holes) for expr in structure.rhs]
        self._observed = [None if expr is None else compile_array(expr, slots, holes) for expr in structure.observed]
        columns = (*structure.measured, *structure.inputs)
        at_start = {name: k for k, name in enumerate(columns)}
        first = len(at_start)
        at_start |= {name: first + k for k, name in enumerate(structure.parameters) if name not in at_start}
        self._start_parameters = [k for k, name in enumerate(structure.parameters) if name not in columns]
        at_start["t"] = first + len(self._start_parameters)
        ordered = {name: first + k for k, name in enumerate(structure.parameters[i] for i in self._start_parameters)}
        at_start |= ordered
        self._starts = [None if expr is None else compile_array(expr, at_start, holes) for expr in structure.starts]

    def field(self, parameters: Sequence[Any], t: Any, u: Any, y: Any) -> Any:
        """dy/dt [state, ...] of y [state, ...]; inputs u [input, ...]."""
        v = [*y, *u, *parameters, t]
        out = np.empty_like(y)
        for k, rhs in enumerate(self._rhs):
            out[k] = rhs(v)
        return out

    def observe(self, parameters: Sequence[Any], t: Any, u: Any, y: Any) -> Any:
        """Measured columns [measured, ...] of y [state, ...]; NaN for a column without counterpart."""
        v = [*y, *u, *parameters, t]
        out = np.full((len(self._observed), *y.shape[1:]), np.nan)
        for k, function in enumerate(self._observed):
            if function is not None:
                out[k] = function(v)
        return out

    def starts(self, parameters: Sequence[Any], first: Any, t: Any) -> list[Any]:
        """Initial value of each state from its formula; None where there is none."""
        v = [*first, *[parameters[k] for k in self._start_parameters], t]
        return [None if function is None else function(v) for function in self._starts]


def initial_values(
    model: VectorModel,
    parameters: Sequence[Any],
    shared: Any,
    start: Start,
    free: Float[np.ndarray, "copy row state"],
) -> Float[np.ndarray, "state copy row"]:
    """Initial values of all rows, from where ``start.mode`` says.

    Arguments:
        shared: physical shared values, [state][copy, 1].
    """
    y0 = np.broadcast_to(start.given, free.shape)
    if (start.mode == FREE).any():
        mapping = Bijection(start.code, start.lower, start.upper, start.scale, start.given)
        y0 = np.where(start.mode == FREE, mapping.forward(free), y0)
    y0 = np.moveaxis(y0, -1, 0).copy()
    formulas = model.starts(parameters, start.first.T, start.t)
    for k, formula in enumerate(formulas):
        y0[k] = np.where(start.mode[:, k] == SHARED, shared[k], y0[k])
        if formula is not None:
            y0[k] = np.where(start.mode[:, k] == FORMULA, formula, y0[k])
    return y0


def march(
    model: VectorModel,
    parameters: Sequence[Any],
    y0: Float[np.ndarray, "state copy row"],
    grid: Grid,
    method: Tableau,
    clip: Float[np.ndarray, "2 state"],
) -> tuple[Float[np.ndarray, "knot state copy row"], Float[np.ndarray, "knot state copy row"]]:
    """States and slopes at the grid points; NaN from where an implicit stage has no solution on."""
    if method.implicit:
        return _march_implicit(model, parameters, y0, grid, method, clip)
    low, high = clip[0][:, None, None], clip[1][:, None, None]
    states = np.empty((len(grid.h), *y0.shape))
    slopes = np.empty_like(states)
    y = y0
    with one_thread(), np.errstate(all="ignore"):
        for n, h in enumerate(grid.h):
            k: list[Any] = []
            for s, row in enumerate(method.a):
                at = y
                for weight, previous in zip(row, k, strict=True):
                    if weight:
                        at = at + (weight * h) * previous
                u = grid.u[n, s].T
                k.append(model.field(parameters, grid.t[n, s], u, np.minimum(np.maximum(at, low), high)))
                if s == 0 and n == len(grid.h) - 1:
                    break
            states[n], slopes[n] = y, k[0]
            if n < len(grid.h) - 1:
                total = method.b[0] * k[0]
                for weight, slope in zip(method.b[1:], k[1:], strict=True):
                    if weight:
                        total = total + weight * slope
                y = y + h * total
    return states, slopes


def inside(model: VectorModel, parameters: Sequence[Any], clip: Float[np.ndarray, "2 state"]) -> StageField:
    """The field of a model at states kept inside their limits."""

    def field(t: Any, u: Any, y: Any) -> Any:
        low, high = (limit.reshape(-1, *[1] * (y.ndim - 1)) for limit in clip)
        return model.field(parameters, t, u, np.minimum(np.maximum(y, low), high))

    return field


def _march_implicit(
    model: VectorModel, parameters: Sequence[Any], y0: Any, grid: Grid, method: Tableau, clip: Any
) -> tuple[Float[np.ndarray, "knot state copy row"], Float[np.ndarray, "knot state copy row"]]:
    field, scale = inside(model, parameters, clip), newton_scale(clip)
    states = np.empty((len(grid.h), *y0.shape))
    slopes = np.empty_like(states)
    with one_thread(), np.errstate(all="ignore"):
        y, k = y0, field(grid.sample_t[:, 0], grid.sample_u[:, 0].T, y0)
        guess = np.zeros_like(k)
        for n, h in enumerate(grid.h):
            states[n], slopes[n] = y, k
            if n < len(grid.h) - 1:
                y, k = implicit_step(field, grid.t[n], np.swapaxes(grid.u[n], 1, 2), h, y, guess, method, scale)
                guess = np.nan_to_num(k)
    return states, slopes


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


def _knots(grid: Grid) -> Int[np.ndarray, "row sample"] | None:
    """The grid point of each sample; None if some lie between two."""
    after = grid.q > 1 - ON_KNOT
    if (after | (grid.q < ON_KNOT)).all():
        return grid.step + after
    return None


def hermite(ya: Any, yb: Any, da: Any, db: Any, q: Any) -> Any:
    """Cubic with values ya, yb and slopes da, db (per step) at 0 and 1, at q."""
    p = 1.0 - q
    return ya * ((1.0 + 2.0 * q) * p * p) + yb * ((3.0 - 2.0 * q) * q * q) + da * (q * p * p) - db * (p * q * q)
