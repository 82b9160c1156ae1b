"""Diagonally implicit steps in NumPy: every stage is solved by Newton's method for all copies and rows at once.

A stage k = f(t + c h, base + gamma h k) is iterated in k, so that a step of length zero needs no special case and a slope
at a stiff point does not carry the rounding error of f (Hairer and Wanner 1996, section IV.8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.solve.tableau import Tableau

NEWTON = 14
"""Iterations after which a stage counts as failed; the step is then NaN, and so is the loss."""
CLOSE = 1e-9
"""Change of a state (relative to its size, or a thousandth of its scale) after which Newton's method is done."""
SMALL = 1e-3

StageField = Callable[[Any, Any, Any], Any]
"""(t, u, y [state, ...]) -> dy/dt [state, ...]."""


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
        value, jacobian = _linear(field, t, u, y, size)
        matrix = np.eye(states) - np.moveaxis(hg * jacobian, (0, 1), (-2, -1))
        move = _solved(matrix, np.moveaxis(value - k, 0, -1))
        k = np.where(done, k, k + move)
        step = np.max(np.abs(hg * move) / (np.abs(y) + SMALL * size), axis=0)
        done = done | (step < CLOSE)
        if (done | ~np.isfinite(step)).all():
            break
    return np.where(done, k, np.nan)


def _linear(field: StageField, t: Any, u: Any, y: Any, size: Any) -> tuple[Any, Any]:
    """Value [state, ...] and Jacobian [state, by state, ...] by forward differences: Newton's method needs no better."""
    states = len(y)
    step = 1e-7 * np.maximum(np.abs(y), SMALL * size)
    wide = np.repeat(y[:, None], states + 1, axis=1)
    for j in range(states):
        wide[j, 1 + j] += step[j]
    found = field(t, u, wide)
    return found[:, 0], (found[:, 1:] - found[:, :1]) / step[None]


def _solved(matrix: Float[np.ndarray, "*any state state"], right: Any) -> Float[np.ndarray, "state *any"]:
    usable = np.isfinite(matrix).all(axis=(-2, -1)) & np.isfinite(right).all(axis=-1)
    matrix = np.where(usable[..., None, None], matrix, np.eye(matrix.shape[-1]))
    try:
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.full((right.shape[-1], *right.shape[:-1]), np.nan)
    return np.moveaxis(np.where(usable[..., None], found, np.nan), -1, 0)


def implicit_step(
    field: StageField,
    t: Sequence[Any],
    u: Sequence[Any],
    h: Float[np.ndarray, "..."],
    y: Float[np.ndarray, "state *any"],
    guess: Float[np.ndarray, "state *any"],
    method: Tableau,
    scale: Float[np.ndarray, " state"],
) -> tuple[Float[np.ndarray, "state *any"], Float[np.ndarray, "state *any"]]:
    """State after a step of length ``h``, and the slope there (the methods are stiffly accurate).

    Arguments:
        t, u: time and inputs at each stage. guess: a slope to begin with.
    """
    ks: list[Any] = []
    end = y
    for i, row in enumerate(method.a):
        base = y
        for weight, k in zip(row, ks, strict=True):
            base = base + (weight * h) * k
        hg = h * method.gamma
        ks.append(solve_stage(field, t[i], u[i], base, hg, ks[-1] if ks else guess, scale))
        end = base + hg * ks[-1]
    return end, ks[-1]
