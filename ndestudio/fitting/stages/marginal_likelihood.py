"""The strength of the penalty on weights by the evidence: the marginal likelihood of the data under the linearised fit.

Where nothing is held out, the data themselves tell how strong the penalty should be. With noise of variance s^2 and a
Gaussian prior of variance s^2/l2 on the weights, the evidence is largest where

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
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point, Prior, lm_rebase, lm_start, lm_step
from ndestudio.fitting.problem import Problem
from ndestudio.fitting.stages.refinement import settled_prior
from ndestudio.fitting.stages.stages import CLOSE_ENOUGH, Budget, Outcome, reweigh
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


def evident(problem: Problem, batch: Batch) -> bool:
    """Whether the evidence chooses the strength: nothing held out, noise in the data, a size that can be afforded."""
    if problem.train.l2 is not None or problem.clean or bool(batch.target.validation.any()):
        return False
    values, size = int(np.count_nonzero(batch.target.train)), int(problem.space.free.sum())
    trains = bool(problem.space.free[problem.space.weights].any())
    return trains and values > 0 and float(values) * size * min(values, size) < MOST_WORK


def strength(problem: Problem, linear: Linear, point: Point, prior: Prior) -> float | None:
    """The strength that makes the data most likely, seen from ``point``; None where they say nothing about it."""
    determined, values = determined_weights(problem, linear, prior)
    weights = problem.space.weights
    moves = np.isfinite(prior.theta[weights])
    squares = float(np.sum((point.theta - prior.anchor.theta)[weights][moves] ** 2))
    loss = float(np.sum(linear.r**2))
    if values < 3 or not squares > 0 or not determined > 0 or not np.isfinite(loss):
        return None
    determined = min(determined, MOST_FREEDOM * values)
    return determined * loss / (values - determined) / squares


def determined_weights(problem: Problem, linear: Linear, prior: Prior) -> tuple[float, int]:
    """gamma, and the values left once every free initial value has taken one of them."""
    J, values = _without_starts(linear, np.isfinite(prior.free))
    moves = np.isfinite(prior.theta) & (prior.theta > 0)
    ours = np.zeros(len(moves), dtype=bool)
    ours[problem.space.weights] = True
    scaled = J[:, moves] / np.sqrt(prior.theta[moves])
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


def follow_evidence(tracker: Tracker, engine: JaxEngine, point: Point, budget: Budget) -> Outcome:
    """Levenberg-Marquardt on whole trajectories, the penalty following the evidence; its end is the best model."""
    problem, batch = engine.problem, engine.batch
    state = lm_start(engine.linearise, point, settled_prior(problem, batch, point, 1.0))
    if not np.isfinite(state.cost):
        return Outcome(point, np.inf, np.nan, "stuck")
    first = tracker.rows[-1][0] if tracker.rows else 0
    prior = settled_prior(problem, batch, point, state.loss)
    slow, since, reason = 0, 0, "limit"
    for k in range(1, budget.steps + 1):
        tracker.poll()
        if problem.train.loss == "huber" and state.accepted:
            state = reweigh(engine, batch, state)
        state = lm_step(engine.linearise, lm_rebase(state, prior), prior, PROMISE)
        if state.accepted:
            # under a stronger penalty the loss may rise, and it is no worse for that
            tracker.best_score = np.inf
            tracker.step(batch, state.point, first + k, state.loss, np.nan, candidate=True, fraction=k / budget.steps)
        slow, since = (slow + 1 if state.decrease < budget.tolerance else 0), since + 1
        still = slow >= (2 if state.accepted else 8) or state.damping > MOST_DAMPING or state.promised < PROMISE
        if still or since >= AT_LEAST_EVERY:
            found = strength(problem, state.linear, state.point, prior)
            change = 0.0 if found is None else float(np.log(found / l2_of(problem, prior)))
            if (still and abs(change) < STANDS) or state.loss < CLOSE_ENOUGH[problem.train.preset]:
                reason = "converged"
                break
            l2 = l2_of(problem, prior) * float(np.exp(TRUST * change))
            prior = settled_prior(problem, batch, point, state.loss, l2)
            state = replace(state, damping=min(state.damping, 1e-2), growth=2.0)
            slow = since = 0
    tracker.strength = l2_of(problem, prior)
    return Outcome(state.point, state.loss, state.linear.validation, reason)


def l2_of(problem: Problem, prior: Prior) -> float:
    """The strength of the penalty on weights in ``prior``."""
    weights = prior.theta[problem.space.weights]
    return float(weights[np.isfinite(weights)][0])
