"""What a fit with an encoder tells besides its model. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ndestudio.fitting.latent.coordinates import Coordinates
from ndestudio.fitting.latent.history import HistoryScales


@dataclass(frozen=True)
class FutureScores:
    """Errors of predictions after the history, over the spread of each column in the training runs.

    Parameters
    ----------
    rmse
        Root of the mean over runs of their mean squared errors, of the mean prediction.
    crps
        Mean continuous ranked probability score (Gneiting and Raftery 2007, J. Am. Stat. Assoc. 102, 359), measurement noise
        in the prediction.
    coverage
        Part of the values within their 90% band.
    runs, values
        How many.
    """

    rmse: float
    crps: float
    coverage: float
    runs: int
    values: int


@dataclass(frozen=True, eq=False)
class StartPriors:
    """The fields of ``Coordinates``, as they are kept in project files."""

    kind: Int[np.ndarray, " encoded"]
    middle: Float[np.ndarray, " encoded"]
    width: Float[np.ndarray, " encoded"]
    place: Int[np.ndarray, " encoded"]


@dataclass(frozen=True, eq=False)
class LatentFit:
    """An encoder and what it is made of.

    Parameters
    ----------
    states
        Whose start it gives, in the order of ``priors``.
    kind
        Of the encoder; `"none"`: starts were estimated run by run.
    weights
        Of the encoder; empty without one.
    scales
        How the history is laid out.
    noise
        Measured column -> standard deviation of its noise, in its unit (of its logarithm where that was compared).
    bound
        Part of the data -> bound of the log likelihood, in nats per value.
    future
        Part of the data -> errors after the history.
    steps
        Steps of the solver along a run.
    draws, refine, seed
        Of predictions, see ``LatentConfig``.
    widening
        Factor of the noise in predictions, found on held-out runs.
    """

    states: tuple[str, ...]
    kind: str
    objective: str
    weights: Mapping[str, Float[np.ndarray, "..."]]
    priors: StartPriors
    scales: HistoryScales
    noise: Mapping[str, float]
    bound: Mapping[str, float] = field(default_factory=dict)
    future: Mapping[str, FutureScores] = field(default_factory=dict)
    steps: int = 64
    draws: int = 200
    refine: bool = True
    seed: int = 0
    widening: float = 1.0

    @property
    def coordinates(self) -> Coordinates:
        """How starts follow from standard normal numbers."""
        one = self.priors
        return Coordinates(one.kind, one.middle, one.width, one.place)


@dataclass(frozen=True, eq=False)
class RunPrediction:
    """One run as a model with an encoder predicts it from its history.

    Parameters
    ----------
    t
        Times.
    history_end
        Up to where it was read.
    mean, lower, upper
        Mean and band of what would be measured, measurement noise included.
    median
        Of the same.
    states
        Mean of each state.
    state_lower, state_upper
        Band of each state.
    starts
        Draws of the starts of all states from their distribution given the history.
    seen
        Draws of the measured columns, without noise.
    effective
        Draws that the weights are worth (of adaptive importance sampling); as many as there are without weights.
    level
        Of the bands.
    """

    name: str
    t: Float[np.ndarray, " time"]
    history_end: float
    measured: tuple[str, ...]
    state_names: tuple[str, ...]
    mean: Float[np.ndarray, "time measured"]
    median: Float[np.ndarray, "time measured"]
    lower: Float[np.ndarray, "time measured"]
    upper: Float[np.ndarray, "time measured"]
    states: Float[np.ndarray, "time state"]
    state_lower: Float[np.ndarray, "time state"]
    state_upper: Float[np.ndarray, "time state"]
    starts: Float[np.ndarray, "draw state"]
    seen: Float[np.ndarray, "draw time measured"]
    effective: float
    level: float = 0.9
