"""The noise of each measured column, as ``noise`` estimates it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.problem.noise_law import NoiseLaw


@dataclass(frozen=True, eq=False)
class Noise:
    """Laws of the measured columns, in the units in which each is compared (logarithms where asked for).

    Parameters
    ----------
    typical
        Root mean square of sigma over the training values.
    """

    laws: tuple[NoiseLaw, ...]
    typical: Float[np.ndarray, " measured"]

    @property
    def numbers(self) -> Float[np.ndarray, "measured number"]:
        """Constants of the laws, by which rounds are compared."""
        return np.array([[one.constant, one.proportional, one.dispersion, one.freedom] for one in self.laws])

    @property
    def moves_values(self) -> bool:
        return any(law.moves_values for law in self.laws)
