"""How well a model follows the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ndestudio.model.diffusion import refuse_noise

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset, Part
    from ndestudio.model.fitted import FittedModel, Simulation


@dataclass(frozen=True)
class Metrics:
    """Normalised root-mean-square errors of whole trajectories simulated from their initial values (after training those of
    trajectories held out as a whole are estimated, too: the noise of a first sample is no error of the model).

    NRMSE = sqrt(mean of squared errors over the measured values of the part) / standard deviation of the column over the
    whole dataset; a value of which only a limit is known counts by how far the prediction is on the wrong side. Each mapping is measured column -> NRMSE, and `"mean"` -> mean over columns; empty when the part has no
    rows; infinite when the simulation failed.
    """

    train: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)


def score(
    model: FittedModel, dataset: Dataset, *, simulations: Mapping[str, Simulation] | None = None, seconds: float = 30.0
) -> Metrics:
    """Simulate all trajectories of ``dataset`` from their initial values and measure the errors.

    Parameters
    ----------
    simulations
        Trajectory name -> simulation at its times, where they are at hand already.
    seconds
        After this long the trajectories left count as failed.
    """
    refuse_noise(model.system, "the error of a simulation")
    from ndestudio.data.dataset import Part
    from ndestudio.solve.scipy_reference import simulate_all

    if simulations is None:
        simulations = simulate_all(model, dataset, seconds=seconds)
    return Metrics(
        train=_nrmse(model, dataset, simulations, Part.TRAIN),
        validation=_nrmse(model, dataset, simulations, Part.VALIDATION),
        test=_nrmse(model, dataset, simulations, Part.TEST),
    )


def _nrmse(model: FittedModel, dataset: Dataset, simulations: Mapping[str, Simulation], part: Part) -> dict[str, float]:
    import numpy as np

    spread = dataset.spread()
    found: dict[str, float] = {}
    masks = [(trajectory, trajectory.mask(part)) for trajectory in dataset.trajectories]
    masks = [(trajectory, mask) for trajectory, mask in masks if mask.any()]
    for k, column in enumerate(dataset.measured_names):
        if model.system.observation(column) is None or column not in model.measured:
            continue
        mine = model.measured.index(column)
        errors = []
        for trajectory, mask in masks:
            rows = mask[:, k]
            if rows.any():
                predicted = simulations[trajectory.name].measured[rows, mine]
                error = predicted - trajectory.measured[rows, k]
                if trajectory.ends is not None:
                    low, high = trajectory.ends[rows, k].T
                    beyond = predicted - np.clip(predicted, low, high)
                    error = np.where(np.isnan(low), error, beyond)
                errors.append(error)
        if errors:
            with np.errstate(all="ignore"):
                value = float(np.sqrt(np.mean(np.concatenate(errors) ** 2)) / spread[k])
            found[column] = value if np.isfinite(value) else float("inf")
    if found:
        found["mean"] = float(np.mean(list(found.values())))
    return found
