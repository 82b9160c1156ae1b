"""Choosing the solver for a model: explicit, with enough steps to be stable, or implicit where it is stiff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.step_count import steps_for, tolerance
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import bucket
from ndestudio.solve.step_control import find_time_grid
from ndestudio.solve.step_count import LARGEST
from ndestudio.solve.stiffness import stiffness
from ndestudio.solve.tableau import SDIRK4

WORTH = 4.0
"""An implicit step costs as much as so many explicit ones; up to here more explicit steps are cheaper."""
FINEST = 1e-5
"""Smallest tolerance of the steps of an implicit method."""


def with_suitable_solver(tracker: Tracker, model: FittedModel, when: str) -> PreparedFit:
    """The tracker's problem with the solver that ``model`` needs; the person is told when it changes.

    A chosen solver stays. An implicit one gets its steps where the model wants them.

    Parameters
    ----------
    when
        Such as `"At the start values"`.
    """
    problem = tracker.problem
    if problem.method.each:
        return problem
    if problem.adaptive is not None and not problem.method.implicit:
        return problem
    if not problem.method.implicit:
        steps = steps_for(problem)
        stiff = stiffness(model, problem.dataset, problem.method, steps)
        if stiff is None:
            return problem
        if problem.train.solver != "auto":
            tracker.note(stiff.sentence(when), "warning")
            return problem
        if stiff.needed <= min(WORTH * steps, LARGEST / 2):
            tracker.problem = replace(problem, least=bucket(int(1.2 * stiff.needed)))
            return tracker.problem
        tracker.note(stiff.switched(when, SDIRK4.name))
        problem = replace(problem, method=SDIRK4)
    tracker.problem = with_time_grid(problem, model)
    return tracker.problem


def with_time_grid(problem: PreparedFit, model: FittedModel) -> PreparedFit:
    """The problem with steps where ``model`` wants them; as it was where the model cannot be simulated."""
    with np.errstate(all="ignore"):
        time_grid = find_time_grid(problem.definition, problem.method, model, max(tolerance(problem), FINEST))
    return replace(problem, time_grid=time_grid) if time_grid else problem
