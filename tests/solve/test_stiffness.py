"""Stiff models are named as such, and training them ends in a result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.initial import initial_model
from ndestudio.solve.stiffness import decay_rates, stability_limit, stiffness
from ndestudio.solve.tableau import EXPLICIT, RK4
from tests.fitting.conftest import PREDATORS

T = np.linspace(0.0, 40.0, 25)


def robertson(t: float, y: Sequence[float]) -> list[float]:
    """Robertson (1966): 0.04, 3e7, 1e4 (Hairer and Wanner 1996, section IV.1)."""
    slow, quick, back = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
    return [back - slow, slow - back - quick, quick]


@pytest.fixture(scope="module")
def kinetics() -> Dataset:
    values = [
        solve_ivp(robertson, (0.0, 40.0), start, t_eval=T, method="Radau", rtol=1e-8, atol=1e-12).y.T
        for start in ((1.0, 0.0, 0.0), (0.8, 0.0, 0.2))
    ]
    return dataset_from_arrays([T] * 2, values, ["A", "B", "C"], split=SplitConfig(by="none"))


HYBRID = ModelConfig(
    equations="d(A)/dt = 1e4*B*C - slow(A)\nd(B)/dt = slow(A) - 1e4*B*C - 3e7*B^2\nd(C)/dt = 3e7*B^2",
    networks={"slow": NetworkConfig(width=3, depth=1)},
)


def test_an_explicit_solver_that_was_chosen_is_warned_about_and_breaks_nothing(kinetics: Dataset) -> None:
    settings = TrainConfig(
        preset="quick",
        solver="rk4",
        stages=("collocation", "final_refinement"),
        iterations={"collocation": 20, "final_refinement": 3},
        time_limit=600.0,
    )
    found = fit(HYBRID, kinetics, settings)
    assert found.outcome in (Outcome.CONVERGED, Outcome.LIMIT, Outcome.DIVERGED) and found.sentence
    assert np.isfinite(evaluate_neural_term(found.model, "slow", np.array([[0.5], [1.0]]))).all()
    note = next(note for note in found.notes if "are stiff" in note)
    assert "explicit training solver (`rk4`)" in note and "Choose the solver `auto`" in note
    assert not any("shorter steps: going on" in note for note in found.notes)  # thousands of steps would not help


def test_the_rates_are_the_eigenvalues_of_the_linearised_equations(kinetics: Dataset) -> None:
    config = ModelConfig(
        equations="d(A)/dt = 1e4*B*C - k*A\nd(B)/dt = k*A - 1e4*B*C - 3e7*B^2\nd(C)/dt = 3e7*B^2",
        parameters={"k": ParameterConfig(value=0.04)},
    )
    model = initial_model(config, kinetics, 0)
    y = kinetics.trajectories[0].measured
    rates = decay_rates(model, T, y, np.zeros((len(T), 0)))
    for (a, b, c), rate in zip(y, rates, strict=True):
        exact = np.array([[-0.04, 1e4 * c, 1e4 * b], [0.04, -1e4 * c - 6e7 * b, -1e4 * b], [0.0, 6e7 * b, 0.0]])
        assert rate == pytest.approx(np.max(-np.linalg.eigvals(exact).real), rel=1e-4, abs=1e-3), a
    stiff = stiffness(model, kinetics, RK4, 48)
    assert stiff is not None
    assert 20_000 < stiff.needed < 200_000
    other = decay_rates(model, T, kinetics.trajectories[1].measured, np.zeros((len(T), 0)))
    assert stiff.time == pytest.approx(1 / np.quantile(np.concatenate([rates, other]), 0.9), rel=1e-6)


def test_hidden_fast_states_are_found_too() -> None:
    slow = np.exp(-T / 10)[:, None]
    dataset = dataset_from_arrays(T, slow, ["x"], split=SplitConfig(by="none"))
    config = ModelConfig(
        equations="d(x)/dt = -0.1*z\nd(z)/dt = k*(x - z)",
        parameters={"k": ParameterConfig(value=5e3)},
        initial={"z": InitialConfig(value=1.0)},
    )
    model = initial_model(config, dataset, 0)
    stiff = stiffness(model, dataset, RK4, 100)
    assert stiff is not None and stiff.time == pytest.approx(2e-4, rel=0.01)


def test_nothing_is_said_of_an_ordinary_model(predators: Dataset) -> None:
    model = initial_model(PREDATORS, predators, 0)
    assert stiffness(model, predators, RK4, 32) is None
    assert not any("stiff" in note for note in fit(PREDATORS, predators, TrainConfig(preset="quick")).notes)


def test_limits_of_the_methods() -> None:
    # Hairer and Wanner (1996), table IV.2.1 and figure IV.2.1
    limits = {name: stability_limit(method) for name, method in EXPLICIT.items()}
    assert limits["heun"] == pytest.approx(2.0, abs=0.02)
    assert limits["rk4"] == pytest.approx(2.785, abs=0.02)
    assert limits["dopri5"] == pytest.approx(3.31, abs=0.02)
