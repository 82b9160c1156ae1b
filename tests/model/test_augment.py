"""A hidden state that all networks read."""

from __future__ import annotations

import pytest

from ndestudio.expression.text import to_text
from ndestudio.model.augment import with_hidden_state
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig
from ndestudio.model.parse import parse_system

DEEP = NetworkConfig(width=7, depth=3, activation="softplus", sign="positive")


def test_every_call_of_a_network_reads_it_and_nothing_else_changes() -> None:
    text = "d(x)/dt = a*f(x, sin(y)) + 2*f(g(x), y)  # f(x) here is words\nd(y)/dt = exp(x) - g(y)\ntotal = x + y"
    config = ModelConfig(equations=text, networks={"f": DEEP, "g": NetworkConfig()})
    found = with_hidden_state(config)
    system = parse_system(found, ["x", "y"], [])
    assert system.states == ("x", "y", "h")
    assert [to_text(rhs) for rhs in system.rhs] == [
        "a*f(x, sin(y), h) + 2*f(g(x, h), y, h)",
        "exp(x) - g(y, h)",
        "h_rate(x, y, h)",
    ]
    assert "# f(x) here is words" in found.equations and "total = x + y" in found.equations
    assert found.networks["h_rate"] == NetworkConfig(width=7, depth=3, activation="softplus")
    assert found.initial == {}  # so it is estimated
    assert with_hidden_state(config, start=0.0).initial == {"h": InitialConfig(value=0.0, fit=False)}


def test_names_in_use_are_left_alone_and_another_can_be_added() -> None:
    config = ModelConfig(equations="d2(x)/dt2 = h*f(x, x')", networks={"f": NetworkConfig()})
    taken = frozenset({"h2"})
    twice = with_hidden_state(with_hidden_state(config, taken=taken), taken=taken)
    system = parse_system(twice, ["x"], [])
    assert system.states == ("x", "x_dot", "h3", "h4") and system.parameters == ("h",)
    assert {neural_term.name: len(neural_term.arguments) for neural_term in system.neural_terms} == {
        "f": 4,
        "h3_rate": 4,
        "h4_rate": 4,
    }


@pytest.mark.parametrize("text", ["d(x)/dt = f(x", "d(x)/dt = -x", ""])
def test_what_cannot_be_read_is_kept(text: str) -> None:
    found = with_hidden_state(ModelConfig(equations=text, networks={"f": NetworkConfig()}))
    assert found.equations.startswith(text) and "d(h)/dt" in found.equations
