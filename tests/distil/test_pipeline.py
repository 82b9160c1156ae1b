"""From hybrid models with networks to formulas, whole."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.distil import DistilConfig, Distillation, assemble, distil
from ndestudio.distil.search import library_guesses, shortlist
from ndestudio.errors import SettingError
from ndestudio.expression import Number, evaluate, parse_expression, to_text
from ndestudio.fitting.metrics import score
from ndestudio.model import FittedModel, evaluate_neural_term, formula_filled, numbers_filled
from ndestudio.progress import CandidateScored, FrontUpdate, Note, Phase, RecordingReporter, Reporter
from ndestudio.symbolic import Candidate, Front, SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.selection import make_front

REPRODUCIBLE = DistilConfig(seconds=None, evaluations=15_000, threads=1, max_size=11, candidates=5)


class Telling:
    """An engine that tells formulas by neural term arguments; losses are measured."""

    name = "telling"
    title = "Telling"
    takes_templates = False

    def __init__(self, *texts: str, sentence: str | None = None, patient: bool = False) -> None:
        self.texts, self.sentence, self.patient = texts, sentence, patient
        self.problems: list[SearchProblem] = []
        self.configs: list[SearchConfig] = []

    def unavailable(self) -> str | None:
        return self.sentence

    def search(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        reporter: Reporter,
        on_front: Callable[[Front], None] | None = None,
    ) -> SearchResult:
        from ndestudio.expression.tree import size
        from ndestudio.symbolic.losses import normalised_loss

        self.problems.append(problem)
        self.configs.append(config)
        made = []
        for text in self.texts:
            expression = parse_expression(text)
            made.append(
                Candidate(
                    size(expression), normalised_loss(expression, problem.names, problem.X, problem.y), expression
                )
            )
        front = make_front(made, rows=len(problem.y), vocabulary=8, version=1)
        if on_front is not None:
            on_front(front)
        while self.patient and not reporter.should_stop():
            time.sleep(0.01)
        return SearchResult(front, "stopped" if self.patient else "limit", "told what was known")


@pytest.fixture(scope="module")
def distilled(lotka_volterra: tuple[FittedModel, Dataset]) -> tuple[Distillation, RecordingReporter]:
    reporter = RecordingReporter()
    return distil(*lotka_volterra, REPRODUCIBLE, reporter), reporter


def test_both_interactions_come_out_as_products(
    distilled: tuple[Distillation, RecordingReporter], lotka_volterra: tuple[FittedModel, Dataset]
) -> None:
    found, _ = distilled
    assert found.outcome == "done"
    assert found.model.networks == {}
    ones = {"x": 1.0, "y": 1.0}
    for neural_term, coefficient in (("p", 0.9), ("q", 0.8)):
        formula = formula_filled(found.model, neural_term)
        assert formula is not None
        for x, y in ((2.0, 1.0), (1.0, 2.0), (3.0, 3.0)):
            ratio = evaluate(formula, {"x": x, "y": y}) / evaluate(formula, ones)
            assert ratio == pytest.approx(x * y)
        assert float(evaluate(formula, ones)) == pytest.approx(coefficient, rel=0.1)
    assert found.model.parameters["a"] == pytest.approx(1.3, rel=0.1)
    assert found.metrics.validation["mean"] < 1.2 * 0.07
    assert score(found.model, lotka_volterra[1]).train == pytest.approx(found.metrics.train)


def test_choices_have_reasons_and_candidates_are_in_order(distilled: tuple[Distillation, RecordingReporter]) -> None:
    found, _ = distilled
    for neural_term in found.neural_terms.values():
        sizes = [item.candidate.complexity for item in neural_term.scored]
        assert sizes == sorted(sizes)
        assert 0 <= neural_term.chosen < len(neural_term.scored)
        assert neural_term.reason[0].isupper() and len(neural_term.reason) > 30
        assert neural_term.samples.X.shape[1] == 2
    assert {"search", "refit", "joint"} <= set(found.seconds)


def test_events_tell_the_story(distilled: tuple[Distillation, RecordingReporter]) -> None:
    _, reporter = distilled
    phases = [event for event in reporter.events if isinstance(event, Phase)]
    assert [phase.stage for phase in phases] == ["search", "refit", "joint"]
    assert [(phase.index, phase.total) for phase in phases] == [(k, 3) for k in range(1, 4)]
    assert {event.neural_term for event in reporter.events if isinstance(event, FrontUpdate)} == {"p", "q"}
    for neural_term in ("p", "q"):
        indices = [
            event.index
            for event in reporter.events
            if isinstance(event, CandidateScored) and event.neural_term == neural_term
        ]
        assert indices == list(range(len(indices))) and indices


def test_accept_and_revert_are_one_step(
    distilled: tuple[Distillation, RecordingReporter], lotka_volterra: tuple[FittedModel, Dataset]
) -> None:
    found, _ = distilled
    model, dataset = lotka_volterra
    chosen = {name: neural_term.chosen for name, neural_term in found.neural_terms.items()}
    assert assemble(model, found, chosen) is found.model
    assert assemble(model, found, {}) is model
    half = assemble(model, found, {"p": chosen["p"]})
    assert set(half.networks) == {"q"} and set(half.replacements) == {"p"}
    assert math.isfinite(score(half, dataset).train["mean"])
    other = assemble(model, found, {"p": chosen["p"], "q": 0})
    if chosen["q"] != 0:
        assert other.networks == {}
        assert to_text(formula_filled(other, "q")) != to_text(formula_filled(found.model, "q"))  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        assemble(model, found, {"r": 0})


def test_clean_data_give_the_exact_form(oscillator: tuple[FittedModel, Dataset]) -> None:
    found = distil(*oscillator, REPRODUCIBLE)
    texts = {state: to_text(expr) for state, expr in numbers_filled(found.model).items()}
    assert texts["x"] == "y/(y + 1)"
    assert texts["y"] in ("-(x/(x + 1))", "-x/(x + 1)")
    assert found.metrics.validation["mean"] < 1e-5


def test_one_neural_term_can_be_replaced_while_the_other_stays_neural(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    model, dataset = lotka_volterra
    engine = Telling("0.9*x*y", "x", "0.9*x*y + 0.1*x")
    found = distil(model, dataset, DistilConfig(neural_terms=("q",)), engine=engine)
    assert set(found.neural_terms) == {"q"}
    assert set(found.model.networks) == {"p"}
    X = np.array([[1.0, 1.0], [2.0, 0.5]])
    np.testing.assert_array_equal(evaluate_neural_term(found.model, "p", X), evaluate_neural_term(model, "p", X))
    (problem,) = engine.problems
    assert problem.X_held_out is not None and len(problem.X) + len(problem.X_held_out) == DistilConfig().samples
    assert any("x*y" in guess.replace(" ", "") for guess in problem.guesses)
    assert engine.configs[0].noise is not None  # the trajectories are not followed better than their noise


def test_a_stop_during_the_search_hands_over_what_was_found(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lotka_volterra

    class Stopping(RecordingReporter):
        asked = math.inf

        def emit(self, event: object) -> None:
            if isinstance(event, FrontUpdate):
                self.asked = min(self.asked, time.monotonic() + 0.1)

        def should_stop(self) -> bool:
            return time.monotonic() > self.asked

    reporter = Stopping()
    found = distil(model, dataset, DistilConfig(), reporter, engine=Telling("0.9*x*y", patient=True))
    assert time.monotonic() - reporter.asked < 60.0  # nothing of what takes minutes is begun
    assert found.outcome == "stopped"
    assert found.sentence.startswith("Stopped")
    assert set(found.neural_terms) == {"p"}
    assert set(found.model.networks) == {"q"}
    assert "not yet simulated" in found.neural_terms["p"].reason


def test_a_stop_while_candidates_are_refitted(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    class Stopping(RecordingReporter):
        stopped = False

        def emit(self, event: object) -> None:
            super().emit(event)  # type: ignore[arg-type]
            self.stopped |= isinstance(event, CandidateScored)

        def should_stop(self) -> bool:
            return self.stopped

    found = distil(*lotka_volterra, DistilConfig(), Stopping(), engine=Telling("x*y", "0.9*x*y", "0.9*x*y + 0.1*x"))
    assert found.outcome == "stopped"
    assert len(found.neural_terms["p"].scored) == 1


def test_a_missing_engine_is_a_result(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    found = distil(*lotka_volterra, engine=Telling(sentence="the engine needs Julia"))
    assert (found.outcome, found.sentence) == ("failed", "The engine needs Julia")
    assert found.model is lotka_volterra[0]


def test_a_search_that_finds_nothing_leaves_the_network(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    reporter = RecordingReporter()
    found = distil(*lotka_volterra, DistilConfig(), reporter, engine=Telling())
    assert found.outcome == "failed"
    assert "stays neural" in found.sentence
    assert any(isinstance(event, Note) and event.level == "warning" for event in reporter.events)


def test_formulas_that_cannot_be_simulated_fail_with_a_sentence(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    found = distil(
        *lotka_volterra, DistilConfig(refit=False, neural_terms=("p",), candidates=1), engine=Telling("-1000*x*x*x*x")
    )
    assert found.outcome == "failed"
    assert "could be simulated" in found.sentence
    assert set(found.model.networks) == {"p", "q"}


def test_without_refitting_the_constants_stay(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lotka_volterra
    found = distil(model, dataset, DistilConfig(refit=False, neural_terms=("q",)), engine=Telling("0.77*x*y"))
    assert found.model.parameters["q_1"] == 0.77
    assert found.model.parameters["a"] == model.parameters["a"]


def test_nothing_to_distil_is_done_at_once(
    lotka_volterra: tuple[FittedModel, Dataset], distilled: tuple[Distillation, RecordingReporter]
) -> None:
    again = distil(distilled[0].model, lotka_volterra[1])
    assert (again.outcome, again.neural_terms) == ("done", {})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (DistilConfig(neural_terms=("r",)), "unknown neural term `r`"),
        (DistilConfig(operators=("+", "sine")), "unknown operator `sine`"),
        (DistilConfig(operators="rationals"), "did you mean `rational`"),
    ],
)
def test_settings_without_sense_are_errors(
    lotka_volterra: tuple[FittedModel, Dataset], config: DistilConfig, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        distil(*lotka_volterra, config, engine=Telling("x"))


def test_the_shortlist_leaves_out_cancellation_and_foreign_operators(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    from ndestudio.distil.sampling import sample_neural_term

    samples = sample_neural_term(*lotka_volterra, "q", count=64)
    texts = ("x", "0.8*x*y", "0.8*y*x", "1e9*x - x*(1e9 - 0.8*y)", "exp(x) + x*y*y", "x*y^5")
    members = tuple(Candidate(k + 1, 0.5**k, parse_expression(text)) for k, text in enumerate(texts))
    kept = shortlist(Front(members, best=5), 8, samples, ("+", "-", "*", "/"))
    assert isinstance(kept[0].expression, Number), "a constant is tried beside what was found"
    assert [to_text(candidate.expression) for candidate in kept[1:]] == ["x", "0.8*y*x"]
    assert [c.complexity for c in shortlist(Front(members, best=1), 1, samples)] == [2]
    assert shortlist(Front(), 8, samples) == []


def test_library_terms_are_offered_in_the_names_of_the_neural_term() -> None:
    guesses = library_guesses(("prey", "predator"), ("+", "-", "*", "/"))
    assert any("prey*predator" in guess for guess in guesses)
    for guess in guesses:
        expression = parse_expression(guess)
        assert "^" not in guess
        assert np.isfinite(evaluate(expression, {"prey": 0.7, "predator": 1.3}))
    assert not any("sin" in guess for guess in guesses)
    assert any("sin" in guess for guess in library_guesses(("theta", "omega"), ("+", "-", "*", "/", "sin")))


class Failing(Telling):
    """An engine that refuses a problem."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def search(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        reporter: Reporter,
        on_front: Callable[[Front], None] | None = None,
    ) -> SearchResult:
        raise self.error


def test_a_setting_without_sense_is_raised_and_a_refusal_is_noted_whatever_its_words(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    model, data = lotka_volterra
    config = DistilConfig(neural_terms=("q",))
    with pytest.raises(SettingError, match="no such thing"):
        distil(model, data, config, engine=Failing(SettingError("no such thing")))
    done = distil(model, data, config, engine=Failing(ValueError("an unknown misfortune")))
    assert done.outcome == "failed" and any("unknown misfortune" in note for note in done.notes)


def test_a_formula_that_cannot_be_rewritten_is_used_as_it_was_found_and_that_is_said(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    model, data = lotka_volterra
    large = "0.9*x*y*((x + y)^12 + (x - y)^12 + 1)^12/((x + y)^12 + (x - y)^12 + 1)^12"
    done = distil(
        model,
        data,
        DistilConfig(neural_terms=("q",), refit=False, operators=("+", "-", "*", "/", "^")),
        engine=Telling(large),
    )
    assert any("used as found" in note and "2000 terms" in note for note in done.notes)
