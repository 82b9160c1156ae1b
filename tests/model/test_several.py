"""Lines about several names: outputs that share one kind of network, and hidden states."""

from __future__ import annotations

import pytest

from ndestudio.expression.text import to_text
from ndestudio.model.analysis import analyse
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.parse import parse_system, with_shared_networks

TEXT = """
d(D)/dt = -k*D
hidden Z5, Z6 = h(D, Z5, Z6)
m_1 to m_3, extra = g(D, Z5)
hidden D
"""
CONFIG = ModelConfig(equations=TEXT, networks={"h": NetworkConfig(width=8), "g": NetworkConfig(depth=0)})
MEASURED = ("m_1", "m_2", "m_3", "extra")


def test_each_name_has_a_network_with_the_settings_of_the_one_named() -> None:
    system = parse_system(CONFIG, MEASURED, ())
    assert system.states == ("D", "Z5", "Z6")
    assert [to_text(expr) for expr in system.rhs[1:]] == ["h_Z5(D, Z5, Z6)", "h_Z6(D, Z5, Z6)"]
    assert {name: to_text(expr) for name, expr in system.outputs.items()} == {n: f"g_{n}(D, Z5)" for n in MEASURED}
    laid_out = with_shared_networks(CONFIG)
    assert set(laid_out.networks) == {"h_Z5", "h_Z6", *(f"g_{name}" for name in MEASURED)}
    assert laid_out.networks["g_m_2"] == CONFIG.networks["g"]
    assert with_shared_networks(laid_out) == laid_out


def test_a_member_may_have_settings_of_its_own() -> None:
    own = ModelConfig(equations=TEXT, networks={**CONFIG.networks, "g_m_2": NetworkConfig(width=3)})
    assert with_shared_networks(own).networks["g_m_2"].width == 3


def test_words_are_no_names() -> None:
    spans = {span.text: span.kind for span in analyse(CONFIG, MEASURED, ()).spans}
    assert spans["hidden"] == spans["to"] == "operator"
    assert spans["Z5"] == "state" and spans["m_1"] == "quantity" and spans["g"] == "neural_term"
    plain = parse_system(ModelConfig(equations="d(x)/dt = to*x - hidden"), ("x",), ())
    assert plain.parameters == ("to", "hidden")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hidden V", "has no equation"),
        ("a, b = 3", "share one kind of network"),
        ("a, b = g(x) + 1", "share one kind of network"),
        ("m_1 to m = g(x)", "no row of names"),
        ("m_3 to m_1 = g(x)", "no row of names"),
        ("hidden a b = g(x)", "set apart by `,`"),
        ("hidden x", "a column of that name is measured"),
        ("a, b = f(x)", "unknown function `f`"),
    ],
)
def test_slips_get_one_sentence(line: str, words: str) -> None:
    config = ModelConfig(equations=f"d(x)/dt = -x\n{line}", networks={"g": NetworkConfig()})
    found = analyse(config, ("x",), ())
    assert len(found.errors) == 1
    assert words in str(found.errors[0])
