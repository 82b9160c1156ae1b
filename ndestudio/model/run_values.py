"""What the parameters of a fitted model are in each run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Number, calls, names
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start


def constant_states(model: FittedModel) -> tuple[str, ...]:
    """States that never change and are estimated: parameters of runs, and random effects (a rate of infusion is none)."""
    system, initial = model.system, model.config.initial
    return tuple(
        state
        for state, rhs in zip(system.states, system.rhs, strict=True)
        if isinstance(rhs, Number) and rhs.value == 0.0 and state in initial and initial[state].fit
    )


def run_values(model: FittedModel, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Run -> each parameter that differs between runs (or could), in physical units.

    These are the states that never change and the quantities that depend on nothing but parameters, such states and covariates.
    """
    still = constant_states(model)
    found = {}
    for trajectory in dataset.trajectories:
        start = dict(zip(model.system.states, np.asarray(model_start(model, trajectory), float), strict=True))
        known = {name: float(start[name]) for name in still}
        known |= covariates(dataset, trajectory)
        everything: Mapping[str, float] = {**model.parameters, **known}
        values = {name: float(start[name]) for name in still}
        for name, expr in model.system.outputs.items():
            used = set(names(expr))
            if used & set(known) and used <= set(everything) and not set(calls(expr)) & set(model.networks):
                values[name] = float(evaluate(expr, everything))
        found[trajectory.name] = values
    names_used = {name for values in found.values() for name in values}
    return found if names_used else {}


def covariates(dataset: Dataset, trajectory: Trajectory) -> dict[str, float]:
    """Inputs that have one value in a run."""
    found = {}
    for k, name in enumerate(dataset.input_names):
        known = trajectory.inputs[np.isfinite(trajectory.inputs[:, k]), k]
        if known.size and np.ptp(known) == 0.0:
            found[name] = float(known[0])
    return found


__all__ = ["constant_states", "covariates", "run_values"]
