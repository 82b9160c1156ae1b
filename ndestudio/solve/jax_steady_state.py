"""Steady states in the JAX programs (see ``problem.steady_state``), with derivatives by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.problem.steady_state import (
    E32,
    EXACT,
    GROWS,
    LEAST,
    MOST_STEPS,
    POLISH,
    RESTS,
    SHRINKS,
    TOLERANCE,
    D,
)
from ndestudio.solve.jax_backend import get_jax


def settling(field: Callable[..., Any], projection: Float[np.ndarray, "state state"]) -> Callable[..., Any]:
    """(phi, y0, constants, t, u, wanted) -> the steady state of one row, NaN where none is reached; ``y0`` if not wanted.

    Parameters
    ----------
    field
        (phi, constants, t, u, y) -> dy/dt.
    projection
        On the conserved sums.
    """
    jax = get_jax()
    jnp = jax.numpy
    eye = np.eye(len(projection))

    def bordered(J: Any) -> Any:
        return jnp.max(jnp.abs(J)) * projection - J

    @jax.custom_jvp
    def settled(phi: Any, y0: Any, constants: Any, t: Any, u: Any, wanted: Any) -> Any:
        slope = lambda y: field(phi, constants, t, u, y)  # noqa: E731
        by_states, least = jax.jacfwd(slope), LEAST * constants.state_scale

        def one(carry: Any) -> Any:
            y, h, _, n = carry
            J, f = by_states(y), slope(y)
            solve = lambda b: jnp.linalg.solve(eye - D * h * J, b)  # noqa: E731
            k1 = solve(f)
            f1 = slope(y + 0.5 * h * k1)
            k2 = solve(f1 - k1) + k1
            new = y + h * k2
            k3 = solve(slope(new) - E32 * (k2 - f1) - 2.0 * (k1 - f))
            size = jnp.maximum(jnp.abs(y), jnp.abs(new)) + least
            error = jnp.max(jnp.abs(h / 6.0 * (k1 - 2.0 * k2 + k3)) / size) / TOLERANCE
            taken = (error <= 1.0) & jnp.isfinite(new).all()
            near = jnp.max(jnp.abs(jnp.linalg.solve(bordered(J), f)) / size) <= np.sqrt(RESTS)
            rests = taken & near & (jnp.max(jnp.abs(new - y) / size) <= RESTS)
            factor = jnp.where(jnp.isfinite(error), jnp.clip(0.8 * error ** (-1 / 3), SHRINKS, GROWS), SHRINKS)
            return jnp.where(taken, new, y), jnp.clip(h * factor, 1e-14, 1e14), rests, n + 1

        f = slope(y0)
        h = 0.01 * jnp.min((jnp.abs(y0) + least) / jnp.maximum(jnp.abs(f), 1e-300))
        begin = (y0, jnp.clip(h, 1e-12, 1e12), jnp.array(False), 0)
        y, _, rests, _ = jax.lax.while_loop(lambda carry: wanted & ~carry[2] & (carry[3] < MOST_STEPS), one, begin)

        def polished(_: Any, carry: Any) -> Any:
            step = jnp.linalg.solve(bordered(by_states(carry[0])), slope(carry[0]))
            return carry[0] + step, step

        y, step = jax.lax.fori_loop(0, POLISH, polished, (y, jnp.full_like(y, jnp.inf)))
        good = rests & (jnp.max(jnp.abs(step) / (jnp.abs(y) + least)) <= EXACT)
        return jnp.where(wanted, jnp.where(good, y, jnp.nan), y0)

    @settled.defjvp
    def changed(values: Any, changes: Any) -> Any:
        phi, _, constants, t, u, wanted = values
        y = settled(*values)
        J = jax.jacfwd(lambda z: field(phi, constants, t, u, z))(y)
        _, df = jax.jvp(lambda p: field(p, constants, t, u, y), (phi,), (changes[0],))
        size = jnp.max(jnp.abs(J))
        change = jnp.where(wanted, df + size * (projection @ changes[1]), changes[1])
        return y, jnp.linalg.solve(jnp.where(wanted, bordered(J), eye), change)

    return settled
