"""Confidence limits of parameters: Laplace's approximation with networks and initial values marginalised.

With residuals r (their squares sum to the loss), their Jacobian J, and the penalties P, C = (J^T J + P)^-1 is the
posterior covariance in units of the noise; its block for the parameters, not the inverse of their block, gives their
variances: what a network or a start could take over makes a parameter less certain.

The noise need not be the same in all columns: with variance s_c^2 in column c,

    covariance = C (sum_c s_c^2 J_c^T J_c + s^2 P) C

(the sandwich estimate by groups of residuals, White 1980, Econometrica 48, 817; with equal variances it is s^2 C).
s_c^2 is the sum of squares of the column by the degrees of freedom left in it, n_c - trace(C J_c^T J_c) (MacKay 1992,
Neural Computation 4, 415: the effective number of parameters; Hastie, Tibshirani and Friedman 2009, section 7.6).
Limits are those of Student's t with Satterthwaite's (1946) degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.stats
from jaxtyping import Bool, Float, Int

from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point, Prior
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.solve.jax_backend import one_thread

LEVEL = 0.95
LARGEST = 4000
"""Unknowns up to which the covariance is computed."""
LEAST_FREEDOM = 0.2
"""A fit that follows nearly all values tells little of their noise."""
FEW = 3.0
"""Degrees of freedom from which a column has a noise level of its own."""
REACH = 1.0
"""Standard deviations up to which an estimate is moved by the last Gauss-Newton step."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Arguments:
    covariance: of the trained numbers of the free parameters named.
    center: their estimates: where one Gauss-Newton step from the point leads.
    variance: of the noise, in units of the loss. freedom: residual degrees of freedom.
    effective: number of unknowns (parameters, weights, initial values) that the data determine.
    intervals: parameter -> limits in physical units.
    point, normal: where it was found, and the normal equations there.
    profiled: parameters whose limits are those of a profile, since they lie at a bound or far from a parabola.
    """

    names: tuple[str, ...]
    covariance: Float[np.ndarray, "parameter parameter"]
    center: Float[np.ndarray, " parameter"]
    variance: float
    freedom: float
    effective: float
    intervals: dict[str, tuple[float, float]]
    point: Point
    normal: Normal
    profiled: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Normal:
    """The normal equations at a point: the unknowns that move are [theta | initial values], in this order.

    Parameters
    ----------
    inverse
        C.
    gram
        J_c^T J_c of each column.
    squares, values
        Sum of squared residuals and their number by column.
    slope
        Gradient of half the cost.
    columns
        Which measured columns these are.
    path
        What penalties along the path add to the matrix.
    """

    inverse: Float[np.ndarray, "unknown unknown"]
    gram: Float[np.ndarray, "column unknown unknown"]
    squares: Float[np.ndarray, " column"]
    values: Int[np.ndarray, " column"]
    precision: Float[np.ndarray, " unknown"]
    slope: Float[np.ndarray, " unknown"]
    moves: Bool[np.ndarray, " theta"]
    columns: Int[np.ndarray, " column"]
    path: Float[np.ndarray, "unknown unknown"] | float = 0.0

    @property
    def effective(self) -> Float[np.ndarray, " column"]:
        """Unknowns determined by each column."""
        return np.einsum("ij,cji->c", self.inverse, self.gram)

    def freedom(self, measured: int) -> Float[np.ndarray, " measured"]:
        """Part of the values of each measured column that the fit leaves free, at least a fifth (1 without values)."""
        found = np.ones(measured)
        found[self.columns] = np.clip(1.0 - self.effective / self.values, LEAST_FREEDOM, 1.0)
        return found

    def place(self, theta: Int[np.ndarray, " index"]) -> Int[np.ndarray, " index"]:
        """Positions of entries of theta (that move) among the unknowns."""
        return np.searchsorted(np.flatnonzero(self.moves), theta)


def uncertainty(problem: PreparedFit, linear: Linear, point: Point, prior: Prior) -> Uncertainty | None:
    """Limits of the free parameters at a minimum; None where they cannot be had (no values to spare, too many unknowns)."""
    count = len(problem.structure.parameters)
    parameters = np.flatnonzero(np.isfinite(prior.theta)[:count])
    with one_thread():
        normal = normal_equations(linear, point, prior, len(problem.structure.measured))
        if normal is None:
            return None
        effective = normal.effective
        noise = column_noise(normal, effective)
        freedom = float(normal.values.sum() - effective.sum())
        if noise is None or freedom < 1:
            return None
        place = normal.place(parameters)
        parts = _parts(normal, noise, place)
    names = tuple(problem.structure.parameters[k] for k in parameters)
    covariance = parts.sum(axis=0)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    step = -(normal.inverse[place] @ normal.slope)
    center = point.theta[parameters] + np.clip(step, -REACH * deviation, REACH * deviation)
    factor = scipy.stats.t.ppf(0.5 + LEVEL / 2, _degrees(parts, normal.values - effective))
    return Uncertainty(
        names=names,
        covariance=covariance,
        center=center,
        variance=float(normal.squares.sum() * normal.values.sum()) / freedom,
        freedom=freedom,
        effective=float(effective.sum()),
        intervals=_limits(problem, point, parameters, center, deviation * factor),
        point=point,
        normal=normal,
    )


def _degrees(
    parts: Float[np.ndarray, "part parameter parameter"], spare: Float[np.ndarray, " column"]
) -> Float[np.ndarray, " parameter"]:
    """Satterthwaite's degrees of freedom of each variance, a sum over columns with ``spare`` degrees each."""
    shares = np.diagonal(parts, axis1=1, axis2=2)
    shares = shares / np.maximum(shares.sum(axis=0), 1e-300)
    spread = (shares[:-1] ** 2 / np.maximum(spare, 1.0)[:, None]).sum(axis=0)
    return np.clip(1.0 / np.maximum(spread, 1e-9), 1.0, 1e9)


def normal_equations(linear: Linear, point: Point, prior: Prior, measured: int) -> Normal | None:
    """Of residuals that go through ``measured`` columns sample by sample; None where there are too many unknowns, too few values, or the matrix cannot be inverted."""
    moves, free_moves = np.isfinite(prior.theta), np.isfinite(prior.free)
    residuals = linear.d_free.shape[1]
    columns = np.arange(residuals) % measured
    places = np.argwhere(free_moves)
    size = int(moves.sum()) + len(places)
    if size > LARGEST or not np.isfinite(linear.d_theta).all() or not np.isfinite(linear.d_free).all():
        return None
    A = _wide(linear.d_theta, linear.d_free, moves, places)
    used = linear.d_theta.any(axis=2) | linear.d_free.any(axis=2) | (linear.r != 0)
    if used.sum() < 3:
        return None
    gram, squares, values, seen = [], [], [], []
    for column in np.unique(columns):
        chosen = used & (columns == column)
        if chosen.any():
            part = A[chosen]
            gram.append(part.T @ part)
            squares.append(float(np.sum(linear.r[chosen] ** 2)))
            values.append(int(chosen.sum()))
            seen.append(int(column))
    curvature, pull = prior.curvature(point), prior.slope(point)
    precision = np.concatenate([curvature.theta[moves], curvature.free[free_moves]])
    slope = np.einsum("bru,br->u", A, linear.r) + np.concatenate([pull.theta[moves], pull.free[free_moves]])
    along: Float[np.ndarray, "unknown unknown"] | float = 0.0
    if linear.path is not None:
        path = linear.path
        B = _wide(path.d_theta, path.d_free, moves, places)
        slope += np.einsum("bru,br->u", B, path.r)
        along = np.einsum("bru,brv->uv", B, B)
    inverse = _inverse(np.sum(gram, axis=0) + along, precision)
    if inverse is None:
        return None
    sums = np.array(gram), np.array(squares), np.array(values)
    return Normal(inverse, *sums, precision, slope, moves, np.array(seen), along)


def _wide(
    d_theta: Float[np.ndarray, "row residual theta"],
    d_free: Float[np.ndarray, "row residual state"],
    moves: Bool[np.ndarray, " theta"],
    places: Int[np.ndarray, "start 2"],
) -> Float[np.ndarray, "row residual unknown"]:
    """Derivatives by all unknowns that move, [theta | initial values]."""
    count = int(moves.sum())
    A = np.zeros((*d_theta.shape[:2], count + len(places)))
    A[..., :count] = d_theta[..., moves]
    for column, (b, s) in enumerate(places):
        A[b, :, count + column] = d_free[b, :, s]
    return A


def _inverse(H: Float[np.ndarray, "n n"], precision: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"] | None:
    if not len(H):
        return np.zeros((0, 0))
    tiny = 1e-14 * max(float(np.trace(H)) / len(H), 1e-300)
    full = H.copy()
    full[np.diag_indices_from(full)] += np.maximum(precision, tiny)
    try:
        factor = scipy.linalg.cho_factor(full, lower=True)
    except (scipy.linalg.LinAlgError, ValueError):
        return None
    return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(H))))


def column_noise(normal: Normal, effective: Float[np.ndarray, " column"]) -> Float[np.ndarray, " column"] | None:
    """Variance of a residual of each column; columns without values to spare share the common one."""
    spare = normal.values - effective
    if spare.sum() < 1:
        return None
    common = normal.squares.sum() / spare.sum()
    return np.where(spare >= FEW, normal.squares / np.maximum(spare, FEW), common)


def _parts(
    normal: Normal, noise: Float[np.ndarray, " column"], place: Int[np.ndarray, " index"]
) -> Float[np.ndarray, "part parameter parameter"]:
    """What each column's noise, and at last the penalty, adds to the covariance."""
    C = normal.inverse[place]
    common = float(noise @ normal.values) / float(normal.values.sum())
    parts = [variance * (C @ gram @ C.T) for variance, gram in zip(noise, normal.gram, strict=True)]
    penalties = (C * normal.precision) @ C.T + (C @ normal.path @ C.T if isinstance(normal.path, np.ndarray) else 0.0)
    return np.array([*parts, common * penalties])


def _limits(
    problem: PreparedFit,
    point: Point,
    parameters: Int[np.ndarray, " parameter"],
    center: Float[np.ndarray, " parameter"],
    reach: Float[np.ndarray, " parameter"],
) -> dict[str, tuple[float, float]]:
    """Limits in the unbounded space, mapped to physical values: bounds are kept."""
    count = len(problem.structure.parameters)
    mapping = problem.space.constants.bijection
    found = {}
    for k, middle, width in zip(parameters, center, reach, strict=True):
        ends = []
        for sign in (-1, 1):
            z = point.theta[:count].copy()
            z[k] = middle + sign * width
            with np.errstate(all="ignore"):
                ends.append(float(mapping.forward(z)[k]))
        found[problem.structure.parameters[k]] = (min(ends), max(ends))
    return found
