"""Likelihood of a stochastic model whose measurements have errors: a continuous-discrete Gaussian filter, in JAX.

Between measurements mean and covariance of the states follow moment equations: of second order (the extended filter; Jazwinski 1970,
Stochastic Processes and Filtering Theory, chapter 9), or closed over the points of the unscented transform. At a measurement they are
updated as by Kalman. The
likelihood is that of the innovations. States that no column shows are estimated along. Smoothed states are those of Rauch, Tung
and Striebel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.fitting.stochastic.fields import NUDGE, differenced_around
from ndestudio.fitting.stochastic.likelihood import traced_fields
from ndestudio.fitting.stochastic.moments import cubature_moments, moments
from ndestudio.fitting.stochastic.transitions import LONGEST
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start, observed_states
from ndestudio.problem.dynamics import EquationDynamics
from ndestudio.problem.space import Space
from ndestudio.solve.jax_backend import get_jax

Filter = Literal["extended", "cubature"]
"""Filters: extended to second order, and unscented (with three and more states the cubature filter)."""
FILTERS: tuple[Filter, ...] = ("extended", "cubature")
Theta = Float[np.ndarray, " theta"]


@dataclass(frozen=True, eq=False)
class Measurements:
    """Rows of all trajectories one after the other.

    Parameters
    ----------
    h
        Time since the row before; 1 at a start.
    start
        Where a trajectory begins, or begins anew after a gap.
    values
        NaN where missing.
    begin, spread
        At a start, mean and standard deviation of states that no column shows.
    shows
        column = offset + matrix @ states.
    counted
        Rows whose likelihood counts.
    """

    t: Float[np.ndarray, " row"]
    h: Float[np.ndarray, " row"]
    start: Bool[np.ndarray, " row"]
    values: Float[np.ndarray, "row column"]
    u: Float[np.ndarray, "row input"]
    begin: Float[np.ndarray, "row state"]
    spread: Float[np.ndarray, " state"]
    offset: Float[np.ndarray, " column"]
    matrix: Float[np.ndarray, "column state"]
    run: Int[np.ndarray, " row"]
    row: Int[np.ndarray, " row"]
    columns: tuple[int, ...]
    counted: Bool[np.ndarray, " row"]


def measurements(model: FittedModel, dataset: Dataset, part: Part | None = Part.TRAIN) -> Measurements:
    """What is measured of a model, for a filter.

    Parameters
    ----------
    part
        Rows that count. Training rows are filtered alone; before held-out rows all rows before them are filtered along.

    Raises
    ------
    DataError
        No column shows a state alone and by a straight line.
    """
    seen = observed_states(model.system, model.parameters, dataset.measured_names)
    if not seen:
        raise DataError("no column shows a state of the model; name a state like a column")
    shown = [state for state in model.system.states if state in seen]
    columns = tuple(dataset.measured_names.index(seen[state][0]) for state in shown)
    matrix = np.zeros((len(shown), len(model.system.states)))
    for k, state in enumerate(shown):
        matrix[k, model.system.states.index(state)] = seen[state][2]
    parts: list[tuple[np.ndarray, ...]] = []
    for place, one in enumerate(dataset.trajectories):
        kept = np.isfinite(one.measured[:, list(columns)]).any(axis=1)
        if part is Part.TRAIN:
            kept &= one.part == Part.TRAIN
        rows = np.flatnonzero(kept)
        if not rows.size:
            continue
        t = one.t[rows]
        h = np.diff(t, prepend=t[0] - 1.0)
        usual = float(np.median(h[1:])) if len(rows) > 1 else 1.0
        start = (np.arange(len(rows)) == 0) | (h > LONGEST * usual)
        h = np.where(start, usual, h)
        u = one.input_at(one.t)[rows] if one.inputs.shape[1] else np.zeros((len(rows), 0))
        begin = np.broadcast_to(model_start(model, one), (len(rows), len(model.system.states)))
        counted = (one.part[rows] == part if part is not None else np.ones(len(rows), bool)) & ~start
        run = np.full(len(rows), place)
        parts.append((t, h, start, one.measured[rows][:, list(columns)], u, begin, run, rows, counted))
    if not parts:
        raise DataError("there are no measurements to filter")
    t, h, start, values, u, begin, run, row, counted = (np.concatenate(each) for each in zip(*parts, strict=True))
    spread = np.ones(matrix.shape[1]) if model.scale is None else np.asarray(model.scale, dtype=float)
    offset = np.array([seen[state][1] for state in shown])
    return Measurements(t, h, start, values, u, begin, spread, offset, matrix, run, row, columns, counted)


@dataclass(frozen=True, eq=False)
class FilterLikelihood:
    """Likelihood of measurements with errors under numbers ``theta``: those of the space, and the logarithm of the standard
    deviation of each column's errors.

    Parameters
    ----------
    fixed
        Columns whose errors are known.
    kind
        Where mean and covariance go between measurements: by derivatives to second order, or by means over points.
    """

    space: Space
    data: Measurements
    parts: int = 1
    fixed: tuple[int, ...] = ()
    kind: Filter = "extended"

    @property
    def count(self) -> int:
        return int(self.data.counted.sum())

    @property
    def dynamics(self) -> EquationDynamics:
        dynamics = self.space.structure.dynamics
        assert isinstance(dynamics, EquationDynamics)
        return dynamics

    @cached_property
    def free(self) -> Any:
        size = len(self.space.theta)
        levels = [size + k for k in range(len(self.data.columns)) if k not in self.fixed]
        return np.concatenate([np.flatnonzero(self.space.free), np.array(levels, dtype=int)])

    def each(self, theta: Theta) -> Float[np.ndarray, " n"]:
        """Log density of each measurement given those before."""
        return self.rows(theta)[self.data.counted]

    def rows(self, theta: Theta) -> Float[np.ndarray, " row"]:
        """The same of all rows, 0 where a run begins."""
        return np.asarray(self._run("each", theta))

    def scores(self, theta: Theta) -> Float[np.ndarray, "n free"]:
        """Derivatives of each by the free numbers."""
        return np.asarray(self._run("scores", theta, self.free))[self.data.counted]

    def negative(self, theta: Theta) -> tuple[float, Theta]:
        """Minus the log likelihood in nats, and its gradient."""
        value, gradient = self._run("negative", theta)
        return float(value), np.asarray(gradient)

    def information(self, theta: Theta) -> Float[np.ndarray, "free free"]:
        """Observed information of the free numbers, by differences of the gradient."""
        free = self.free
        found = np.empty((len(free), len(free)))
        for k, place in enumerate(free):
            step = 1e-3 * max(1.0, abs(theta[place]))
            up, down = theta.copy(), theta.copy()
            up[place] += step
            down[place] -= step
            found[k] = (self.negative(up)[1][free] - self.negative(down)[1][free]) / (2.0 * step)
        return 0.5 * (found + found.T)

    def levels(self, theta: Theta) -> Float[np.ndarray, " column"]:
        """Standard deviation of the errors of each column."""
        return np.exp(theta[len(self.space.theta) :])

    def smoothed(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """Mean [row, state] and covariance [row, state, state] of the states given all measurements of their run."""
        mean, covariance, ahead, wide, turn = (np.asarray(one) for one in self._run("path", theta))
        mean, covariance = mean.copy(), covariance.copy()
        for k in range(len(mean) - 2, -1, -1):
            if self.data.start[k + 1]:
                continue
            gain = np.linalg.solve(wide[k + 1], turn[k + 1] @ covariance[k]).T
            mean[k] += gain @ (mean[k + 1] - ahead[k + 1])
            covariance[k] += gain @ (covariance[k + 1] - wide[k + 1]) @ gain.T
        return mean, covariance

    def _run(self, what: str, theta: Theta, *more: Any) -> Any:
        slices = self.space.structure.neural_term_slices().items()
        slots = tuple((name, place.start, place.stop) for name, place in slices)
        program = _program(self.dynamics, slots, len(self.space.theta), self.parts, self.kind, what)
        d = self.data
        before = np.vstack([d.u[:1], d.u[:-1]])
        rows = (d.t, d.h, d.start, d.values, before, d.u, d.begin)
        known = self.space.constants
        constants = (known.bijection, known.scales, NUDGE * known.state_scale)
        return program(np.asarray(theta), constants, rows, (d.spread, d.offset, d.matrix, d.counted), *more)


@lru_cache(maxsize=64)
def _program(
    dynamics: EquationDynamics, slots: Any, size: int, parts: int, kind: Filter, what: str
) -> Callable[..., Any]:
    jax = get_jax()
    import jax.numpy as jnp

    states = len(dynamics.states)

    def run(theta: Any, constants: Any, rows: Any, shown: Any) -> Any:
        spread, offset, matrix, _ = shown
        noise = jnp.exp(2.0 * theta[size:])

        def ahead(mean: Any, covariance: Any, t: Any, h: Any, u: Any, later: Any) -> Any:
            def inputs(time: Any) -> Any:
                return (u + (time - t) / h * (later - u))[:, None]

            fields = traced_fields(dynamics, theta, slots, constants, inputs)
            if kind == "cubature":
                return cubature_moments(fields, t, h, mean, covariance, parts, jnp)
            m, p = moments(
                differenced_around(fields, constants[2], jnp),
                t[None],
                h[None],
                mean[:, None],
                parts,
                jnp,
                begin=covariance[:, :, None],
            )
            return m[:, 0], p[:, :, 0]

        def one(carried: Any, row: Any) -> Any:
            time, h, start, values, u, later, begin = row
            there = jnp.isfinite(values)
            y = jnp.where(there, values, 0.0) - offset
            m, p = ahead(carried[0], carried[1], time - h, h, u, later)
            # at a start the prior is so wide that the first measurement is the state
            m = jnp.where(start, begin, m)
            p = jnp.where(start, jnp.diag((1e3 * spread) ** 2 * (matrix != 0).any(0) + spread**2), p)
            show = jnp.where(there[:, None], matrix, 0.0)
            r = jnp.where(there, y - matrix @ m, 0.0)
            total = show @ p @ show.T + jnp.diag(jnp.where(there, noise, 1.0))
            gain = jnp.linalg.solve(total, show @ p).T
            lower = jnp.linalg.cholesky(total)
            white = jax.scipy.linalg.solve_triangular(lower, r, lower=True)
            density = (
                -0.5 * (white @ white) - jnp.log(jnp.diagonal(lower)).sum() - 0.5 * there.sum() * jnp.log(2 * jnp.pi)
            )
            kept = jnp.eye(states) - gain @ show
            after = kept @ p @ kept.T + gain @ jnp.diag(jnp.where(there, noise, 1.0)) @ gain.T
            state = (m + gain @ r, 0.5 * (after + after.T))
            if what != "path":
                return state, jnp.where(start, 0.0, density)
            turn = jax.jacfwd(lambda x: ahead(x, carried[1], time - h, h, u, later)[0])(carried[0])
            return state, (*state, m, p, turn)

        begin = (rows[6][0], jnp.diag(spread**2))
        return jax.lax.scan(one, begin, rows)[1]

    def negative(theta: Any, constants: Any, rows: Any, shown: Any) -> Any:
        return -jnp.where(shown[3], run(theta, constants, rows, shown), 0.0).sum()

    def scores(theta: Any, constants: Any, rows: Any, shown: Any, free: Any) -> Any:
        return jax.jacfwd(lambda z: run(theta.at[free].set(z), constants, rows, shown))(theta[free])

    made = {
        "each": run,
        "path": run,
        "negative": jax.value_and_grad(negative),
        "scores": lambda theta, *rest: scores(jnp.asarray(theta), *rest),
    }
    return jax.jit(made[what])
