"""How large the noise of each measured column is, as ``noise`` estimates it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Noise:
    """Levels of each measured column, in the units in which it is compared (logarithms where asked for).

    Parameters
    ----------
    constant
        s0.
    proportional
        s1.
    typical
        Root mean square of sigma over the training values.
    """

    constant: Float[np.ndarray, " measured"]
    proportional: Float[np.ndarray, " measured"]
    typical: Float[np.ndarray, " measured"]

    def variance(self, y: Float[np.ndarray, "... measured"]) -> Float[np.ndarray, "... measured"]:
        return self.constant**2 + (self.proportional * y) ** 2
