"""Levenberg-Marquardt for many rows that share `theta` and have initial values of their own.

    minimise  sum r(theta, y_b)^2 + sum_k precision_k (theta_k - anchor_k)^2 + the same for y
              + sum q(theta, y_b)^2 + variance sum_k rho_k(theta_k)^2 + the same for y

r: errors of the data; q: residuals of penalties along the path; rho: distances from priors, each of one unknown.

The normal equations have a dense block for theta and one small block per row; the row blocks are eliminated first
(Schur complement), so that a thousand trajectories cost no more than their residuals. Where there are fewer residuals
than unknowns, the system is solved in the space of residuals instead.
Damping as in Nielsen (1999), Damping parameter in Marquardt's method, IMM-REP-1999-05.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float, Int

from ndestudio.solve.jax_backend import cores, one_thread


class Point(NamedTuple):
    """Where the fit stands: trained vector and free initial values of the rows."""

    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]


class PathRows(NamedTuple):
    """Residuals of penalties along the path, and their derivatives."""

    r: Float[np.ndarray, "row penalty"]
    d_theta: Float[np.ndarray, "row penalty theta"]
    d_free: Float[np.ndarray, "row penalty state"]


class Linear(NamedTuple):
    """Residuals, scaled so that the sum of their squares is the loss, and their derivatives.

    Parameters
    ----------
    validation
        Loss on validation samples (NaN without any).
    held_step
        Change of the initial values of held-out rows that fits them best.
    end
        States at the end of each row (for joining segments), in units of the state scale.
    path
        Residuals of penalties along the path, which are no data; None without any.
    """

    r: Float[np.ndarray, "row residual"]
    d_theta: Float[np.ndarray, "row residual theta"]
    d_free: Float[np.ndarray, "row residual state"]
    validation: float
    held_step: Float[np.ndarray, "row state"]
    end: Float[np.ndarray, "row state"]
    path: PathRows | None = None

    @property
    def loss(self) -> float:
        """Sum of the squared errors of the data."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.sum(self.r**2))

    @property
    def path_loss(self) -> float:
        """What penalties along the path add to the loss."""
        with np.errstate(over="ignore", invalid="ignore"):
            return 0.0 if self.path is None else float(np.sum(self.path.r**2))


class Terms(Protocol):
    """Distances from priors: each depends on one unknown, so that their Gauss-Newton matrix is diagonal."""

    def rows(self, at: Point) -> tuple[Away, Away]:
        """For theta and for free initial values: (distance, its derivative) of each, 0 without a prior."""
        ...


class Away(NamedTuple):
    """Distances from priors in standard deviations, and their derivatives."""

    rho: Float[np.ndarray, "..."]
    slope: Float[np.ndarray, "..."]


class Prior(NamedTuple):
    """Penalties; entries with infinite precision do not move.

    Parameters
    ----------
    terms
        Priors of single unknowns, and the variance of a residual that their squares are multiplied by.
    """

    anchor: Point
    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]
    terms: Terms | None = None
    variance: float = 0.0

    def value(self, at: Point) -> float:
        plain = _penalty(self.theta, at.theta - self.anchor.theta) + _penalty(self.free, at.free - self.anchor.free)
        return plain + self.variance * self.squares(at)

    def squares(self, at: Point) -> float:
        """Sum of squared distances from priors, in standard deviations."""
        if self.terms is None:
            return 0.0
        return sum(float(np.sum(away.rho**2)) for away in self.terms.rows(at))

    def curvature(self, at: Point) -> Point:
        """Half the second derivative of the penalties (Gauss-Newton); infinite where an entry does not move."""
        if self.terms is None:
            return Point(self.theta, self.free)
        theta, free = (self.variance * away.slope**2 for away in self.terms.rows(at))
        return Point(self.theta + theta, self.free + free)

    def slope(self, at: Point) -> Point:
        """Half the gradient of the penalties; 0 where an entry does not move."""
        moves, free_moves = np.isfinite(self.theta), np.isfinite(self.free)
        theta = np.where(moves, self.theta, 0.0) * (at.theta - self.anchor.theta)
        free = np.where(free_moves, self.free, 0.0) * (at.free - self.anchor.free)
        if self.terms is not None:
            by_theta, by_free = self.terms.rows(at)
            theta = theta + self.variance * by_theta.rho * by_theta.slope * moves
            free = free + self.variance * by_free.rho * by_free.slope * free_moves
        return Point(theta, free)


def _penalty(precision: Float[np.ndarray, "..."], distance: Float[np.ndarray, "..."]) -> float:
    finite = np.isfinite(precision)
    return float(np.sum(np.where(finite, precision, 0.0) * distance**2))


@dataclass(frozen=True, eq=False)
class LmState:
    """Arguments: cost: loss plus penalties. loss: of the data. damping, growth: of the method. accepted: whether the last
    step was taken."""

    point: Point
    linear: Linear
    cost: float
    loss: float
    damping: float
    growth: float = 2.0
    accepted: bool = True
    decrease: float = 1.0
    """Relative decrease of the cost in the last step."""
    stuck: bool = False
    promised: float = 1.0
    """The same as the linearised residuals predicted it: at a minimum the roundoff may refuse what is left."""


SHARED_WORK = 5e8
"""Operations of one product that are worth a thread of their own."""
MANY_THREADS = 3e10
"""Operations from which the normal equations are worth more than one thread."""
FLOOR, FLOOR_OF_MANY = 1e-6, 1e-3
"""Least damping of an unknown as a part of the largest, and where there are so many unknowns that they are weights:"""
MANY = 50
FIXED = 1e30
"""Precision of what does not move."""
Linearise = Callable[[Point], Linear]
Solved = tuple[Float[np.ndarray, " theta"], Float[np.ndarray, "row state"], float]


def lm_start(linearise: Linearise, point: Point, prior: Prior, damping: float = 1e-3) -> LmState:
    """Evaluate ``point``."""
    linear = linearise(point)
    return LmState(point, linear, linear.loss + linear.path_loss + prior.value(point), linear.loss, damping)


def lm_rebase(state: LmState, prior: Prior) -> LmState:
    """The same point under another prior."""
    return replace(state, cost=state.loss + state.linear.path_loss + prior.value(state.point))


def lm_step(linearise: Linearise, state: LmState, prior: Prior, least: float = 0.0) -> LmState:
    """One trial step: one linearisation, kept if the cost went down, else only the damping changes.

    Parameters
    ----------
    least
        A step that promises a smaller relative decrease of the cost is not tried; the state stays as it is.
    """
    proposed = lm_propose(state, prior, least)
    if isinstance(proposed, LmState):
        return proposed
    return lm_accept(state, prior, proposed, linearise(proposed.point))


@dataclass
class LookAhead:
    """Steps of Levenberg-Marquardt that linearise a trial point together with those that follow if it is rejected.

    Where a solution of a few numbers is found step by step, several points together cost hardly more than one. What is
    accepted is what ``lm_step`` accepts.

    Parameters
    ----------
    linearise
        At several points at once, each as if it were alone.
    """

    linearise: Callable[[Sequence[Point]], list[Linear]]
    _known: list[tuple[Point, Linear]] = field(default_factory=list)

    def step(self, state: LmState, prior: Prior, least: float = 0.0) -> LmState:
        """As ``lm_step``."""
        proposed = lm_propose(state, prior, least)
        if isinstance(proposed, LmState):
            return proposed
        if not self._known or not _same(self._known[0][0], proposed.point):
            points, next_ = [proposed.point], state
            while len(points) <= AHEAD:
                next_ = _rejected(next_)
                further = lm_propose(next_, prior)
                if isinstance(further, LmState):
                    break
                points.append(further.point)
            self._known = list(zip(points, self.linearise(points), strict=True))
        found = lm_accept(state, prior, proposed, self._known.pop(0)[1])
        if found.accepted:
            self._known = []
        return found


AHEAD = 3
"""Steps after rejections that are looked at ahead."""


def _same(one: Point, other: Point) -> bool:
    return np.array_equal(one.theta, other.theta) and np.array_equal(one.free, other.free)


class Proposal(NamedTuple):
    """A point to be tried, and the decrease of the cost that the linearised residuals predict there."""

    point: Point
    predicted: float


def lm_propose(state: LmState, prior: Prior, least: float = 0.0) -> Proposal | LmState:
    """Where the next step leads; a state where there is nothing to try (see ``lm_step``)."""
    rows, residuals, size = state.linear.d_theta.shape
    few = rows * residuals * size * min(rows * residuals, size) < MANY_THREADS
    with one_thread() if few else nullcontext():
        solved = solve(state, prior)
    if solved is None:
        return _rejected(state)
    d_theta, d_free, predicted = solved
    promised = predicted / max(state.cost, 1e-300)
    if promised < least:
        return replace(state, accepted=False, decrease=0.0, promised=promised)
    point = Point(state.point.theta + d_theta, state.point.free + d_free + state.linear.held_step)
    return Proposal(point, predicted)


def lm_accept(state: LmState, prior: Prior, proposed: Proposal, linear: Linear) -> LmState:
    """The state after a trial step whose end was linearised."""
    point, predicted = proposed
    promised = predicted / max(state.cost, 1e-300)
    with np.errstate(all="ignore"):
        loss = linear.loss
        cost = loss + linear.path_loss + prior.value(point)
    usable = np.isfinite(cost) and np.isfinite(linear.d_theta).all() and np.isfinite(linear.d_free).all()
    if usable and linear.path is not None:
        usable = np.isfinite(linear.path.d_theta).all() and np.isfinite(linear.path.d_free).all()
    if not usable or cost >= state.cost:
        return replace(_rejected(state), promised=promised)
    gain = (state.cost - cost) / max(predicted, 1e-300)
    damping = max(state.damping * max(1 / 9, 1 - (2 * min(gain, 1.0) - 1) ** 3), 1e-14)
    decrease = (state.cost - cost) / max(state.cost, 1e-300)
    return LmState(point, linear, cost, loss, damping, decrease=decrease, promised=promised)


def _rejected(state: LmState) -> LmState:
    return replace(
        state, damping=min(state.damping * state.growth, 1e14), growth=state.growth * 2, accepted=False, decrease=0.0
    )


def solve(state: LmState, prior: Prior) -> Solved | None:
    """The damped Gauss-Newton step and the decrease it predicts; None if the matrix is not positive definite."""
    linear, at = with_path(state.linear), state.point
    moves, free_moves = np.isfinite(prior.theta), np.isfinite(prior.free)
    curvature, slopes = prior.curvature(at), prior.slope(at)
    # rows without training samples (held out, padding) have nothing to say
    used = _filled(linear.r)
    J = linear.d_theta[used]
    V = np.where(free_moves[used][:, None, :], linear.d_free[used], 0.0)
    r = linear.r[used]
    # what is fixed is held by its precision; cutting its columns out would copy the Jacobian
    precision, slope = np.where(moves, curvature.theta, FIXED), slopes.theta
    inside = free_moves[used]
    row_precision, row_slope = np.where(inside, curvature.free[used], 1.0), slopes.free[used]
    flat = J.reshape(J.shape[0] * J.shape[1], J.shape[2])  # also for no column at all
    gradient = np.where(moves, flat.T @ r.ravel() + slope, 0.0)
    row_gradient = np.einsum("brs,br->bs", V, r) + row_slope
    row_damp = state.damping * _floored(np.einsum("brs,brs->bs", V, V))
    try:
        if np.count_nonzero(r) < 0.8 * moves.sum() and free_moves.sum() < 500:
            damp = state.damping * _floored(np.einsum("ij,ij->j", flat, flat))
            d, e = _solve_dual(flat, V, precision + damp, row_precision + row_damp, gradient, row_gradient)
        else:
            H = _gram(flat)
            damp = state.damping * _floored(np.diagonal(H))
            H[np.diag_indices_from(H)] += precision + damp
            d, e = _solve_schur(H, J, V, row_precision + row_damp, gradient, row_gradient)
    except (scipy.linalg.LinAlgError, np.linalg.LinAlgError, ValueError):
        return None
    if not (np.isfinite(d).all() and np.isfinite(e).all()):
        return None
    predicted = float(-(gradient @ d) - np.sum(row_gradient * e))
    predicted = float(np.sum(damp * d * d) + np.sum(row_damp * e * e) + predicted)
    d_theta, d_free = np.zeros_like(at.theta), np.zeros_like(at.free)
    d_theta[moves], d_free[used] = d[moves], np.where(inside, e, 0.0)
    return d_theta, d_free, predicted


def with_path(linear: Linear) -> Linear:
    """Residuals of penalties along the path behind those of the data, as further residuals of each row."""
    if linear.path is None:
        return linear
    joined = (
        np.concatenate(pair, axis=1)
        for pair in zip((linear.r, linear.d_theta, linear.d_free), linear.path, strict=True)
    )
    r, d_theta, d_free = joined
    return linear._replace(r=r, d_theta=d_theta, d_free=d_free, path=None)


def _floored(diagonal: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Marquardt's scaling, with a floor so that directions the data do not see are damped too.

    The weights of a network are alike in size and act together: those that hardly matter yet would leap ahead.
    """
    largest = float(diagonal.max()) if diagonal.size else 0.0
    floor = FLOOR_OF_MANY if diagonal.ndim == 1 and diagonal.size > MANY else FLOOR
    return np.maximum(diagonal, floor * largest if largest > 0 else 1.0)


def _filled(r: Float[np.ndarray, "row residual"]) -> slice | Int[np.ndarray, " used"]:
    """Rows that have something to say; a slice, which copies nothing, where they come first (as a batch sorts them)."""
    used = np.flatnonzero(r.any(axis=1))
    return slice(0, len(used)) if len(used) and used[-1] == len(used) - 1 else used


def _gram(A: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "p p"]:
    """A^T A, in pieces side by side where it is large; NumPy sees the symmetry and does half the work."""
    pieces = min(cores(), int(A.size * float(A.shape[1]) / SHARED_WORK))
    if pieces < 2:
        return A.T @ A
    bounds = np.linspace(0, len(A), pieces + 1).astype(int)
    parts = [A[a:b] for a, b in itertools.pairwise(bounds)]
    with ThreadPoolExecutor(pieces) as pool, one_thread():
        return sum(pool.map(lambda part: part.T @ part, parts[1:]), parts[0].T @ parts[0])


def _cholesky_solve(H: Float[np.ndarray, "p p"], b: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """Solve with the upper triangle of H."""
    if not len(b):
        return b
    factor = scipy.linalg.cholesky(H, lower=False, overwrite_a=True, check_finite=True)
    return scipy.linalg.cho_solve((factor, False), b, check_finite=False)


def _solve_schur(
    H: Float[np.ndarray, "p p"],
    J: Float[np.ndarray, "row residual p"],
    V: Float[np.ndarray, "row residual state"],
    row_added: Float[np.ndarray, "row state"],
    gradient: Float[np.ndarray, " p"],
    row_gradient: Float[np.ndarray, "row state"],
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "row state"]]:
    blocks = np.einsum("brs,brt->bst", V, V)
    states = np.arange(V.shape[-1])
    blocks[:, states, states] += row_added
    lower = np.linalg.cholesky(blocks)
    # W = L^-1 V^T J: H - W^T W eliminates the row blocks
    W = np.linalg.solve(lower, np.matmul(V.transpose(0, 2, 1), J))
    w = np.linalg.solve(lower, row_gradient[..., None])
    stacked = W.reshape(W.shape[0] * W.shape[1], W.shape[2])
    H = H - _gram(stacked)
    d = _cholesky_solve(H, -(gradient - stacked.T @ w.ravel()))
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
    root = np.sqrt(np.concatenate([added, row_added.ravel()]))
    A /= root
    g = np.concatenate([gradient, row_gradient.ravel()]) / root
    K = A @ A.T
    K[np.diag_indices_from(K)] += 1.0
    x = _cholesky_solve(K, A @ g)
    step = -(g - A.T @ x) / root
    return step[: len(added)], step[len(added) :].reshape(rows, states)


def profile(
    r: Float[np.ndarray, "row residual"],
    d_free: Float[np.ndarray, "row residual state"],
    held: Bool[np.ndarray, " row"],
) -> tuple[float, Float[np.ndarray, "row state"]]:
    """Validation loss with the initial values of held-out rows fitted to first order, and the change that fits them.

    The measured start of a held-out trajectory carries noise that would otherwise be counted as an error of the model;
    theta never sees these samples.
    """
    step = np.zeros((len(r), d_free.shape[-1]))
    fitted = r.copy()
    for b in np.flatnonzero(held):
        V = d_free[b]
        with np.errstate(all="ignore"):
            H = V.T @ V
        if not (np.isfinite(H).all() and np.isfinite(r[b]).all() and H.any()):
            continue
        H[np.diag_indices_from(H)] += 1e-3 * np.trace(H) / len(H) + 1e-300
        move = np.clip(-np.linalg.solve(H, V.T @ r[b]), -0.3, 0.3)
        step[b], fitted[b] = move, r[b] + V @ move
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(fitted**2)), step


def frozen(n: int, moves: Bool[np.ndarray, " n"], precision: float = 0.0) -> Float[np.ndarray, " n"]:
    """Precisions of a vector: ``precision`` where it moves, infinite elsewhere."""
    found = np.full(n, np.inf)
    found[moves] = precision
    return found
