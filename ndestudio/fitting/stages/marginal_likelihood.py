"""The strength of the penalty on weights by the marginal likelihood of the data under the linearised fit.

Where nothing is held out, the data themselves tell how strong the penalty should be. With noise of variance s^2 and a
Gaussian prior of variance s^2/l2 on the weights, the marginal likelihood is largest where

    l2 = gamma s^2 / |w|^2,    s^2 = loss / (n - gamma),

gamma being the number of weights that the data determine (MacKay 1992, Neural Computation 4, 448; with the Gauss-Newton
matrix: Foresee and Hagan 1997, Proc. ICNN, 1930). Strength and fit take turns until both stand still.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, Point, Prior
from ndestudio.fitting.optimizers.minimise import LevenbergMarquardt, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.refinement import refined_objective, refined_prior
from ndestudio.fitting.stages.stages import CLOSE_ENOUGH, Budget, Outcome, Reported, penalty
from ndestudio.fitting.tracker import Tracker
from ndestudio.solve.jax_backend import one_thread

MOST_WORK = 2e10
"""Operations of one update beyond which data are so many that their own noise level serves."""
MOST_FREEDOM = 0.8
"""Part of the values that weights may use up: the rest tells the noise."""
TRUST = 0.7
"""Part of the way (of the logarithm) to the new strength that an update goes."""
STANDS = 0.05
"""Change of the logarithm below which the strength stands still."""
AT_LEAST_EVERY = 5
"""Steps after which the strength is looked at again, converged or not."""
PROMISE = 1e-6
"""Relative decrease of the cost that is worth a step."""
MOST_DAMPING = 1e7


def uses_marginal_likelihood(problem: PreparedFit, batch: Batch) -> bool:
    """Whether the marginal likelihood chooses the strength: nothing held out, noise in the data, a size that can be
    afforded."""
    if problem.train.l2 is not None or problem.clean or bool(batch.target.validation.any()):
        return False
    values, size = int(np.count_nonzero(batch.target.train)), int(problem.space.free.sum())
    trains = bool(problem.space.free[problem.space.weights].any())
    return trains and values > 0 and float(values) * size * min(values, size) < MOST_WORK


def strength(problem: PreparedFit, linear: Linear, point: Point, prior: Prior) -> float | None:
    """The strength that makes the data most likely, seen from ``point``; None where they say nothing about it."""
    determined, values = determined_weights(problem, linear, prior, point)
    weights = problem.space.weights
    moves = np.isfinite(prior.theta[weights])
    squares = float(np.sum((point.theta - prior.anchor.theta)[weights][moves] ** 2))
    loss = float(np.sum(linear.r**2))
    if values < 3 or not squares > 0 or not determined > 0 or not np.isfinite(loss):
        return None
    determined = min(determined, MOST_FREEDOM * values)
    return determined * loss / (values - determined) / squares


def determined_weights(
    problem: PreparedFit, linear: Linear, prior: Prior, point: Point | None = None
) -> tuple[float, int]:
    """gamma, and the values left once every free initial value has taken one of them."""
    J, values = _without_starts(linear, np.isfinite(prior.free))
    precision = prior.curvature(point or prior.anchor).theta
    moves = np.isfinite(precision) & (precision > 0)
    ours = np.zeros(len(moves), dtype=bool)
    ours[problem.space.weights] = True
    scaled = J[:, moves] / np.sqrt(precision[moves])
    ours = ours[moves]
    with one_thread():
        if len(scaled) <= scaled.shape[1]:
            A = scaled @ scaled.T
            A[np.diag_indices_from(A)] += 1.0
            factor = scipy.linalg.cholesky(A, lower=True)
            explained = scipy.linalg.solve_triangular(factor, scaled[:, ours], lower=True)
            return float(np.sum(explained**2)), values
        B = scaled.T @ scaled
        B[np.diag_indices_from(B)] += 1.0
        inverse = scipy.linalg.inv(B)
        return float(ours.sum() - np.diagonal(inverse)[ours].sum()), values


def _without_starts(linear: Linear, moves: np.ndarray) -> tuple[Float[np.ndarray, "value theta"], int]:
    """Derivatives by theta at all values that count, once the initial value of each row follows freely."""
    parts, values = [], 0
    for r, J, V, free in zip(linear.r, linear.d_theta, linear.d_free, moves, strict=True):
        used = (r != 0) | J.any(axis=1)
        if not r.any():
            continue
        J, V = J[used], V[used][:, free]
        V = V[:, V.any(axis=0)]
        if V.shape[1]:
            Q, _ = np.linalg.qr(V)
            J = J - Q @ (Q.T @ J)
        parts.append(J)
        values += max(len(J) - V.shape[1], 0)
    return (np.concatenate(parts) if parts else np.zeros((0, linear.d_theta.shape[2]))), values


def follow_marginal_likelihood(tracker: Tracker, engine: JaxEngine, point: Point, budget: Budget) -> Outcome:
    """Levenberg-Marquardt on whole trajectories, the penalty following the marginal likelihood; its end is the best
    model.

    Each strength is fitted to its end, or for ``AT_LEAST_EVERY`` steps, before the next one.
    """
    problem, batch = engine.problem, engine.batch
    first = tracker.rows[-1][0] if tracker.rows else 0
    rules = Stopping(AT_LEAST_EVERY, decrease=budget.tolerance, damping=MOST_DAMPING, promise=PROMISE)
    monitor = _Evident(tracker, batch, budget.steps, first)
    l2: float | None = None
    at: Point | LmState = point
    damping, reason = 1e-3, "limit"

    def prior(state: LmState | None) -> Prior:
        nonlocal l2
        if state is None:
            return refined_prior(problem, batch, point, 1.0)
        l2 = penalty(problem, state.loss) if l2 is None else l2
        return refined_prior(problem, batch, point, state.loss, l2)

    objective = refined_objective(engine, batch, point)
    objective.prior = prior
    while True:
        left = replace(rules, steps=min(AT_LEAST_EVERY, budget.steps - monitor.made))
        found = minimise(LevenbergMarquardt(damping), objective, at, stopping=left, monitor=monitor)
        if not found.finite:
            return Outcome(point, np.inf, np.nan, "stuck")
        state = found.state
        better = strength(problem, state.linear, state.point, prior(state))
        assert l2 is not None
        change = 0.0 if better is None else float(np.log(better / l2))
        still = found.reason != "limit"
        if (still and abs(change) < STANDS) or state.loss < CLOSE_ENOUGH[problem.train.preset]:
            reason = "converged"
        if reason == "converged" or monitor.made >= budget.steps:
            break
        l2 *= float(np.exp(TRUST * change))
        at, damping = state, min(state.damping, 1e-2)
    tracker.strength = l2
    return Outcome(state.point, state.loss, state.linear.validation, reason)


class _Evident(Reported):
    """Reports accepted steps; under a stronger penalty the loss may rise, and it is no worse for that."""

    made = 0

    def begin(self, state: LmState) -> None:
        pass

    def step(self, number: int, state: LmState) -> None:
        del number
        self.made += 1
        if state.accepted:
            self.tracker.best_score = np.inf
            self.report(state, self.first + self.made, self.made / self.steps)
