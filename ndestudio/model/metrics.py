"""How well a model follows the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metrics:
    """Normalised root-mean-square errors of whole trajectories simulated from their initial values.

    NRMSE = sqrt(mean of squared errors over the measured values of the part) / standard deviation of the column over the
    whole dataset. Each mapping is measured column -> NRMSE, and `"mean"` -> mean over columns; empty when the part has no
    rows; infinite when the simulation failed.
    """

    train: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
