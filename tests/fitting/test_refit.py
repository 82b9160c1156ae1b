"""Constants through the solver: recovered, bounded, robust, quick to answer, never worse than the start."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.fitting import Outcome, TrainConfig, fit, refit
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.metrics import score
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.replace import replace_neural_term
from ndestudio.progress import RecordingReporter, TrainStep
from tests.fitting.conftest import EPIDEMIC, HYBRID, PREDATORS, trajectories


def test_four_constants_are_recovered(predators: Dataset) -> None:
    found = refit(initial_model(PREDATORS, predators, 0), predators)
    assert found.outcome is Outcome.CONVERGED
    assert dict(found.model.parameters) == pytest.approx({"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8}, rel=1e-4)
    assert found.metrics.train["mean"] < 1e-4


def test_constants_of_a_formula_are_fitted_and_a_network_left_as_it_is(predators: Dataset) -> None:
    config = msgspec.structs.replace(
        HYBRID,
        equations="d(x)/dt = a*x - loss(x, y)\nd(y)/dt = growth(x, y) - d*y",
        networks={"loss": HYBRID.networks["growth"], "growth": HYBRID.networks["growth"]},
        parameters={"a": ParameterConfig(value=1.0), "d": ParameterConfig(value=1.8, fixed=True)},
    )
    model = replace_neural_term(initial_model(config, predators, 0), "loss", parse_expression("0.5*x*y"))
    found = refit(model, predators, TrainConfig(time_limit=1.0))
    assert found.model.networks["growth"].weights[0] is not None
    for before, after in zip(model.networks["growth"].weights, found.model.networks["growth"].weights, strict=True):
        np.testing.assert_array_equal(before, after)
    assert found.model.parameters["d"] == 1.8
    assert found.model.parameters["loss_1"] != 0.5


def test_bounds_and_fixed_values_hold(predators: Dataset) -> None:
    parameters = {
        **PREDATORS.parameters,
        "a": ParameterConfig(value=0.9, lower=0.1, upper=1.1),
        "d": ParameterConfig(value=1.5, fixed=True),
    }
    config = msgspec.structs.replace(PREDATORS, parameters=parameters)
    reporter = RecordingReporter()
    found = refit(initial_model(config, predators, 0), predators, reporter=reporter)
    steps = [event for event in reporter.events if isinstance(event, TrainStep)]
    assert steps and all(0.1 <= step.parameters["a"] <= 1.1 and step.parameters["d"] == 1.5 for step in steps)
    assert found.model.parameters["a"] <= 1.1


def epidemic(noise: float = 0.0) -> Dataset:
    """Only I is seen: beta = 2e-3, gamma = 0.45, S(0) = 762."""
    t = np.arange(0.0, 14.0)
    whole = trajectories(
        lambda t, y: [-2e-3 * y[0] * y[1], 2e-3 * y[0] * y[1] - 0.45 * y[1]], [(760.0, 3.0)], t, ["S", "I"], noise=noise
    )
    return dataset_from_arrays(t, whole.trajectories[0].measured[:, 1:], ["in_bed"], split=SplitConfig(by="none"))


def test_hidden_states_with_a_formula_for_their_start() -> None:
    found = fit(EPIDEMIC, epidemic(), TrainConfig(preset="quick"))
    assert found.model.parameters["beta"] == pytest.approx(2e-3, rel=1e-3)
    assert found.model.parameters["gamma"] == pytest.approx(0.45, rel=1e-3)
    assert found.model.initial["1"][0] == pytest.approx(760.0, rel=1e-3)


def test_a_hidden_start_nobody_gave_is_estimated() -> None:
    config = msgspec.structs.replace(
        EPIDEMIC,
        parameters={"beta": ParameterConfig(value=2e-3, fixed=True), "gamma": ParameterConfig(value=0.4)},
        initial={"S": InitialConfig(value=500.0, fit=True, lower=0.0)},
    )
    found = fit(config, epidemic(), TrainConfig(preset="quick"))
    assert found.model.initial["1"][0] == pytest.approx(760.0, rel=1e-2)


@pytest.mark.parametrize("factor", [1e-12, 1e9])
def test_any_unit_will_do(predators: Dataset, factor: float) -> None:
    scaled = dataset_from_arrays(
        [tr.t for tr in predators.trajectories],
        [factor * tr.measured for tr in predators.trajectories],
        ["x", "y"],
        split=SplitConfig(by="none"),
    )
    parameters = {name: ParameterConfig(value=1.0 if name in "ad" else 1.0 / factor, lower=0.0) for name in "abcd"}
    found = refit(initial_model(msgspec.structs.replace(PREDATORS, parameters=parameters), scaled, 0), scaled)
    assert found.model.parameters["b"] * factor == pytest.approx(0.9, rel=1e-3)
    assert found.model.parameters["d"] == pytest.approx(1.8, rel=1e-3)


def test_a_column_that_never_changes_and_three_points() -> None:
    dataset = dataset_from_arrays(
        [0.0, 1.0, 2.0], np.array([[1.0, 5.0], [0.6, 5.0], [0.37, 5.0]]), ["x", "c"], split=SplitConfig(by="none")
    )
    config = ModelConfig(
        equations="d(x)/dt = -k*x\nd(c)/dt = 0*c", parameters={"k": ParameterConfig(value=2.0, lower=0.0)}
    )
    found = fit(config, dataset, TrainConfig(preset="quick"))
    assert found.model.parameters["k"] == pytest.approx(0.5, abs=0.02)
    assert np.isfinite(found.metrics.train["mean"])


def test_missing_values_are_left_out(predators: Dataset) -> None:
    generator = np.random.default_rng(4)
    values = [np.where(generator.random(tr.measured.shape) < 0.4, np.nan, tr.measured) for tr in predators.trajectories]
    dataset = dataset_from_arrays(
        [tr.t for tr in predators.trajectories], values, ["x", "y"], split=SplitConfig(by="none")
    )
    found = refit(initial_model(PREDATORS, dataset, 0), dataset)
    assert found.model.parameters["c"] == pytest.approx(0.8, rel=1e-3)


def test_test_rows_have_no_influence(noisy_predators: Dataset) -> None:
    from dataclasses import replace

    def spoilt(dataset: Dataset) -> Dataset:
        return replace(
            dataset,
            trajectories=tuple(
                replace(tr, measured=np.where((tr.part == 2)[:, None], 1.01 * tr.measured, tr.measured))
                for tr in dataset.trajectories
            ),
        )

    start = initial_model(PREDATORS, noisy_predators, 0)
    first, second = refit(start, noisy_predators), refit(start, spoilt(noisy_predators))
    for name in "abcd":  # the spread of a column, which scales the errors, sees all rows
        assert first.model.parameters[name] == pytest.approx(second.model.parameters[name], rel=1e-3)


def test_never_worse_than_the_start(noisy_predators: Dataset) -> None:
    start = refit(initial_model(PREDATORS, noisy_predators, 0), noisy_predators).model
    again = refit(start, noisy_predators)
    before, after = score(start, noisy_predators), again.metrics
    assert after.train["mean"] <= before.train["mean"] * 1.001


def test_a_model_that_cannot_be_simulated_is_a_result_with_a_sentence(predators: Dataset) -> None:
    config = ModelConfig(
        equations="d(x)/dt = log(-1 - x^2) + k\nd(y)/dt = -y", parameters={"k": ParameterConfig(value=1.0)}
    )
    found = fit(config, predators, TrainConfig(preset="quick"))
    assert found.outcome is Outcome.DIVERGED
    assert found.sentence.endswith(".") and "finite" in found.sentence


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_stops_at_any_poll_with_a_usable_model(predators: Dataset, polls: int) -> None:
    found = fit(PREDATORS, predators, TrainConfig(), RecordingReporter(stop_after=polls))
    assert found.outcome is Outcome.STOPPED
    assert set(found.model.parameters) == set("abcd")
    assert all(np.isfinite(value) for value in found.model.parameters.values())


def test_hubers_loss_is_not_led_astray_by_outliers(predators: Dataset) -> None:
    generator = np.random.default_rng(8)
    values = []
    for tr in predators.trajectories:
        noisy = tr.measured + 0.02 * generator.normal(size=tr.measured.shape)
        values.append(np.where(generator.random(noisy.shape) < 0.06, noisy + 4.0, noisy))
    dataset = dataset_from_arrays(
        [tr.t for tr in predators.trajectories], values, ["x", "y"], split=SplitConfig(by="none")
    )
    start = initial_model(PREDATORS, dataset, 0)
    errors = {}
    for loss in ("squares", "huber"):
        found = refit(start, dataset, TrainConfig(loss=loss)).model.parameters  # type: ignore[arg-type]
        errors[loss] = max(abs(found[name] / true - 1) for name, true in zip("abcd", (1.3, 0.9, 0.8, 1.8), strict=True))
    assert errors["huber"] < 0.02
    assert errors["huber"] < 0.3 * errors["squares"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_held_out_trajectory_without_a_simulation_does_not_stop_the_fit() -> None:
    """x' = k sqrt(1.5 - x): at the start value of k the held-out trajectory runs into the root, those that train do not."""
    t, k = np.linspace(0.0, 2.0, 21), 0.3
    values = [(1.5 - (np.sqrt(1.5 - start) - k * t / 2) ** 2)[:, None] for start in (0.1, 0.2, 1.2)]
    split = SplitConfig(by="trajectory", validation_trajectories=("3",))
    data = dataset_from_arrays([t] * 3, values, ["x"], split=split)
    config = ModelConfig(
        equations="d(x)/dt = k*sqrt(1.5 - x)",
        parameters={"k": ParameterConfig(value=0.8)},
        initial={"x": InitialConfig(fit=False)},
    )
    model = initial_model(config, data, 0)
    found = refit(model, data, TrainConfig(preset="quick"))
    assert found.outcome is Outcome.CONVERGED
    assert found.model.parameters["k"] == pytest.approx(k, abs=1e-6)
    assert make_candidates(model, data).fit(model).model.parameters["k"] == pytest.approx(k, abs=1e-6)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_model_without_a_finite_slope_ends_with_a_sentence_and_no_warning() -> None:
    t = np.linspace(0.0, 2.0, 21)
    data = dataset_from_arrays([t], [t[:, None] ** 1.6], ["y"], split=SplitConfig(by="none"))
    config = ModelConfig(equations="d(y)/dt = n*y/t - k*y", parameters={"n": ParameterConfig(value=1.0)})
    found = fit(config, data, TrainConfig(preset="quick"))
    assert found.outcome is Outcome.DIVERGED
    assert "stayed finite" in found.sentence
