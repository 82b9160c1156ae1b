"""What it came to: the run that would tell laws apart. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

TOLD_APART = 3.0
"""Difference, in units of the noise, from which on a person would see it."""


@dataclass(frozen=True)
class Pair:
    """Two rivals and the largest difference of their predictions, in units of the noise: where and when."""

    first: int
    second: int
    difference: float
    column: str
    time: float


@dataclass(frozen=True, eq=False)
class SuggestedRun:
    """A run that would tell rivals apart.

    Parameters
    ----------
    start
        State -> initial value.
    inputs
        Input -> level throughout the run.
    t
        Times.
    predictions
        Of each rival, the measured columns in the order of the data set.
    pairs
        Of all rivals.
    """

    start: Mapping[str, float]
    inputs: Mapping[str, float]
    t: Float[np.ndarray, " time"]
    predictions: tuple[Float[np.ndarray, "time measured"], ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, eq=False)
class NextRun:
    """What to measure next.

    Parameters
    ----------
    formulas
        Of each rival: neural term -> formula; weights: the probabilities of the rivals.
    runs
        The best first; empty where one law is left, or none of the runs that are allowed can be simulated.
    sentence
        For a person.
    bounds
        State or input -> the limits within which it was looked for.
    """

    formulas: tuple[Mapping[str, str], ...]
    weights: tuple[float, ...]
    runs: tuple[SuggestedRun, ...]
    sentence: str
    bounds: Mapping[str, tuple[float, float]]

    @property
    def told_apart(self) -> bool:
        """Whether the first run shows a difference between any two rivals."""
        return bool(self.runs) and self.pair is not None and self.pair.difference >= TOLD_APART

    @property
    def pair(self) -> Pair | None:
        """Of the first run: the likeliest two rivals that it tells apart, else those that it parts most; None without a run."""
        return telling_pair(self.runs[0], self.weights) if self.runs else None


def telling_pair(run: SuggestedRun, weights: Sequence[float]) -> Pair:
    """The likeliest two rivals that a run tells apart, else those that it parts most."""
    told = [pair for pair in run.pairs if pair.difference >= TOLD_APART]
    if told:
        return max(told, key=lambda one: (weights[one.first] * weights[one.second], one.difference))
    return max(run.pairs, key=lambda one: one.difference)
