"""Networks that follow each other in time."""

from __future__ import annotations

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import EquationError
from ndestudio.model import initial_model
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.structures import expanded

SPEC = """
[model]
equations = "d(x)/dt = 2*stacked(f, (x - 1)) - 0.3*x"
[model.structures.f]
kind = "stacked"
times = [1.0, 2.5]
width = 3
"""
T = np.linspace(0.0, 4.0, 9)


def drawn(config: ModelConfig) -> FittedModel:
    """The model with random networks, as a fit begins with it."""
    return initial_model(config, dataset_from_arrays([T], [np.cos(T)[:, None]], ["x"]), 3)


def alone(model: FittedModel, piece: int, begin: float, end: float, start: float) -> float:
    """Where one of the networks leads."""
    config = ModelConfig(equations=f"d(x)/dt = 2*f_{piece}((x - 1)) - 0.3*x", networks=model.config.networks)
    one = drawn(config)
    one.networks[f"f_{piece}"] = model.networks[f"f_{piece}"]  # type: ignore[index]
    return float(nde.simulate(one, np.array([begin, end]), np.array([start])).states[-1, 0])


def test_each_span_has_a_network_of_its_own_and_a_later_start_begins_with_its_own() -> None:
    model = drawn(nde.parse_spec(SPEC).model)
    assert set(model.networks) == {"f_1", "f_2", "f_3"} and model.system.states == ("x", "f_piece")
    t = np.array([0.0, 1.0, 2.5, 4.0])
    whole = nde.simulate(model, t, np.array([0.7, 1.0])).states[:, 0]
    value = 0.7
    for piece in (1, 2, 3):
        value = alone(model, piece, t[piece - 1], t[piece], value)
        assert whole[piece] == pytest.approx(value, rel=1e-6)
    later = nde.simulate(model, np.array([3.0, 4.0]), np.array([0.7, 1.0])).states[-1, 0]
    assert later == pytest.approx(alone(model, 3, 3.0, 4.0, 0.7), rel=1e-6)
    assert later != pytest.approx(alone(model, 1, 3.0, 4.0, 0.7), rel=1e-3)


@pytest.mark.parametrize(
    ("equations", "stack", "sentence"),
    [
        ("d(x)/dt = stacked(g, x)", {"times": (1.0,)}, "there is no stack `g`"),
        ("d(x)/dt = stacked(f)", {"times": (1.0,)}, "has no argument"),
        ("d(x)/dt = stacked(f, x)", {}, "increasing"),
        ("d(x)/dt = stacked(f, x)", {"times": (2.0, 1.0)}, "increasing"),
        ("d(x)/dt = stacked(f, (x)", {"times": (1.0,)}, "not closed"),
        ("d(x)/dt = stacked(f, x)", {"times": (1.0,), "states": ("x",)}, "no states"),
    ],
)
def test_what_makes_no_sense_is_refused(equations: str, stack: dict, sentence: str) -> None:
    config = ModelConfig(equations=equations, structures={"f": nde.StructureConfig(kind="stacked", **stack)})
    with pytest.raises(EquationError, match=sentence):
        expanded(config)


def test_a_word_without_its_table_is_told() -> None:
    with pytest.raises(EquationError, match="there is no stack `f`"):
        expanded(ModelConfig(equations="d(x)/dt = stacked(f, x)"))
