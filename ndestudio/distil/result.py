"""What distilling comes to. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.suggested import NextRun
from ndestudio.expression.tree import Expr
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Population
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.wording import percent


@dataclass(frozen=True, eq=False)
class NeuralTermSamples:
    """A trained neural term evaluated where data support it: X[sample, argument], y[sample], physical units."""

    neural_term: str
    arguments: tuple[str, ...]
    X: Float[np.ndarray, "sample argument"]
    y: Float[np.ndarray, " sample"]
    weights: Float[np.ndarray, " sample"]


@dataclass(frozen=True, eq=False)
class ScoredCandidate:
    """A candidate substituted into the equations, all constants refitted through the solver, and simulated.

    Parameters
    ----------
    model
        The whole model with this neural term replaced (other neural terms as they were).
    metrics
        Of that model.
    sentence
        What went wrong, "" if nothing did.
    """

    candidate: Candidate
    model: FittedModel
    metrics: Metrics
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class NeuralTermDistillation:
    """One neural term: its samples, the front, the scored candidates (by complexity), and the choice with its
    reason."""

    samples: NeuralTermSamples
    front: Front
    scored: tuple[ScoredCandidate, ...]
    chosen: int
    reason: str

    @property
    def explanation(self) -> str:
        """Why the choice is, and its simulated error beside those of shorter and longer formulas."""
        return ". ".join(part for part in (self.reason, standing(self.scored, self.chosen)) if part)


@dataclass(frozen=True, eq=False)
class Distillation:
    """The distilled model and how it came about.

    Parameters
    ----------
    outcome
        `"done"`, `"stopped"` or `"failed"`;.
    sentence
        The same for a person.
    model
        Every distilled neural term replaced by its chosen formula, all constants refitted together.
    seconds
        `"search"`, `"refit"`, ... -> wall seconds.
    next_run
        What to measure next, None where it was not asked for or there is no law.
    population
        Spread of parameters between runs with the formulas in place, where some are random.
    intervals
        Parameter -> 95% limits with the formulas in place, of models with noise.
    """

    outcome: str
    sentence: str
    neural_terms: Mapping[str, NeuralTermDistillation]
    model: FittedModel
    metrics: Metrics
    engine: str
    seed: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    next_run: NextRun | None = None
    population: Population | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundNeuralTerm:
    """The chosen formula of a neural term and what was found instead.

    Parameters
    ----------
    found
        None if the neural term stayed a network.
    constants
        Largest relative difference of the constants; None if the structures differ.
    error
        root-mean-square difference of the two over the spread of the chosen one, where the data lead; None if unknown.
    """

    neural_term: str
    arguments: tuple[str, ...]
    truth: Expr
    found: Expr | None
    constants: float | None
    error: float | None


@dataclass(frozen=True)
class Recovery:
    """The assessment of a recovery test.

    Parameters
    ----------
    outcome
        `"found"` (same structure everywhere), `"rough"` (the same, but constants far off), `"near"` (other formulas
        that cannot be told apart in the range of the data), `"missed"`, `"failed"` (nothing was trained or distilled),
        `"stopped"`.
    sentence
        The same for a person.
    parameters
        Parameter of the model -> value in the ground truth and value found; `sd(eta_k)` is the spread of a random effect.
    errors
        Part of the data -> mean NRMSE of the found model;.
    floor
        Of the ground truth itself (that is the noise).
    noise
        Column -> standard deviation of the errors that were added.
    laws
        Column -> the noise that was drawn, in words.
    model, train, distil, config
        What it was made with.
    """

    outcome: str
    sentence: str
    neural_terms: tuple[FoundNeuralTerm, ...]
    parameters: Mapping[str, tuple[float, float]]
    errors: Mapping[str, float]
    floor: Mapping[str, float]
    noise: Mapping[str, float]
    model: ModelConfig
    train: TrainConfig
    distil: DistilConfig
    config: RecoveryConfig
    seconds: Mapping[str, float] = field(default_factory=dict)
    laws: Mapping[str, str] = field(default_factory=dict)


def held_out(metrics: Metrics) -> tuple[float, str] | None:
    """Mean NRMSE on the first of validation, test and training data that there is, and on which it is."""
    for part, words in (
        (metrics.validation, "held-out rows"),
        (metrics.test, "held-out rows"),
        (metrics.train, "the training rows"),
    ):
        if "mean" in part:
            return part["mean"], words
    return None


def standing(scored: Sequence[ScoredCandidate], chosen: int) -> str:
    """A choice beside the formula next in length below it and the best of those above it; "" without a choice."""
    mine = held_out(scored[chosen].metrics) if 0 <= chosen < len(scored) else None
    if mine is None:
        return ""
    error, where = mine
    size = scored[chosen].candidate.complexity
    others = [(one.candidate.complexity, found[0]) for one in scored if (found := held_out(one.metrics)) is not None]
    shorter = max((pair for pair in others if pair[0] < size), default=None)
    longer = [other for complexity, other in others if complexity > size and math.isfinite(other)]
    parts = [f"Alone in place of its network it leaves {where} missed by {percent(error)} of their spread"]
    if shorter is not None:
        parts.append(f"with the next simpler one (complexity {shorter[0]}) by {percent(shorter[1])}")
    if longer:
        gain = error - min(longer)
        parts.append(
            f"more complex ones gain at most {100 * gain:.2g} percentage points"
            if gain > 0.0005
            else "more complex ones gain less than 0.1 percentage points"
        )
    return "; ".join(parts)
