"""Which candidate to take: a stated rule on simulated trajectories.

1. Held-out rows first. The reference is the candidate with the smallest error there, among those that follow the training rows
   about as well as the best (a formula that does not is not made good by luck elsewhere). A candidate is admissible if it is
   within a tenth of the reference's root-mean-square error, or below what the best misses the training rows by, or if the paired difference of squared errors is below one standard
   error of that difference: the one-standard-error rule of Breiman et al. 1984, paired, because three held-out rows tell
   little about errors but more about differences, wider for few values (Student 1908), and with the number of independent values reduced for the
   autocorrelation along a trajectory (Bayley & Hammersley 1946).
2. Among the admissible ones the shortest description wins (minimum description length; Rissanen 1978, Schwarz 1978):
   n log(root-mean-square error) of the rows that were fitted and of the held-out ones that were predicted, plus the length of
   the formula, plus half a log(n) for each constant and what it needs beyond that in digits, because it is the better known the
   less noise there is, and constants of formulas that live on cancellation must be (Bartlett, Desmond & Ferreira 2023). n is the number of independent values: residuals of a
   densely sampled trajectory follow each other, and counting each of them would let a hundredth of the error pay for any
   length.

Without held-out rows only the second step is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.dataset import Part
from ndestudio.distil.description import exactness, formula_nats
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.expression.tree import Expr
from ndestudio.fitting.measure import Measure
from ndestudio.model.fitted import FittedModel, Simulation

CLOSE = 1.1
"""Ratio of root-mean-square errors that counts as equal."""
SANE = 2.0
"""Ratio to the smallest training error up to which a candidate may set the measure on held-out rows."""
EXACT = 1e-5
"""Normalised errors below it are those of solvers, not of formulas."""


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """What speaks for a candidate.

    Parameters
    ----------
    train, validation
        What each measured value adds to the loss of training: its squared error over the variance of its column, with
        weights, logarithms and robust loss as asked for; infinite where the simulation failed.
    nats
        Length of the formula without its constants.
    constants
        Number of constants.
    digits
        What they need beyond the usual precision, in nats.
    series
        Number of the trajectory and column each validation value belongs to (None: all one).
    train_count, validation_count
        How many of the values are independent (None: all).
    """

    train: Float[np.ndarray, " fitted"]
    validation: Float[np.ndarray, " held_out"]
    nats: float
    constants: int
    digits: float = 0.0
    series: Int[np.ndarray, " held_out"] | None = None
    train_count: float | None = None
    validation_count: float | None = None

    @property
    def usable(self) -> bool:
        return bool(np.isfinite(self.train).all() and np.isfinite(self.validation).all())

    @property
    def train_rms(self) -> float:
        return float(np.sqrt(np.mean(self.train))) if len(self.train) else 0.0

    @property
    def validation_rms(self) -> float:
        return float(np.sqrt(np.mean(self.validation))) if len(self.validation) else 0.0

    def length(self, train_share: float = 1.0, validation_share: float = 1.0) -> float:
        """Description length in nats; smaller is better. The shares are those of independent values."""
        if not self.usable:
            return math.inf
        n, held_out = len(self.train) * train_share, len(self.validation) * validation_share
        count = n + held_out
        rms = math.sqrt((n * self.train_rms**2 + held_out * self.validation_rms**2) / max(count, 1.0))
        numbers = 0.5 * self.constants * math.log(max(n, 2.0)) + exactness(self.constants, max(rms, EXACT) ** 2, 1.0)
        return count * math.log(max(rms, EXACT)) + self.nats + numbers + self.digits


def lengths(candidates: Sequence[CandidateScores]) -> list[float]:
    """Description lengths that can be compared: all with the independent values of the one that follows the rows best."""
    usable = [item for item in candidates if item.usable]
    if not usable:
        return [math.inf] * len(candidates)
    best = min(usable, key=lambda item: item.train_rms)
    shares = (1.0, 1.0)
    if best.train_rms > EXACT:  # below, residuals are those of the solver
        shares = (_share(best.train_count, best.train), _share(best.validation_count, best.validation))
    return [item.length(*shares) for item in candidates]


def _share(count: float | None, values: Float[np.ndarray, " value"]) -> float:
    return 1.0 if count is None or not len(values) else count / len(values)


def scores(
    model: FittedModel,
    measure: Measure,
    simulations: Mapping[str, Simulation],
    formulas: Mapping[str, Expr],
    samples: Mapping[str, NeuralTermSamples] | None = None,
) -> CandidateScores:
    """Scores of ``model``, in which the neural terms are ``formulas``, from its simulations (none: it could not be
    simulated).

    Parameters
    ----------
    measure
        How errors count: as in training.
    samples
        Where the data lie, of each neural term.
    """
    train, train_series = measure.errors(model, simulations, Part.TRAIN)
    validation, series = measure.errors(model, simulations, Part.VALIDATION)
    return CandidateScores(
        train=train**2,
        validation=validation**2,
        nats=sum(_nats(formula, (samples or {}).get(name)) for name, formula in formulas.items()),
        constants=sum(fitted_constants(formula) for formula in formulas.values()),
        series=series,
        train_count=_independent(train, train_series),
        validation_count=_independent(validation, series),
    )


def _nats(formula: Expr, samples: NeuralTermSamples | None) -> float:
    if samples is None:
        return formula_nats(formula)
    return formula_nats(formula, samples.arguments, samples.X)


def fitted_constants(expression: Expr) -> int:
    """Numbers that had to be fitted: not whole exponents, and not the ones that a normalised fraction has."""
    from ndestudio.model.replace import parametrise

    return len(parametrise(expression, "c", keep=(1.0,))[1])


def admissible(candidates: Sequence[CandidateScores]) -> list[int]:
    """Indices of the candidates that predict held-out rows as well as the best one."""
    usable = [index for index, item in enumerate(candidates) if item.usable]
    if not usable or not len(candidates[usable[0]].validation):
        return usable
    smallest = min(candidates[index].train_rms for index in usable)
    sane = [index for index in usable if candidates[index].train_rms <= max(SANE * smallest, EXACT)]
    best = candidates[min(sane, key=lambda index: candidates[index].validation_rms)]
    kept = []
    for index in usable:
        item = candidates[index]
        # what is below the noise of the fitted rows tells nothing
        close = item.validation_rms <= max(CLOSE * best.validation_rms, smallest, EXACT)
        if close or _within_one_standard_error(item.validation - best.validation, best.series):
            kept.append(index)
    return kept


def _within_one_standard_error(
    difference: Float[np.ndarray, " value"], series: Int[np.ndarray, " value"] | None
) -> bool:
    n = _independent(difference, np.zeros(len(difference), dtype=int) if series is None else series)
    if n <= 1.0:
        return False
    return float(np.mean(difference)) <= _one_error(n) * float(np.std(difference, ddof=1)) / math.sqrt(n)


def _one_error(n: float) -> float:
    """What one standard error is where it was estimated from ``n`` values: 1 for many, 1.8 for two (Student 1908)."""
    from scipy.stats import norm, t

    return float(t.ppf(norm.cdf(1.0), n - 1.0))


def _independent(values: Float[np.ndarray, " value"], series: Int[np.ndarray, " value"]) -> float:
    """Number of independent values: n (1 - r)/(1 + r) with the autocorrelation r of neighbours in a series, at least one each."""
    if not np.isfinite(values).all():
        return float(len(values))
    deviation = values - np.mean(values) if len(values) else values
    total = float(np.sum(deviation**2))
    same = series[1:] == series[:-1]
    if total <= 0 or not same.any():
        return float(len(values))
    r = float(np.sum(deviation[1:][same] * deviation[:-1][same])) / total
    r = min(max(r, 0.0), 0.99)
    return max(len(values) * (1.0 - r) / (1.0 + r), float(len(np.unique(series))), 2.0)


def choose(candidates: Sequence[CandidateScores], complexities: Sequence[int]) -> tuple[int, str]:
    """Index of the choice (-1 if none can be simulated) and the reason, a sentence."""
    kept = admissible(candidates)
    if not kept:
        return -1, "none of the candidates could be simulated over the training rows"
    compared = dict(zip(kept, lengths([candidates[index] for index in kept]), strict=True))
    chosen = min(kept, key=lambda index: (compared[index], complexities[index]))
    return chosen, _reason(candidates, complexities, kept, chosen)


def _reason(
    candidates: Sequence[CandidateScores], complexities: Sequence[int], kept: Sequence[int], chosen: int
) -> str:
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
            f"its error on held-out rows ({item.validation_rms:.3g}) is as small as the others' allow to tell "
            f"(smallest {candidates[best].validation_rms:.3g}, at complexity {complexities[best]})"
        )
    others = f" among the {len(kept)} candidates for which that holds" if len(kept) > 1 else ""
    return f"{lead}, and it is the shortest description of the rows{others} (complexity {complexities[chosen]})"
