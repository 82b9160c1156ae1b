"""What JAX does for doses at steady state (``problem.periodic``): one row, with derivatives in both modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.solve.jax_backend import get_jax

SQUARINGS, DEGREE = 48, 14


class JaxTools:
    """One row."""

    def __init__(self) -> None:
        self._jax = get_jax()
        self.xp: Any = self._jax.numpy

    def expm(self, A: Any) -> Any:
        """As that of ``NumpyTools``; JAX's own takes ten times as long to compile."""
        jnp = self.xp
        size = self.constant(jnp.max(jnp.sum(jnp.abs(A), axis=-1)))
        squarings = jnp.clip(jnp.ceil(jnp.log2(jnp.maximum(size, 1e-300) / 0.5)), 0.0, SQUARINGS)
        scaled, eye = A / 2.0**squarings, jnp.eye(A.shape[-1])
        horner = lambda k, found: eye + (scaled @ found) / (DEGREE - k)  # noqa: E731
        found = self._jax.lax.fori_loop(0, DEGREE, horner, eye)
        squared = lambda k, found: jnp.where(k < squarings, found @ found, found)  # noqa: E731
        return self._jax.lax.fori_loop(0, SQUARINGS, squared, found)

    def jacobian(self, function: Callable[[Any], Any], z: Any, size: Any, step: float) -> Any:
        return self._jax.jacfwd(function)(z)

    def put(self, y: Any, places: Sequence[int], values: Any) -> Any:
        return y.at[self.xp.asarray(places)].set(values)

    def solve(self, matrix: Any, vector: Any) -> Any:
        return self.xp.linalg.solve(matrix, vector)

    def repeat(self, count: int, step: Callable[[Any], Any], begin: Any) -> Any:
        if count <= 2:
            for _ in range(count):
                begin = step(begin)
            return begin
        return self._jax.lax.fori_loop(0, count, lambda _, carry: step(carry), begin)

    def constant(self, value: Any) -> Any:
        return self._jax.lax.stop_gradient(value)
