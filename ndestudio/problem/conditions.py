"""The conditions under which the trajectories of a data set were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Trajectory
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start
from ndestudio.model.schedule import NOTHING, Schedule, schedule
from ndestudio.problem.space import structure_of
from ndestudio.problem.steady_state import settled_start


@dataclass(frozen=True, eq=False)
class Condition:
    """What sets one trajectory apart from the others of a problem.

    A covariate is an input with a constant path: one value in each trajectory.

    Parameters
    ----------
    control
        The inputs, in the order of the dynamics.
    initial
        States at ``t[0]``.
    t
        Times at which the solution is wanted, increasing.
    events
        What happens meanwhile.
    """

    name: str
    control: ControlPath
    initial: Float[np.ndarray, " state"]
    t: Float[np.ndarray, " sample"]
    events: Schedule = NOTHING


def condition(model: FittedModel, trajectory: Trajectory) -> Condition:
    """The condition of ``trajectory``, its initial values those of ``model`` (or from the first measurements)."""
    initial = initial_state(model, trajectory)
    events = schedule(model.system, model.parameters, trajectory)
    return Condition(trajectory.name, trajectory.control, initial, trajectory.t, events)


def initial_state(model: FittedModel, trajectory: Trajectory) -> Float[np.ndarray, " state"]:
    """States at the begin of ``trajectory``: the initial values of ``model``, or where it settles from them before (NaN where
    it does not)."""
    initial = np.asarray(model_start(model, trajectory), dtype=float)
    if not trajectory.settles:
        return initial
    return settled_start(model, structure_of(model), trajectory, initial).states
