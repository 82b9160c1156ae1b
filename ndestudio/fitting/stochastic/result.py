"""What a fit by the likelihood of transitions tells besides its model. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class StochasticFit:
    """How a stochastic model was fitted.

    Parameters
    ----------
    density
        Approximation of the transition densities, a name of ``fitting.stochastic.likelihood.DENSITIES``, or of a filter.
    transitions
        Number of them in the training rows.
    log_likelihood
        Part of the data -> mean log likelihood of a transition in nats, in the units of the states.
    equations
        `dx = ... dt + ... dW` of each state, as they were fitted.
    measurement_noise
        Measured column -> standard deviation of its errors, where they were taken into account.
    thinned
        Parameter -> its estimate from every second sample, where that was looked at.
    """

    density: str
    transitions: int
    log_likelihood: Mapping[str, float]
    equations: tuple[str, ...] = ()
    measurement_noise: Mapping[str, float] = field(default_factory=dict)
    thinned: Mapping[str, float] = field(default_factory=dict)
