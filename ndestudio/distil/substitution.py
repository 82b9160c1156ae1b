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

    if model.system.diffusion:
        return _by_likelihood(replace_neural_term(model, neural_term, candidate.expression), dataset, candidate)
    fit = refit(replace_neural_term(model, neural_term, candidate.expression), dataset, train, reporter)
    return ScoredCandidate(candidate, fit.model, fit.metrics, fit.sentence if fit.outcome == "diverged" else "")


def _by_likelihood(model: FittedModel, dataset: Dataset, candidate: Candidate) -> ScoredCandidate:
    """The constants of a stochastic model with the largest likelihood of the transitions; networks that are left stay as they are."""
    import numpy as np

    from ndestudio.fitting.metrics import Metrics
    from ndestudio.fitting.stochastic.descent import scoring
    from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
    from ndestudio.fitting.stochastic.space import stochastic_space
    from ndestudio.fitting.stochastic.transitions import transitions

    space = stochastic_space(model, train_networks=False)
    likelihood = TransitionLikelihood(space, transitions(model, dataset), "moments", 2)
    theta, _ = scoring(likelihood, space.theta, steps=20)
    value = float(np.mean(likelihood.each(theta)))
    sentence = (
        ""
        if np.isfinite(value)
        else "The formula gives the transitions no likelihood: it has no value at some of them."
    )
    return ScoredCandidate(candidate, space.fitted(theta, {}), Metrics(), sentence)


def with_scored(distillation: Distillation, neural_term: str, scored: ScoredCandidate) -> Distillation:
    """The distillation with one more scored candidate of a neural term, the last one."""
    old = distillation.neural_terms[neural_term]
    new = replace(old, scored=(*old.scored, scored))
    return replace(distillation, neural_terms={**distillation.neural_terms, neural_term: new})
