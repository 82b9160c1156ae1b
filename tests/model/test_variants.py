"""Relatives of a hybrid model: what becomes of a neural term where it stands."""

from __future__ import annotations

import pytest

from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.parse import parse_system
from ndestudio.model.variants import all_neural, without_neural_terms


def hybrid(equations: str, *neural_terms: str) -> ModelConfig:
    return ModelConfig(
        equations=equations,
        parameters={"a": ParameterConfig(value=2.0, lower=0.0)},
        networks={neural_term: NetworkConfig(width=5, depth=1, sign="positive") for neural_term in neural_terms},
    )


@pytest.mark.parametrize(
    ("term", "left"),
    [
        ("a*x - f(x)", "a*x"),
        ("a*x - b*f(x)", "a*x"),
        ("a*x*f(x)", "a*x"),
        ("a*x/f(x)", "a*x"),
        ("a*x - x*f(x)", "a*x - x*f_level"),
        ("a*x*(1 + f(x))", "a*x"),
        ("-(a*x) + exp(f(x))", "-(a*x) + 1"),
    ],
)
def test_a_neural_term_is_put_to_what_is_neutral_where_it_stands(term: str, left: str) -> None:
    found = without_neural_terms(hybrid(f"d(x)/dt = {term}", "f"), ["x"], [])
    assert found is not None
    model, words = found
    assert model.equations == f"d(x)/dt = {left}\n"
    assert model.networks == {} and model.parameters["a"].value == 2.0
    assert len(words) == 1 and "`f`" in words[0]
    parse_system(model, ["x"], [])
    if "f_level" in left:
        assert model.parameters["f_level"].lower == 0.0  # the neural term was positive


def test_without_mechanism_there_is_no_mechanistic_model() -> None:
    assert without_neural_terms(hybrid("d(x)/dt = f(x)", "f"), ["x"], []) is None
    assert without_neural_terms(hybrid("d(x)/dt = a*x"), ["x"], []) is None


def test_a_neural_model_keeps_states_and_observations() -> None:
    config = hybrid("d(x)/dt = a*x - f(x, u)\nd(h)/dt = x - h\nseen = s*h", "f")
    model = all_neural(config, ["x", "seen"], ["u"])
    assert model.equations == "d(x)/dt = f_x(x, h, u)\nd(h)/dt = f_h(x, h, u)\nseen = s*h\n"
    assert set(model.networks) == {"f_x", "f_h"} and model.networks["f_x"].width == 5
    assert model.networks["f_x"].sign == "any" and "a" not in model.parameters
    assert parse_system(model, ["x", "seen"], ["u"]).parameters == ("s",)
