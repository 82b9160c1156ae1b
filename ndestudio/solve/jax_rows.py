"""Trees of arrays whose first axis is the row, in the JAX programs: steps, and reading out between grid points."""

from __future__ import annotations

from typing import Any

from ndestudio.solve.interpolation import hermite
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.runge_kutta import advanced
from ndestudio.solve.time_grid import Grid


def at_samples(grid: Grid, y: Any, k: Any) -> Any:
    """Values [row, sample, ...] between those at the grid points [knot, row, ...] with slopes ``k``."""
    rows = get_jax().numpy.arange(grid.step.shape[0])[:, None]
    here, there = grid.step, grid.step + 1
    q, h = (_widened(a, y.ndim) for a in (grid.q, grid.h[here, rows]))
    return hermite(y[here, rows], y[there, rows], h * k[here, rows], h * k[there, rows], q)


def advanced_rows(y: Any, h: Any, weights: Any, slopes: Any) -> Any:
    """As ``runge_kutta.advanced``, for trees of arrays whose first axis is that of ``h``."""
    return get_jax().tree_util.tree_map(
        lambda leaf, *ks: advanced(leaf, _widened(h, leaf.ndim), weights, ks), y, *slopes
    )


def _widened(array: Any, dimensions: int) -> Any:
    return array.reshape(array.shape + (1,) * (dimensions - array.ndim))
