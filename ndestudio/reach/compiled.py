"""Explicit steps of many starts at once, compiled: what ``numpy_fixed.march`` gives, without the price of Python for each stage.

One program does ``CHUNK`` steps of a padded number of starts and is called again and again, so that neither the number of steps
nor that of starts compiles anything anew.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.runge_kutta import step
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Grid

CHUNK = 32
"""Steps of one call."""
FEW, WIDE = 16, 128
"""Starts are padded to ``FEW``, or to multiples of ``WIDE``."""


def march(
    structure: ProblemStructure,
    parameters: Float[np.ndarray, "parameter start"],
    y0: Float[np.ndarray, "state start"],
    grid: Grid,
    method: Tableau,
) -> tuple[Float[np.ndarray, "knot state start"], Float[np.ndarray, "knot state start"]]:
    """States and slopes at the points of a grid of one row, by an explicit method and without events or networks."""
    count, knots = y0.shape[1], len(grid.h)
    width = FEW if count <= FEW else WIDE * -(-count // WIDE)
    padded = -(-knots // CHUNK) * CHUNK
    program = _program(structure, method)
    # padding repeats the last start, and steps of no length
    wide = lambda x: np.pad(x, [(0, 0), (0, width - count)], mode="edge")  # noqa: E731
    long = lambda x: np.pad(x, [(0, padded - knots), *[(0, 0)] * (x.ndim - 1)])  # noqa: E731
    t, u, h = long(grid.t[:, :, 0]), long(grid.u[:, :, 0]), long(grid.h[:, 0])
    given, y = wide(parameters), wide(y0)
    states, slopes = np.empty((padded, len(y0), count)), np.empty((padded, len(y0), count))
    for k in range(0, padded, CHUNK):
        part = slice(k, k + CHUNK)
        y, (at, rates) = program(given, t[part], u[part], h[part], y)
        states[part], slopes[part] = np.asarray(at)[:, :, :count], np.asarray(rates)[:, :, :count]
    return states[:knots], slopes[:knots]


@lru_cache(maxsize=32)
def _program(structure: ProblemStructure, method: Tableau) -> Any:
    jax = get_jax()
    drift = structure.dynamics.drift({}, jax.numpy)
    field = jax.vmap(drift, (1, None, None, 1), 1)

    def chunk(parameters: Any, t: Any, u: Any, h: Any, y: Any) -> Any:
        def one(y: Any, at: Any) -> Any:
            t, u, h = at
            after, slopes = step(method, lambda i, base, _: field(parameters, t[i], u[i], base), y, h)
            return after, (y, slopes[0])

        return jax.lax.scan(one, y, (t, u, h))

    return jax.jit(chunk)
