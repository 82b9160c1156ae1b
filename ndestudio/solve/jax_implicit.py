"""Stages of Runge-Kutta methods for the JAX programs, with exact derivatives of the discrete solution.

A converged stage k = f(t, base + gamma h k) depends on its inputs through the implicit function theorem,

    (I - gamma h J) dk = J d(base) + df,

so that sensitivities cost one linear solve with the matrix that Newton's method uses anyway; nothing is differentiated
through the iterations. After Hairer and Wanner (1996), section IV.8; for adjoints of implicit stages Sandu (2006).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ndestudio.solve.jacobian import SMALL, by_state, by_state_and_parameters
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.numpy_implicit import CLOSE, NEWTON
from ndestudio.solve.runge_kutta import Stage
from ndestudio.solve.tableau import Tableau


class StageSolver(NamedTuple):
    """Stages of a method for all rows at once: of states, or of states with their sensitivities.

    Parameters
    ----------
    field
        (phi, constants, t, u, y) -> dy/dt of one row.
    size
        Numbers of phi that are trained.
    """

    field: Any
    method: Tableau
    size: int = 0

    def values(self, phi: Any, constants: Any, t: Any, u: Any, y: Any) -> Any:
        """The field of each row."""
        return get_jax().vmap(self.field, (None, None, 0, 0, 0))(phi, constants, t, u, y)

    def of_states(self, phi: Any, constants: Any, t: Any, u: Any, h: Any) -> Stage:
        """Stages of a step for states [row, state], with derivatives in reverse mode."""
        if not self.method.implicit:
            return lambda i, base, guess: self.values(phi, constants, t[i], u[i], base)
        return lambda i, base, guess: self.differentiable(phi, constants, t[i], u[i], base, h, guess)

    def of_sensitivities(self, phi: Any, constants: Any, t: Any, u: Any, h: Any) -> Stage:
        """Stages of a step for pairs of states [row, state] and their derivatives S [row, state, unknown]."""

        first: list[Any] = []

        def stage(i: int, base: Any, guess: Any) -> tuple[Any, Any]:
            y, S = base
            if self.method.euler_gradient and not self.method.implicit:
                if first:
                    return self.values(phi, constants, t[i], u[i], y), first[0]
                value, moved, _ = self.augmented(phi, constants, t[i], u[i], y, S)
                first.append(moved)
                return value, moved
            if not self.method.implicit:
                return self.augmented(phi, constants, t[i], u[i], y, S)[:2]
            k = self.slope(phi, constants, t[i], u[i], y, h, guess[0] if isinstance(guess, tuple) else guess)
            hg = h * self.method.gamma
            _, moved, by_y = self.augmented(phi, constants, t[i], u[i], y + hg[:, None] * k, S)
            return k, solve(self.matrix(hg, by_y), moved)

        return stage

    def augmented(self, phi: Any, constants: Any, t: Any, u: Any, y: Any, S: Any) -> tuple[Any, Any, Any]:
        """f, J_y S + J_theta and J_y of each row; the unknowns of S are the numbers of phi, then the free initial values."""
        jax = get_jax()
        linear = jax.vmap(by_state_and_parameters(self.field), (None, None, 0, 0, 0))
        value, by_y, by_phi = linear(phi, constants, t, u, y)
        moved = jax.numpy.einsum("bij,bjp->bip", by_y, S)
        return value, moved.at[:, :, : self.size].add(by_phi), by_y

    def linear(self, phi: Any, constants: Any, t: Any, u: Any, y: Any) -> tuple[Any, Any]:
        """Value [row, state] and Jacobian [row, state, by state]."""
        return get_jax().vmap(by_state(self.field), (None, None, 0, 0, 0))(phi, constants, t, u, y)

    def matrix(self, hg: Any, by_y: Any) -> Any:
        """I - gamma h J of each row."""
        jnp = get_jax().numpy
        return jnp.eye(by_y.shape[-1], dtype=by_y.dtype) - hg[:, None, None] * by_y

    def slope(self, phi: Any, constants: Any, t: Any, u: Any, base: Any, h: Any, guess: Any) -> Any:
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
            value, by_y = self.linear(phi, constants, t, u, y)
            move = solve(self.matrix(hg, by_y), value - k)
            moved = jnp.max(jnp.abs(hg[:, None] * move) / (jnp.abs(y) + size), axis=1)
            wanted = step >= CLOSE  # a row that is done stays as it is, whatever the others need
            return jnp.where(wanted[:, None], k + move, k), iteration + 1, jnp.where(wanted, moved, step)

        begin = jnp.full(base.shape[:1], jnp.inf, dtype=base.dtype)
        k, _, step = jax.lax.while_loop(go_on, iterate, (guess, 0, begin))
        return jnp.where((step < CLOSE)[:, None], k, jnp.nan)

    def differentiable(self, phi: Any, constants: Any, t: Any, u: Any, base: Any, h: Any, guess: Any) -> Any:
        """The same with reverse-mode derivatives: one more Newton step with the matrix held constant has them exactly."""
        jax = get_jax()
        held = jax.lax.stop_gradient
        k = held(self.slope(*held((phi, constants, t, u, base, h, guess))))
        hg = h * self.method.gamma
        y = base + hg[:, None] * k
        _, by_y = self.linear(*held((phi, constants, t, u, y)))
        value = self.values(phi, constants, t, u, y)
        return k + solve(held(self.matrix(hg, by_y)), value - k)


def solve(matrix: Any, right: Any) -> Any:
    """Solve for each row; ``right``: [row, state] or [row, state, column]."""
    jnp = get_jax().numpy
    return jnp.linalg.solve(matrix, right[..., None])[..., 0] if right.ndim == 2 else jnp.linalg.solve(matrix, right)
