"""Diagonally implicit stages for the JAX programs, with exact derivatives of the discrete solution.

A converged stage k = f(t, base + gamma h k) depends on its inputs through the implicit function theorem,

    (I - gamma h J) dk = J d(base) + df,

so that sensitivities cost one linear solve with the matrix that Newton's method uses anyway; nothing is differentiated
through the iterations. After Hairer and Wanner (1996), section IV.8; for adjoints of implicit stages Sandu (2006).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.numpy_implicit import CLOSE, NEWTON, SMALL
from ndestudio.solve.tableau import Tableau


class StageSolver(NamedTuple):
    """Implicit stages of all rows at once.

    Arguments:
        field: (theta, constants, t, u, y) -> dy/dt of one row.
    """

    field: Any
    method: Tableau

    def linear(self, theta: Any, constants: Any, t: Any, u: Any, y: Any) -> tuple[Any, Any]:
        """Value [row, state] and Jacobian [row, state, by state]."""
        jax = get_jax()

        def pair(t: Any, u: Any, y: Any) -> Any:
            value = lambda x: (self.field(theta, constants, t, u, x),) * 2  # noqa: E731
            by_y, value = jax.jacfwd(value, has_aux=True)(y)
            return value, by_y

        return jax.vmap(pair)(t, u, y)

    def matrix(self, hg: Any, by_y: Any) -> Any:
        """I - gamma h J of each row."""
        jnp = get_jax().numpy
        return jnp.eye(by_y.shape[-1], dtype=by_y.dtype) - hg[:, None, None] * by_y

    def slope(self, theta: Any, constants: Any, t: Any, u: Any, base: Any, h: Any, guess: Any) -> Any:
        """Slopes of a stage by Newton's method; NaN in rows where it does not converge. Not to be differentiated."""
        jax = get_jax()
        jnp = jax.numpy
        hg = h * self.method.gamma
        size = SMALL * 0.1 * (constants.clip[1] - constants.clip[0]) + 1e-300

        def go_on(carry: Any) -> Any:
            _, iteration, step = carry
            return (iteration < NEWTON) & jnp.any(step >= CLOSE)

        def iterate(carry: Any) -> Any:
            k, iteration, step = carry
            y = base + hg[:, None] * k
            value, by_y = self.linear(theta, constants, t, u, y)
            move = solve(self.matrix(hg, by_y), value - k)
            moved = jnp.max(jnp.abs(hg[:, None] * move) / (jnp.abs(y) + size), axis=1)
            wanted = step >= CLOSE  # a row that is done stays as it is, whatever the others need
            return jnp.where(wanted[:, None], k + move, k), iteration + 1, jnp.where(wanted, moved, step)

        begin = jnp.full(base.shape[:1], jnp.inf, dtype=base.dtype)
        k, _, step = jax.lax.while_loop(go_on, iterate, (guess, 0, begin))
        return jnp.where((step < CLOSE)[:, None], k, jnp.nan)

    def differentiable(self, theta: Any, constants: Any, t: Any, u: Any, base: Any, h: Any, guess: Any) -> Any:
        """The same with reverse-mode derivatives: one more Newton step with the matrix held constant has them exactly."""
        jax = get_jax()
        held = jax.lax.stop_gradient
        k = held(self.slope(*held((theta, constants, t, u, base, h, guess))))
        hg = h * self.method.gamma
        y = base + hg[:, None] * k
        _, by_y = self.linear(*held((theta, constants, t, u, y)))
        value = jax.vmap(self.field, (None, None, 0, 0, 0))(theta, constants, t, u, y)
        return k + solve(held(self.matrix(hg, by_y)), value - k)

    def step(self, theta: Any, constants: Any, t: Any, u: Any, h: Any, y: Any, guess: Any) -> tuple[Any, Any]:
        """State after a step and the slope there, differentiable. ``t``, ``u``: at each stage."""
        ks: list[Any] = []
        end = y
        for i, row in enumerate(self.method.a):
            base = y + h[:, None] * sum(a * k for a, k in zip(row, ks, strict=True)) if row else y
            ks.append(self.differentiable(theta, constants, t[i], u[i], base, h, ks[-1] if ks else guess))
            end = base + h[:, None] * self.method.gamma * ks[-1]
        return end, ks[-1]


def solve(matrix: Any, right: Any) -> Any:
    """Solve for each row; ``right``: [row, state] or [row, state, column]."""
    jnp = get_jax().numpy
    return jnp.linalg.solve(matrix, right[..., None])[..., 0] if right.ndim == 2 else jnp.linalg.solve(matrix, right)
