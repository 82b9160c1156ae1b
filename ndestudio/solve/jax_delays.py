"""The method of steps in the JAX programs: states, or states with their sensitivities, see ``delays``.

A delayed value z = y(t - tau) depends on what is trained through the solution at that time and through the delay,

    dz = S(t - tau) - y'(t - tau) dtau,

with S interpolated between grid points as y is. Sensitivities are those of the discrete solution on its grid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ndestudio.data.control_path import Piecewise
from ndestudio.problem.delays import Delays
from ndestudio.solve.delays import NEAR
from ndestudio.solve.interpolation import hermite, hermite_slope
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_implicit import StageSolver
from ndestudio.solve.jax_rows import advanced_rows, at_samples
from ndestudio.solve.runge_kutta import step
from ndestudio.solve.time_grid import Grid


class _Past(NamedTuple):
    """States and slopes at the grid points made so far [knot, row, state], and their sensitivities."""

    y: Any
    k: Any
    S: Any
    kS: Any


def march_with_delays(
    delays: Delays, stages: StageSolver, phi: Any, constants: Any, grid: Grid, y0: Any, S0: Any = None
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """(end, its sensitivities), (at the samples [row, sample, state], theirs); sensitivities None without ``S0``."""
    jax = get_jax()
    jnp = jax.numpy
    reader = _Reader(delays, stages, phi, grid, y0, S0)
    empty = lambda a: None if a is None else jnp.zeros((len(grid.h), *a.shape), a.dtype)  # noqa: E731
    made = _Past(empty(y0), empty(y0), empty(S0), empty(S0))

    def one(carry: Any, x: Any) -> Any:
        (y, S), made = carry
        n, h, t, u, index, given = x
        made = made._replace(y=made.y.at[n].set(y), S=None if S is None else made.S.at[n].set(S))
        kept = [made]

        def stage(i: int, base: Any, guess: Any) -> Any:
            del guess
            z, dz = reader.values(kept[0], n, i, t[i], index[:, i], given)
            wide = jnp.concatenate([base[0], z], axis=1)
            if S is None:
                k, kS = stages.values(phi, constants, t[i], u[i], wide), None
            else:
                k, kS, _ = stages.augmented(phi, constants, t[i], u[i], wide, jnp.concatenate([base[1], dz], axis=1))
            if i == 0:
                past = kept[0]
                kept[0] = past._replace(k=past.k.at[n].set(k), kS=None if kS is None else past.kS.at[n].set(kS))
            return k, kS

        end, _ = step(stages.method, stage, (y, S), h, None, advanced_rows)
        return (end, kept[0]), None

    numbers = jnp.arange(len(grid.h))
    ((end, by_end), made), _ = jax.lax.scan(
        one, ((y0, S0), made), (numbers, grid.h, grid.t, grid.u, reader.index, reader.inputs)
    )
    by = None if made.S is None else at_samples(grid, made.S, made.kS)
    return (end, by_end), (at_samples(grid, made.y, made.k), by)


class _Reader:
    """Delayed values from what was made so far, and their sensitivities."""

    def __init__(self, delays: Delays, stages: StageSolver, phi: Any, grid: Grid, y0: Any, S0: Any) -> None:
        jax = get_jax()
        jnp = jax.numpy
        self.delays, self.grid, self.phi, self.y0, self.S0 = delays, grid, phi, y0, S0
        count = len(delays.parameters)
        lag = delays.lag(jnp)
        lags = lambda p: jnp.stack([jnp.asarray(one, dtype=p.dtype) for one in lag(p[:count])])  # noqa: E731
        self.lags = lags(phi)
        self.knots = grid.t[:, 0]
        states = len(delays.past)
        self.of = jnp.array([one if one < states else 0 for one in delays.of])
        c = jnp.asarray(stages.method.c)
        inner = (jnp.arange(len(grid.h)) < len(grid.h) - 1)[:, None, None]
        before = (c[None, :, None] == 1.0) | ((grid.h[:, None] <= 0) & inner)
        hair = jnp.where(before, -NEAR, NEAR) * jnp.maximum(self.knots[-1] - self.knots[0], 1e-300)
        held = jax.lax.stop_gradient(self.lags)
        times = grid.t[:, None] - held[None, :, None, None] + hair[:, None]  # [step, delay, stage, row]
        each = jax.vmap(lambda knots, at: jnp.searchsorted(knots, at, side="right"), (1, 3), 3)
        self.index = each(self.knots, times) - 1
        self.by = None
        if S0 is not None:
            by = jax.jacrev(lags)(phi)
            self.by = jnp.pad(by, ((0, 0), (0, S0.shape[-1] - by.shape[1])))
        self.inputs = {
            d: self._earlier_inputs(k, times[:, d])
            for d in range(len(delays.of))
            if (k := delays.input_of(d)) is not None
        }
        formulas = delays.before(jnp)
        self.formulas = [
            None if one is None else (lambda p, t, one=one: jnp.asarray(one(p[:count], t), dtype=p.dtype))
            for one in formulas
        ]

    def _earlier_inputs(self, number: int, times: Any) -> tuple[Any, Any]:
        """Values and slopes of an input at times [step, stage, row]."""
        jax = get_jax()
        jnp, paths = jax.numpy, self.grid.paths

        def of_row(breaks: Any, coefficients: Any, at: Any) -> tuple[Any, Any]:
            path = Piecewise(breaks, coefficients)
            return path.at(at, jnp), path.slope(at, jnp)

        each = jax.vmap(of_row, (0, 0, 2), 2)
        return each(paths.breaks[:, number], paths.coefficients[:, number], times)

    def values(self, made: _Past, n: Any, i: int, t: Any, index: Any, given: Any) -> tuple[Any, Any]:
        """Delayed values [row, delay] at a stage, and their sensitivities [row, delay, unknown].

        Parameters
        ----------
        index
            Step in which each lies [delay, row], -1 before the begin.
        given
            Of each delayed input its values and slopes [stage, row] in this step.
        """
        jnp = get_jax().numpy
        at = jnp.clip(index, 0, jnp.maximum(n - 1, 0))
        rows, of = jnp.arange(at.shape[1])[None, :], self.of[:, None]
        h = self.grid.h[at, rows]
        length = jnp.where(h > 0, h, 1.0)
        when = t[None, :] - self.lags[:, None]
        q = (when - self.knots[at, rows]) / length
        unknown = (at + 1 == n) & (i == 0)
        there = jnp.where(unknown, at, at + 1)
        begun = (index >= 0) & (n > 0)

        def read(y: Any, k: Any) -> tuple[Any, ...]:
            wide = lambda a: a.reshape(a.shape + (1,) * (y.ndim - 3))  # noqa: E731
            ya, yb, da = y[at, rows, of], y[at + 1, rows, of], wide(h) * k[at, rows, of]
            db = jnp.where(wide(unknown), 2 * (yb - ya) - da, wide(h) * k[there, rows, of])
            return ya, yb, da, db, wide(q)

        ya, yb, da, db, _ = read(made.y, made.k)
        earlier, by_earlier = self._before(when)
        z = jnp.where(begun, hermite(ya, yb, da, db, q), earlier)
        for d, (value, _) in given.items():
            z = z.at[d].set(value[i].astype(z.dtype))
        if self.S0 is None or self.by is None:
            return z.T, None
        speed = hermite_slope(ya, yb, da, db, q) / length
        dz = hermite(*read(made.S, made.kS)) - speed[..., None] * self.by[:, None]
        dz = jnp.where(begun[..., None], dz, by_earlier)
        for d, (_, slope) in given.items():
            dz = dz.at[d].set(-slope[i][:, None] * self.by[d])
        return z.T, jnp.swapaxes(dz, 0, 1)

    def _before(self, when: Any) -> tuple[Any, Any]:
        """States before the begin [delay, row], and their sensitivities."""
        jax = get_jax()
        jnp, values, by = jax.numpy, [], []
        for d, state in enumerate(self.delays.of):
            if self.delays.input_of(d) is not None:  # their path goes back before the begin
                values.append(jnp.zeros_like(self.y0[:, 0]))
                by.append(None if self.S0 is None else jnp.zeros_like(self.S0[:, 0]))
                continue
            formula = self.formulas[state]
            if formula is None:
                values.append(self.y0[:, state])
                by.append(None if self.S0 is None else self.S0[:, state])
                continue
            each = jax.vmap(formula, (None, 0))
            values.append(jnp.broadcast_to(each(self.phi, when[d]), when[d].shape))
            if self.S0 is None or self.by is None:
                by.append(None)
                continue
            by_phi, by_t = jax.vmap(jax.jacrev(formula, argnums=(0, 1)), (None, 0))(self.phi, when[d])
            wide = jnp.pad(by_phi, ((0, 0), (0, self.S0.shape[-1] - by_phi.shape[1])))
            by.append(wide - by_t[:, None] * self.by[d])
        return jnp.stack(values), None if self.S0 is None else jnp.stack(by)
