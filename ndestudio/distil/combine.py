"""All neural terms together: the best combination of candidates, judged as one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ndestudio.distil.choice import EXACT, admissible, choose, lengths
from ndestudio.distil.forms import complexity
from ndestudio.distil.result import NeuralTermDistillation
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.expression.tree import Expr, calls, names
from ndestudio.model.fitted import FittedModel

PER_NEURAL_TERM = 4
"""Candidates of a neural term that enter combinations."""
MOST_COMBINATIONS = 12
NEAR_MISS = 3.0
"""Ratio to the smallest training error up to which a candidate gets its second look."""


@dataclass(frozen=True, eq=False)
class JudgedNeuralTerm:
    """A neural term with its candidates tried out one by one, the other neural terms left as networks."""

    distillation: NeuralTermDistillation
    trials: tuple[Trial, ...]

    def ranked(self) -> list[int]:
        """Indices of candidates worth combining, the choice first, then by description length."""
        all_scores = [trial.scores for trial in self.trials]
        kept = admissible(all_scores)
        # another term that is still neural hides small differences here, so that near misses get a second look
        smallest = min((item.train_rms for item in all_scores if item.usable), default=0.0)
        near = max(NEAR_MISS * smallest, EXACT)
        usable = [k for k, item in enumerate(all_scores) if item.usable and item.train_rms <= near]
        if self.distillation.chosen not in usable:
            usable.append(self.distillation.chosen)
        compared = lengths(all_scores)
        order = sorted(usable, key=lambda k: (k != self.distillation.chosen, k not in kept, compared[k]))
        return order[:PER_NEURAL_TERM]


def combine(
    model: FittedModel, neural_terms: Mapping[str, JudgedNeuralTerm], judge: Judge, costs: Mapping[str, int]
) -> tuple[Trial, dict[str, int]] | None:
    """The best combination of candidates with all its constants refitted, and the candidate index of each neural term.

    None when no combination can be simulated, or the search for one was stopped before the first.
    """
    usable = {name: neural_term for name, neural_term in neural_terms.items() if neural_term.distillation.chosen >= 0}
    if not usable:
        return None
    if len(usable) == 1:
        ((name, neural_term),) = usable.items()
        return neural_term.trials[neural_term.distillation.chosen], {name: neural_term.distillation.chosen}
    trials, choices = [], []
    for picked in _combinations([usable[name].ranked() for name in usable]):
        if judge.should_stop():
            break
        choice = dict(zip(usable, picked, strict=True))
        trials.append(_tried(model, usable, choice, judge))
        choices.append(choice)
    if not trials:
        return None
    best, _ = choose([trial.scores for trial in trials], [total(trial.expressions, costs) for trial in trials])
    return None if best < 0 else (trials[best], choices[best])


def _combinations(ranked: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Combinations by the sum of their ranks, so that the likeliest come first."""
    positions = product(*[range(len(order)) for order in ranked])
    likeliest = sorted(positions, key=lambda ranks: (sum(ranks), max(ranks)))[:MOST_COMBINATIONS]
    return [tuple(order[k] for order, k in zip(ranked, ranks, strict=True)) for ranks in likeliest]


def _tried(
    model: FittedModel, neural_terms: Mapping[str, JudgedNeuralTerm], choice: Mapping[str, int], judge: Judge
) -> Trial:
    parts = {name: neural_terms[name].trials[index] for name, index in choice.items()}
    start = replace(model, parameters={**model.parameters, **_start_parameters(model, parts)})
    return judge.try_out(start, {name: part.expressions[name] for name, part in parts.items()})


def _start_parameters(model: FittedModel, parts: Mapping[str, Trial]) -> dict[str, float]:
    """Each mechanistic parameter starts from the trials of the neural terms it shares an equation with.

    A network can hold a part of the terms beside it, and only the formula in its place gives that part back.
    """
    beside: dict[str, list[str]] = {name: [] for name in model.parameters}
    for expression in (*model.system.rhs, *(one.residual for one in model.system.algebraic)):
        neural_terms = [call.function for call in calls(expression, parts) if call.function in parts]
        for name in names(expression):
            if name in beside:
                beside[name] += neural_terms
    return {
        name: float(np.mean([parts[neural_term].model.parameters[name] for neural_term in beside[name] or parts]))
        for name in model.parameters
    }


def total(expressions: Mapping[str, Expr], costs: Mapping[str, int]) -> int:
    """Complexity of all formulas."""
    return sum(complexity(expression, costs) for expression in expressions.values())
