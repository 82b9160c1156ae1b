"""A problem: what a fit, a solver or a profile is about, and nothing of how it goes about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.conditions import Condition, condition
from ndestudio.problem.constants import Constants
from ndestudio.problem.dynamics import Dynamics
from ndestudio.problem.space import Space
from ndestudio.problem.structure import ProblemStructure


@dataclass(frozen=True, eq=False)
class Problem:
    """Dynamics, observation, noise, initial conditions (its structure), parameters (its space) and data.

    Parameters
    ----------
    space
        The structure, its numbers, and the vector of what is trained.
    dataset
        Trajectories with what was measured, and which samples train.
    """

    space: Space
    dataset: Dataset

    @property
    def structure(self) -> ProblemStructure:
        return self.space.structure

    @property
    def dynamics(self) -> Dynamics:
        return self.space.structure.dynamics

    @property
    def numbers(self) -> Constants:
        return self.space.constants

    @cached_property
    def observed(self) -> Bool[np.ndarray, " measured"]:
        """Measured columns that the model has a counterpart for."""
        known = dict(zip(self.structure.observation.measured, self.structure.observation.expressions, strict=True))
        return np.array([known.get(name) is not None for name in self.dataset.measured_names])

    def conditions(self, model: FittedModel, trajectories: Sequence[Trajectory] | None = None) -> list[Condition]:
        """What each trajectory (or those given) is solved under, with the initial values of ``model``."""
        return [condition(model, one) for one in (self.dataset.trajectories if trajectories is None else trajectories)]
