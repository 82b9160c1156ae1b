"""The rule that chooses, on made-up errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.distil.choice import CandidateScores, admissible, choose, fitted_constants
from ndestudio.expression import parse_expression


def _scores(
    train: float, validation: float, nats: float, constants: int, rows: int = 100, held_out: int = 20, seed: int = 0
) -> CandidateScores:
    """Errors of independent normal residuals of this size."""
    generator = np.random.default_rng(seed)
    return CandidateScores(
        train=(train * generator.standard_normal(rows)) ** 2,
        validation=(validation * generator.standard_normal(held_out)) ** 2,
        nats=nats,
        constants=constants,
        series=np.repeat(np.arange(max(1, held_out // 10)), 10)[:held_out]
        if held_out >= 10
        else np.zeros(held_out, int),
    )


def test_a_longer_formula_must_pay_for_itself() -> None:
    simple, same_but_longer = _scores(0.05, 0.05, 5.0, 1), _scores(0.0499, 0.0499, 20.0, 4)
    chosen, reason = choose([simple, same_but_longer], [5, 12])
    assert chosen == 0
    assert "complexity 5" in reason
    clearly_better = _scores(0.03, 0.03, 20.0, 4)
    assert choose([simple, clearly_better], [5, 12])[0] == 1


def test_a_formula_that_only_fits_loses_to_one_that_predicts() -> None:
    right, overfitted = _scores(0.05, 0.05, 8.0, 2), _scores(0.03, 0.5, 15.0, 6)
    chosen, reason = choose([right, overfitted], [7, 15])
    assert chosen == 0
    assert "held-out" in reason


def test_three_held_out_rows_do_not_overrule_the_training_rows() -> None:
    wrong = _scores(0.6, 0.2, 3.0, 1, rows=36, held_out=6, seed=1)
    right = _scores(0.2, 0.25, 8.0, 1, rows=36, held_out=6, seed=1)
    assert choose([wrong, right], [3, 5])[0] == 1


def test_exact_formulas_are_equal_whatever_their_last_digits() -> None:
    short, long = _scores(1e-8, 1e-8, 5.0, 0), _scores(1e-10, 1e-10, 20.0, 3)
    assert choose([short, long], [5, 9])[0] == 0
    assert choose([_scores(1e-2, 1e-2, 3.0, 0), short], [3, 5])[0] == 1


def test_correlated_errors_count_less() -> None:
    smooth = np.sin(np.linspace(0.0, 3.0, 40)) ** 2 * 1e-2
    steady = CandidateScores(np.full(100, 0.0025), np.full(40, 0.004), 5.0, 1, series=np.zeros(40, int))
    lucky = CandidateScores(np.full(100, 0.0030), 0.004 - 0.0012 + 0.1 * smooth, 5.0, 1, series=np.zeros(40, int))
    assert 0 in admissible([steady, lucky])


def test_without_validation_rows_the_training_rows_decide() -> None:
    nothing = {"held_out": 0}
    chosen, reason = choose([_scores(0.5, 0.0, 3.0, 1, **nothing), _scores(0.05, 0.0, 8.0, 2, **nothing)], [3, 7])
    assert chosen == 1
    assert "no validation rows" in reason


def test_what_cannot_be_simulated_is_never_chosen() -> None:
    good = _scores(0.5, 0.5, 3.0, 1)
    broken = CandidateScores(np.append(good.train[:-1], np.inf), good.validation, 1.0, 0)
    assert choose([broken, good], [1, 3])[0] == 1
    chosen, reason = choose([broken], [1])
    assert chosen == -1
    assert "could be simulated" in reason


def test_digits_that_cancellation_needs_are_paid() -> None:
    plain, cancelling = _scores(0.05, 0.05, 8.0, 2), _scores(0.049, 0.049, 8.0, 2)
    dear = CandidateScores(cancelling.train, cancelling.validation, 8.0, 2, digits=20.0, series=cancelling.series)
    assert choose([plain, dear], [7, 7])[0] == 0


@pytest.mark.parametrize(
    ("text", "count"), [("0.9*x*y", 1), ("y/(1 + y)", 0), ("x^2 + 2*x", 1), ("-1.5*x/(0.3 + x^3)", 2)]
)
def test_only_fitted_numbers_count(text: str, count: int) -> None:
    assert fitted_constants(parse_expression(text)) == count


def test_rows_that_follow_each_other_pay_for_less_than_independent_ones() -> None:
    short = CandidateScores(np.full(600, 0.00088), np.full(200, 0.00097), 10.0, 3)
    long = CandidateScores(np.full(600, 0.00085), np.full(200, 0.00086), 18.0, 4)
    assert choose([short, long], [11, 15])[0] == 1
    dense = [replace(item, train_count=30.0, validation_count=10.0) for item in (short, long)]
    assert choose(dense, [11, 15])[0] == 0


def test_two_held_out_values_exclude_little() -> None:
    """They err to one side with half of the chance, whatever the formulas are."""
    train, best = np.full(8, 0.0012), np.array([0.0030, 0.0040])
    law = CandidateScores(train, best + np.array([0.0015, 0.0004]), 5.0, 3)
    assert admissible([law, CandidateScores(train, best, 9.0, 4)]) == [0, 1]
    apart = CandidateScores(train, best + 0.01, 5.0, 3)
    assert admissible([apart, CandidateScores(train, best, 9.0, 4)]) == [1]
