"""Fits of constants end at a minimum that is one, with limits that hold it; signs, bounds and absurd values are told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Fit, Outcome, TrainConfig, fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.optimizers.minimise import minimise
from ndestudio.fitting.optimizers.side_by_side import minimise_together
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.constants_objective import EXPLORED, MARQUARDT, constants_objective
from ndestudio.fitting.stages.restarts import scattered
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from tests.fitting.conftest import PREDATORS, lotka_volterra, trajectories

QUICK = TrainConfig(preset="quick", time_limit=600.0)
NONE = SplitConfig(by="none")


def decay(k: float, t: np.ndarray, noise: float = 0.01) -> Dataset:
    y = np.exp(-k * t) + noise * np.random.default_rng(0).normal(size=len(t))
    return dataset_from_arrays(t, y[:, None], ["x"], split=NONE)


def within(found: Fit, name: str, truth: float) -> bool:
    low, high = found.intervals[name]
    assert low <= found.model.parameters[name] <= high
    return low <= truth <= high


@pytest.mark.parametrize(("k0", "Ea", "start"), [(5e9, 8000.0, (1e7, 6000.0)), (2e4, 4500.0, (3e6, 6000.0))])
def test_a_frequency_factor_tied_to_its_activation_energy_comes_out(
    k0: float, Ea: float, start: tuple[float, float]
) -> None:
    t = np.linspace(0.0, 40.0, 60)
    ramp = 300.0 + 1.5 * t
    rate = lambda at, y: -k0 * np.exp(-Ea / (300.0 + 1.5 * at)) * y  # noqa: E731
    y = solve_ivp(rate, (0, 40), [2.0], t_eval=t, rtol=1e-10, atol=1e-12).y.T
    y += 0.01 * np.random.default_rng(1).normal(size=y.shape)
    data = dataset_from_arrays(t, y, ["c"], inputs=ramp[:, None], input_names=["T"], split=NONE)
    config = ModelConfig(
        equations="d(c)/dt = -k*exp(-E/T)*c",
        parameters={"k": ParameterConfig(value=start[0]), "E": ParameterConfig(value=start[1])},
    )
    found = fit(config, data, QUICK)
    assert found.outcome is Outcome.CONVERGED
    assert within(found, "k", k0)
    assert within(found, "E", Ea)
    # the limits of one follow from those of the other: both are those of a minimum, not of a point on the way to it
    low, high = found.intervals["E"]
    assert (high - low) / Ea < 0.15


def test_a_parameter_at_its_bound_has_a_limit_on_one_side() -> None:
    t = np.linspace(0.0, 8.0, 40)
    y = np.column_stack([3.0 * np.exp(-0.5 * t), 3.0 * (1.0 - np.exp(-0.5 * t))])
    y += 0.02 * np.random.default_rng(3).normal(size=y.shape)
    data = dataset_from_arrays(t, y, ["A", "B"], split=NONE)
    config = ModelConfig(
        equations="d(A)/dt = -k*A + l*B\nd(B)/dt = k*A - l*B",
        parameters={"k": ParameterConfig(value=2.0, lower=0.0), "l": ParameterConfig(value=1.0, lower=0.0)},
        initial={"A": InitialConfig(lower=0.0), "B": InitialConfig(lower=0.0)},
    )
    found = fit(config, data, QUICK)
    low, high = found.intervals["l"]
    assert low == 0.0
    assert 1e-4 < high < 0.05
    assert within(found, "k", 0.5)
    assert not any("hardly determine" in note for note in found.notes)


def test_a_sign_that_the_place_of_a_parameter_gives_is_kept_and_what_speaks_against_it_told() -> None:
    data = decay(-0.15, np.linspace(0, 8, 40))
    found = fit(ModelConfig(equations="d(x)/dt = -k*x"), data, QUICK)
    assert found.model.parameters["k"] == 0.0
    assert found.outcome is Outcome.DOUBTFUL
    assert any("With `k` = -0.1" in note and "`lower` bound below 0" in note for note in found.notes)
    free = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=1.0, lower=-1.0)})
    assert fit(free, data, QUICK).model.parameters["k"] == pytest.approx(-0.15, abs=0.005)


def test_a_value_beyond_all_sense_is_told() -> None:
    config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.5, log=True)})
    found = fit(config, decay(-0.15, np.linspace(0, 8, 40)), QUICK)
    assert found.outcome is Outcome.DOUBTFUL
    assert "`k` ended at" in found.sentence and "beyond all sense" in found.sentence
    assert all(np.isfinite(limits).all() for limits in found.intervals.values())


def test_a_sharp_turn_that_long_steps_cannot_follow_is_found_on_shorter_ones() -> None:
    t = np.linspace(0.0, 7.0, 36)
    y = solve_ivp(
        lambda at, c: -1.5 * c / (0.06 + c), (0, 7), [9.0], t_eval=t, method="LSODA", rtol=1e-10, atol=1e-16
    ).y.T
    y = np.maximum(y, 1e-14) * np.exp(0.04 * np.random.default_rng(0).normal(size=y.shape))
    data = dataset_from_arrays(t, y, ["C"], split=NONE)
    config = ModelConfig(
        equations="d(C)/dt = -V*C/(K + C)",
        parameters={"V": ParameterConfig(value=0.5, log=True), "K": ParameterConfig(value=1.0, log=True)},
    )
    found = fit(config, data, TrainConfig(preset="quick", time_limit=600.0, log_states=("C",)))
    assert found.model.parameters["V"] == pytest.approx(1.5, rel=0.03)
    assert found.model.parameters["K"] == pytest.approx(0.06, rel=0.06)


def test_starts_side_by_side_end_where_each_ends_alone() -> None:
    data = trajectories(lotka_volterra, [(1.0, 1.0)], np.linspace(0, 6, 25), ["x", "y"], noise=0.02, split=NONE)
    problem = prepare_fit(initial_model(PREDATORS, data, 0), data, QUICK)
    batch = make_batch(problem, 48, padded=False)
    starts = scattered(problem, start_point(problem, batch), 4)
    engine = VectorEngine(problem, batch)
    objectives = [constants_objective(engine, batch, start) for start in starts]
    together = minimise_together(engine.linearise_many, objectives, starts, stopping=EXPLORED)
    for start, found in zip(starts, together, strict=True):
        alone = minimise(MARQUARDT, constants_objective(engine, batch, start), start, stopping=EXPLORED)
        assert found.steps == alone.steps
        assert found.state.loss == pytest.approx(alone.state.loss, rel=1e-9)
