"""Drift and squared diffusion with their derivatives: from formulas in NumPy, by differentiating programs in JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ndestudio.expression.derivative import differentiate
from ndestudio.expression.numeric import fold, number_of
from ndestudio.expression.tree import Binary, Expr, Number
from ndestudio.fitting.stochastic.moments import Around, Local, squared
from ndestudio.problem.dynamics import EquationDynamics
from ndestudio.problem.expressions import bind

Fields = Callable[[Any, Any], tuple[Any, Any]]
"""(t [n], y [state, n]) -> drift [state, n] and diffusion [state, noise, n]."""


NUDGE = 1e-4
"""Of a state, in its scale, for differences: second derivatives keep seven digits."""


def differenced_around(fields: Fields, nudge: Any, xp: Any) -> Around:
    """Derivatives of fields of Ito's calculus with networks, by central differences.

    Programs that differentiate networks twice compile for many seconds; these evaluate them at neighbouring states, all at once.

    Parameters
    ----------
    nudge
        How far apart the states are [state].
    xp
        ``numpy``, or ``jax.numpy``.
    """
    size = nudge.shape[0]
    pairs = [(k, m) for k in range(size) for m in range(k + 1, size)]
    shifts = np.zeros((1 + 2 * size + 2 * len(pairs), size))
    for k in range(size):
        shifts[1 + 2 * k, k], shifts[2 + 2 * k, k] = 1.0, -1.0
    for j, pair in enumerate(pairs):
        shifts[1 + 2 * size + 2 * j, list(pair)] = 1.0
        shifts[2 + 2 * size + 2 * j, list(pair)] = -1.0

    def around(t: Any, y: Any) -> Local:
        def at(shift: Any) -> tuple[Any, Any]:
            a, b = fields(t, y + (shift * nudge)[:, None])
            return a, squared(b, xp)

        if xp is np:
            values = [np.stack(one) for one in zip(*(at(shift) for shift in shifts), strict=True)]
        else:
            import jax

            values = jax.vmap(at)(xp.asarray(shifts))
        first = [slopes(one) for one in values]
        (a0, slope, bend), (s0, s_slope, widen) = first
        return Local(a0, s0, slope, bend, widen, s_slope)

    def slopes(values: Any) -> tuple[Any, Any, Any]:
        here, up, down = values[0], values[1 : 1 + 2 * size : 2], values[2 : 2 + 2 * size : 2]
        slopes = xp.stack([(up[k] - down[k]) / (2.0 * nudge[k]) for k in range(size)], -2)
        twice = {(k, k): (up[k] - 2.0 * here + down[k]) / nudge[k] ** 2 for k in range(size)}
        for j, (k, m) in enumerate(pairs):
            more, less = values[1 + 2 * size + 2 * j], values[2 + 2 * size + 2 * j]
            mixed = (more + less - up[k] - down[k] - up[m] - down[m] + 2.0 * here) / (2.0 * nudge[k] * nudge[m])
            twice[k, m] = twice[m, k] = mixed
        return here, slopes, xp.stack([xp.stack([twice[k, m] for m in range(size)], -2) for k in range(size)], -3)

    return around


def ito(fields: Fields) -> Fields:
    """Traced fields stated in Stratonovich's calculus as those of Ito's."""
    import jax

    def converted(t: Any, y: Any) -> tuple[Any, Any]:
        a, b = fields(t, y)
        for k in range(b.shape[1]):
            _, slope = jax.jvp(lambda x, k=k: fields(t, x)[1][:, k], (y,), (b[:, k],))
            a = a + 0.5 * slope
        return a, b

    return converted


class FormulaFields:
    """Drift and diffusion of equations without networks, of Ito's calculus, with formulas for the derivatives.

    Parameters
    ----------
    dynamics
        Equations without networks.
    """

    def __init__(self, dynamics: EquationDynamics) -> None:
        states, self.size, self.noises = dynamics.states, len(dynamics.states), len(dynamics.noises)
        size, drift = self.size, list(dynamics.rhs)
        if dynamics.calculus == "stratonovich":
            drift = [fold(Binary("+", a, _correction(dynamics, i))) for i, a in enumerate(drift)]
        self._a = _Table((size,), {(i,): drift[i] for i in range(size)}, dynamics)
        entries = {(i, k): dynamics.columns[k][i] for i in range(size) for k in range(self.noises)}
        self._b = _Table((size, self.noises), entries, dynamics)
        slopes = {(i, k): differentiate(drift[i], states[k]) for i in range(size) for k in range(size)}
        self._slope = _Table((size, size), slopes, dynamics)
        bends = {
            (i, k, m): differentiate(slopes[i, k], states[m])
            for i in range(size)
            for k in range(size)
            for m in range(size)
        }
        self._bend = _Table((size, size, size), bends, dynamics)
        square = {(i, j): _square(dynamics, i, j) for i in range(size) for j in range(size)}
        s_slopes = {
            (i, j, k): differentiate(square[i, j], states[k])
            for i in range(size)
            for j in range(size)
            for k in range(size)
        }
        self._s_slope = _Table((size,) * 3, s_slopes, dynamics)
        widen = {
            (i, j, k, m): differentiate(differentiate(square[i, j], states[k]), states[m])
            for i in range(size)
            for j in range(size)
            for k in range(size)
            for m in range(size)
        }
        self._widen = _Table((size,) * 4, widen, dynamics)
        first = {(0,): differentiate(entries[0, 0], states[0])} if size == 1 else {}
        self._spread_slope = _Table((1,), first, dynamics)

    def drift(self, v: Sequence[Any], shape: tuple[int, ...]) -> Any:
        return self._a(v, shape)

    def diffusion(self, v: Sequence[Any], shape: tuple[int, ...]) -> Any:
        return self._b(v, shape)

    def spread_slope(self, v: Sequence[Any], shape: tuple[int, ...]) -> Any:
        """Derivative of the first diffusion of one state."""
        return self._spread_slope(v, shape)[0]

    def around(self, values: Callable[[Any, Any], Sequence[Any]]) -> Around:
        """The ``Around`` of moment equations; ``values``: (t, y) -> values in the order of the names of the dynamics."""

        def at(t: Any, y: Any) -> Local:
            v, shape = values(t, y), y.shape[1:]
            b = self._b(v, shape)
            return Local(
                self._a(v, shape),
                squared(b, np),
                self._slope(v, shape),
                self._bend(v, shape),
                self._widen(v, shape),
                self._s_slope(v, shape),
            )

        return at


@lru_cache(maxsize=64)
def formula_fields(dynamics: EquationDynamics) -> FormulaFields:
    """``FormulaFields``, made once for equations."""
    return FormulaFields(dynamics)


class _Table:
    """An array of formulas; those that are 0 are not computed."""

    def __init__(
        self, shape: tuple[int, ...], formulas: dict[tuple[int, ...], Expr], dynamics: EquationDynamics
    ) -> None:
        self.shape = shape
        there = {place: expr for place, expr in formulas.items() if number_of(expr) != 0.0}
        bound = bind(list(there.values()), dynamics.names, {}, np)
        self.entries = [(place, one) for place, one in zip(there, bound, strict=True) if one is not None]

    def __call__(self, v: Sequence[Any], shape: tuple[int, ...]) -> Any:
        found = np.zeros((*self.shape, *shape))
        for place, one in self.entries:
            found[place] = one(v)
        return found


def _square(dynamics: EquationDynamics, i: int, j: int) -> Expr:
    total: Expr = Number(0.0)
    for column in dynamics.columns:
        total = Binary("+", total, Binary("*", column[i], column[j]))
    return fold(total)


def _correction(dynamics: EquationDynamics, i: int) -> Expr:
    total: Expr = Number(0.0)
    for column in dynamics.columns:
        for k, state in enumerate(dynamics.states):
            step = Binary("*", column[k], differentiate(column[i], state))
            total = Binary("+", total, Binary("*", Number(0.5), step))
    return fold(total)
