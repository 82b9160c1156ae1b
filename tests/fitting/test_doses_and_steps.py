"""What a fit makes of doses, and of inputs that step between two rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.fitting.preflight import preflight_checks
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.result import Outcome
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model

T = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 6.0])
K, FEED = 0.7, 3.0


def fed() -> Dataset:
    """d(x)/dt = u - k*x from 0, with u = 3 until 2 and 0 after."""
    x = np.where(T <= 2, FEED / K * (1 - np.exp(-K * T)), FEED / K * (1 - np.exp(-2 * K)) * np.exp(-K * (T - 2)))
    u = np.where(T < 2, FEED, 0.0)
    data = dataset_from_arrays(T, x, ["x"], inputs=u, input_names=["u"], split=SplitConfig(by="none"))
    before = np.full((len(T), 1), np.nan)
    before[2] = FEED
    return replace(data, trajectories=(replace(data.trajectories[0], inputs_before=before),))


MODEL = ModelConfig(equations="d(x)/dt = u - k*x", parameters={"k": ParameterConfig(value=0.3)})


def test_a_step_between_two_rows_is_solved_exactly() -> None:
    found = fit(MODEL, fed(), TrainConfig(preset="quick"))
    assert found.model.parameters["k"] == pytest.approx(K, rel=1e-5)


def test_adaptive_steps_end_at_a_step_between_two_rows() -> None:
    found = fit(MODEL, fed(), TrainConfig(preset="quick", solver="diffrax-tsit5"))
    assert found.model.parameters["k"] == pytest.approx(K, rel=1e-5)


def test_doses_of_the_data_are_fitted_where_no_line_speaks_of_them() -> None:
    at = np.array([0.0, 0.5, 1.0, 2.0, 3.5, 4.0, 6.0])
    x = 50.0 * np.exp(-K * at) + np.where(at >= 3.0, 50.0 * np.exp(-K * (at - 3.0)), 0.0)
    data = dataset_from_arrays(at, x, ["x"], split=SplitConfig(by="none"))
    doses = (Dose(0.0, 50.0), Dose(3.0, 50.0))
    dosed = replace(data, trajectories=(replace(data.trajectories[0], doses=doses),))
    model = ModelConfig(
        equations="d(x)/dt = -k*x",
        parameters={"k": ParameterConfig(value=0.3)},
        initial={"x": InitialConfig(value=0.0, fit=False)},
    )
    found = fit(model, dosed, TrainConfig(preset="quick")).model
    assert found.parameters["k"] == pytest.approx(K, rel=1e-5)
    assert "at doses: x += amount" in found.config.equations


def test_events_before_the_first_row_are_told() -> None:
    at = np.array([1.0, 2.0, 3.0])
    data = dataset_from_arrays(at, np.exp(-at), ["x"], split=SplitConfig(by="none"))
    text = "d(x)/dt = -k*x\nat t = 0.5, 2: x += 1\nevery 1 from 1 to 2: x += 1"
    problem = prepare_fit(initial_model(ModelConfig(equations=text), data, 0), data, TrainConfig())
    (note,) = [one for one in preflight_checks(problem) if "event" in one]
    assert note.startswith("The event `at t = 0.5` has times before the first row of 1 of 1 trajectories")


def test_a_fit_that_misses_a_jump_is_doubted() -> None:
    """An event whose time the fit does not find: no smooth curve tells the noise there, but single values do."""
    t = np.linspace(0.0, 12.0, 40)
    x = np.where(t < 4.3, 5.0 * np.exp(-0.2 * t), (5.0 * np.exp(-0.86) + 3.0) * np.exp(-0.2 * (t - 4.3)))
    rng = np.random.default_rng(0)
    outcomes = []
    for at in (4.2, 8.5):
        config = ModelConfig(
            equations=f"d(x)/dt = -k*x\nat t = {at}: x += d",
            parameters={"k": ParameterConfig(value=0.3), "d": ParameterConfig(value=2.0)},
        )
        data = dataset_from_arrays(
            [t], [(x + 0.05 * rng.normal(size=40))[:, None]], ["x"], split=SplitConfig(by="none")
        )
        outcomes.append(fit(config, data, TrainConfig(preset="quick")).outcome)
    assert outcomes == [Outcome.CONVERGED, Outcome.DOUBTFUL]
