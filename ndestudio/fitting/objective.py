"""What a fit minimises: errors of the data, penalties along the path, priors, and penalties on weights.

    cost = loss + path + s^2 sum rho^2 + sum precision (theta - anchor)^2

(`priors` says what rho and s^2 are.) `merit` is the same without the penalties on weights and with the noise level
eliminated, so that points found at different noise levels can be compared.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.priors import PriorTable, PriorTerms
from ndestudio.fitting.robust import robust_factor, robust_limit
from ndestudio.problem.bijection import Bijection

LEAST_FREEDOM = 0.2
"""Part of the values that tells the noise at least."""
FAINT = 1e-6
"""Part of the pull towards their start values that is left on parameters with a prior."""
FARTHEST = 300.0
"""Logarithm of the merit from which on it grows in proportion to it: finite, and still telling what is farther off."""


def spare_values(problem: PreparedFit, batch: Batch | None) -> float:
    """Training values beyond the number of free parameters and initial values."""
    if batch is None:
        values, starts = problem.values_used_train, 0
    else:
        values, starts = int(np.count_nonzero(batch.target.train)), int(batch.moves.sum())
    moves = problem.space.free.copy()
    moves[problem.space.weights] = False
    return max(values - int(moves.sum()) - starts, LEAST_FREEDOM * values, 1.0)


def prior_terms(problem: PreparedFit, batch: Batch | None) -> PriorTerms | None:
    """The priors of what a batch fits; those of parameters alone without a batch. None where there are none."""
    priors, space = problem.priors, problem.space
    if priors is None or not priors.any:
        return None
    count, states = len(space.structure.parameters), len(space.structure.states)
    table = _joined(priors.parameters, priors.initial)
    positions = np.concatenate([np.arange(count), np.arange(len(space.theta) - states, len(space.theta))])
    chosen = np.flatnonzero((table.kind > 0) & space.free[positions])
    mapping = Bijection(
        *(
            np.concatenate([one, other])[chosen]
            for one, other in zip(space.constants.bijection, space.constants.shared, strict=True)
        )
    )
    at = positions[chosen]
    if batch is None:
        return PriorTerms(
            len(space.theta), at, _taken(table, chosen), mapping, np.zeros((0, states), bool), table, mapping
        )
    start = batch.start
    free = batch.moves & (priors.initial.kind > 0) & (batch.follows < 0)[:, None]
    rows = Bijection(start.code, start.lower, start.upper, start.scale, start.given)
    return PriorTerms(len(space.theta), at, _taken(table, chosen), mapping, free, priors.initial, rows)


def _joined(one: PriorTable, other: PriorTable) -> PriorTable:
    return PriorTable(
        np.concatenate([one.kind, other.kind]),
        np.concatenate([one.middle, other.middle]),
        np.concatenate([one.sd, other.sd]),
        np.concatenate([one.given, other.given]),
    )


def _taken(table: PriorTable, chosen: np.ndarray) -> PriorTable:
    return PriorTable(table.kind[chosen], table.middle[chosen], table.sd[chosen], table.given[chosen])


def with_priors(problem: PreparedFit, batch: Batch | None, prior: Prior, loss: float, most: float = np.inf) -> Prior:
    """``prior`` with those of the settings, at the noise level of ``loss``.

    Next to nothing else draws the parameters that have one.

    Parameters
    ----------
    batch
        Whose initial values are fitted; None where only parameters are.
    most
        Loss above which it is misfit and no noise.
    """
    if problem.priors is None:
        return prior
    theta, given = prior.theta.copy(), problem.priors.parameters.given
    theta[: len(given)] = np.where(given, FAINT * theta[: len(given)], theta[: len(given)])
    terms = prior_terms(problem, batch)
    return prior._replace(theta=theta, terms=terms, variance=min(loss, most) / spare_values(problem, batch))


def merit(problem: PreparedFit, batch: Batch, point: Point, loss: float, path: float | None = None) -> float:
    """What points are compared by: loss and penalties along the path, and the priors with the noise level eliminated.

    Parameters
    ----------
    loss
        Of the data, at ``point``.
    path
        What the penalties along the path come to; None: it is simulated.
    """
    if problem.penalties and path is None:
        model = problem.space.fitted(point.theta, {})
        path = VectorEngine(replace(problem, space=replace(problem.space, model=model)), batch).path_loss(point)
    total = loss + (path or 0.0)
    terms = prior_terms(problem, batch)
    if terms is None or not np.isfinite(total):
        return total
    squares = sum(float(np.sum(away.rho**2)) for away in terms.rows(point))
    if squares == 0.0 or total == 0.0:
        return total
    logarithm = float(np.log(total)) + squares / spare_values(problem, batch)
    return float(np.exp(min(logarithm, FARTHEST))) * (1.0 + max(logarithm - FARTHEST, 0.0))


def reweigh(engine: JaxEngine | VectorEngine, batch: Batch, state: LmState) -> LmState:
    """Huber's loss by iterated weights (see ``robust``), with what follows for the residuals at hand."""
    problem = engine.problem
    now = np.sqrt(engine.batch.target.train)
    with np.errstate(all="ignore"):
        error = np.where(now > 0, state.linear.r.reshape(now.shape) / now, 0.0)
    used = now > 0
    if not used.any():
        return state
    train = batch.target.train * np.where(used, robust_factor(error, robust_limit(error, used, problem.train)), 0.0)
    before = np.sqrt(np.where(used, engine.batch.target.train, 1.0))
    engine.use(replace(batch, target=batch.target._replace(train=train)))
    ratio = (np.sqrt(train) / before).reshape(len(train), -1)
    linear = state.linear._replace(
        r=state.linear.r * ratio,
        d_theta=state.linear.d_theta * ratio[..., None],
        d_free=state.linear.d_free * ratio[..., None],
    )
    return replace(state, linear=linear, loss=linear.loss)


def robust_errors(problem: PreparedFit, batch: Batch, point: Point) -> Float[np.ndarray, "row sample measured"]:
    """Errors over spread of whole trajectories by the solver in NumPy."""
    model = problem.space.fitted(point.theta, {})
    engine = VectorEngine(replace(problem, space=replace(problem.space, model=model)), batch)
    return engine.errors(point.theta[None], point.free[None])[0][0]
