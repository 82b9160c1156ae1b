"""What a compiled program of a problem needs beside what is trained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.problem.bijection import Bijection
from ndestudio.problem.dynamics import NetworkScales


class Constants(NamedTuple):
    """Numbers a program needs and does not train; a pytree of arrays.

    Parameters
    ----------
    bijection
        Of the parameters.
    shared
        Of the shared initial values.
    clip
        Lower and upper limit of each state inside the field.
    scales
        Of each network.
    log
        Whether the logarithm of a measured column is compared;.
    floor
        Smallest value whose logarithm is taken.
    spread
        Scale of the error of each measured column.
    state_scale
        Of each state.
    tolerance
        Relative and absolute (in state scales) tolerance of an adaptive solver.
    """

    bijection: Bijection
    shared: Bijection
    clip: Float[np.ndarray, "2 state"]
    scales: tuple[NetworkScales, ...]
    log: Bool[np.ndarray, " measured"]
    floor: Float[np.ndarray, " measured"]
    spread: Float[np.ndarray, " measured"]
    state_scale: Float[np.ndarray, " state"]
    tolerance: Float[np.ndarray, " 2"]
