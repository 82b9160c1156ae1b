"""Fits of equations with delays: the delay is found from two starts, and the law of a delayed value by a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.errors import SpecError
from ndestudio.fitting import Outcome, fit
from ndestudio.fitting.config import TrainConfig
from ndestudio.model import (
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    evaluate_neural_term,
    initial_model,
)
from ndestudio.progress import RecordingReporter
from ndestudio.solve.scipy_reference import simulate
from tests.model.conftest import make_dataset

HUTCHINSON = "d(y)/dt = r*y*(1 - y(t - tau)/K)"
"""Hutchinson 1948, Ann. N. Y. Acad. Sci. 50, 221."""


def simulated(equations: str, t: np.ndarray, start: float, noise: float, **values: float):
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={"y": InitialConfig(value=start)},
    )
    empty = make_dataset(("y",), [np.ones((len(t), 1))], [t])
    y = simulate(initial_model(config, empty, 0), t, np.array([start])).states
    return make_dataset(("y",), [y + noise * np.random.default_rng(3).normal(size=y.shape)], [t])


@pytest.mark.parametrize("start", [{"r": 0.6, "tau": 1.0, "K": 2.0}, {"r": 2.0, "tau": 2.5, "K": 4.0}])
def test_the_delay_is_found_within_its_interval(start: dict[str, float]):
    true = {"r": 1.2, "tau": 1.5, "K": 3.0}
    data = simulated(HUTCHINSON, np.linspace(0.0, 30.0, 61), 0.5, 0.05, **true)
    config = ModelConfig(equations=HUTCHINSON, parameters={k: ParameterConfig(value=v) for k, v in start.items()})
    found = fit(config, data, TrainConfig(preset="quick"))
    assert found.outcome is Outcome.CONVERGED
    for name, value in true.items():
        low, high = found.intervals[name]
        assert low - 0.5 * (high - low) < value < high + 0.5 * (high - low)
        assert found.model.parameters[name] == pytest.approx(value, rel=0.01)
    low, high = found.intervals["tau"]
    assert low < 1.5 < high and high - low < 0.02


def test_the_birth_law_of_nicholsons_blowflies():
    """Gurney, Blythe and Nisbet 1980, Nature 287, 17; the network finds the law, and the fit the delay."""
    law = "d(y)/dt = p*y(t - tau)*exp(-y(t - tau)) - 0.8*y"
    data = simulated(law, np.linspace(0.0, 20.0, 41), 0.3, 0.01, p=6.0, tau=2.0)
    config = ModelConfig(
        equations="d(y)/dt = birth(y(t - tau)) - 0.8*y",
        parameters={"tau": ParameterConfig(value=1.7)},
        networks={"birth": NetworkConfig(width=6, depth=1, sign="positive")},
    )
    reporter = RecordingReporter()
    found = fit(
        config, data, TrainConfig(preset="quick", stages=("collocation", "shooting", "final_refinement")), reporter
    )
    assert any("does not know its past" in note for note in found.notes)
    assert found.model.parameters["tau"] == pytest.approx(2.0, abs=0.05)
    network = found.model.networks["birth"]
    assert network.arguments == ("y_lag",)
    assert network.support is not None and network.support.min() > 0.2 and network.support.max() < 3.0
    x = np.linspace(0.6, 2.4, 10)
    assert evaluate_neural_term(found.model, "birth", x[:, None]) == pytest.approx(6 * x * np.exp(-x), abs=0.1)


def test_the_delay_of_an_input_is_found():
    t = np.linspace(0.0, 8.0, 33)
    u, true = np.sin(1.5 * t), 0.9
    s = np.maximum(t - true, 0.0)
    # of y' = -k y + sin(w (t - tau)) from 0, the input held at sin(0) = 0 before the begin
    k, w = 0.7, 1.5
    forced = (k * np.sin(w * s) - w * np.cos(w * s) + w * np.exp(-k * s)) / (k**2 + w**2)
    y = np.exp(-k * t) + forced + 0.02 * np.random.default_rng(0).normal(size=len(t))
    data = dataset_from_arrays(
        [t], [y[:, None]], ["y"], inputs=[u[:, None]], input_names=["u"], split=SplitConfig(by="none")
    )
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=("cubic",)),))
    for start in (0.3, 2.0):
        config = ModelConfig(
            equations="d(y)/dt = -k*y + u(t - tau)",
            parameters={"k": ParameterConfig(value=0.3, lower=0.0), "tau": ParameterConfig(value=start, lower=0.0)},
        )
        found = fit(config, data, TrainConfig(preset="quick"))
        assert found.model.parameters["tau"] == pytest.approx(true, abs=0.03)
        low, high = found.intervals["tau"]
        assert low < true < high and high - low < 0.1


def test_an_implicit_solver_is_refused():
    data = simulated(HUTCHINSON, np.linspace(0.0, 5.0, 11), 0.5, 0.0, r=1.0, tau=1.0, K=2.0)
    with pytest.raises(SpecError, match="explicit methods"):
        fit(ModelConfig(equations=HUTCHINSON), data, TrainConfig(solver="sdirk4"))
