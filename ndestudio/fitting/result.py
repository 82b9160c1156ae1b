"""What training comes to. NumPy only: reading a fit needs no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.metrics import Metrics
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.device import Device


class Outcome(StrEnum):
    CONVERGED = "converged"
    LIMIT = "limit"
    STOPPED = "stopped"
    DOUBTFUL = "doubtful"
    """Training ended by itself, but the model does not hold where it was not trained, or explains little."""
    DIVERGED = "diverged"
    """No usable model was reached; the sentence says why and what to try."""


@dataclass(frozen=True, eq=False)
class StageHistory:
    """Losses along one stage (dimensionless; comparable within a stage)."""

    stage: str
    iteration: Float[np.ndarray, " step"]
    loss: Float[np.ndarray, " step"]
    validation_loss: Float[np.ndarray, " step"]
    seconds: float
    compile_seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The model as it was after ``iteration`` steps of ``stage``."""

    stage: str
    iteration: int
    loss: float
    validation_loss: float | None
    model: FittedModel


@dataclass(frozen=True)
class NoiseLevel:
    """The noise of a column as estimated: variance = constant^2 + (proportional * value)^2.

    Parameters
    ----------
    level
        Root mean square over the training values. All in the unit of the column.
    logarithmic
        Of the logarithm of the column instead, without unit (0.05: about 5%).
    """

    level: float
    constant: float
    proportional: float = 0.0
    logarithmic: bool = False

    def law(self, unit: str = "") -> str:
        """For a person: `0.2 mg`, `0.2 mg and 8.0% of the value`."""
        if self.logarithmic:
            return f"a factor of {np.exp(self.constant):.3g}"
        size = f"{self.constant:.3g} {unit}".rstrip()
        return f"{size} and {self.proportional:.1%} of the value" if self.proportional else size


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained model and how it came about.

    Parameters
    ----------
    sentence
        The outcome for a person.
    model
        Best so far by validation error (by training error without validation rows).
    seconds
        Stage (and `"compiling"`) -> wall seconds.
    noise
        Measured column -> estimated standard deviation of the noise, in the unit of the column.
    intervals
        Parameter -> 95% confidence limits (empty if they were not asked for or could not be had).
    ensemble
        Models of further seeds, best first (empty for a single seed).
    notes
        Sentences about recoveries, warnings, identifiability.
    noise_model
        The noise as a law, where it was estimated together with the model (settings `noise`).
    """

    outcome: Outcome
    sentence: str
    model: FittedModel
    metrics: Metrics
    seed: int
    device: Device
    history: tuple[StageHistory, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ensemble: tuple[FittedModel, ...] = ()
    notes: tuple[str, ...] = ()
    noise_model: Mapping[str, NoiseLevel] = field(default_factory=dict)
