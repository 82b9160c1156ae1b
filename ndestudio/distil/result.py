"""What distilling comes to. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ndestudio.model.fitted import FittedModel
from ndestudio.model.metrics import Metrics
from ndestudio.symbolic.front import Candidate, Front


@dataclass(frozen=True, eq=False)
class HoleSamples:
    """A trained hole evaluated where data support it: X[sample, argument], y[sample], physical units."""

    hole: str
    arguments: tuple[str, ...]
    X: Float[np.ndarray, "sample argument"]
    y: Float[np.ndarray, " sample"]
    weights: Float[np.ndarray, " sample"]


@dataclass(frozen=True, eq=False)
class ScoredCandidate:
    """A candidate put into the equations, all constants refitted through the solver, and simulated.

    Arguments:
        model: the whole model with this hole replaced (other holes as they were).
        metrics: of that model. sentence: what went wrong, "" if nothing did.
    """

    candidate: Candidate
    model: FittedModel
    metrics: Metrics
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class HoleDistillation:
    """One hole: its samples, the front, the scored candidates (by complexity), and the choice with its reason."""

    samples: HoleSamples
    front: Front
    scored: tuple[ScoredCandidate, ...]
    chosen: int
    reason: str


@dataclass(frozen=True, eq=False)
class Distillation:
    """The distilled model and how it came about.

    Arguments:
        outcome: `"done"`, `"stopped"` or `"failed"`; sentence: the same for a person.
        model: every distilled hole replaced by its chosen formula, all constants refitted together.
        seconds: `"search"`, `"refit"`, ... -> wall seconds.
    """

    outcome: str
    sentence: str
    holes: Mapping[str, HoleDistillation]
    model: FittedModel
    metrics: Metrics
    engine: str
    seed: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
