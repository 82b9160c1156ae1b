"""Levenberg-Marquardt for many rows that share `theta` and have initial values of their own.

    minimise  sum r(theta, y_b)^2 + sum_k precision_k (theta_k - anchor_k)^2 + the same for y

The normal equations have a dense block for theta and one small block per row; the row blocks are eliminated first
(Schur complement), so that a thousand trajectories cost no more than their residuals. Where there are fewer residuals
than unknowns, the system is solved in the space of residuals instead.
Damping as in Nielsen (1999), Damping parameter in Marquardt's method, IMM-REP-1999-05.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float


class Point(NamedTuple):
    """Where the fit stands: trained vector and free initial values of the rows."""

    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]


class Linear(NamedTuple):
    """Residuals, scaled so that the sum of their squares is the loss, and their derivatives.

    Arguments:
        validation: loss on validation samples (NaN without any).
        held_step: change of the initial values of held-out rows that fits them best.
        end: states at the end of each row (for joining segments), in units of the state scale.
    """

    r: Float[np.ndarray, "row residual"]
    d_theta: Float[np.ndarray, "row residual theta"]
    d_free: Float[np.ndarray, "row residual state"]
    validation: float
    held_step: Float[np.ndarray, "row state"]
    end: Float[np.ndarray, "row state"]


class Prior(NamedTuple):
    """Penalties; entries with infinite precision do not move."""

    anchor: Point
    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]

    def value(self, at: Point) -> float:
        return _penalty(self.theta, at.theta - self.anchor.theta) + _penalty(self.free, at.free - self.anchor.free)


def _penalty(precision: Float[np.ndarray, "..."], distance: Float[np.ndarray, "..."]) -> float:
    finite = np.isfinite(precision)
    return float(np.sum(np.where(finite, precision, 0.0) * distance**2))


@dataclass(frozen=True, eq=False)
class LmState:
    """Arguments: cost: loss plus penalties. damping, growth: of the method. accepted: whether the last step was taken."""

    point: Point
    linear: Linear
    cost: float
    loss: float
    damping: float
    growth: float = 2.0
    accepted: bool = True
    decrease: float = 1.0
    """Relative decrease of the cost in the last step."""


Linearise = Callable[[Point], Linear]
Solved = tuple[Float[np.ndarray, " theta"], Float[np.ndarray, "row state"], float]


def lm_start(linearise: Linearise, point: Point, prior: Prior, damping: float = 1e-3) -> LmState:
    """Evaluate ``point``."""
    linear = linearise(point)
    loss = float(np.sum(linear.r**2))
    return LmState(point, linear, loss + prior.value(point), loss, damping)


def lm_rebase(state: LmState, prior: Prior) -> LmState:
    """The same point under another prior."""
    return replace(state, cost=state.loss + prior.value(state.point))


def lm_step(linearise: Linearise, state: LmState, prior: Prior) -> LmState:
    """One trial step: one linearisation, kept if the cost went down, else only the damping changes."""
    solved = solve(state, prior)
    if solved is None:
        return _rejected(state)
    d_theta, d_free, predicted = solved
    point = Point(state.point.theta + d_theta, state.point.free + d_free + state.linear.held_step)
    linear = linearise(point)
    with np.errstate(all="ignore"):
        loss = float(np.sum(linear.r**2))
        cost = loss + prior.value(point)
    usable = np.isfinite(cost) and np.isfinite(linear.d_theta).all() and np.isfinite(linear.d_free).all()
    if not usable or cost >= state.cost:
        return _rejected(state)
    gain = (state.cost - cost) / max(predicted, 1e-300)
    damping = max(state.damping * max(1 / 9, 1 - (2 * min(gain, 1.0) - 1) ** 3), 1e-14)
    decrease = (state.cost - cost) / max(state.cost, 1e-300)
    return LmState(point, linear, cost, loss, damping, decrease=decrease)


def _rejected(state: LmState) -> LmState:
    return replace(
        state, damping=min(state.damping * state.growth, 1e14), growth=state.growth * 2, accepted=False, decrease=0.0
    )


def solve(state: LmState, prior: Prior) -> Solved | None:
    """The damped Gauss-Newton step and the decrease it predicts; None if the matrix is not positive definite."""
    linear, at = state.linear, state.point
    moves = np.isfinite(prior.theta)
    free_moves = np.isfinite(prior.free)
    J = linear.d_theta[..., moves]
    V = np.where(free_moves[:, None, :], linear.d_free, 0.0)
    precision, slope = prior.theta[moves], (prior.theta[moves] * (at.theta - prior.anchor.theta)[moves])
    row_precision = np.where(free_moves, prior.free, 1.0)
    row_slope = np.where(free_moves, prior.free, 0.0) * (at.free - prior.anchor.free)
    flat = J.reshape(-1, J.shape[-1])
    r = linear.r.ravel()
    diagonal = np.einsum("ij,ij->j", flat, flat)
    damp = state.damping * _floored(diagonal)
    row_diagonal = np.einsum("brs,brs->bs", V, V)
    row_damp = state.damping * _floored(row_diagonal)
    gradient = flat.T @ r + slope
    row_gradient = np.einsum("brs,br->bs", V, linear.r) + row_slope
    try:
        if np.count_nonzero(r) < 0.7 * moves.sum() and free_moves.sum() < 500:
            d, e = _solve_dual(flat, V, precision + damp, row_precision + row_damp, gradient, row_gradient)
        else:
            d, e = _solve_schur(J, flat, V, precision + damp, row_precision + row_damp, gradient, row_gradient)
    except (scipy.linalg.LinAlgError, np.linalg.LinAlgError, ValueError):
        return None
    if not (np.isfinite(d).all() and np.isfinite(e).all()):
        return None
    predicted = float(-(gradient @ d) - np.sum(row_gradient * e))
    predicted = float(np.sum(damp * d * d) + np.sum(row_damp * e * e) + predicted)
    d_theta = np.zeros_like(at.theta)
    d_theta[moves] = d
    return d_theta, np.where(free_moves, e, 0.0), predicted


def _floored(diagonal: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Marquardt's scaling, with a floor so that directions the data do not see are damped too."""
    largest = float(diagonal.max()) if diagonal.size else 0.0
    return np.maximum(diagonal, 1e-6 * largest if largest > 0 else 1.0)


def _solve_schur(
    J: Float[np.ndarray, "row residual p"],
    flat: Float[np.ndarray, "all p"],
    V: Float[np.ndarray, "row residual state"],
    added: Float[np.ndarray, " p"],
    row_added: Float[np.ndarray, "row state"],
    gradient: Float[np.ndarray, " p"],
    row_gradient: Float[np.ndarray, "row state"],
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "row state"]]:
    H = flat.T @ flat
    H[np.diag_indices_from(H)] += added
    blocks = np.einsum("brs,brt->bst", V, V)
    states = np.arange(V.shape[-1])
    blocks[:, states, states] += row_added
    lower = np.linalg.cholesky(blocks)
    coupling = np.matmul(J.transpose(0, 2, 1), V)
    # W = coupling L^-T: H - W W^T eliminates the row blocks
    W = np.linalg.solve(lower, coupling.transpose(0, 2, 1))
    w = np.linalg.solve(lower, row_gradient[..., None])
    stacked = W.reshape(-1, W.shape[-1])
    H -= stacked.T @ stacked
    rhs = -(gradient - stacked.T @ w.ravel())
    d = scipy.linalg.solve(H, rhs, assume_a="pos", check_finite=True, overwrite_a=True) if len(rhs) else rhs
    e = -np.linalg.solve(lower.transpose(0, 2, 1), w + (W @ d)[..., None])[..., 0]
    return d, e


def _solve_dual(
    flat: Float[np.ndarray, "all p"],
    V: Float[np.ndarray, "row residual state"],
    added: Float[np.ndarray, " p"],
    row_added: Float[np.ndarray, "row state"],
    gradient: Float[np.ndarray, " p"],
    row_gradient: Float[np.ndarray, "row state"],
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "row state"]]:
    """(A^T A + D)^-1 g = D^-1 g - D^-1 A^T (I + A D^-1 A^T)^-1 A D^-1 g."""
    rows, residuals, states = V.shape
    wide = np.zeros((rows, residuals, rows, states))
    wide[np.arange(rows), :, np.arange(rows)] = V
    A = np.concatenate([flat, wide.reshape(rows * residuals, rows * states)], axis=1)
    A = A[np.any(A != 0, axis=1)]
    D = np.concatenate([added, row_added.ravel()])
    g = np.concatenate([gradient, row_gradient.ravel()])
    scaled = A / D
    K = scaled @ A.T
    K[np.diag_indices_from(K)] += 1.0
    x = scipy.linalg.solve(K, A @ (g / D), assume_a="pos", check_finite=True, overwrite_a=True)
    step = -(g / D - scaled.T @ x)
    return step[: len(added)], step[len(added) :].reshape(rows, states)


def profile(
    r: Float[np.ndarray, "row residual"], d_free: Float[np.ndarray, "row residual state"], held: Bool[np.ndarray, " row"]
) -> tuple[float, Float[np.ndarray, "row state"]]:
    """Validation loss with the initial values of held-out rows fitted to first order, and the change that fits them.

    The measured start of a held-out trajectory carries noise that would otherwise be counted as an error of the model;
    theta never sees these samples.
    """
    step = np.zeros((len(r), d_free.shape[-1]))
    fitted = r.copy()
    for b in np.flatnonzero(held):
        V = d_free[b]
        H = V.T @ V
        if not np.isfinite(H).all() or not H.any():
            continue
        H[np.diag_indices_from(H)] += 1e-3 * np.trace(H) / len(H) + 1e-300
        move = np.clip(-np.linalg.solve(H, V.T @ r[b]), -0.3, 0.3)
        step[b], fitted[b] = move, r[b] + V @ move
    return float(np.sum(fitted**2)), step


def frozen(n: int, moves: Bool[np.ndarray, " n"], precision: float = 0.0) -> Float[np.ndarray, " n"]:
    """Precisions of a vector: ``precision`` where it moves, infinite elsewhere."""
    found = np.full(n, np.inf)
    found[moves] = precision
    return found
