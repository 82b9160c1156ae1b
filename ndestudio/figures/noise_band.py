"""Where measurements are expected around a simulation, by the noise of their column."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from ndestudio.fitting.result import Fit
    from ndestudio.problem.noise_law import LawKind, NoiseLaw

PART = 0.95
"""Of the measurements that are expected within."""


@dataclass(frozen=True)
class NoiseBand:
    """The noise of a column: its law, of logarithms where ``log``."""

    law: NoiseLaw
    log: bool = False

    def ends(self, values: Float[np.ndarray, " time"]) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
        """Quantiles between which 95% of the measurements of these values lie; NaN where there is no value.

        The noise of a measurement alone, not how sure the simulation is.
        """
        with np.errstate(all="ignore"):
            compared = np.log(values) if self.log else values
        ends = []
        for probability in (0.5 - 0.5 * PART, 0.5 + 0.5 * PART):
            found = np.full(len(values), np.nan)
            known = np.isfinite(compared)
            found[known] = self.law.quantile(compared[known], probability)
            ends.append(np.exp(found) if self.log else found)
        return ends[0], ends[1]


def noise_bands(fit: Fit | None, log: Collection[str] = ()) -> dict[str, NoiseBand]:
    """Measured column -> its band, by the noise estimated with the model, else by the residuals.

    Parameters
    ----------
    log
        Columns whose logarithms are compared: their residuals in the unit of the column tell no band.
    """
    if fit is None:
        return {}
    from ndestudio.problem.noise_law import (
        NoiseLaw,
    )  # SciPy with it, which the window does without until there is a fit

    found = {
        name: NoiseBand(NoiseLaw("constant", level))
        for name, level in fit.noise.items()
        if np.isfinite(level) and level > 0 and name not in log
    }
    for name, one in fit.noise_model.items():
        freedom = one.freedom or NoiseLaw("student").freedom
        law = NoiseLaw(
            cast("LawKind", one.kind), one.constant, one.proportional, freedom=freedom, dispersion=one.dispersion
        )
        found[name] = NoiseBand(law, one.logarithmic)
    return found
