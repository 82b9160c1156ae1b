"""The laws that the data leave: models with other formulas of the fronts in them that fit about as well as the chosen one.

Models are compared by Schwarz's criterion (1978, Annals of Statistics 6, 461) of all values of trajectories that were trained
on: n log(mean squared error in units of the noise) of each column, n being the number of independent values, plus log(n) for
each constant. A difference of ten is very strong evidence (Kass & Raftery 1995, J. Am. Stat. Assoc. 90, 773): laws within it
are rivals, with the weights exp(-difference/2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.distil.assembly import assemble
from ndestudio.distil.result import Distillation
from ndestudio.expression.text import short_text
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit, NoiseLevel
from ndestudio.model.fitted import FittedModel

VERY_STRONG = 10.0
"""Difference of the criterion from which on a law is excluded."""
MOST_TRIED = 8
"""Models that are simulated to find out whether they are rivals."""
FAR_WORSE = 2.0
"""Ratio to the training error of the chosen model from which on one is not looked at."""
ITERATIONS = 12
"""Steps of the fit of constants of a rival, which begins near its end."""
EXACT = 1e-4
"""Mean squared error, in units of the noise, below which errors are those of solvers."""
SECONDS = 2.0
"""Wall time of the simulations of one model."""
DIGITS = 4
NETWORK = "network of another seed"
"""What stands for the formula of a rival that is one; a number follows."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of the noise of each measured column as a function of its value.

    Parameters
    ----------
    levels
        Column -> constant and proportional part; of a logarithmic one the constant is that of the logarithm.
    """

    levels: Mapping[str, NoiseLevel]

    def at(self, name: str, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Of the column ``name`` where it has these values, in its unit."""
        level = self.levels[name]
        if level.logarithmic:
            return np.maximum(np.abs(values) * level.constant, 1e-300)
        return np.sqrt(level.constant**2 + (level.proportional * values) ** 2)


@dataclass(frozen=True, eq=False)
class Rival:
    """A law that the data leave.

    Parameters
    ----------
    formulas
        Neural term -> the formula in its place, as text for a person.
    weight
        Probability among the rivals.
    """

    formulas: Mapping[str, str]
    model: FittedModel
    weight: float


def noise_of(fit: Fit, dataset: Dataset) -> Noise:
    """The noise as it was estimated in training; of a column without any, a thousandth of its spread."""
    levels = {}
    for k, name in enumerate(dataset.measured_names):
        known = fit.noise_model.get(name)
        spread = float(np.nanstd(np.concatenate([one.measured[:, k] for one in dataset.trajectories])))
        least = 1e-3 * (spread or 1.0)
        if known is None or (not known.logarithmic and known.level < least):
            size = max(float(fit.noise.get(name, 0.0)), least)
            known = NoiseLevel(size, size)
        levels[name] = known
    return Noise(levels)


def rivals(
    fit: Fit,
    distillation: Distillation,
    dataset: Dataset,
    most: int = 6,
    train: TrainConfig = TrainConfig(),
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Rival, ...]:
    """The laws that the data leave, the likeliest first; each neural term but one has its chosen formula.

    Parameters
    ----------
    most
        How many at most.
    train
        Settings of training: where several neural terms have formulas, the constants of all are fitted together again.
    """
    models = alternatives(fit.model, distillation)
    if len(models) > 1 and len(distillation.model.replacements) > 1:
        models = _fitted_together(models, dataset, train, should_stop)
    noise = noise_of(fit, dataset)
    found = surviving(models, dataset, noise)[:most]
    return _beside_networks(found[0], fit, dataset, noise)[:most] if len(found) == 1 else found


def _beside_networks(law: Rival, fit: Fit, dataset: Dataset, noise: Noise) -> tuple[Rival, ...]:
    """The only law, and the networks of other seeds that follow the data as well: what no front holds may go as they do.

    Half of the probability is the law's; the fits alone decide, since weights of networks cannot be counted as constants.
    """
    known = _errors(law.model, dataset, noise)
    counts = [_independent(column) for column in known]
    limit = _misfit(known, counts) + VERY_STRONG
    kept = [one for one in fit.ensemble if _misfit(_errors(one, dataset, noise), counts) <= limit]
    if not kept:
        return (law,)
    networks = [
        Rival(dict.fromkeys(law.formulas, f"{NETWORK} {k}"), one, 0.5 / len(kept))
        for k, one in enumerate(kept, start=1)
    ]
    return (replace(law, weight=0.5), *networks)


def _fitted_together(
    models: Sequence[FittedModel], dataset: Dataset, train: TrainConfig, should_stop: Callable[[], bool]
) -> list[FittedModel]:
    """Candidates were fitted beside the networks of the other terms: constants that suit those do not suit formulas."""
    from ndestudio.fitting.candidates import make_candidates

    candidates = make_candidates(models[0], dataset, train)
    return [models[0], *(candidates.fit(one, should_stop, ITERATIONS).model for one in models[1:])]


def alternatives(network_model: FittedModel, distillation: Distillation) -> list[FittedModel]:
    """The distilled model, then models with another scored candidate for one of their neural terms."""
    chosen = {name: term.chosen for name, term in distillation.neural_terms.items() if term.chosen >= 0}
    known = distillation.metrics.train.get("mean", math.inf)
    found = []
    for name in chosen:
        scored = distillation.neural_terms[name].scored
        alone = scored[chosen[name]].metrics.train.get("mean", math.inf)
        for index, other in enumerate(scored):
            error = other.metrics.train.get("mean", math.inf)
            if index != chosen[name] and error <= FAR_WORSE * max(alone, known):
                found.append((error, name, index))
    found.sort()
    models = [assemble(network_model, distillation, {**chosen, name: k}) for _, name, k in found[: MOST_TRIED - 1]]
    return [distillation.model, *models]


def surviving(models: Sequence[FittedModel], dataset: Dataset, noise: Noise) -> tuple[Rival, ...]:
    """Those of ``models`` that the data do not exclude, the likeliest first; of laws of one form, whatever their constants, one is kept."""
    from ndestudio.distil.search import skeleton
    from ndestudio.model.replace import numbers_filled

    judged = [(one, _errors(one, dataset, noise)) for one in models]
    usable = [(one, errors) for one, errors in judged if all(np.isfinite(column).all() for column in errors)]
    if not usable:
        return ()
    best = min((errors for _, errors in usable), key=lambda errors: sum(float(np.sum(column**2)) for column in errors))
    counts = [_independent(column) for column in best]
    found: dict[tuple[str, ...], tuple[float, FittedModel]] = {}
    for one, errors in usable:
        value = _criterion(one, errors, counts)
        key = tuple(skeleton(law) for law in numbers_filled(one).values())
        if key not in found or value < found[key][0]:
            found[key] = value, one
    least = min(value for value, _ in found.values())
    kept = sorted(((value - least, one) for value, one in found.values() if value - least <= VERY_STRONG), key=_first)
    total = sum(math.exp(-difference / 2) for difference, _ in kept)
    return tuple(Rival(_formulas(one, DIGITS), one, math.exp(-d / 2) / total) for d, one in kept)


def _first(pair: tuple[float, FittedModel]) -> float:
    return pair[0]


def _formulas(model: FittedModel, digits: int) -> dict[str, str]:
    from ndestudio.model.replace import formula_filled

    filled = {name: formula_filled(model, name) for name in model.replacements}
    return {name: short_text(formula, digits) for name, formula in filled.items() if formula is not None}


def _criterion(model: FittedModel, errors: Sequence[np.ndarray], counts: Sequence[float]) -> float:
    from ndestudio.distil.choice import fitted_constants
    from ndestudio.model.replace import formula_filled

    formulas = [formula_filled(model, name) for name in model.replacements]
    constants = sum(fitted_constants(formula) for formula in formulas if formula is not None)
    return _misfit(errors, counts) + constants * math.log(max(sum(counts), 2.0))


def _misfit(errors: Sequence[np.ndarray], counts: Sequence[float]) -> float:
    """n log(mean squared error) of all columns."""
    squares = [max(float(np.mean(column**2)), EXACT) if len(column) else 1.0 for column in errors]
    return sum(n * math.log(square) for n, square in zip(counts, squares, strict=True))


def _errors(model: FittedModel, dataset: Dataset, noise: Noise) -> list[Float[np.ndarray, " value"]]:
    """Errors of each measured column in units of the noise, trajectory after trajectory; infinite where it failed."""
    from ndestudio.solve.scipy_reference import Budget, simulate_trajectory

    trained = [one for one in dataset.trajectories if np.any(one.part == Part.TRAIN)]
    paths = [simulate_trajectory(model, dataset, one, budget=Budget(SECONDS / len(trained))) for one in trained]
    found = []
    for k, name in enumerate(dataset.measured_names):
        if name not in model.measured or model.system.observation(name) is None:
            found.append(np.zeros(0))
            continue
        mine = model.measured.index(name)
        parts = []
        for one, path in zip(trained, paths, strict=True):
            rows = one.present[:, k]
            predicted = path.measured[rows, mine]
            with np.errstate(all="ignore"):
                error = (predicted - one.measured[rows, k]) / noise.at(name, predicted)
            parts.append(np.where(np.isfinite(error), error, np.inf))
        found.append(np.concatenate(parts))
    return found


def _independent(errors: Float[np.ndarray, " value"]) -> float:
    """Number of independent values: n (1 - r)/(1 + r), r the correlation of neighbours (Bayley & Hammersley 1946)."""
    if len(errors) < 3 or not float(np.var(errors)):
        return float(len(errors))
    centred = errors - errors.mean()
    r = float(np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2))
    r = min(max(r, 0.0), 0.99)
    return len(errors) * (1 - r) / (1 + r)
