"""The error of a model on held-out data, with the noise of their first row taken out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.refit_model import refit
from ndestudio.model.config import ParameterConfig
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.solve.scipy_reference import simulate_all


def held_out_error(model: FittedModel, dataset: Dataset, part: Part, train: TrainConfig) -> float | None:
    """Mean NRMSE on the rows of ``part``, over columns; None without such rows, infinite where a simulation fails.

    A trajectory that was held out whole would start from its first measurement, whose noise goes through all of the
    simulation and is no error of the model. Its initial values are fitted to its own rows first, with everything else
    fixed, for every model alike. Trajectories with training rows keep the start they were fitted with.
    """
    there = [trajectory for trajectory in dataset.trajectories if trajectory.mask(part).any()]
    if not there:
        return None
    whole = [trajectory for trajectory in there if not trajectory.mask(Part.TRAIN).any()]
    begun = [trajectory for trajectory in there if trajectory.mask(Part.TRAIN).any()]
    simulations: dict[str, Simulation] = {}
    if begun:
        simulations |= simulate_all(model, replace(dataset, trajectories=tuple(begun)))
    if whole:
        alone = replace(dataset, trajectories=tuple(_training(trajectory, part) for trajectory in whole))
        simulations |= simulate_all(_with_starts(model, alone, train), alone)
    return _nrmse(model, dataset, there, part, simulations)


def _training(trajectory: Trajectory, part: Part) -> Trajectory:
    return replace(trajectory, part=np.where(trajectory.part == part, Part.TRAIN, Part.TEST).astype(np.int8))


def _with_starts(model: FittedModel, alone: Dataset, train: TrainConfig) -> FittedModel:
    """``model`` with the initial values that suit ``alone``; the model itself where they are not to be estimated."""
    settings = {name: model.config.parameters.get(name) or ParameterConfig() for name in model.parameters}
    fixed = {name: msgspec.structs.replace(one, fixed=True) for name, one in settings.items()}
    still = replace(model, config=msgspec.structs.replace(model.config, parameters=fixed))
    found = refit(still, alone, msgspec.structs.replace(train, preset="quick", time_limit=None, seeds=1)).model
    return replace(model, initial=found.initial)


def _nrmse(
    model: FittedModel,
    dataset: Dataset,
    there: list[Trajectory],
    part: Part,
    simulations: Mapping[str, Simulation],
) -> float | None:
    spread, found = dataset.spread(), []
    for k, name in enumerate(dataset.measured_names):
        if model.system.observation(name) is None or name not in model.measured:
            continue
        errors = []
        for trajectory in there:
            rows = trajectory.mask(part)[:, k]
            predicted = simulations[trajectory.name].measured[rows, model.measured.index(name)]
            errors.append(predicted - trajectory.measured[rows, k])
        together = np.concatenate(errors)
        if len(together):
            with np.errstate(all="ignore"):
                found.append(float(np.sqrt(np.mean(together**2)) / spread[k]))
    if not found:
        return None
    value = float(np.mean(found))
    return value if np.isfinite(value) else float("inf")
