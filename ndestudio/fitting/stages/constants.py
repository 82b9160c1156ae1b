"""Fits without networks to train: mechanistic and symbolic models, by Levenberg-Marquardt in NumPy.

Nothing is compiled: a candidate formula is fitted in the time a compiler would need to look at it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Part
from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.forward_evaluation import quick_loss
from ndestudio.fitting.horizon import horizon_of
from ndestudio.fitting.noise import refine as refine_noise
from ndestudio.fitting.noise import tell_unused
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.by_horizon import constants_by_horizon
from ndestudio.fitting.stages.constants_objective import AGAIN, CONVERGED, ROUGHLY, descend
from ndestudio.fitting.stages.restarts import bad, best_of, explored, goal, guesses, sensible
from ndestudio.fitting.stages.settling import settled
from ndestudio.fitting.stages.stages import Outcome
from ndestudio.fitting.step_count import enough_steps, on_samples, steps_for, tolerance
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import whole_rows

ENOUGH_ROWS = 24
"""Trajectories on which a fit of constants begins."""
LEAST_ACCURATE = 1e-4
"""Largest change of the predictions, over the spread, by doubling the steps."""
MOST_STEPS = 1024
SHORTER = 4
"""How many times shorter the steps are on which further starts are tried where a fit stays bad."""
UNMOVED = 0.03
"""Change of the trained numbers (which are of order one) that asks for no new choice of steps."""


def fit_constants(tracker: Tracker, *, explore: bool = True, steps: int = 100) -> str:
    """Estimate parameters and initial values.

    Parameters
    ----------
    explore
        Guess by collocation first, and try further start values while the fit is bad.

    Returns
    -------
    str
        Why it ended.
    """
    problem = tracker.problem
    batch, whole = _some(
        problem, steps_for(problem) if problem.smooth or problem.time_grid or problem.least else _coarse(problem)
    )
    point = start_point(problem, batch)
    starts = [point]
    tracker.enter("collocation", "guessing parameters from slopes", 1, 2)
    if explore:
        starts += guesses(problem, point)
    horizon = _horizon(tracker, starts, batch)
    if horizon is not None:
        tell_unused(tracker)
        batch, outcome = constants_by_horizon(tracker, *horizon, batch.steps)
        return settled(tracker, batch, outcome, look_round=False).reason
    tracker.enter("final_refinement", "fitting parameters through the solver (Levenberg-Marquardt)", 2, 2)
    outcome = best_of(tracker, batch, starts, replace(CONVERGED if whole else ROUGHLY, steps=steps))
    agreed = False
    if explore:
        outcome, agreed = explored(tracker, batch, outcome, steps)
    batch, outcome = _on_suitable_steps(tracker, batch, outcome, steps, whole=whole)
    if explore and bad(tracker.problem, outcome) and not agreed:
        # the law may lie where only shorter steps can follow it
        batch, outcome = _on_shorter_steps(tracker, batch, outcome, steps)
    if explore:
        outcome = sensible(tracker, batch, outcome, steps)
    outcome = settled(tracker, batch, outcome, look_round=explore)

    def again(weighted: Batch, start: Point) -> str:
        found = descend(tracker, weighted, start, replace(CONVERGED, steps=steps))
        return settled(tracker, weighted, found, look_round=False).reason

    return refine_noise(tracker, again, outcome.reason)


def _horizon(tracker: Tracker, starts: list[Point], batch: Batch) -> tuple[Horizon, Float[np.ndarray, " theta"]] | None:
    """How far a chaotic model can be compared, and where its fit begins; None where whole trajectories serve."""
    problem, start = tracker.problem, starts[-1]  # of such a model slopes know more than whole trajectories
    if problem.adaptive is not None:
        return None
    found = horizon_of(problem, start.theta, batch.steps)
    good = found is not None and any(quick_loss(problem, batch, one) <= goal(problem) for one in starts)
    return None if found is None or good else (found, start.theta)


def _on_suitable_steps(
    tracker: Tracker, batch: Batch, outcome: Outcome, steps: int, *, whole: bool
) -> tuple[Batch, Outcome]:
    """The fit on all trajectories, with steps of the solver that are short enough for it."""
    problem = tracker.problem
    for _ in range(6):
        model = tracker.model(batch, outcome.point)
        finer = _finer(problem, model, batch.steps, outcome.loss)
        if whole and finer == batch.steps:
            tracker.exact = finer < MOST_STEPS
            break
        if finer > batch.steps and with_suitable_solver(tracker, model, "As fitted so far") is not problem:
            problem = tracker.problem
            finer = _finer(problem, model, max(batch.steps, steps_for(problem)), outcome.loss)
        before, batch, whole = outcome.point, make_batch(problem, finer, padded=False), True
        tracker.best_score = np.inf
        outcome = descend(tracker, batch, _continued(problem, batch, before), replace(AGAIN, steps=steps), 1e-6)
        if np.abs(outcome.point.theta - before.theta).max() < UNMOVED:
            tracker.exact = finer < MOST_STEPS
            break
    return batch, outcome


def _on_shorter_steps(tracker: Tracker, batch: Batch, outcome: Outcome, steps: int) -> tuple[Batch, Outcome]:
    """Further starts on steps that are several times shorter; the fit as it was where none is better."""
    problem = tracker.problem
    finer = on_samples(problem, min(SHORTER * batch.steps, MOST_STEPS))
    if finer <= batch.steps:
        return batch, outcome
    fine = make_batch(problem, finer, padded=False)
    better, _ = explored(tracker, fine, outcome, steps)
    if better is outcome:
        return batch, outcome
    return _on_suitable_steps(tracker, fine, better, steps, whole=True)


def _some(problem: PreparedFit, steps: int) -> tuple[Batch, bool]:
    """Trajectories to begin with, evenly chosen where there are many, and whether they are all.

    A few dozen lead next to the minimum for a fraction of the price; the last steps are made on all.
    """
    rows, steps = whole_rows(problem.dataset, with_test=False), on_samples(problem, steps)
    thin = len(rows) // ENOUGH_ROWS
    if thin < 2 or not any((row.trajectory.part[row.index] == Part.TRAIN).any() for row in rows[::thin]):
        return make_batch(problem, steps, rows=rows, padded=False), True
    return make_batch(problem, steps, rows=rows[::thin], padded=False), False


def _coarse(problem: PreparedFit) -> int:
    """Steps to begin with where no smooth curves tell: one for every second row."""
    return int(np.clip(max(len(trajectory.t) for trajectory in problem.dataset.trajectories) // 2, 32, 512))


def _finer(problem: PreparedFit, model: FittedModel, steps: int, loss: float) -> int:
    """Steps with which doubling changes predictions by less than a tenth of what they miss the data by."""
    allowed = float(np.clip(0.1 * np.sqrt(loss), tolerance(problem), LEAST_ACCURATE)) if np.isfinite(loss) else 0.0
    found = enough_steps(problem, model, steps, allowed, MOST_STEPS)
    return on_samples(problem, found) if found > steps else found


def _continued(problem: PreparedFit, batch: Batch, point: Point) -> Point:
    """``point`` with the initial values of the same rows, or fresh ones where other rows had been fitted."""
    free = point.free if point.free.shape == batch.start.mode.shape else start_point(problem, batch).free
    return Point(point.theta, free)
