"""Parameters that a fit of constants leaves at a bound: put onto it, and told where the bound was nobody's wish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point, lm_start
from ndestudio.fitting.optimizers.side_by_side import minimise_together
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.constants_objective import EXPLORED, constants_objective, weak_prior
from ndestudio.fitting.stages.stages import Outcome
from ndestudio.fitting.tracker import Tracker
from ndestudio.problem.bijection import LOWER

NEAR = 1e-4
"""Distance from a lower bound, in units of the start value, below which a parameter may lie on it."""
ON = -800.0
"""Trained number at which softplus is 0."""
NO_WORSE = 1e-9
MUCH = 10.0
"""Decrease of n log(loss) without the bound from which on it is told."""
BELOW = (-0.3, -3.0)
"""Starts of the fits without the bound, in units of the start value."""


def onto_bounds(tracker: Tracker, batch: Batch, outcome: Outcome) -> Outcome:
    """The fit with parameters that all but lie on their lower bound on it, where that makes it no worse."""
    problem = tracker.problem
    near = _near(problem, outcome.point)
    if not len(near) or problem.train.loss == "huber":
        return outcome
    theta = outcome.point.theta.copy()
    theta[near] = ON
    engine = VectorEngine(problem, batch)
    point = Point(theta, outcome.point.free)
    state = lm_start(engine.linearise, point, weak_prior(problem, batch, point))
    if not state.loss + state.linear.path_loss <= outcome.loss * (1.0 + NO_WORSE) + state.linear.path_loss:
        return outcome
    tracker.step(batch, point, tracker.best_stage[1], state.loss, state.linear.validation, candidate=True)
    return replace(outcome, point=point, loss=state.loss, validation=state.linear.validation, linear=None)


def tell_signs(tracker: Tracker, batch: Batch, outcome: Outcome) -> None:
    """Say which parameters would leave the sign that their place in the equations gives them, if they were let."""
    problem = tracker.problem
    names = problem.structure.parameters
    held = [k for k in _near(problem, outcome.point) if names[k] in problem.positive]
    if not held or problem.train.loss == "huber" or problem.priors is not None:
        return
    free = _freed(problem, held)
    engine, starts = VectorEngine(free, batch), []
    for value in BELOW:
        theta = outcome.point.theta.copy()
        theta[held] = value
        starts.append(Point(theta, outcome.point.free))
    objectives = [constants_objective(engine, batch, start) for start in starts]
    ends = minimise_together(engine.linearise_many, objectives, starts, stopping=EXPLORED, poll=tracker.poll)
    best = min((end.state for end in ends if end.finite), key=lambda state: state.loss, default=None)
    if best is None or best.loss <= 0.0:
        return
    if problem.values_used_train * float(np.log(outcome.loss / best.loss)) < MUCH:
        return
    values = free.space.parameters(best.point.theta)
    told = [f"`{names[k]}` = {values[names[k]]:.3g}" for k in held if values[names[k]] < 0.0]
    if told:
        tracker.note(
            f"With {' and '.join(told)} the training data would be met to {np.sqrt(best.loss):.2%} of the spread instead of "
            f"{np.sqrt(outcome.loss):.2%}. From their place in the equations such parameters are taken as positive; give a "
            "`lower` bound below 0 where that is not meant.",
            "warning",
        )


def _near(problem: PreparedFit, point: Point) -> np.ndarray:
    """Free parameters with a lower bound alone that all but lie on it."""
    mapping = problem.space.constants.bijection
    count = len(problem.structure.parameters)
    away = (mapping.forward(point.theta[:count]) - mapping.lower) / mapping.scale
    return np.flatnonzero((mapping.code == LOWER) & problem.space.free[:count] & (away < NEAR))


def _freed(problem: PreparedFit, held: list[int]) -> PreparedFit:
    """The problem with some parameters without bounds."""
    space = problem.space
    code = space.constants.bijection.code.copy()
    code[held] = 0
    constants = space.constants._replace(bijection=space.constants.bijection._replace(code=code))
    return replace(problem, space=replace(space, constants=constants))
