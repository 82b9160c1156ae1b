"""The hybrid model with accepted candidates in the places of its neural terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ndestudio.distil.result import Distillation, NeuralTermDistillation
from ndestudio.expression.tree import Expr
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import formula_filled, replace_neural_term


def assemble(
    model: FittedModel, distillation: Distillation | Mapping[str, NeuralTermDistillation], accepted: Mapping[str, int]
) -> FittedModel:
    """``model`` with the accepted candidates in the places of their neural terms; terms not named stay neural.

    Parameters
    ----------
    model
        The hybrid model that was distilled.
    accepted
        Neural term -> index among its scored candidates. All choices together give the jointly refitted model.

    Raises
    ------
    KeyError
        For a neural term that was not distilled.
    IndexError
        For a candidate that does not exist.
    """
    whole = distillation if isinstance(distillation, Distillation) else None
    neural_terms = distillation.neural_terms if isinstance(distillation, Distillation) else distillation
    accepted = {name: index for name, index in accepted.items() if index >= 0}
    chosen = {name: item.chosen for name, item in neural_terms.items() if item.chosen >= 0}
    if whole is not None and accepted == chosen and accepted:
        return whole.model
    if len(accepted) == 1:
        ((name, index),) = accepted.items()
        return neural_terms[name].scored[index].model
    result = model
    for name, index in accepted.items():
        refitted = neural_terms[name].scored[index].model
        result = replace_neural_term(result, name, filled_in(refitted, name))
        known = {key: refitted.parameters[key] for key in model.parameters}
        result = replace(result, parameters={**result.parameters, **known}, initial=refitted.initial)
    return result


def filled_in(model: FittedModel, neural_term: str) -> Expr:
    """The formula that stands in the place of a neural term, with its numbers."""
    formula = formula_filled(model, neural_term)
    assert formula is not None
    return formula
