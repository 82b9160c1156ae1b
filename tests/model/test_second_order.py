"""Second derivatives: read in every spelling, shown, coloured, started at the measured slope."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import EquationError
from ndestudio.expression.text import to_text
from ndestudio.model.analysis import analyse
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.latex import system_latex
from ndestudio.model.parse import parse_system

SPELLINGS = ["d2(x)/dt2 = -k*x - c*x'", "x'' = -k*x - c*x'", "d^2(x)/dt^2 = -k*x - c*x_dot"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_is_a_state_and_its_velocity(text: str) -> None:
    system = parse_system(ModelConfig(equations=text), ["x"], [])
    assert system.states == ("x", "x_dot")
    assert [to_text(rhs) for rhs in system.rhs] == ["x_dot", "-k*x - c*x_dot"]
    assert system.parameters == ("k", "c")
    spans = {(span.text, span.kind) for span in analyse(ModelConfig(equations=text), ["x"], []).spans}
    assert ("x", "state") in spans and ("x_dot", "parameter") not in spans
    assert r"\dot{x}" in " ".join(system_latex(ModelConfig(equations=text)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("d(y)/dt = -x'", r"and for a state whose second derivative is given \(`d2\(x\)/dt2"),
        ("d2 x = 3", "a second derivative is written"),
        ("x'' = -x\nd(x_dot)/dt = 1", "`x_dot` has an equation already"),
        ("x'' = -x\nd(x)/dt = 1", "`x` has an equation already"),
    ],
)
def test_mistakes_are_told(text: str, sentence: str) -> None:
    with pytest.raises(EquationError, match=sentence):
        parse_system(ModelConfig(equations=text), [], [])


def test_the_velocity_starts_at_the_measured_slope_and_has_its_size() -> None:
    t = np.linspace(0, 1, 201)
    data = dataset_from_arrays([t], [(0.1 * np.sin(40 * t + 0.5))[:, None]], ["x"])
    config = ModelConfig(equations=SPELLINGS[0], parameters={"k": ParameterConfig(value=1600.0)})
    model = initial_model(config, data, 0)
    assert model.initial["1"] == pytest.approx([0.1 * np.sin(0.5), 4 * np.cos(0.5)], rel=0.1)
    assert model.scale is not None
    assert model.scale[1] == pytest.approx(4 / np.sqrt(2), rel=0.15)
