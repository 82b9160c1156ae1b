"""One trajectory as an artefact carries it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Track:
    """What is needed to simulate one trajectory.

    Arguments:
        start, stop: times of the first and last row.
        initial: state at ``start``.
        inputs: for each input its sample times and values (missing samples left out).
    """

    name: str
    start: float
    stop: float
    initial: Float[np.ndarray, " state"]
    inputs: tuple[tuple[Float[np.ndarray, " sample"], Float[np.ndarray, " sample"]], ...] = ()
