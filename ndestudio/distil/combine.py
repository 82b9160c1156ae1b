"""All holes together: the best combination of candidates, judged as one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ndestudio.distil.choice import EXACT, admissible, choose, lengths
from ndestudio.distil.forms import complexity
from ndestudio.distil.result import HoleDistillation
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.expression.tree import Expr, calls, names
from ndestudio.model.fitted import FittedModel

PER_HOLE = 4
"""Candidates of a hole that enter combinations."""
MOST_COMBINATIONS = 12
NEAR_MISS = 3.0
"""Ratio to the smallest training error up to which a candidate gets its second look."""


@dataclass(frozen=True, eq=False)
class JudgedHole:
    """A hole with its candidates tried out one by one, the other holes left neural."""

    distillation: HoleDistillation
    trials: tuple[Trial, ...]

    def ranked(self) -> list[int]:
        """Indices of candidates worth combining, the choice first, then by description length."""
        evidences = [trial.evidence for trial in self.trials]
        kept = admissible(evidences)
        # another hole that is still neural hides small differences here, so that near misses get a second look
        smallest = min((item.train_rms for item in evidences if item.usable), default=0.0)
        near = max(NEAR_MISS * smallest, EXACT)
        usable = [k for k, item in enumerate(evidences) if item.usable and item.train_rms <= near]
        if self.distillation.chosen not in usable:
            usable.append(self.distillation.chosen)
        compared = lengths(evidences)
        order = sorted(usable, key=lambda k: (k != self.distillation.chosen, k not in kept, compared[k]))
        return order[:PER_HOLE]


def combine(
    model: FittedModel, holes: Mapping[str, JudgedHole], judge: Judge, costs: Mapping[str, int]
) -> tuple[Trial, dict[str, int]] | None:
    """The best combination of candidates with all its constants refitted, and the candidate index of each hole.

    None when no combination can be simulated, or the search for one was stopped before the first.
    """
    usable = {name: hole for name, hole in holes.items() if hole.distillation.chosen >= 0}
    if not usable:
        return None
    if len(usable) == 1:
        ((name, hole),) = usable.items()
        return hole.trials[hole.distillation.chosen], {name: hole.distillation.chosen}
    trials, choices = [], []
    for picked in _combinations([usable[name].ranked() for name in usable]):
        if judge.should_stop():
            break
        choice = dict(zip(usable, picked, strict=True))
        trials.append(_tried(model, usable, choice, judge))
        choices.append(choice)
    if not trials:
        return None
    best, _ = choose([trial.evidence for trial in trials], [_total(trial.expressions, costs) for trial in trials])
    return None if best < 0 else (trials[best], choices[best])


def _combinations(ranked: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Combinations by the sum of their ranks, so that the likeliest come first."""
    positions = product(*[range(len(order)) for order in ranked])
    likeliest = sorted(positions, key=lambda ranks: (sum(ranks), max(ranks)))[:MOST_COMBINATIONS]
    return [tuple(order[k] for order, k in zip(ranked, ranks, strict=True)) for ranks in likeliest]


def _tried(model: FittedModel, holes: Mapping[str, JudgedHole], choice: Mapping[str, int], judge: Judge) -> Trial:
    parts = {name: holes[name].trials[index] for name, index in choice.items()}
    start = replace(model, parameters={**model.parameters, **_start_parameters(model, parts)})
    return judge.try_out(start, {name: part.expressions[name] for name, part in parts.items()})


def _start_parameters(model: FittedModel, parts: Mapping[str, Trial]) -> dict[str, float]:
    """Each mechanistic parameter starts from the trials of the holes it shares an equation with.

    A network can hold a part of the terms beside it, and only the formula in its place gives that part back.
    """
    beside: dict[str, list[str]] = {name: [] for name in model.parameters}
    for expression in model.system.rhs:
        holes = [call.function for call in calls(expression, parts) if call.function in parts]
        for name in names(expression):
            if name in beside:
                beside[name] += holes
    return {
        name: float(np.mean([parts[hole].model.parameters[name] for hole in beside[name] or parts]))
        for name in model.parameters
    }


def _total(expressions: Mapping[str, Expr], costs: Mapping[str, int]) -> int:
    return sum(complexity(expression, costs) for expression in expressions.values())
