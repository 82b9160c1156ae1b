"""Candidates refitted by the fit of constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.distil.scoring import Judge
from ndestudio.expression import parse_expression
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import score
from ndestudio.model import FittedModel, InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, initial_model
from ndestudio.progress import SilentReporter

from .conftest import make_dataset


@pytest.fixture(scope="module")
def decay() -> Dataset:
    """y' = -0.7 y + u with an input, two trajectories of different length, a gap, and a missing value."""
    rng = np.random.default_rng(0)
    trajectories = []
    for k, (y0, t) in enumerate(((2.0, np.linspace(0, 4, 21)), (0.5, np.array([0.0, 0.3, 0.5, 1.5, 3.0, 3.1])))):
        fine = np.linspace(0, t[-1], 20001)
        y = np.empty_like(fine)
        y[0] = y0
        for i in range(len(fine) - 1):  # Heun is exact enough on this grid
            h = fine[1]
            slope = -0.7 * y[i] + np.interp(fine[i], t, np.sin(t))
            y[i + 1] = y[i] + h / 2 * (slope - 0.7 * (y[i] + h * slope) + np.interp(fine[i + 1], t, np.sin(t)))
        values = np.interp(t, fine, y)[:, None]
        if k == 0:
            values[3] = np.nan
        trajectories.append(Trajectory(f"r{k}", t, values, np.sin(t)[:, None], np.zeros(len(t), dtype=np.int8)))
    del rng
    return Dataset(tuple(trajectories), Column("t", "t"), (Column("y", "y"),), (Column("u", "u"),))


def _decay_model(decay: Dataset, **parameters: ParameterConfig) -> FittedModel:
    return initial_model(ModelConfig(equations="d(y)/dt = -k*y + g*u", parameters=parameters), decay, 0)


def test_finds_parameters_with_inputs_gaps_and_missing_values(decay: Dataset) -> None:
    model = _decay_model(decay, k=ParameterConfig(value=0.2), g=ParameterConfig(value=0.5))
    tuned = make_candidates(model, decay).fit(model)
    assert tuned.model.parameters["k"] == pytest.approx(0.7, abs=1e-3)
    assert tuned.model.parameters["g"] == pytest.approx(1.0, abs=1e-3)
    assert score(tuned.model, decay).train["mean"] < 1e-3


def test_bounds_and_fixed_values_hold(decay: Dataset) -> None:
    model = _decay_model(decay, k=ParameterConfig(value=0.2, upper=0.5), g=ParameterConfig(value=0.9, fixed=True))
    tuned = make_candidates(model, decay).fit(model).model
    assert tuned.parameters["k"] == pytest.approx(0.5)
    assert tuned.parameters["g"] == 0.9


def test_noisy_initial_values_are_estimated_only_where_allowed() -> None:
    t = np.linspace(0.0, 4.0, 30)
    clean = make_dataset(lambda t, y: [-0.5 * y[0]], np.array([[2.0], [1.0]]), t, ("y",), held_out=0)
    first = clean.trajectories[0]
    wrong_start = replace(first, measured=np.concatenate([[[3.0]], first.measured[1:]]))
    dataset = replace(clean, trajectories=(wrong_start, clean.trajectories[1]))
    config = ModelConfig(equations="d(y)/dt = -k*y", parameters={"k": ParameterConfig(value=0.4)})
    free = initial_model(config, dataset, 0)
    tuned = make_candidates(free, dataset).fit(free).model
    assert 1.9 < tuned.initial[first.name][0] < 2.4  # one bad row of thirty pulls a little
    held = initial_model(replace_initial(config, InitialConfig(fit=False)), dataset, 0)
    assert make_candidates(held, dataset).fit(held).model.initial[first.name][0] == 3.0


def replace_initial(config: ModelConfig, initial: InitialConfig) -> ModelConfig:
    import msgspec

    return msgspec.structs.replace(config, initial={"y": initial})


def test_agrees_with_the_training_engine(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    from ndestudio.fitting import refit
    from ndestudio.model import replace_neural_term

    model, dataset = lotka_volterra
    model = replace_neural_term(model, "p", parse_expression("0.8*x*y"))
    model = replace_neural_term(model, "q", parse_expression("0.9*x*y"))
    ours, theirs = make_candidates(model, dataset).fit(model).model, refit(model, dataset).model
    for name, value in theirs.parameters.items():
        assert ours.parameters[name] == pytest.approx(value, rel=5e-3)


def test_what_runs_away_is_said_and_the_model_stays() -> None:
    dataset = make_dataset(lambda t, y: [0.5 * y[0]], np.array([[1.0]]), np.linspace(0, 3, 20), ("y",), held_out=0)
    config = ModelConfig(equations="d(y)/dt = k*y^3", parameters={"k": ParameterConfig(value=50.0, fixed=True)})
    model = initial_model(config, dataset, 0)
    steady = initial_model(ModelConfig(equations="d(y)/dt = 0.5*y"), dataset, 0)
    tuned = make_candidates(steady, dataset).fit(model)
    assert tuned.loss > 1.0  # it explains nothing, whatever its start
    outside = initial_model(
        ModelConfig(equations="d(y)/dt = log(-y)*k", parameters={"k": ParameterConfig(value=1.0)}), dataset, 0
    )
    failed = make_candidates(steady, dataset).fit(outside)
    assert failed.loss == np.inf
    assert "cannot be simulated" in failed.sentence
    assert failed.model is outside


def test_stop_and_enough_end_a_fit(decay: Dataset) -> None:
    model = _decay_model(decay, k=ParameterConfig(value=0.2), g=ParameterConfig(value=0.5))
    candidates = make_candidates(model, decay)
    assert candidates.fit(model, should_stop=lambda: True).iterations == 0
    assert candidates.fit(model, iterations=3).iterations <= 2 * 3  # so many on each of two grids


def test_validation_rows_are_not_fitted(decay: Dataset) -> None:
    part = np.where(np.arange(21) < 10, Part.TRAIN, Part.VALIDATION).astype(np.int8)
    spoilt = decay.trajectories[0].measured.copy()
    spoilt[10:] += 5.0
    first = replace(decay.trajectories[0], part=part, measured=spoilt)
    dataset = replace(decay, trajectories=(first, decay.trajectories[1]))
    model = _decay_model(decay, k=ParameterConfig(value=0.4), g=ParameterConfig(value=0.9))
    tuned = make_candidates(model, dataset).fit(model).model
    assert tuned.parameters["k"] == pytest.approx(0.7, abs=0.02)


def _growth(deviations: bool) -> tuple[FittedModel, Dataset]:
    """y' = 0.8 y - 0.05 y^2 with errors of 15% of the value, over two decades; said as deviations, or to be found out."""
    rng = np.random.default_rng(3)
    t, rows = np.linspace(0, 8, 41), []
    for start in (0.1, 0.3):
        y = 16.0 / (1.0 + (16.0 / start - 1.0) * np.exp(-0.8 * t))
        rows.append((y * (1.0 + 0.15 * rng.normal(size=len(t))))[:, None])
    given = [0.15 * np.abs(row) for row in rows] if deviations else None
    dataset = dataset_from_arrays([t] * 2, rows, ["y"], deviations=given, split=SplitConfig(by="none"))
    config = ModelConfig(
        equations="d(y)/dt = r*y - b*y^2",
        parameters={"r": ParameterConfig(value=0.7), "b": ParameterConfig(value=0.06)},
    )
    return initial_model(config, dataset, 0), dataset


@pytest.mark.parametrize(("deviations", "noise", "near"), [(True, "spread", 1e-3), (False, "proportional", 0.04)])
def test_values_weigh_what_they_weigh_in_training(deviations: bool, noise: str, near: float) -> None:
    from ndestudio.fitting import TrainConfig, refit

    train = TrainConfig(noise=noise)  # type: ignore[arg-type]
    model, dataset = _growth(deviations)
    theirs = refit(model, dataset, train).model
    ours = make_candidates(theirs, dataset, train).fit(theirs).model
    plain = replace(dataset, trajectories=tuple(replace(one, deviation=None) for one in dataset.trajectories))
    other = make_candidates(theirs, plain).fit(theirs).model
    for name in "rb":
        assert ours.parameters[name] == pytest.approx(theirs.parameters[name], rel=near)
    assert abs(other.parameters["r"] / theirs.parameters["r"] - 1) > 0.08


def test_a_stiff_candidate_is_followed_by_an_implicit_solver() -> None:
    """x' = -k (x - cos t), k = 1000: an explicit step would have to be a thousandth."""
    t = np.linspace(0.0, 3.0, 31)
    dataset = make_dataset(lambda t, y: [-1000.0 * (y[0] - np.cos(t))], np.array([[0.0], [2.0]]), t, ("x",), held_out=0)
    gentle = initial_model(ModelConfig(equations="d(x)/dt = -sin(t)"), dataset, 0)
    candidates = make_candidates(gentle, dataset)
    config = ModelConfig(equations="d(x)/dt = -k*(x - c*cos(t))", parameters={"k": ParameterConfig(value=800.0)})
    stiff = initial_model(config, dataset, 0)
    found = candidates.fit(stiff)
    assert found.sentence == "" and found.loss < 1e-3
    assert found.model.parameters["c"] == pytest.approx(1.0, abs=0.02)


def test_steps_that_are_too_long_for_a_candidate_are_made_shorter() -> None:
    """The model they are candidates for needs few steps; sin(w t) with w = 25 needs many."""
    t = np.linspace(0.0, 6.0, 25)
    dataset = make_dataset(lambda t, y: [25.0 * np.cos(25.0 * t)], np.array([[0.0]]), t, ("x",), held_out=0)
    candidates = make_candidates(initial_model(ModelConfig(equations="d(x)/dt = 0*x"), dataset, 0), dataset)
    config = ModelConfig(
        equations="d(x)/dt = w*cos(v*t)",
        parameters={"w": ParameterConfig(value=24.9), "v": ParameterConfig(value=25.0, fixed=True)},
    )
    found = candidates.fit(initial_model(config, dataset, 0))
    assert found.model.parameters["w"] == pytest.approx(25.0, rel=1e-3)
    assert candidates.steps < 100


def test_many_trajectories_are_all_fitted_in_the_end() -> None:
    starts = np.linspace(0.5, 2.5, 60)[:, None]
    dataset = make_dataset(
        lambda t, y: [-0.7 * y[0]], starts, np.linspace(0.0, 3.0, 10), ("y",), noise=0.02, held_out=0
    )
    model = initial_model(
        ModelConfig(equations="d(y)/dt = -k*y", parameters={"k": ParameterConfig(value=0.4)}), dataset, 0
    )
    found = make_candidates(model, dataset).fit(model)
    assert found.model.parameters["k"] == pytest.approx(0.7, abs=0.01)
    moved = [found.model.initial[one.name][0] != model.initial[one.name][0] for one in dataset.trajectories]
    assert all(moved)


@pytest.mark.parametrize("how", ["huber", "bounds of the initial value"])
def test_screening_agrees_with_the_refit(how: str) -> None:
    """A law x' = -k x with an outlier, or with an initial value kept between 1.5 and 2 where the data begin at 1."""
    from ndestudio.fitting import TrainConfig, refit

    t = np.linspace(0.0, 3.0, 31)
    y = np.exp(-0.7 * t) + 0.01 * np.random.default_rng(1).normal(size=len(t))
    y[25] += 3.0 if how == "huber" else 0.0
    dataset = dataset_from_arrays([t], [y[:, None]], ["x"], split=SplitConfig(by="none"))
    initial = InitialConfig() if how == "huber" else InitialConfig(lower=1.5, upper=2.0)
    config = ModelConfig(
        equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.5)}, initial={"x": initial}
    )
    model, train = initial_model(config, dataset, 0), TrainConfig(loss="huber" if how == "huber" else "squares")
    reference = refit(model, dataset, train).model
    screened = make_candidates(reference, dataset, train).fit(model).model
    assert screened.parameters["k"] == pytest.approx(reference.parameters["k"], rel=1e-3)
    assert screened.initial["1"][0] == pytest.approx(reference.initial["1"][0], rel=1e-3)
    if how == "huber":
        assert screened.parameters["k"] == pytest.approx(0.7, abs=0.02)
    else:
        assert 1.5 <= screened.initial["1"][0] <= 2.0


def test_constants_are_fitted_over_segments_where_trajectories_part_whatever_the_law() -> None:
    """Lorenz's system over a time in which any error has grown to the size of the attractor."""
    t = np.linspace(0.0, 25.0, 400)
    lorenz = lambda _, y: [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]  # noqa: E731
    y = solve_ivp(lorenz, (0.0, 25.0), [1.0, 2.0, 20.0], t_eval=t, rtol=1e-9, atol=1e-9).y.T
    data = dataset_from_arrays(t, y, ("x", "y", "z"), split=SplitConfig(by="none"))
    text = "d(x)/dt = 10*(y - x)\nd(y)/dt = x*(28 - z) - y\nd(z)/dt = f*x*y - 2.6666666667*z"
    model = initial_model(ModelConfig(equations=text, parameters={"f": ParameterConfig(value=0.98)}), data, 0)
    candidates = make_candidates(model, data)
    judge = Judge(data, candidates, True, lambda: False, TrainConfig(), SilentReporter(), {})
    assert candidates.horizon is not None
    trial = judge.judge(model, (), None, iterations=10)
    assert trial.model.parameters["f"] == pytest.approx(1.0, abs=2e-3)
    assert not judge.is_chance(trial)


def test_a_bad_fit_without_chaos_is_fitted_all_the_same() -> None:
    t = np.linspace(0.0, 5.0, 30)
    noise = dataset_from_arrays(t, np.random.default_rng(1).normal(size=30), ("y",), split=SplitConfig(by="none"))
    model = initial_model(
        ModelConfig(equations="d(y)/dt = -k*y", parameters={"k": ParameterConfig(value=0.9)}), noise, 0
    )
    candidates = make_candidates(model, noise)
    judge = Judge(noise, candidates, True, lambda: False, TrainConfig(), SilentReporter(), {})
    trial = judge.judge(model, (), None, iterations=30)
    assert trial.model.parameters["k"] != pytest.approx(0.9, rel=1e-3)
    assert not judge.is_chance(trial)


def test_what_was_tried_out_is_not_fitted_again() -> None:
    t = np.linspace(0.0, 3.0, 15)
    data = dataset_from_arrays(t, 2.0 * np.exp(-0.7 * t), ("y",), split=SplitConfig(by="none"))
    model = initial_model(ModelConfig(equations="d(y)/dt = f(y)", networks={"f": NetworkConfig()}), data, 0)
    judge = Judge(data, make_candidates(model, data), True, lambda: False, TrainConfig(), SilentReporter(), {})
    formula = {"f": parse_expression("-0.5*y")}
    first = judge.try_out(model, formula)
    assert first.model.parameters["f_1"] == pytest.approx(-0.7, rel=1e-4)
    assert judge.try_out(model, formula, {"f": frozenset()}) is first
    held = judge.try_out(model, formula, {"f": frozenset({0.5})})
    assert held is not first and "f_1" not in held.model.parameters
    assert judge.try_out(model, {"f": parse_expression("-0.6*y")}) is not first
    assert judge.try_out(model, formula, iterations=1) is not first
