"""Stages of Runge-Kutta methods in NumPy: evaluated, or solved by Newton's method for all copies and rows at once.

An implicit stage k = f(t + c h, base + gamma h k) is iterated in k, so that a step of length zero needs no special case and a
slope at a stiff point does not carry the rounding error of f (Hairer and Wanner 1996, section IV.8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ndestudio.solve.jacobian import SMALL, by_differences
from ndestudio.solve.runge_kutta import Stage
from ndestudio.solve.tableau import Tableau

NEWTON = 14
"""Iterations after which a stage counts as failed; the step is then NaN, and so is the loss."""
CLOSE = 1e-9
"""Change of a state (relative to its size, or a thousandth of its scale) after which Newton's method is done."""

StageField = Callable[[Any, Any, Any], Any]
"""(t, u, y [state, ...]) -> dy/dt [state, ...]."""


class StageSolver(NamedTuple):
    """Stages of a method for a field.

    Parameters
    ----------
    scale
        Size of each state, for the convergence of Newton's method.
    """

    field: StageField
    method: Tableau
    scale: Float[np.ndarray, " state"]

    def at(self, t: Sequence[Any], u: Sequence[Any], h: Any) -> Stage:
        """The stages of a step of length ``h``; ``t``, ``u``: time and inputs at each of them."""
        field = self.field
        if not self.method.implicit:
            return lambda i, base, guess: field(t[i], u[i], base)
        hg = h * self.method.gamma
        return lambda i, base, guess: solve_stage(field, t[i], u[i], base, hg, guess, self.scale)


def solve_stage(
    field: StageField,
    t: Any,
    u: Any,
    base: Float[np.ndarray, "state *any"],
    hg: Float[np.ndarray, "..."],
    k: Float[np.ndarray, "state *any"],
    scale: Float[np.ndarray, " state"],
) -> Float[np.ndarray, "state *any"]:
    """Slope k with k = field(t, base + hg k), from the guess ``k``; NaN where Newton's method does not converge."""
    states = len(base)
    size = scale.reshape(-1, *[1] * (base.ndim - 1))
    done = np.zeros(base.shape[1:], dtype=bool)
    for _ in range(NEWTON):
        y = base + hg * k
        value, jacobian = by_differences(lambda wide: field(t, u, wide), y, size)
        matrix = np.eye(states) - np.moveaxis(hg * jacobian, (0, 1), (-2, -1))
        move = _solved(matrix, np.moveaxis(value - k, 0, -1))
        k = np.where(done, k, k + move)
        step = np.max(np.abs(hg * move) / (np.abs(y) + SMALL * size), axis=0)
        done = done | (step < CLOSE)
        if (done | ~np.isfinite(step)).all():
            break
    return np.where(done, k, np.nan)


def _solved(matrix: Float[np.ndarray, "*any state state"], right: Any) -> Float[np.ndarray, "state *any"]:
    usable = np.isfinite(matrix).all(axis=(-2, -1)) & np.isfinite(right).all(axis=-1)
    matrix = np.where(usable[..., None, None], matrix, np.eye(matrix.shape[-1]))
    try:
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.full((right.shape[-1], *right.shape[:-1]), np.nan)
    return np.moveaxis(np.where(usable[..., None], found, np.nan), -1, 0)
