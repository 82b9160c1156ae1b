"""Confidence limits of parameters: Laplace's approximation with networks and initial values marginalised.

The loss is a mean of squared errors; with noise variance s^2 and n values the posterior precision at its minimum is
(n / s^2)(J^T J + P), P the penalties. Its inverse, not the inverse of its block for the parameters, gives their
variances: what a network or a start could take over makes a parameter less certain.
s^2 is the loss by the degrees of freedom left, n - trace((J^T J + P)^-1 J^T J) (Hastie, Tibshirani and Friedman 2009,
The Elements of Statistical Learning, section 7.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.stats
from jaxtyping import Float

from ndestudio.train.backend import one_thread
from ndestudio.train.lm import Linear, Point, Prior
from ndestudio.train.problem import Problem

LEVEL = 0.95
LARGEST = 4000
"""Unknowns up to which the covariance is computed."""
UNSURE = 0.6
"""Standard deviation of the trained number (which is of order one) from which a parameter counts as undetermined."""
TIED = 0.98
"""Correlation from which two parameters count as tied to each other."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Arguments: covariance: of the trained numbers of the free parameters named. freedom: residual degrees of freedom."""

    names: tuple[str, ...]
    covariance: Float[np.ndarray, "parameter parameter"]
    variance: float
    freedom: float
    intervals: dict[str, tuple[float, float]]
    notes: tuple[str, ...]


def uncertainty(problem: Problem, linear: Linear, point: Point, prior: Prior) -> Uncertainty | None:
    """Limits of the free parameters at a minimum; None where they cannot be had (no values to spare, too many unknowns)."""
    count = len(problem.structure.parameters)
    moves, free_moves = np.isfinite(prior.theta), np.isfinite(prior.free)
    parameters = np.flatnonzero(moves[:count])
    if not len(parameters):
        return None
    A = _jacobian(linear, moves, free_moves)
    precision = np.concatenate([prior.theta[moves], prior.free[free_moves]])
    values = int(np.count_nonzero(linear.d_theta.any(axis=2) | linear.d_free.any(axis=2) | (linear.r != 0)))
    if A.shape[1] > LARGEST or values < 3 or not np.isfinite(A).all():
        return None
    with one_thread():
        found = _covariance(A, precision, np.searchsorted(np.flatnonzero(moves), parameters))
    if found is None:
        return None
    covariance, effective = found
    freedom = values - effective
    if freedom < 1:
        return None
    variance = float(np.sum(linear.r**2)) * values / freedom
    covariance = covariance * variance / values
    names = tuple(problem.structure.parameters[k] for k in parameters)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Uncertainty(
        names,
        covariance,
        variance,
        freedom,
        _limits(problem, point, parameters, deviation, freedom),
        _notes(problem, names, covariance, deviation),
    )


def _jacobian(linear: Linear, moves: np.ndarray, free_moves: np.ndarray) -> Float[np.ndarray, "all unknown"]:
    rows, residuals, _ = linear.d_free.shape
    theta = linear.d_theta.reshape(rows * residuals, -1)[:, moves]
    places = np.argwhere(free_moves)
    starts = np.zeros((rows, residuals, len(places)))
    for column, (b, s) in enumerate(places):
        starts[b, :, column] = linear.d_free[b, :, s]
    A = np.concatenate([theta, starts.reshape(rows * residuals, -1)], axis=1)
    return A[A.any(axis=1)]


def _covariance(
    A: Float[np.ndarray, "n unknown"], precision: Float[np.ndarray, " unknown"], wanted: np.ndarray
) -> tuple[Float[np.ndarray, "parameter parameter"], float] | None:
    H = A.T @ A
    tiny = 1e-14 * max(float(np.trace(H)) / len(H), 1e-300)
    P = np.maximum(precision, tiny)
    full = H.copy()
    full[np.diag_indices_from(full)] += P
    try:
        factor = scipy.linalg.cho_factor(full, lower=True)
    except scipy.linalg.LinAlgError:
        return None
    unit = np.zeros((len(H), len(wanted)))
    unit[wanted, np.arange(len(wanted))] = 1.0
    covariance = scipy.linalg.cho_solve(factor, unit)[wanted]
    inverse = scipy.linalg.cho_solve(factor, np.eye(len(H)))
    effective = len(H) - float(np.sum(np.diag(inverse) * P))
    return covariance, effective


def _limits(
    problem: Problem, point: Point, parameters: np.ndarray, deviation: np.ndarray, freedom: float
) -> dict[str, tuple[float, float]]:
    """Limits in the unbounded space, mapped to physical values: bounds are kept."""
    factor = float(scipy.stats.t.ppf(0.5 + LEVEL / 2, freedom))
    count = len(problem.structure.parameters)
    mapping = problem.space.constants.bijection
    found = {}
    for k, width in zip(parameters, factor * deviation, strict=True):
        ends = []
        for sign in (-1, 1):
            z = point.theta[:count].copy()
            z[k] += sign * width
            with np.errstate(all="ignore"):
                ends.append(float(mapping.forward(z)[k]))
        found[problem.structure.parameters[k]] = (min(ends), max(ends))
    return found


def _notes(problem: Problem, names: tuple[str, ...], covariance: np.ndarray, deviation: np.ndarray) -> tuple[str, ...]:
    """Sentences about parameters that the data do not determine."""
    notes = []
    holes = [hole.name for hole in problem.structure.holes]
    unsure = [name for name, width in zip(names, deviation, strict=True) if width > UNSURE]
    for name in unsure:
        if holes:
            beside = " and ".join(f"`{hole}`" for hole in holes)
            notes.append(
                f"The data hardly determine `{name}` beside the learned {beside}: they can take over its part. "
                "Fix it, bound it, or constrain the hole."
            )
        else:
            notes.append(f"The data hardly determine `{name}`: fix it, bound it, or measure more.")
    with np.errstate(all="ignore"):
        correlation = covariance / np.outer(deviation, deviation)
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if names[i] not in unsure and names[j] not in unsure]
    notes += [
        f"`{names[j]}` and `{names[i]}` are tied to each other (correlation {correlation[i, j]:.3f}): the data determine "
        "a combination of the two better than each."
        for i, j in pairs
        if abs(correlation[i, j]) > TIED
    ]
    return tuple(notes)
