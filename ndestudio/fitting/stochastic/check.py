"""How sure a fit by likelihood is: limits from the observed information, and whether thinned data say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.stochastic.descent import Likelihood, Theta, scoring
from ndestudio.fitting.stochastic.grid_choice import grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.fitted import FittedModel

LEVEL = 0.95
DOUBTFUL = 1e-3
"""Probability of a difference as large by chance, over all parameters, below which it is told."""
FEWEST = 40
"""Transitions of the thinned data from which they are looked at."""


def covariance(likelihood: Likelihood, theta: Theta) -> Float[np.ndarray, "free free"] | None:
    """Inverse of the observed information of the free numbers; None where that is not positive."""
    information = likelihood.information(theta)
    if not np.isfinite(information).all():
        return None
    try:
        np.linalg.cholesky(information)
        return np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return None


def intervals(likelihood: Likelihood, theta: Theta) -> dict[str, tuple[float, float]]:
    """Parameter -> 95% limits by the observed information, on the scale on which it is trained; none where that says nothing."""
    found = covariance(likelihood, theta)
    if found is None:
        return {}
    space, z = likelihood.space, float(scipy.stats.norm.ppf(0.5 + LEVEL / 2))
    names = space.structure.parameters
    limits = {}
    for k, place in enumerate(likelihood.free):
        if place >= len(names):
            continue
        low, high = theta.copy(), theta.copy()
        spread = z * float(np.sqrt(found[k, k]))
        low[place] -= spread
        high[place] += spread
        ends = space.parameters(low)[names[place]], space.parameters(high)[names[place]]
        limits[names[place]] = (min(ends), max(ends))
    return limits


@dataclass(frozen=True)
class Hausman:
    """Estimates from every second sample beside those from all.

    Parameters
    ----------
    thinned
        Parameter -> estimate from every second sample.
    probability
        Of differences as large by chance (Hausman 1978); 1 where it cannot be had.
    """

    thinned: Mapping[str, float]
    probability: float = 1.0
    sentences: tuple[str, ...] = ()


def hausman(model: FittedModel, dataset: Dataset, likelihood: TransitionLikelihood, theta: Theta) -> Hausman:
    """Whether every second sample leads to the same model: it does not where the density is biased by the length of steps, where
    measurements have errors, or where the future depends on more than the present."""
    data = transitions(model, dataset, every=2)
    if len(data) < FEWEST or not len(likelihood.free):
        return Hausman({})
    coarse = replace(likelihood, transitions=data)
    if likelihood.grid is not None:
        grid = grid_of(likelihood.space.fitted(theta, {}), data)
        coarse = replace(coarse, density="grid" if grid is not None else "moments", grid=grid, parts=2)
    other, reason = scoring(coarse, theta, steps=15)
    if reason == "stuck":
        return Hausman({})
    names, free = likelihood.space.structure.parameters, likelihood.free
    values = likelihood.space.parameters(other)
    thinned = {names[k]: values[names[k]] for k in free}
    fine, wide = covariance(likelihood, theta), covariance(coarse, other)
    if fine is None or wide is None:
        return Hausman(thinned)
    difference, spread = (other - theta)[free], wide - fine
    sizes, directions = np.linalg.eigh(spread)
    kept = sizes > 1e-3 * np.max(np.diag(wide))
    statistic = float(np.sum((directions[:, kept].T @ difference) ** 2 / sizes[kept]))
    probability = float(scipy.stats.chi2.sf(statistic, int(kept.sum()))) if kept.any() else 1.0
    if probability >= DOUBTFUL:
        return Hausman(thinned, probability)
    now = likelihood.space.parameters(theta)
    told = ", ".join(f"`{name}` {now[name]:.4g} and {value:.4g}" for name, value in list(thinned.items())[:4])
    sentence = (
        f"All samples and every second one disagree ({told}): steps are too long for the density, measurements have errors of "
        'their own (`noise = "constant"` in [train]), or the future depends on more than the present'
    )
    return Hausman(thinned, probability, (sentence + ".",))
