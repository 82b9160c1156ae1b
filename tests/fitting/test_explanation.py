"""What a fit means, in words."""

from __future__ import annotations

from dataclasses import replace

from ndestudio.fitting.explanation import explain_fit
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Outcome
from tests.session import results


def said(fit: Fit) -> dict[str, str]:
    return {one.title: one.words for one in explain_fit(fit, results.dataset())}


def test_errors_say_how_closely_and_on_what_rows() -> None:
    fit = results.fit()
    close = {"x": 0.05, "y": 0.03, "mean": 0.04}
    far = {"x": 0.5, "y": 0.1, "mean": 0.3}
    words = said(replace(fit, metrics=Metrics(close, far)))["Does it follow the data?"]
    assert "follows badly data that it was not trained on" in words
    assert "30.0% of their spread" in words and "7.5 times its error on training rows" in words
    words = said(replace(fit, metrics=Metrics(close)))["Does it follow the data?"]
    assert "closely" in words and "none were held out" in words
    lost = {"mean": float("inf")}
    assert "does not stay finite" in said(replace(fit, metrics=Metrics(lost)))["Does it follow the data?"]


def test_what_is_left_is_compared_with_the_noise() -> None:
    fit = replace(results.fit(), metrics=Metrics({"x": 0.05, "y": 0.9, "mean": 0.4}), noise={"x": 0.1, "y": 0.1})
    words = said(fit)["What does it leave?"]
    assert words.startswith("It misses y most.") and "leaves of y is larger than the noise" in words
    fit = replace(fit, metrics=Metrics({"x": 0.05, "y": 0.06, "mean": 0.05}))
    assert "nothing more is to be had" in said(fit)["What does it leave?"]


def test_parameters_are_well_or_hardly_determined_with_figures() -> None:
    fit = replace(results.fit(), intervals={"a": (-1.0, 2.0), "b": (0.39, 0.41)}, outcome=Outcome.DOUBTFUL)
    found = {one.title: one for one in explain_fit(fit, results.dataset())}
    one = found["Which parameters can be trusted?"]
    assert one.words.startswith("The data determine b well. They hardly determine a")
    assert one.figures[0] == ("a", "0.5, 95% from -1 to 2")
    assert "something speaks against" in found["How did it end?"].words
    networks = found["What do the networks know?"]
    assert "learned from 26 measured values" in networks.words
    assert networks.figures[0][1].endswith("weights, of x, y")


def test_where_nothing_is_determined_well_the_sentence_stands_alone() -> None:
    fit = replace(results.fit(), intervals={"a": (-1.0, 2.0)})
    found = said(fit)["Which parameters can be trusted?"]
    assert found.startswith("The data hardly determine a:")


def test_errors_of_whole_runs_are_not_held_against_a_chaotic_model() -> None:
    fit = replace(results.fit(), sentence="Converged. The model is chaotic: neighbouring trajectories part.")
    found = said(fit)
    assert "errors over whole runs say nothing" in found["Does it follow the data?"]
    assert "What does it leave?" not in found
