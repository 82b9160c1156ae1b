"""Which candidate to take: a stated rule on simulated trajectories.

1. Held-out rows first. The candidate with the smallest mean squared error there is the reference. Another stays admissible
   if it is within a tenth of the reference's root-mean-square error, or if the paired difference of squared errors is below
   one standard error of that difference (the one-standard-error rule of Breiman et al. 1984, here paired, because three
   held-out rows tell little about errors but much about differences).
2. Among the admissible ones the shortest description of the training rows wins (minimum description length; Rissanen 1978,
   Schwarz 1978): n/2 log(mean squared error) + the length of the formula + half a log(n) for each constant.

Without held-out rows only the second step is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.expression.tree import Expr
from ndestudio.model.fitted import FittedModel, Simulation

CLOSE = 1.1
"""Ratio of root-mean-square errors that counts as equal."""
EXACT = 1e-5
"""Normalised errors below it are those of solvers, not of formulas."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for a candidate.

    Arguments:
        train, validation: squared errors of each measured value over the variance of its column; infinite where the
            simulation failed.
        nats: length of the formula without its constants. constants: number of constants.
    """

    train: Float[np.ndarray, " value"]
    validation: Float[np.ndarray, " value"]
    nats: float
    constants: int

    @property
    def usable(self) -> bool:
        return bool(np.isfinite(self.train).all() and np.isfinite(self.validation).all())

    @property
    def train_rms(self) -> float:
        return float(np.sqrt(np.mean(self.train))) if len(self.train) else 0.0

    @property
    def validation_rms(self) -> float:
        return float(np.sqrt(np.mean(self.validation))) if len(self.validation) else 0.0

    @property
    def length(self) -> float:
        """Description length in nats; smaller is better."""
        if not self.usable:
            return math.inf
        n = len(self.train)
        floored = max(self.train_rms, EXACT)
        return n * math.log(floored) + self.nats + 0.5 * self.constants * math.log(max(n, 2))


def evidence(
    model: FittedModel, dataset: Dataset, simulations: dict[str, Simulation], expressions: Sequence[Expr]
) -> Evidence:
    """Evidence for ``model``, whose formulas are ``expressions``, from its simulations."""
    from ndestudio.symbolic.selection import structure_nats

    return Evidence(
        train=_squares(model, dataset, simulations, Part.TRAIN),
        validation=_squares(model, dataset, simulations, Part.VALIDATION),
        nats=sum(structure_nats(expression) for expression in expressions),
        constants=sum(fitted_constants(expression) for expression in expressions),
    )


def fitted_constants(expression: Expr) -> int:
    """Numbers that had to be fitted: not whole exponents, and not the ones that a normalised fraction has."""
    from ndestudio.model.replace import parametrise

    return len(parametrise(expression, "c", keep=(1.0,))[1])


def _squares(
    model: FittedModel, dataset: Dataset, simulations: dict[str, Simulation], part: Part
) -> Float[np.ndarray, " value"]:
    spread = dataset.spread()
    found = []
    for k, column in enumerate(dataset.measured_names):
        if column not in model.measured or model.system.observation(column) is None:
            continue
        mine = model.measured.index(column)
        for trajectory in dataset.trajectories:
            rows = trajectory.mask(part)[:, k]
            error = simulations[trajectory.name].measured[rows, mine] - trajectory.measured[rows, k]
            found.append((error / spread[k]) ** 2)
    values = np.concatenate(found) if found else np.empty(0)
    return np.where(np.isfinite(values), values, np.inf)


def admissible(candidates: Sequence[Evidence]) -> list[int]:
    """Indices of the candidates that predict held-out rows as well as the best one."""
    usable = [index for index, item in enumerate(candidates) if item.usable]
    if not usable or not len(candidates[usable[0]].validation):
        return usable
    reference = min(usable, key=lambda index: candidates[index].validation_rms)
    best = candidates[reference]
    kept = []
    for index in usable:
        item = candidates[index]
        close = item.validation_rms <= max(CLOSE * best.validation_rms, EXACT)
        if close or _within_one_standard_error(item.validation - best.validation):
            kept.append(index)
    return kept


def _within_one_standard_error(difference: Float[np.ndarray, " value"]) -> bool:
    n = len(difference)
    return n > 1 and float(np.mean(difference)) <= float(np.std(difference, ddof=1)) / math.sqrt(n)


def choose(candidates: Sequence[Evidence], complexities: Sequence[int]) -> tuple[int, str]:
    """Index of the choice (-1 if none can be simulated) and the reason, a sentence."""
    kept = admissible(candidates)
    if not kept:
        return -1, "none of the candidates could be simulated over the training rows"
    chosen = min(kept, key=lambda index: (candidates[index].length, complexities[index]))
    return chosen, _reason(candidates, complexities, kept, chosen)


def _reason(candidates: Sequence[Evidence], complexities: Sequence[int], kept: Sequence[int], chosen: int) -> str:
    item = candidates[chosen]
    if not len(item.validation):
        return (
            f"shortest description of the training rows (error {item.train_rms:.3g}, complexity {complexities[chosen]}); "
            "there are no validation rows to judge by"
        )
    best = min(kept, key=lambda index: candidates[index].validation_rms)
    if best == chosen:
        lead = f"smallest error on held-out rows ({item.validation_rms:.3g})"
    else:
        lead = (
            f"its error on held-out rows ({item.validation_rms:.3g}) is within one standard error, or a tenth, of the smallest "
            f"({candidates[best].validation_rms:.3g} at complexity {complexities[best]})"
        )
    others = f" of the {len(kept)} candidates for which that holds" if len(kept) > 1 else ""
    return f"{lead}, and it describes the training rows shortest{others} (complexity {complexities[chosen]})"
