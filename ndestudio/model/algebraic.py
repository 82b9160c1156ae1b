"""Algebraic equations `0 = g(x, z) for z`: quantities that adjust themselves at once (index-1 differential-algebraic equations).

At every point z is solved for by Newton's method from a start that is given, damped by the natural monotonicity test
(Deuflhard 2011, Newton Methods for Nonlinear Problems, section 3.3): a function of states, inputs, parameters and time like any
other quantity, so that every solver, explicit or implicit, serves. Where dg/dz is singular there is no such function: z is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.expression.arrays import compile_array
from ndestudio.expression.tree import Expr, names

MOST_STEPS, MOST_HALVED = 60, 30
"""Newton steps, and how often one is halved."""
CLOSE = 1e-7
"""Relative size of a Newton step after which one more is exact."""
DIFFERENCE = 1e-7
LEAST, WIDER = 1e-6, 1e3
"""Part of the start (of 1 where that is 0) below which an unknown counts as this, and how many of it differences are taken over."""


@dataclass(frozen=True)
class AlgebraicEquation:
    """`0 = residual for name from start`; the start reads states, inputs, parameters and `t`."""

    name: str
    residual: Expr
    start: Expr

    @property
    def expressions(self) -> tuple[Expr, Expr]:
        return self.residual, self.start


Roots = Callable[[Sequence[Any]], list[Any]]
"""Values of the names that are known -> values of the unknowns."""


def unsolvable(equations: Sequence[AlgebraicEquation]) -> AlgebraicEquation | None:
    """An equation that cannot be solved for its own unknown whatever the numbers are, since no matching of equations to the
    unknowns that they hold exists (index above 1: Pantelides 1988, SIAM J. Sci. Stat. Comput. 9, 213); None if all can."""
    unknowns = [one.name for one in equations]
    holds = [[k for k, name in enumerate(unknowns) if name in names(one.residual)] for one in equations]
    taken: dict[int, int] = {}

    def placed(k: int, seen: set[int]) -> bool:
        for unknown in holds[k]:
            if unknown not in seen:
                seen.add(unknown)
                if unknown not in taken or placed(taken[unknown], seen):
                    taken[unknown] = k
                    return True
        return False

    return next((one for k, one in enumerate(equations) if not placed(k, set())), None)


def array_roots(
    equations: Sequence[AlgebraicEquation],
    slots: Mapping[str, int],
    neural_terms: Mapping[str, Callable[..., Any]],
) -> Roots:
    """The unknowns in NumPy, for values that broadcast against each other.

    Parameters
    ----------
    slots
        Name -> its place in the list of known values.
    """
    count = 1 + max(slots.values(), default=-1)
    places = {**slots, **{one.name: count + k for k, one in enumerate(equations)}}
    g = [compile_array(one.residual, places, neural_terms) for one in equations]
    starts = [compile_array(one.start, slots, neural_terms) for one in equations]

    def residual(v: list[Any], z: Float[np.ndarray, "unknown *any"]) -> Float[np.ndarray, "unknown *any"]:
        return np.stack([np.broadcast_to(one([*v, *z]), z.shape[1:]) for one in g])

    def roots(values: Sequence[Any]) -> list[Any]:
        v = [np.asarray(one) for one in values]
        shape = np.broadcast_shapes(*(np.shape(one) for one in v))
        with np.errstate(all="ignore"):
            z = np.stack([np.broadcast_to(np.asarray(one(v), float), shape) for one in starts])
            return list(newton(lambda trial: residual(v, trial), z))

    return roots


def newton(
    g: Callable[[Float[np.ndarray, "unknown *any"]], Float[np.ndarray, "unknown *any"]],
    z: Float[np.ndarray, "unknown *any"],
) -> Float[np.ndarray, "unknown *any"]:
    """Where ``g`` is 0, from ``z``; NaN where none is found."""
    least = LEAST * np.where(z != 0.0, np.abs(z), 1.0)
    value, done = g(z), np.zeros(z.shape[1:], dtype=bool)
    for _ in range(MOST_STEPS):
        J = _jacobian(g, z, value, least)
        step = -_solved(J, value)
        far = _size(step, z, least)
        share, moving = np.ones(z.shape[1:]), ~done
        new, found = z + step, g(z + step)
        for _ in range(MOST_HALVED):
            worse = moving & ~(_size(_solved(J, found), z, least) <= (1.0 - share / 4.0) * far) & (far > CLOSE)
            if not worse.any():
                break
            share = np.where(worse, share / 2.0, share)
            new = z + share * step
            found = g(new)
        z, value = np.where(moving, new, z), np.where(moving, found, value)
        done = done | (far <= CLOSE) & (share == 1.0)
        if (done | ~np.isfinite(far)).all():
            break
    return np.where(done, z, np.nan)


def _jacobian(g: Any, z: Any, value: Any, least: Any) -> Float[np.ndarray, "*any unknown unknown"]:
    columns = []
    for k in range(len(z)):
        ahead = z.copy()
        ahead[k] += DIFFERENCE * (np.abs(z[k]) + WIDER * least[k])
        columns.append((g(ahead) - value) / (ahead[k] - z[k]))
    return np.moveaxis(np.stack(columns, axis=1), (0, 1), (-2, -1))


def _solved(J: Float[np.ndarray, "*any unknown unknown"], b: Float[np.ndarray, "unknown *any"]) -> Any:
    """J^-1 b; NaN where J is singular."""
    if len(b) == 1:
        return np.where(J[..., 0, 0] != 0.0, b / np.where(J[..., 0, 0] != 0.0, J[..., 0, 0], 1.0), np.nan)
    good = np.isfinite(J).all(axis=(-2, -1)) & (np.abs(np.linalg.det(np.nan_to_num(J))) > 0.0)
    safe = np.where(good[..., None, None], J, np.eye(len(b)))
    found = np.moveaxis(np.linalg.solve(safe, np.moveaxis(b, 0, -1)[..., None])[..., 0], -1, 0)
    return np.where(good, found, np.nan)


def _size(step: Any, z: Any, least: Any) -> Any:
    return np.max(np.abs(step) / (np.abs(z) + least), axis=0)


def jax_roots(functions: Sequence[Callable[..., Any]], starts: Sequence[Callable[..., Any]]) -> Roots:
    """The unknowns in JAX, with derivatives of any order by the implicit function theorem (``jax.lax.custom_root``).

    Parameters
    ----------
    functions, starts
        Residuals as functions of one list, the known values and then the unknowns; starts as functions of the known values.
    """
    import jax

    jnp, count = jax.numpy, len(functions)

    def roots(values: Sequence[Any]) -> list[Any]:
        v = list(values)
        shape = jnp.broadcast_shapes(*(jnp.shape(one) for one in v))

        def residual(z: Any) -> Any:
            return jnp.stack([jnp.broadcast_to(one([*v, *z]), shape) for one in functions])

        z0 = jnp.stack([jnp.broadcast_to(jnp.asarray(one(v), float), shape) for one in starts])
        found = jax.lax.custom_root(residual, jax.lax.stop_gradient(z0), _jax_newton, _jax_tangent)
        return [found[k] for k in range(count)]

    return roots


def _jax_columns(linear: Callable[[Any], Any], like: Any) -> Any:
    """The matrix [*any, unknown, unknown] of a map that is linear in each point alone."""
    import jax.numpy as jnp

    columns = [linear(jnp.zeros_like(like).at[k].set(1.0)) for k in range(like.shape[0])]
    return jnp.moveaxis(jnp.stack(columns, axis=1), (0, 1), (-2, -1))


def _jax_tangent(linear: Callable[[Any], Any], b: Any) -> Any:
    return _jax_solved(_jax_columns(linear, b), b)


def _jax_solved(J: Any, b: Any) -> Any:
    import jax.numpy as jnp

    if b.shape[0] == 1:
        return b / J[..., 0, 0]
    return jnp.moveaxis(jnp.linalg.solve(J, jnp.moveaxis(b, 0, -1)[..., None])[..., 0], -1, 0)


def _jax_newton(g: Callable[[Any], Any], z0: Any) -> Any:
    """``newton``, traced."""
    import jax

    jnp = jax.numpy
    least = LEAST * jnp.where(z0 != 0.0, jnp.abs(z0), 1.0)

    def size(step: Any, z: Any) -> Any:
        return jnp.max(jnp.abs(step) / (jnp.abs(z) + least), axis=0)

    def one(carry: Any) -> Any:
        z, done, _, n = carry
        value, linear = jax.linearize(g, z)
        J = _jax_columns(linear, z)
        step = -_jax_solved(J, value)
        far = size(step, z)

        def worse(share: Any) -> Any:
            ahead = size(_jax_solved(J, g(z + share * step)), z)
            return ~done & ~(ahead <= (1.0 - share / 4.0) * far) & (far > CLOSE)

        def halved(carry: Any) -> Any:
            share = jnp.where(carry[1], carry[0] / 2.0, carry[0])
            return share, worse(share), carry[2] + 1

        share = jnp.ones_like(far)
        share, _, _ = jax.lax.while_loop(
            lambda carry: carry[1].any() & (carry[2] < MOST_HALVED), halved, (share, worse(share), 0)
        )
        new = jnp.where(done, z, z + share * step)
        return new, done | ((far <= CLOSE) & (share == 1.0)), ~jnp.isfinite(far), n + 1

    begin = jnp.zeros(z0.shape[1:], dtype=bool)
    z, done, _, _ = jax.lax.while_loop(
        lambda carry: ~(carry[1] | carry[2]).all() & (carry[3] < MOST_STEPS), one, (z0, begin, begin, 0)
    )
    return jnp.where(done, z, jnp.nan)
