"""The conditions under which the trajectories of a data set were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Trajectory
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start
from ndestudio.model.networks import array_neural_term
from ndestudio.model.schedule import NOTHING, Schedule, schedule
from ndestudio.problem.periodic import NumpyTools, Regimens, periodic_starts, regimen_numbers, regimens_of
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
    if trajectory.settles:
        initial = settled_start(model, structure_of(model), trajectory, initial).states
    regimens = regimens_of(model.system)
    return initial if regimens is None else _repeated(model, regimens, trajectory, initial)


def unsettled(model: FittedModel, trajectory: Trajectory, initial: Float[np.ndarray, " state"]) -> str:
    """A sentence where doses at steady state have none from the model; "" else."""
    regimens = regimens_of(model.system)
    if regimens is None:
        return ""
    held = [place for pairs in regimens.holders for _, place in pairs]
    known = [place for place in range(len(initial)) if place not in held]
    if np.isfinite(initial[held]).all() or not np.isfinite(initial[known]).all():
        return ""
    return (
        f"The doses at steady state (SS) of `{trajectory.name}` do not come to a steady state in the model: it goes up without end, or "
        "some amount (an area under the curve, say) has no way out. Change the parameters or equations, or write the earlier doses "
        "into the table."
    )


def _repeated(
    model: FittedModel, regimens: Regimens, trajectory: Trajectory, initial: Float[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """With the states that hold where doses at steady state begin; NaN where there is no steady state."""
    schedule(model.system, model.parameters, trajectory)  # what does not fit into an interval is told
    numbers = regimen_numbers(model.system, model.inputs, trajectory, len(regimens.holders))
    structure = structure_of(model)
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    starts = periodic_starts(regimens, structure.dynamics, functions, NumpyTools())
    values = [np.array([model.parameters[name]]) for name in structure.parameters]
    with np.errstate(all="ignore"):
        return starts(values, initial[:, None], numbers[None])[:, 0]
