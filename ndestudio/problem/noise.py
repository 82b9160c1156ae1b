"""How measurements scatter around what the model predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from ndestudio.problem.constants import Constants


class NoiseModel(Protocol):
    """Noise that can be fitted by least squares; hashable. Its numbers are data.

    Weights of values (1/variance over their mean; proportional noise has those of its predictions) come beside residuals, see
    ``rows.Target``: changing the noise compiles nothing.
    """

    def standardised(self, predicted: Any, numbers: Constants, xp: Any) -> Any:
        """Predictions [..., measured] as they are compared, over the spread of their column."""
        ...

    def residuals(self, standardised: Any, observed: Any, numbers: Constants) -> Any:
        """Errors over the spread; ``observed`` as compared (logarithms where asked for)."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Normal errors of the values or, in columns that are compared so, of their logarithms; a ``NoiseModel``."""

    def standardised(self, predicted: Any, numbers: Constants, xp: Any) -> Any:
        if xp is np and not numbers.log.any():
            return predicted / numbers.spread
        floored = xp.maximum(predicted, numbers.floor)
        logarithm = xp.log(xp.where(numbers.log, floored, 1.0))
        return xp.where(numbers.log, logarithm, predicted) / numbers.spread

    def residuals(self, standardised: Any, observed: Any, numbers: Constants) -> Any:
        return standardised - observed / numbers.spread
