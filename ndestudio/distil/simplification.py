"""From the best combination to the model that is handed over: terms dropped, constants rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ndestudio.distil.choice import EXACT, choose
from ndestudio.distil.forms import complexity, simplest, with_a_term_less
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.expression.bounded import Budget
from ndestudio.expression.tree import Expr, Number, children, numbers, size, with_children
from ndestudio.model.fitted import FittedModel

ROUNDS_OF_DROPPING = 4
FAR_WORSE = 5.0
"""Ratio of training errors beyond which a shortened formula is not refitted to the end."""
MOST_VARIANTS = 12
"""Shortened formulas tried per neural term and round; the longest first, which lost least."""
NEAR = 2e-3
"""Relative distance at which a simple number is tried in the place of a constant."""
VERY_NEAR = 1e-5
"""Relative distance at which a third, or a multiple of pi, is tried: a constant is near one of these by chance too often."""
NO_WORSE = 1.0 + 1e-3
"""Factor of the root-mean-square error that counts as not worse."""


def drop_terms(
    best: Trial,
    judge: Judge,
    costs: Mapping[str, int],
    promising: Callable[[Mapping[str, Expr], Mapping[str, Expr]], bool] = lambda formulas, best: True,
) -> Trial:
    """Backward elimination: leave out one term at a time as long as the rule of ``choice`` prefers the shorter formula.

    Parameters
    ----------
    promising
        (formulas, those of the best) -> whether it is worth fitting them through the solver.
    """
    for _ in range(ROUNDS_OF_DROPPING):
        trials = [best]
        for neural_term, formula in best.expressions.items():
            for variant in _variants(formula, judge.budget):
                if judge.should_stop():
                    return best
                formulas = {**best.expressions, neural_term: variant}
                if promising(formulas, best.expressions):
                    enough = FAR_WORSE * best.scores.train_rms
                    trials.append(judge.try_out(best.model, formulas, enough=enough))
        chosen, _ = choose([trial.scores for trial in trials], [_total(trial, costs) for trial in trials])
        if chosen <= 0:
            break
        best = trials[chosen]
    return best


def _variants(formula: Expr, budget: Budget) -> list[Expr]:
    from ndestudio.distil.search import skeleton

    found: dict[str, Expr] = {}
    for variant in with_a_term_less(formula, budget):
        short = simplest(variant, budget)
        found.setdefault(skeleton(short), short)
    found.pop(skeleton(formula), None)
    return sorted(found.values(), key=size)[-MOST_VARIANTS:]


def _total(trial: Trial, costs: Mapping[str, int]) -> int:
    return sum(complexity(expression, costs) for expression in trial.expressions.values())


def round_constants(best: Trial, judge: Judge) -> Trial:
    """Hold constants near simple numbers at these, all at once or else one by one, where the trajectories get no worse.

    The other constants are refitted each time, so that they can take over what a rounded one gave up.
    """
    places = {neural_term: _roundable(formula) for neural_term, formula in best.expressions.items()}
    if not any(places.values()) or judge.should_stop():
        return best
    together = _rounded(best, places, judge)
    if _no_worse(together, best):
        return together
    for neural_term, values in places.items():
        for value in values:
            if judge.should_stop():
                return best
            single = _rounded(best, {neural_term: {value: values[value]}}, judge)
            if _no_worse(single, best):
                best = single
    return best


def _rounded(best: Trial, places: Mapping[str, Mapping[float, float]], judge: Judge) -> Trial:
    expressions, kept = dict(best.expressions), dict(best.kept)
    for neural_term, values in places.items():
        formula = expressions[neural_term]
        for old, new in values.items():
            formula = _with_number(formula, old, new)
        expressions[neural_term] = formula
        kept[neural_term] = kept.get(neural_term, frozenset()) | {abs(new) for new in values.values()}
    return judge.try_out(best.model, expressions, kept)


def _roundable(formula: Expr) -> dict[float, float]:
    """Constants of ``formula`` that are near a simple number, and that number."""
    found = {}
    for value in numbers(formula):
        simple = simple_number(value)
        if simple is not None:
            found[value] = simple
    return found


def simple_number(value: float) -> float | None:
    """The whole, half or third number, or multiple of pi, that ``value`` is near; None if there is none."""
    if not math.isfinite(value) or abs(value) > 100:
        return None
    for candidate, near in (
        (float(round(value)), NEAR),
        (round(2.0 * value) / 2.0, NEAR),
        (round(3.0 * value) / 3.0, VERY_NEAR),
        (math.pi * round(value / math.pi), VERY_NEAR),
        (math.pi * round(2.0 * value / math.pi) / 2.0, VERY_NEAR),
    ):
        if candidate != 0 and abs(value - candidate) <= near * abs(candidate):
            return candidate
    return None


def _with_number(expr: Expr, old: float, new: float) -> Expr:
    if isinstance(expr, Number):
        return Number(new) if expr.value == old else expr
    return with_children(expr, tuple(_with_number(child, old, new) for child in children(expr)))


def _no_worse(trial: Trial, best: Trial) -> bool:
    if not trial.scores.usable:
        return False
    train = trial.scores.train_rms <= max(NO_WORSE * best.scores.train_rms, EXACT)
    held_out = trial.scores.validation_rms <= max(NO_WORSE * best.scores.validation_rms, EXACT)
    return train and held_out


def put_together(trial: Trial) -> FittedModel:
    """The model of a trial with its formulas in their simplest form; rounded constants are plain numbers in them."""
    from ndestudio.model.replace import replace_neural_term

    result = trial.model
    for neural_term, expression in trial.expressions.items():
        result = replace_neural_term(result, neural_term, expression, keep=trial.kept.get(neural_term, frozenset()))
    return result
