"""The covariance of random effects, as a function of numbers without bounds.

Effects are normal around 0. Effects of occasions of one parameter have one spread between them; spreads of runs may be correlated in
blocks. Of a block the numbers are log sd_k and, below the diagonal, c_kj: row k of the Cholesky factor of the correlation matrix is
(c_k1, ..., c_k(k-1), 1, 0, ...) over its length, so that sd_k is the standard deviation whatever the correlations are (a
parametrisation of Pinheiro and Bates 1996, Statistics and Computing 6, 289).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.model.config import ModelConfig
from ndestudio.model.runs import effects, occasion_effects

LEAST = 1e-4
"""Spread, as a part of what it started from, below which there is none to be seen."""
STEEPEST = 30.0
"""Largest c_kj: correlations stay below 1."""
DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class Covariance:
    """Which effects there are and how they vary.

    Parameters
    ----------
    states
        Places of the effects among the states of the model.
    spread
        Of each effect, which spread it has.
    start, estimated
        Of each spread: its standard deviation to begin with, and whether it is estimated.
    pairs
        Spreads (row, column; row > column) that are correlated, and ``correlations`` to begin with.
    names
        Of each spread: the parameter of the population, and the state that stands for its effects.
    """

    states: Int[np.ndarray, " effect"]
    spread: Int[np.ndarray, " effect"]
    start: Float[np.ndarray, " spread"]
    estimated: Bool[np.ndarray, " spread"]
    pairs: tuple[tuple[int, int], ...]
    correlations: tuple[float, ...]
    names: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """How many numbers are estimated."""
        return int(self.estimated.sum()) + len(self.pairs)

    def numbers(
        self, sd: Float[np.ndarray, " spread"], R: Float[np.ndarray, "spread spread"]
    ) -> Float[np.ndarray, " n"]:
        """The numbers of standard deviations and a correlation matrix."""
        L = np.linalg.cholesky(R)
        ratios = [np.clip(L[row, column] / L[row, row], -STEEPEST, STEEPEST) for row, column in self.pairs]
        return np.concatenate([np.log(sd[self.estimated]), ratios])

    def begin(self) -> Float[np.ndarray, " n"]:
        """The numbers at the start values."""
        R = np.eye(len(self.start))
        for (row, column), value in zip(self.pairs, self.correlations, strict=True):
            R[row, column] = R[column, row] = value
        return self.numbers(self.start, R)

    def deviations(self, numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, " spread"]:
        """Standard deviation of each spread."""
        sd = self.start.copy()
        count = int(self.estimated.sum())
        lowest = LEAST * self.start[self.estimated]
        sd[self.estimated] = np.maximum(np.exp(np.clip(numbers[:count], -300.0, 300.0)), lowest)
        return sd

    def correlation(self, numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, "spread spread"]:
        """Correlation matrix of the spreads."""
        L = np.eye(len(self.start))
        ratios = np.clip(numbers[int(self.estimated.sum()) :], -STEEPEST, STEEPEST)
        for (row, column), ratio in zip(self.pairs, ratios, strict=True):
            L[row, column] = ratio
        L /= np.linalg.norm(L, axis=1, keepdims=True)
        return L @ L.T

    def matrix(self, numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, "effect effect"]:
        """Covariance of all effects; those that share a spread are independent of each other."""
        sd, R = self.deviations(numbers), self.correlation(numbers)
        alone = self.spread[:, None] != self.spread[None, :]
        own = np.eye(len(self.spread), dtype=bool)
        return np.where(
            alone | own, R[np.ix_(self.spread, self.spread)] * np.outer(sd[self.spread], sd[self.spread]), 0.0
        )

    def slopes(self, numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n effect effect"]:
        """Derivatives of ``matrix`` by the numbers, by differences."""
        h = DIFFERENCE * np.eye(len(numbers))
        return np.array(
            [(self.matrix(numbers + e) - self.matrix(numbers - e)) / (2.0 * DIFFERENCE) for e in h]
        ).reshape(len(numbers), len(self.states), len(self.states))

    def of_moments(
        self, S: Float[np.ndarray, "effect effect"], now: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """The numbers of mean products of effects; spreads that are known stay."""
        sd, known = np.zeros(len(self.start)), self.deviations(now)
        for k in range(len(sd)):
            here = self.spread == k
            sd[k] = np.sqrt(np.mean(np.diag(S)[here])) if self.estimated[k] and here.any() else known[k]
        sd = np.maximum(sd, LEAST * self.start)
        R = np.eye(len(sd))
        for row, column in self.pairs:
            one, other = (int(np.flatnonzero(self.spread == k)[0]) for k in (row, column))
            R[row, column] = R[column, row] = np.clip(S[one, other] / (sd[row] * sd[column]), -0.98, 0.98)
        values, vectors = np.linalg.eigh(R)
        R = (vectors * np.maximum(values, 1e-3)) @ vectors.T
        size = np.sqrt(np.diag(R))
        return self.numbers(sd, R / np.outer(size, size))


def covariance_of(config: ModelConfig, states: Sequence[str]) -> Covariance:
    """The random effects of a model laid out for its runs."""
    places, spread, start, estimated, names = [], [], [], [], []
    found = effects(config)
    for name, state in found.items():
        random = config.parameters[name].random
        assert random is not None
        spread.append(len(start))
        places.append(states.index(state))
        start.append(random.sd or 1.0)
        estimated.append(not random.fixed)
        names.append((name, state))
    index = {name: k for k, name in enumerate(found)}
    blocks = _pairs(config, index)
    for name, held in occasion_effects(config).items():
        random = config.parameters[name].random
        assert random is not None
        spread += [len(start)] * len(held)
        places += [states.index(state) for state in held]
        start.append(random.occasion_sd or 1.0)
        estimated.append(not random.fixed)
        names.append((name, held[0]))
    pairs = tuple(blocks)
    return Covariance(
        np.array(places, dtype=int),
        np.array(spread, dtype=int),
        np.array(start, dtype=float),
        np.array(estimated, dtype=bool),
        pairs,
        tuple(blocks[pair] for pair in pairs),
        tuple(names),
    )


def _pairs(config: ModelConfig, index: dict[str, int]) -> dict[tuple[int, int], float]:
    """All pairs within blocks of effects that are correlated, with the correlation they start from."""
    told: dict[tuple[int, int], float] = {}
    block = list(range(len(index)))
    for name, k in index.items():
        random = config.parameters[name].random
        assert random is not None
        for other, value in random.correlated.items():
            j = index[other]
            told[max(k, j), min(k, j)] = value
            joined = {block[k], block[j]}
            block = [min(joined) if one in joined else one for one in block]
    count = len(block)
    return {(k, j): told.get((k, j), 0.0) for k in range(count) for j in range(k) if block[k] == block[j]}


__all__ = ["Covariance", "covariance_of"]
