"""Delayed values along a trajectory of a model, for whatever looks at arguments of its terms there."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.expression.delays import slot
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start
from ndestudio.problem.delays import system_delays
from ndestudio.solve.scipy_reference import simulate_trajectory


def earlier_values(
    model: FittedModel, dataset: Dataset, trajectory: Trajectory, t: Float[np.ndarray, " time"]
) -> dict[str, Float[np.ndarray, " time"]]:
    """Name of each delayed value (see ``expression.delays.slot``) -> its values at ``t``; nothing without delays."""
    system = model.system
    delays = system_delays(system, model.inputs)
    if delays is None:
        return {}
    begin = float(trajectory.t[0])
    asked = [t - lag for lag in delays.values(model.parameters)]
    given = [delays.input_of(d) for d in range(len(asked))]
    times = np.unique(
        np.concatenate([trajectory.t[:1], *[at[at > begin] for at, k in zip(asked, given, strict=True) if k is None]])
    )
    states = simulate_trajectory(model, dataset, trajectory, t=times).states
    start = model_start(model, trajectory)
    parameters: list[Any] = [float(model.parameters[name]) for name in system.parameters]
    found = {}
    formulas = delays.before(np)
    for one, state, at, number in zip(system.delays, delays.of, asked, given, strict=True):
        if number is not None:
            found[slot(one)] = trajectory.input_at(at)[:, number]
            continue
        before = formulas[state]
        late = np.interp(at, times, states[:, state])  # every time that is asked for is one of them
        early = start[state] if before is None else before(parameters, at)
        found[slot(one)] = np.where(at > begin, late, early)
    return found
