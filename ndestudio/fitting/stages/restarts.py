"""Where a fit of constants begins: slopes of smooth curves, and further starts while it ends badly.

Starts are tried side by side for a few steps, the same ones for the same seed; the most promising is followed to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.engines import SlopeEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.optimizers.minimise import Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.collocation import earlier_curves, slopes
from ndestudio.fitting.stages.constants_objective import (
    CONVERGED,
    EXPLORED,
    GUESSED,
    MARQUARDT,
    TRIED,
    descend,
    plain_objective,
    tried,
)
from ndestudio.fitting.stages.stages import Outcome
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.transforms import inverse_softplus
from ndestudio.problem.bijection import LOWER

STARTS, MOST_STARTS = 6, 16
"""Start values tried when the first ones fit badly, at least and at most."""
WORK = 4e6
"""Steps of the solver, of all copies and rows, that the starts together may take at a time."""
WIDTH = 1.5
"""Standard deviation of further starts: of the logarithm where positive, else of the trained number."""
PROMISING = 2.0
"""A start whose few steps end below this many losses of the best fit is followed to its end."""
SAME, AGREED = 0.01, 3
"""Relative difference of losses that are the same, and starts that must come back to a fit for it to be the best there is."""
FOLLOWED = 3
"""Starts followed to their end while none arrives."""
LOST = 2.5e-3
"""A loss (squared error over the spread) above this, and above three times that of the noise, is worth a look from other
start values."""
ABSURD = 1e9
"""A parameter that grew by this factor from its start, or shrank by it without a bound there, is no estimate."""


def guesses(problem: PreparedFit, point: Point) -> list[Point]:
    """Parameters that fit the slopes of the smooth curves, from several starts."""
    found = slopes(problem.space.model.system, problem.dataset, problem.smooth, padded=False)
    if found is None:
        return []
    earlier = earlier_curves(problem.space.model.system, problem.dataset, problem.smooth)
    if problem.structure.delays is not None and earlier is None:
        return []
    engine = SlopeEngine(problem, found[0], earlier)
    if not len(engine.moves):
        return []
    ends = []
    for start in (point, *scattered(problem, point, 3, 1.0)):
        state = None
        for _ in range(2):
            state = minimise(
                MARQUARDT, plain_objective(problem, engine.linearise, None, start), start, stopping=GUESSED
            ).state
            start = state.point
            engine.reweigh(start)
        if state is not None and np.isfinite(state.cost):
            ends.append((state.loss, Point(state.point.theta, point.free)))
        engine.scale = np.ones_like(engine.scale)
    ends.sort(key=lambda pair: pair[0])
    return [end for _, end in ends[:1]]


def scattered(problem: PreparedFit, point: Point, count: int, width: float = WIDTH) -> list[Point]:
    """Further start values around ``point``, the same for the same seed."""
    generator = np.random.default_rng(problem.train.seed + 17)
    free = problem.space.free.copy()
    free[problem.space.weights] = False
    mapping = problem.space.constants.bijection
    parameters = len(problem.structure.parameters)
    positive = np.flatnonzero((mapping.code == LOWER) & (mapping.lower >= 0.0) & free[:parameters])
    above = (mapping.forward(point.theta[:parameters]) - mapping.lower)[positive]
    found = []
    for _ in range(count):
        theta, move = point.theta.copy(), np.zeros(len(point.theta))
        move[free] = width * generator.normal(size=int(free.sum()))
        theta += move
        theta[positive] = inverse_softplus(above * np.exp(move[positive]) / mapping.scale[positive])
        found.append(Point(theta, point.free.copy()))
    return found


def best_of(tracker: Tracker, batch: Batch, starts: Sequence[Point], stopping: Stopping) -> Outcome:
    """Fit from the start whose few first steps lead furthest."""
    if len(starts) > 1:
        starts = [min(tried(tracker, batch, starts, TRIED), key=lambda state: state.cost).point]
    return descend(tracker, batch, starts[0], stopping)


def bad(problem: PreparedFit, outcome: Outcome) -> bool:
    """Whether a fit misses its data by so much that other starts are worth a look."""
    return not outcome.loss <= goal(problem)


def goal(problem: PreparedFit) -> float:
    """Loss up to which a fit is good enough."""
    return max(LOST, 3 * problem.floor)


def explored(tracker: Tracker, batch: Batch, outcome: Outcome, steps: int) -> tuple[Outcome, bool]:
    """While the fit is bad, look from further start values and keep what is better; and whether several starts agree that
    it is the best there is."""
    if not bad(tracker.problem, outcome):
        return outcome, False
    return elsewhere(tracker, batch, outcome, steps, goal(tracker.problem))


def elsewhere(
    tracker: Tracker, batch: Batch, outcome: Outcome, steps: int, enough: float, limit: float = np.inf
) -> tuple[Outcome, bool]:
    """The best of a fit and those from further start values, ending where one's loss is below ``enough``; and whether
    several starts came back to the fit while none did better.

    Parameters
    ----------
    limit
        Loss from which a start is not followed.
    """
    problem = tracker.problem
    if tracker.remaining < 0.3 * (tracker.elapsed + tracker.remaining) or not problem.space.free.any():
        return outcome, False
    copies = batch.grid.step.size * (2 + int(problem.space.free.sum()))
    count = int(np.clip(WORK / copies, STARTS, MOST_STARTS))
    ends = tried(tracker, batch, scattered(problem, start_point(problem, batch), count), EXPLORED)
    ends.sort(key=lambda state: state.loss)
    agreed = sum(abs(state.loss - outcome.loss) <= SAME * outcome.loss for state in ends) >= AGREED
    if agreed and ends[0].loss >= (1.0 - SAME) * outcome.loss:
        return outcome, True
    for state in ends[:FOLLOWED]:
        if not state.loss < min(PROMISING * outcome.loss, limit):
            break
        found = descend(tracker, batch, state.point, replace(CONVERGED, steps=steps))
        if found.loss < (1.0 - SAME) * outcome.loss:
            outcome = found
        if outcome.loss <= enough:
            break
    return outcome, False


def absurd(problem: PreparedFit, theta: np.ndarray) -> dict[str, tuple[float, float]]:
    """Free parameters that ended beyond all sense: name -> (value, start).

    A parameter with a lower bound of 0 may come to lie there; one on a logarithmic scale never arrives.
    """
    space = problem.space
    values = space.parameters(theta)
    found = {}
    for k, name in enumerate(space.structure.parameters):
        config = space.model.config.parameters.get(name)
        start = abs(config.value if config is not None else space.model.parameters[name])
        if not space.free[k] or start == 0.0:
            continue
        ratio = abs(values[name]) / start
        vanished = ratio < 1.0 / ABSURD and config is not None and config.log and not config.lower
        if ratio > ABSURD or vanished:
            found[name] = (values[name], config.value if config is not None else start)
    return found


def sensible(tracker: Tracker, batch: Batch, outcome: Outcome, steps: int) -> Outcome:
    """A fit that ended at an absurd value is tried from other starts; one nearly as good without such a value is kept."""
    problem = tracker.problem
    if not absurd(problem, outcome.point.theta):
        return outcome
    enough = max(1.1 * outcome.loss, 1.5 * problem.floor)
    other, _ = elsewhere(tracker, batch, replace(outcome, loss=np.inf), steps, enough, 4.0 * enough)
    if absurd(problem, other.point.theta) or not other.loss < enough:
        return outcome
    tracker.best_score = np.inf
    tracker.consider(batch, other.point, 0, other.loss, other.validation)
    return other
