"""Several networks from different seeds: the best is the fit, the others say how far it can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.model.fitted import FittedModel
from ndestudio.model.simulate import evaluate_hole
from ndestudio.progress import Note, Phase, Reporter
from ndestudio.train.config import TrainConfig
from ndestudio.train.result import Fit, Outcome

ALIKE = 0.1
"""Disagreement of a hole, relative to its spread, up to which seeds count as agreeing."""


def fit_seeds(one: Callable[[TrainConfig], Fit], train: TrainConfig, dataset: Dataset, reporter: Reporter) -> Fit:
    """Fit with ``train.seeds`` seeds, one after the other; the first is shown at once.

    Arguments:
        one: fits with the seed of its settings.

    Returns:
        The fit with the smallest validation error (training error without validation data); ``ensemble`` holds the models
        of the others, best first.
    """
    fits: list[Fit] = []
    for k in range(train.seeds):
        if k:
            reporter.emit(Phase("seed", f"training from seed {train.seed + k}", k + 1, train.seeds))
        fits.append(one(msgspec.structs.replace(train, seed=train.seed + k, seeds=1)))
        if fits[-1].outcome is Outcome.STOPPED:
            break
    usable = [fit for fit in fits if fit.outcome is not Outcome.DIVERGED] or fits
    usable.sort(key=_error)
    best, others = usable[0], tuple(fit.model for fit in usable[1:])
    notes = [note for hole in best.model.networks for note in [_agreement(hole, best.model, others)] if note]
    for note in notes:
        reporter.emit(Note(note))
    seconds = {key: sum(fit.seconds.get(key, 0.0) for fit in fits) for fit in fits for key in fit.seconds}
    outcome = Outcome.STOPPED if fits[-1].outcome is Outcome.STOPPED else best.outcome
    return replace(best, outcome=outcome, ensemble=others, notes=(*best.notes, *notes), seconds=seconds)


def _error(fit: Fit) -> float:
    part = fit.metrics.validation or fit.metrics.train
    value = part.get("mean", float("inf"))
    return value if np.isfinite(value) else float("inf")


def disagreement(hole: str, model: FittedModel, others: tuple[FittedModel, ...]) -> float:
    """Root mean square difference of the hole between ``model`` and the others where data support it, over its spread."""
    support = model.networks[hole].support
    if support is None or not len(support) or not others:
        return float("nan")
    mine = evaluate_hole(model, hole, support)
    theirs = np.stack([evaluate_hole(other, hole, support) for other in others])
    spread = float(np.std(mine))
    return float(np.sqrt(np.mean((theirs - mine) ** 2))) / spread if spread > 0 else float("nan")


def _agreement(hole: str, model: FittedModel, others: tuple[FittedModel, ...]) -> str:
    value = disagreement(hole, model, others)
    if not np.isfinite(value):
        return ""
    count = len(others) + 1
    if value <= ALIKE:
        return f"{count} seeds agree on `{hole}` within {value:.1%} of its spread where data support it."
    return (
        f"{count} seeds disagree on `{hole}` by {value:.0%} of its spread where data support it: the data do not determine "
        "it. Fix parameters, constrain the hole, or measure more."
    )
