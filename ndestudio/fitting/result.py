"""What training comes to. NumPy only: reading a fit needs no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.latent.result import LatentFit
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.stochastic.result import StochasticFit
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.device import Device

CHAOTIC = "The model is chaotic"
"""How what is said of such a model begins: errors of its whole trajectories are no errors of the model."""


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
    kind
        Of the law, see ``TrainConfig.column_noise``.
    freedom
        Of Student's t; ``dispersion``: of the negative binomial.
    limits
        In words, which values are known to lie beyond a limit, or between two, only; empty: none.
    """

    level: float
    constant: float
    proportional: float = 0.0
    logarithmic: bool = False
    kind: str = "constant"
    freedom: float = 0.0
    dispersion: float = 0.0
    limits: str = ""

    def law(self, unit: str = "") -> str:
        """For a person: `0.2 mg`, `0.2 mg and 8.0% of the value`, `Poisson`."""
        limits = f" ({self.limits})" if self.limits else ""
        if self.kind == "poisson":
            return "that of Poisson counts"
        if self.kind == "negative_binomial":
            return f"that of negative binomial counts of dispersion {self.dispersion:.3g}"
        heavy = f" in the scale of a t distribution of {self.freedom:.3g} degrees of freedom" if self.freedom else ""
        if self.logarithmic:
            return f"a factor of {np.exp(self.constant):.3g}{heavy}{limits}"
        size = f"{self.constant:.3g} {unit}".rstrip() + heavy
        return (f"{size} and {self.proportional:.1%} of the value" if self.proportional else size) + limits


@dataclass(frozen=True)
class RandomEffect:
    """A parameter whose values in the runs come from a population.

    Parameters
    ----------
    parameter
        Of the population (`k_pop`): median of a log-normal one, mean of a normal one.
    state
        Holds the deviations eta of the runs.
    kind
        `"log-normal"`, `"normal"` or `"logit-normal"`.
    sd
        Standard deviation of eta (0.3 of a log-normal one: about 30%).
    limits
        Its 95% confidence limits, None where it is known beforehand or cannot be told.
    shrinkage
        1 - sd of the estimated eta over ``sd``: near 1 the data say little of single runs.
    runs
        From how many.
    seen
        Whether there is a spread to be seen; else it is at its lower limit.
    occasion
        Input whose values tell the occasions of a run that it varies between; "" for what varies between runs.
    """

    parameter: str
    state: str
    kind: str
    sd: float
    limits: tuple[float, float] | None
    shrinkage: float
    runs: int
    seen: bool = True
    occasion: str = ""


@dataclass(frozen=True)
class Correlation:
    """Between the effects of two parameters, with its 95% limits."""

    parameters: tuple[str, str]
    value: float
    limits: tuple[float, float]


@dataclass(frozen=True)
class Population:
    """Random effects as estimated by the likelihood with the values of the runs integrated out (FOCE).

    Parameters
    ----------
    deviance
        -2 log likelihood of the training values in the units of the files (of their logarithms where those are compared).
    noise
        Measured column -> standard deviation of its errors.
    intervals
        Parameter -> 95% confidence limits.
    ended
        Whether the search ended by itself.
    correlations
        Of effects that are not independent of each other.
    """

    effects: tuple[RandomEffect, ...]
    deviance: float
    noise: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    ended: bool = True
    correlations: tuple[Correlation, ...] = ()

    def sentences(self) -> list[str]:
        """For a person: the spread of each parameter, and what is doubtful."""
        found = []
        for one in self.effects:
            between = f"{one.runs} occasions (`{one.occasion}`)" if one.occasion else f"{one.runs} runs"
            if not one.seen:
                found.append(
                    f"No spread of `{one.parameter}` between the {between} is seen; one value serves them all."
                )
                continue
            limits = f" ({one.limits[0]:.3g} to {one.limits[1]:.3g})" if one.limits else ""
            what = {"log-normal": " of its logarithm", "logit-normal": " of its logit"}.get(one.kind, "")
            doubt = "; the data say little of single runs" if one.shrinkage > SHRUNK else ""
            found.append(
                f"`{one.parameter}` varies between {between} with a standard deviation{what} of {one.sd:.3g}{limits}, "
                f"shrinkage {max(one.shrinkage, 0.0):.0%}{doubt}."
            )
        for one in self.correlations:
            first, second = one.parameters
            low, high = one.limits
            found.append(
                f"`{first}` and `{second}` are correlated between runs with {one.value:.2f} ({low:.2f} to {high:.2f})"
                + ("; the data do not tell it from 0." if low <= 0 <= high else ".")
            )
        if not self.ended:
            found.append("The search for the spread between runs ended before it stood still.")
        return found


SHRUNK = 0.4
"""Shrinkage from which values of single runs are mostly those of the population (Savic and Karlsson 2009 take 20 to 30%)."""


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
    population
        Spread of parameters between runs, where some are random.
    stochastic
        How a model with noise was fitted; None for one without.
    all_rows
        Whether constants are those of all rows, ``metrics.validation`` and ``metrics.test`` being errors of a fit to the training
        rows alone.
    latent
        The encoder of a model whose starts are read from histories; None for one without.
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
    population: Population | None = None
    stochastic: StochasticFit | None = None
    all_rows: bool = False
    latent: LatentFit | None = None
