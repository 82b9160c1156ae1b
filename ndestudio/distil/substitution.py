"""A formula in the place of a neural term, outside a search: its constants refitted through the solver, and
simulated."""

from __future__ import annotations

from dataclasses import replace

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import Distillation, ScoredCandidate
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.symbolic.front import Candidate


def substitute_formula(
    model: FittedModel,
    dataset: Dataset,
    neural_term: str,
    candidate: Candidate,
    train: TrainConfig | None = None,
    *,
    reporter: Reporter | None = None,
) -> ScoredCandidate:
    """Replace the neural term, refit all constants through the solver (steps go to ``reporter``), and simulate.

    Raises
    ------
    EquationError
        No such neural term, or the formula uses a name that it cannot.
    """
    from ndestudio.fitting.refit_model import refit
    from ndestudio.model.replace import replace_neural_term

    fit = refit(replace_neural_term(model, neural_term, candidate.expression), dataset, train, reporter)
    return ScoredCandidate(candidate, fit.model, fit.metrics, fit.sentence if fit.outcome == "diverged" else "")


def with_scored(distillation: Distillation, neural_term: str, scored: ScoredCandidate) -> Distillation:
    """The distillation with one more scored candidate of a neural term, the last one."""
    old = distillation.neural_terms[neural_term]
    new = replace(old, scored=(*old.scored, scored))
    return replace(distillation, neural_terms={**distillation.neural_terms, neural_term: new})
