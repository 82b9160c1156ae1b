"""A formula beside its neural term: samples, how it follows them, and what refitting did to the parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.figures.term_fit import FormulaFit, term_fit
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.session.distillation.state import Change
from ndestudio.symbolic.front import Candidate


def sample(
    model: FittedModel, dataset: Dataset, neural_terms: tuple[str, ...], count: int, seed: int, *, reporter: Reporter
) -> dict[str, NeuralTermSamples]:
    """Samples of the neural terms where data support them; a neural term that no trajectory reaches has none."""
    from ndestudio.distil.sampling import sample_neural_term

    found: dict[str, NeuralTermSamples] = {}
    for neural_term in neural_terms:
        if reporter.should_stop():
            break
        try:
            found[neural_term] = sample_neural_term(model, dataset, neural_term, count, seed)
        except ValueError:
            continue
    return found


def formula_fit(
    model: FittedModel, samples: NeuralTermSamples, candidate: Candidate, dataset: Dataset | None = None
) -> FormulaFit:
    """Formula and network at the samples and along each argument.

    Parameters
    ----------
    dataset
        Where the units of the arguments are found.
    """
    from ndestudio.expression import evaluate
    from ndestudio.model.units import quantity_units

    def formula(X: np.ndarray) -> np.ndarray:
        values = {name: X[:, i] for i, name in enumerate(samples.arguments)}
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(np.asarray(evaluate(candidate.expression, values), float), len(X)))

    return term_fit(model, samples, formula, quantity_units(model.config, dataset) if dataset else {})


def changes(before: Mapping[str, float], after: Mapping[str, float], units: Mapping[str, str]) -> tuple[Change, ...]:
    """Parameters on both sides, those of the formula last."""
    names = (*before, *(name for name in after if name not in before))
    return tuple(Change(name, before.get(name), after.get(name), units.get(name, "")) for name in names)
