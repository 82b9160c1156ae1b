"""One trajectory as an artefact carries it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class Track:
    """What is needed to simulate one trajectory.

    Parameters
    ----------
    start, stop
        Times of the first and last row.
    initial
        State at ``start``.
    inputs
        For each input its sample times and values (missing samples left out).
    """

    name: str
    start: float
    stop: float
    initial: Float[np.ndarray, " state"]
    inputs: tuple[tuple[Float[np.ndarray, " sample"], Float[np.ndarray, " sample"]], ...] = ()

    def control(self, model: FittedModel) -> ControlPath | None:
        """The inputs in the order of the model's input columns (0 where the equations use none); None if they use none."""
        if not self.inputs:
            return None
        unused = (np.array([self.start]), np.zeros(1))
        tables = dict(zip(model.system.inputs, self.inputs, strict=True))
        times, values = zip(*(tables.get(name, unused) for name in model.inputs), strict=True)
        return ControlPath(times, values)
