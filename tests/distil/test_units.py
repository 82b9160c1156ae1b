"""Units and templates on their way from a model into the search of a neural term."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.distil.search import search_neural_term, search_problem
from ndestudio.distil.units import neural_term_units
from ndestudio.expression.units import parse_unit
from ndestudio.model import FittedModel, ModelConfig, NetworkConfig, initial_model
from ndestudio.model.config import ParameterConfig
from ndestudio.progress import SilentReporter
from ndestudio.symbolic.evolution import EvolutionEngine

OPERATORS = ("+", "-", "*", "/", "exp", "sin")


def _with_units(pair: tuple[FittedModel, Dataset], equations: str, **more) -> tuple[FittedModel, Dataset]:
    _, dataset = pair
    dataset = replace(dataset, time=Column("t", "t", "day"), measured=(Column("x", "x", "mg/L"), Column("y", "y", "")))
    config = ModelConfig(
        equations=equations,
        parameters={"k": ParameterConfig(value=1.0, unit="L/mg"), "w": ParameterConfig(value=1.0, unit="1/h")},
        networks={"f": NetworkConfig(width=3, depth=1, unit="mg/L/day")},
        **more,
    )
    return initial_model(config, dataset, 0), dataset


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("f(x, y)", ("mg/L", "")),
        ("f(x, t)", ("mg/L", "day")),
        ("f(k*x, w*t)", ("1", "1")),
        ("f(x*t, 2*x)", ("g m^-3 s", "mg/L")),
        ("f(x, y) + f(y, y)", ("", "")),
        ("f(x + t, y)", ("", "")),
    ],
)
def test_arguments_have_the_units_they_are_called_with(
    oscillator: tuple[FittedModel, Dataset], call: str, wanted: tuple[str, str]
) -> None:
    model, dataset = _with_units(oscillator, f"d(x)/dt = {call}\nd(y)/dt = -y")
    arguments, output = neural_term_units(model, dataset, "f")
    for unit, like in zip(arguments, wanted, strict=True):
        assert bool(unit) == bool(like)
        assert parse_unit(unit).powers == parse_unit(like).powers
    assert output == "mg/L/day"


def test_the_model_may_say_what_the_file_does_not(oscillator: tuple[FittedModel, Dataset]) -> None:
    model, dataset = _with_units(oscillator, "d(x)/dt = f(x, y)\nd(y)/dt = -y", units={"y": "K"})
    assert neural_term_units(model, dataset, "f")[0] == ("mg/L", "K")


def _samples() -> NeuralTermSamples:
    X = np.random.default_rng(0).uniform(0.2, 3.0, (300, 2))
    return NeuralTermSamples("f", ("x", "y"), X, X[:, 0] * np.exp(-X[:, 0] / 0.8) + 0.2 * X[:, 1], np.ones(300))


def test_units_reach_the_search_when_asked_and_keep_what_breaks_them_out(
    oscillator: tuple[FittedModel, Dataset],
) -> None:
    model, dataset = _with_units(oscillator, "d(x)/dt = f(x, y)\nd(y)/dt = -y", units={"y": "K"})
    free = search_problem(model, dataset, _samples(), DistilConfig(), OPERATORS)
    bound = search_problem(model, dataset, _samples(), DistilConfig(units=True), OPERATORS)
    strict = search_problem(
        model, dataset, _samples(), DistilConfig(units=True, options={"wildcards": "none"}), OPERATORS
    )
    assert (free.units, free.unit_y) == (None, None)
    assert (bound.units, bound.unit_y) == (("mg/L", "K"), "mg/L/day")
    assert len(strict.guesses) < len(bound.guesses) <= len(free.guesses)


def test_a_neural_term_is_searched_with_units_or_with_a_template(oscillator: tuple[FittedModel, Dataset]) -> None:
    model, dataset = oscillator
    dataset = replace(dataset, measured=(Column("x", "x", "mg/L"), Column("y", "y", "mg/L")))
    settings = DistilConfig(seconds=None, evaluations=8_000, threads=1, neural_terms=("f",), units=True)
    found = search_neural_term(model, dataset, "f", settings, EvolutionEngine(), SilentReporter())
    assert min(c.loss for c in found.front.candidates) < 1e-2
    known = msgspec.structs.replace(settings, templates={"f": "y/(K + u(y))"})
    found = search_neural_term(model, dataset, "f", known, EvolutionEngine(), SilentReporter())
    best = found.front.candidates[found.front.best]
    assert set(best.parts) == {"K", "u"}
    assert best.loss < 1e-2
