"""A formula in the place of a hole, outside a search: its constants refitted through the solver, and simulated."""

from __future__ import annotations

from dataclasses import replace

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import Distillation, ScoredCandidate
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.symbolic.front import Candidate


def put_in(
    model: FittedModel,
    dataset: Dataset,
    hole: str,
    candidate: Candidate,
    train: TrainConfig | None = None,
    *,
    reporter: Reporter | None = None,
) -> ScoredCandidate:
    """Replace the hole, refit all constants through the solver (steps go to ``reporter``), and simulate.

    Raises:
        EquationError: no such hole, or the formula uses a name that it cannot.
    """
    from ndestudio.fitting.refit_model import refit
    from ndestudio.model.replace import replace_hole

    fit = refit(replace_hole(model, hole, candidate.expression), dataset, train, reporter)
    return ScoredCandidate(candidate, fit.model, fit.metrics, fit.sentence if fit.outcome == "diverged" else "")


def with_scored(distillation: Distillation, hole: str, scored: ScoredCandidate) -> Distillation:
    """The distillation with one more scored candidate of a hole, the last one."""
    old = distillation.holes[hole]
    new = replace(old, scored=(*old.scored, scored))
    return replace(distillation, holes={**distillation.holes, hole: new})
