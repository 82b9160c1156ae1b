"""Which parameters are positive by their place in the equations."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.model.config import ModelConfig, ParameterConfig, PriorConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.library import systems
from ndestudio.model.parse import parse_system
from ndestudio.model.signs import assumed_positive, positive_by_place


def places(equations: str, *nonnegative: str, states: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> set[str]:
    return set(positive_by_place(parse_system(ModelConfig(equations=equations), states, inputs), nonnegative))


@pytest.mark.parametrize("known", [True, False])
def test_no_template_has_such_a_parameter_that_is_not_positive(known: bool) -> None:
    found = 0
    for template in systems():
        system = parse_system(
            ModelConfig(equations=template.equations, networks=dict(template.networks)), tuple(template.initial), ()
        )
        positive = positive_by_place(system, system.states if known else ())
        for name in positive & set(template.parameters):
            assert template.parameters[name].value > 0
            assert (template.parameters[name].lower or 0.0) >= 0.0
            found += 1
    assert found > 50


@pytest.mark.parametrize(
    ("equations", "positive"),
    [
        ("d(x)/dt = r*x*(1 - x/K)", {"r", "K"}),
        ("d(x)/dt = -V*x/(M + x)", {"V", "M"}),
        ("d(x)/dt = a/(1 + (x/K)^n) - g*x", {"a", "K", "n", "g"}),
        ("d(x)/dt = k*(y - x)\nd(y)/dt = q*x", {"k"}),
        ("d(x)/dt = (b - x)/tau", {"tau"}),
        ("d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - d*y", {"b", "c", "d"}),
        ("d(x)/dt = p*x + q", set()),
        ("d(v)/dt = -w*x - c*v\nd(x)/dt = v", {"c"}),
    ],
)
def test_places_that_tell_a_sign(equations: str, positive: set[str]) -> None:
    states = tuple(line[2] for line in equations.splitlines())
    assert places(equations, *states, states=states) == positive


def test_a_loss_to_something_that_changes_its_sign_tells_nothing() -> None:
    assert places("d(x)/dt = -a*x*y - b*x^2 - c*x^3\nd(y)/dt = x", states=("x", "y")) == {"c"}


def test_an_arrhenius_rate_is_positive_in_both_parameters() -> None:
    assert places("d(c)/dt = -k*exp(-E/T)*c", "c", "T", states=("c",), inputs=("T",)) == {"k", "E"}


@pytest.mark.parametrize(
    "said",
    [
        ParameterConfig(value=0.4, lower=-1.0),
        ParameterConfig(value=-0.4),
        ParameterConfig(value=0.4, upper=2.0),
        ParameterConfig(value=0.4, fixed=True),
        ParameterConfig(value=0.4, prior=PriorConfig(mean=0.0, sd=1.0)),
    ],
)
def test_what_was_said_otherwise_holds(said: ParameterConfig) -> None:
    data = dataset_from_arrays(np.arange(4.0), np.ones((4, 1)), ["x"])
    equations = "d(x)/dt = -k*x"
    open_, told = (
        initial_model(ModelConfig(equations=equations, parameters=settings), data, 0) for settings in ({}, {"k": said})
    )
    assert assumed_positive(open_) == {"k"}
    assert assumed_positive(told) == frozenset()
