"""A second try with a weak penalty on the networks, where the first one ended far above the noise.

A network that a strong penalty drove to a constant stays one: at a constant the derivatives by its other weights vanish, and
neither the marginal likelihood nor a weaker penalty leads away from there. On data that see the neural term only through
states nobody measures this is where training may end. The choice of the penalty must not cost the fit: fresh networks are
fitted along growing horizons with next to no penalty, and the better of the two fits is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.forward_evaluation import quick_loss
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.marginal_likelihood import follow_marginal_likelihood, uses_marginal_likelihood
from ndestudio.fitting.stages.stages import Budget, Outcome, grow
from ndestudio.fitting.tracker import Tracker

MISFIT = 4.0
"""Loss over that of the noise from which on a fit has missed something for certain."""
MISSED = 2.5e-3
"""Squared error, in spreads, below which no second try is made whatever the noise."""
WEAK = 0.1
"""The penalty in units of that of a Gaussian prior at the noise of the data."""
LEAST = 1e-9
EVIDENCE = 4
"""Steps for the marginal likelihood in units of those of one horizon."""
TRIES = 2
"""Starts that are followed."""
COSTS = 1.2
"""How much larger the loss may be under the penalty that the marginal likelihood chooses."""


def tried_again(
    tracker: Tracker,
    engine: JaxEngine,
    outcome: Outcome,
    fresh: Sequence[Point],
    budget: Budget,
    horizons: tuple[float, ...],
    refine: Callable[[JaxEngine, Point], Outcome],
) -> Outcome:
    """The better one of a fit and a second try; the fit where it is good enough.

    Parameters
    ----------
    engine
        Of whole trajectories.
    fresh
        Starts with fresh networks.
    budget, horizons
        Of the fits along growing horizons.
    refine
        The final refinement from a point.
    """
    problem = tracker.problem
    if not _worth_it(tracker, problem):
        return outcome
    first = tracker.best_score, tracker.best_point, tracker.best_stage, tracker.strength
    weak = replace(problem, train=msgspec.structs.replace(problem.train, l2=weak_penalty(problem)))
    second = JaxEngine(weak, engine.batch, engine.device)
    tracker.problem, tracker.best_score, tracker.best_point, tracker.strength = weak, np.inf, None, None
    better = outcome
    try:
        tracker.enter("shooting", "starting anew with a weak penalty on the networks", 2, 4)
        second.ready(tracker.reporter)
        ends = [grow(tracker, second, start, budget, horizons).point for start in fresh[:TRIES]]
        start = min(ends, key=lambda end: _finite(quick_loss(problem, engine.batch, end)))
        better = refine(second, start)
        if uses_marginal_likelihood(problem, engine.batch):
            better = _evident(tracker, engine, better, budget)
    finally:
        tracker.leave()
        tracker.problem = problem
        if not tracker.best_score < first[0]:
            tracker.best_score, tracker.best_point, tracker.best_stage, tracker.strength = first
            better = outcome
    if better is not outcome:
        tracker.note("The penalty on weights had flattened the networks: they were fitted anew with a weaker one.")
    return better


def weak_penalty(problem: PreparedFit) -> float:
    return max(WEAK * problem.floor / max(problem.values_used_train, 1), LEAST)


def _worth_it(tracker: Tracker, problem: PreparedFit) -> bool:
    if problem.train.l2 is not None or tracker.best_point is None or not problem.smooth:
        return False
    loss = tracker.best_stage[2]
    left = tracker.remaining > 0.3 * (tracker.elapsed + tracker.remaining)
    return left and loss > max(MISFIT * problem.floor, MISSED)


def _evident(tracker: Tracker, engine: JaxEngine, outcome: Outcome, budget: Budget) -> Outcome:
    """The fit under the penalty of the marginal likelihood, unless that costs the fit."""
    weak = tracker.best_score, tracker.best_point, tracker.best_stage
    chosen = tracker.problem.train.l2
    tracker.problem = engine.problem
    found = follow_marginal_likelihood(tracker, engine, outcome.point, Budget(EVIDENCE * budget.steps, 1e-3))
    if found.loss <= COSTS * outcome.loss:
        return found
    tracker.best_score, tracker.best_point, tracker.best_stage = weak
    tracker.strength = chosen
    return outcome


def _finite(loss: float) -> float:
    return loss if np.isfinite(loss) else np.inf
