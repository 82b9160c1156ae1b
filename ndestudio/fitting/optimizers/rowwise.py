"""Levenberg-Marquardt for many small problems side by side: the initial values of each row, nothing shared.

Every row has a damping and a cost of its own; one linearisation serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class RowLinear(NamedTuple):
    """Residuals of each row and their derivatives by its unknowns.

    Parameters
    ----------
    pull, stiff
        Half the gradient and the curvature of what else counts (priors).
    extra
        Its value.
    """

    r: Float[np.ndarray, "row residual"]
    V: Float[np.ndarray, "row residual state"]
    pull: Float[np.ndarray, "row state"]
    stiff: Float[np.ndarray, "row state"]
    extra: Float[np.ndarray, " row"]

    @property
    def cost(self) -> Float[np.ndarray, " row"]:
        with np.errstate(all="ignore"):
            return np.sum(self.r**2, axis=1) + self.extra


class RowObjective(NamedTuple):
    """Arguments: linearise: at free initial values. renew: follows noise levels and outliers to a point that was accepted."""

    linearise: Callable[[Float[np.ndarray, "row state"]], RowLinear]
    renew: Callable[[Float[np.ndarray, "row state"]], None]


def minimise_rows(
    objective: RowObjective,
    free: Float[np.ndarray, "row state"],
    moves: Bool[np.ndarray, "row state"],
    *,
    rounds: int,
    gain: float,
    poll: Callable[[], bool],
    still: float = 0.0,
) -> Float[np.ndarray, "row state"]:
    """Minimise the cost of every row by itself.

    Parameters
    ----------
    gain
        Relative decrease of a row's cost that no further round is worth.
    poll
        Whether there is time for another round.
    still
        Largest change of an unknown that is no step any more.
    """
    objective.renew(free)
    linear = objective.linearise(free)
    cost, damping = linear.cost, np.full(len(free), 1e-3)
    for _ in range(rounds):
        if not poll():
            break
        step = np.where(moves, _steps(linear, damping), 0.0)
        if np.abs(step).max(initial=0.0) < still:
            break
        trial = free + step
        found = objective.linearise(trial)
        with np.errstate(all="ignore"):
            fresh = found.cost
            better = ~(fresh >= cost) & np.isfinite(fresh) & np.isfinite(found.V).all(axis=(1, 2))
            gained = bool((better & (cost - fresh > gain * cost)).any())
        free = np.where(better[:, None], trial, free)
        linear = RowLinear(*(_where(better, new, old) for new, old in zip(found, linear, strict=True)))
        cost, damping = np.where(better, fresh, cost), np.where(better, damping / 9.0, damping * 10.0)
        if better.all() and not gained:
            break
    return free


def _where(rows: Bool[np.ndarray, " row"], new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return np.where(rows.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def _steps(linear: RowLinear, damping: Float[np.ndarray, " row"]) -> Float[np.ndarray, "row state"]:
    """Damped Gauss-Newton steps of the rows; none where a row says nothing."""
    with np.errstate(all="ignore"):
        V = np.nan_to_num(linear.V, nan=0.0, posinf=0.0, neginf=0.0)
        r = np.nan_to_num(linear.r, nan=0.0, posinf=0.0, neginf=0.0)
        H = np.matmul(V.transpose(0, 2, 1), V)
    trace = np.trace(H, axis1=1, axis2=2)
    diagonal = np.arange(H.shape[1])
    scale = H[:, diagonal, diagonal] + 1e-3 * trace[:, None] / len(diagonal)
    H[:, diagonal, diagonal] += damping[:, None] * scale + np.where(trace > 0, 1e-12 * trace, 1.0)[:, None]
    H[:, diagonal, diagonal] += linear.stiff
    slope = np.matmul(V.transpose(0, 2, 1), r[..., None])[..., 0] + linear.pull
    return -np.linalg.solve(H, slope[..., None])[..., 0]
