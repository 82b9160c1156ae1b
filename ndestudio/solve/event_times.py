"""When the events of a model happen under given conditions: those that wait for conditions are found by simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.model.evaluate import point_field
from ndestudio.model.fitted import FittedModel
from ndestudio.model.jumps import Jumps
from ndestudio.model.schedule import Schedule
from ndestudio.problem.conditions import Condition
from ndestudio.solve.happenings import solve_with_conditions
from ndestudio.solve.scipy_reference import NONE, Budget, longest_step

TIMES_RTOL = 1e-10
"""Tolerance of simulations that find the times of events."""


def happening(
    model: FittedModel,
    control: ControlPath,
    scheduled: Schedule,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
) -> Schedule:
    """All events from ``t[0]`` to ``t[-1]``: those that are scheduled, and those that wait for conditions."""
    jumps = Jumps(model, control, scheduled)
    if not jumps.waiting or t[-1] <= t[0] or not np.isfinite(y0).all():
        return scheduled
    scale = np.ones(len(y0)) if model.scale is None else np.asarray(model.scale, dtype=float)
    return solve_with_conditions(
        jumps,
        point_field(model, control),
        np.array([t[0], t[-1]]),
        y0,
        rtol=TIMES_RTOL,
        atol=TIMES_RTOL * scale,
        breaks=control.jumps if model.system.inputs else NONE,
        longest_step=longest_step(model, control),
        seconds=Budget().seconds,
        evaluations=Budget().evaluations,
    )[1]


def happening_in(model: FittedModel, conditions: Sequence[Condition]) -> list[Schedule]:
    """All events under each condition."""
    return [happening(model, one.control, one.events, one.t, one.initial) for one in conditions]
