"""Simulation without JAX: against closed solutions, and when equations misbehave."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression, to_text
from ndestudio.fitting.metrics import score
from ndestudio.model import (
    FittedModel,
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    evaluate_neural_term,
    field,
    formula_filled,
    initial_model,
    model_start,
    numbers_filled,
    observe,
    quantities,
    replace_neural_term,
    restore_neural_term,
)
from ndestudio.model.evaluate import point_field
from ndestudio.model.replace import replaced_system
from ndestudio.solve.scipy_reference import (
    Budget,
    _continue_with_radau,
    _Meter,
    simulate,
    simulate_all,
    simulate_trajectory,
)

T = np.linspace(0.0, 5.0, 51)


def _model(equations: str, maker, y0: dict[str, float], t: np.ndarray = T, **tables) -> tuple[FittedModel, Dataset]:
    data = maker(tuple(y0), [np.tile(list(y0.values()), (len(t), 1))], [t])
    return initial_model(ModelConfig(equations=equations, **tables), data, 0), data


def test_closed_solution(maker) -> None:
    model, data = _model("x' = -k*x\ny' = k*x - 2*t", maker, {"x": 2.0, "y": 1.0})
    result = simulate_trajectory(model, data, "a")
    assert result.sentence == ""
    assert np.allclose(result.states[:, 0], 2 * np.exp(-T), rtol=1e-6)
    assert np.allclose(result.states[:, 1], 1 + 2 * (1 - np.exp(-T)) - T**2, rtol=1e-6, atol=1e-7)
    assert np.array_equal(result.measured, result.states)


def test_inputs_are_interpolated_and_pulses_are_not_missed(maker) -> None:
    t = np.linspace(0, 100, 201)
    pulse = ((t > 60) & (t < 62)).astype(float)[:, None]
    pulse[10] = np.nan
    data = maker(("x",), [np.zeros((201, 1))], [t], inputs=("other", "u"), forcings=[np.hstack([pulse * 0, pulse])])
    model = initial_model(ModelConfig(equations="x' = u"), data, 0)
    result = simulate_trajectory(model, data, "a", t=np.array([0.0, 100.0]))
    assert result.states[-1, 0] == pytest.approx(np.trapezoid(np.nan_to_num(pulse[:, 0]), t), rel=1e-6)
    late = simulate_trajectory(model, data, "a", t=np.array([61.0, 80.0]))
    assert len(late.t) == 2 and late.states[-1, 0] == pytest.approx(result.states[-1, 0], rel=1e-6)
    with pytest.raises(EquationError, match="equations use the input `u`"):
        simulate(model, t, np.zeros(1))
    values = field(model, 0.0, np.zeros((3, 1)), np.array([[9.0, 1.0], [9.0, 2.0], [9.0, 3.0]]))
    assert values[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_the_point_field_agrees_with_the_array_field(hybrid: ModelConfig, lotka_data: Dataset) -> None:
    model = initial_model(hybrid, lotka_data, 0)
    points = np.random.default_rng(0).uniform(0.1, 6, size=(20, 2))
    one = point_field(model)
    expected = field(model, 0.3, points)
    assert np.allclose([one(0.3, point) for point in points.tolist()], expected, rtol=1e-10)


def test_a_runaway_is_cut_off_with_a_sentence(maker) -> None:
    model, data = _model("x' = x^2", maker, {"x": 1.0}, t=np.linspace(0, 2, 21))
    result = simulate_trajectory(model, data, "a")
    expected = 1 / (1 - result.t[:9])
    assert np.allclose(result.states[:9, 0], expected, rtol=1e-5)
    assert np.isnan(result.states[12:]).all() and np.isnan(result.measured[12:]).all()
    assert "`x` grows beyond all bounds near t = 1" in result.sentence


def test_a_value_that_does_not_exist_is_told(maker) -> None:
    model, data = _model("x' = -1\ny' = sqrt(x)", maker, {"x": 1.0, "y": 0.0}, t=np.linspace(0, 2, 21))
    result = simulate_trajectory(model, data, "a")
    assert np.isfinite(result.states[:9]).all() and np.isnan(result.states[-1]).all()
    assert "stops between t =" in result.sentence and "no finite value" in result.sentence


def test_it_cannot_hang(maker) -> None:
    model, data = _model("x' = 1e9*cos(1e7*t*t)", maker, {"x": 0.0})
    started = time.monotonic()
    result = simulate_trajectory(model, data, "a", budget=Budget(seconds=0.3))
    assert time.monotonic() - started < 60
    assert "stops between" in result.sentence and np.isnan(result.states[-1, 0])
    few = simulate_trajectory(model, data, "a", budget=Budget(evaluations=500))
    assert "more than 500 evaluations" in few.sentence and np.isnan(few.states[-1, 0])
    none = simulate_all(model, data, seconds=0.0)
    assert np.isnan(none["a"].states[-1, 0])


def test_what_was_reached_within_the_budget_is_kept(maker) -> None:
    model, data = _model("x' = -x\ny' = 1e5*cos(1e5*(max(t, 2) - 2)^3)", maker, {"x": 1.0, "y": 0.0})
    result = simulate_trajectory(model, data, "a", budget=Budget(evaluations=3000))
    assert "3000 evaluations" in result.sentence
    reached = np.asarray(np.isfinite(result.states).all(axis=1))
    assert reached[:15].all() and not reached[-1]
    assert np.allclose(result.states[reached, 0], np.exp(-T[reached]), rtol=1e-5)


def test_stiff_systems(maker) -> None:
    model, data = _model("x' = -1e6*(x - cos(t))", maker, {"x": 5.0})
    result = simulate_trajectory(model, data, "a")
    assert result.sentence == "" and np.allclose(result.states[1:, 0], np.cos(T[1:]), atol=1e-5)


def test_starts_that_are_not_numbers(maker) -> None:
    model, data = _model("x' = 1", maker, {"x": 1.0})
    del data
    result = simulate(model, T, np.array([np.nan]))
    assert np.isnan(result.states).all() and "the start of `x`" in result.sentence
    assert simulate(model, T[:1], np.array([3.0])).states.tolist() == [[3.0]]
    assert simulate(model, np.array([0.0, 0.0, 1.0]), np.array([3.0])).states[:, 0].tolist() == pytest.approx([3, 3, 4])


def test_threads_do_not_disturb_each_other(maker) -> None:
    worst: dict[int, float] = {}

    def work(k: int) -> None:
        model, data = _model(f"x' = -{k}*x", maker, {"x": 1.0})
        runs = [simulate_trajectory(model, data, "a").states[:, 0] for _ in range(10)]
        worst[k] = max(float(np.abs(run - np.exp(-k * T)).max()) for run in runs)

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 5, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 4 and max(worst.values()) < 1e-6


def test_initial_values_from_settings_data_and_outputs(school: ModelConfig, maker) -> None:
    t = np.arange(14.0)
    table = np.full((14, 1), np.nan)
    table[1:, 0] = np.linspace(3, 300, 13)
    data = maker(("in_bed",), [table], [t])
    model = initial_model(school, data, 0)
    assert model.initial["a"].tolist() == [760.0, 3.0]
    assert model.scale is not None and model.scale.tolist() == [760.0, np.nanstd(table)]
    network = model.networks["infection"]
    assert 100 < network.input_center[0] < 700 and 100 < network.input_scale[0] < 700
    assert network.input_center[1] == pytest.approx(np.nanmean(table))
    simulated = simulate_trajectory(model, data, "a")
    assert np.array_equal(simulated.measured[:, 0], simulated.states[:, 1])


def test_initial_values_of_every_kind(maker) -> None:
    config = ModelConfig(
        equations="a' = 1\nb' = 1\nc' = 1\nd' = 1\ne' = 1\nseen = scale*c + 1",
        parameters={"scale": ParameterConfig(value=2.0), "N": ParameterConfig(value=100.0)},
        initial={
            "b": InitialConfig(value=7.0),
            "d": InitialConfig(value="N - a", upper=50.0),
            "a": InitialConfig(shared=True),
        },
    )
    data = maker(("a", "seen"), [np.array([[2.0, 9.0]] * 3), np.array([[4.0, 5.0]] * 3)], [T[:3], T[:3]])
    model = initial_model(config, data, 0)
    assert model.initial["a"].tolist() == [3.0, 7.0, 4.0, 50.0, 0.0]
    assert model.initial["b"].tolist() == [3.0, 7.0, 2.0, 50.0, 0.0]
    unseen = replace(data.trajectories[0], name="new", measured=data.trajectories[0].measured + 1)
    fitted = replace(model, initial={"a": np.array([30.0, 1.0, 1.0, 1.0, 1.0])})
    assert model_start(fitted, unseen).tolist() == [30.0, 7.0, 4.5, 50.0, 0.0]
    assert model_start(fitted, data.trajectories[0])[0] == 30.0


def test_score_is_the_normalised_error_of_each_part(lotka: ModelConfig, lotka_data: Dataset, maker) -> None:
    model = initial_model(lotka, lotka_data, 0)
    paths = simulate_all(model, lotka_data)
    offset = np.array([0.1, 0.4])
    tables = [path.states + offset for path in paths.values()]
    tables[0][3, 1] = np.nan
    times = [path.t for path in paths.values()]
    parts = [np.where(t > 8, Part.TEST, np.where(t > 6, Part.VALIDATION, Part.TRAIN)) for t in times]
    data = maker(("hare", "lynx"), tables, times, parts=parts)
    metrics = score(model, data)
    spread = np.nanstd(np.concatenate(tables), axis=0)
    for part in (metrics.train, metrics.validation, metrics.test):
        assert part["hare"] == pytest.approx(0.1 / spread[0], rel=1e-5)
        assert part["mean"] == pytest.approx(np.mean(offset / spread), rel=1e-5)
    runaway = replace(model, parameters={**model.parameters, "gamma": -500.0, "delta": 3.0})
    assert score(runaway, data).train["mean"] == np.inf
    nothing = maker(("hare", "lynx"), tables, times)
    assert score(model, nothing).test == {}


def test_replacing_a_neural_term_and_taking_it_back(hybrid: ModelConfig, lotka_data: Dataset) -> None:
    model = initial_model(hybrid, lotka_data, 0)
    one = replace_neural_term(model, "predation", parse_expression("0.5*hare*lynx^2 - -3*hare^1.5"))
    assert one.system.parameters == ("alpha", "gamma", "predation_1", "predation_2", "predation_3")
    assert [one.parameters[f"predation_{k}"] for k in (1, 2, 3)] == [0.5, -3.0, 1.5]
    assert set(one.networks) == {"growth"} and [neural_term.name for neural_term in one.system.neural_terms] == [
        "growth"
    ]
    assert to_text(numbers_filled(one)["hare"]) == "hare - (0.5*hare*lynx^2 + 3*hare^1.5)"
    two = replace_neural_term(
        replace_neural_term(one, "growth", parse_expression("hare/(1 + hare)")), "predation", parse_expression("2")
    )
    assert two.networks == {} and two.parameters["predation_1"] == 2.0 and "predation_2" not in two.parameters
    formula = formula_filled(two, "growth")
    assert formula is not None and to_text(formula) == "hare/(1 + hare)"
    assert two.system == replaced_system(two.config, two.measured, two.inputs, two.replacements)
    points = np.array([[2.0, 5.0], [3.0, 1.0]])
    assert np.allclose(evaluate_neural_term(two, "growth", points), points[:, 0] / (1 + points[:, 0]))
    back = restore_neural_term(two, "growth", model.networks["growth"])
    assert back.networks["growth"] is model.networks["growth"] and "growth_1" not in back.parameters
    assert np.array_equal(evaluate_neural_term(back, "growth", points), evaluate_neural_term(model, "growth", points))
    with pytest.raises(EquationError, match="did you mean `growth`"):
        replace_neural_term(model, "growht", parse_expression("1"))
    with pytest.raises(EquationError, match="none of its arguments"):
        replace_neural_term(model, "growth", parse_expression("wolf"))
    with pytest.raises(EquationError, match="no network `nothing`"):
        evaluate_neural_term(model, "nothing", points)


def test_replacement_simulates_as_the_formula_written_out(
    lotka: ModelConfig, hybrid: ModelConfig, lotka_data: Dataset
) -> None:
    model = initial_model(hybrid, lotka_data, 0)
    for neural_term, text in (("predation", "0.5*hare*lynx"), ("growth", "0.3*hare*lynx")):
        model = replace_neural_term(model, neural_term, parse_expression(text))
    truth = initial_model(lotka, lotka_data, 0)
    t = np.linspace(0, 10, 30)
    y0 = np.array([2.0, 1.0])
    assert np.allclose(simulate(model, t, y0).states, simulate(truth, t, y0).states, rtol=1e-6)


def test_parameter_names_of_constants_avoid_those_taken(maker) -> None:
    config = ModelConfig(equations="x' = f(x) + f_1*x", networks={"f": NetworkConfig()})
    model = initial_model(config, maker(("x",), [T[:, None]], [T]), 0)
    assert replace_neural_term(model, "f", parse_expression("2*x + 3")).system.parameters == ("f_1", "f_2", "f_3")


def test_quantities_and_observations(maker) -> None:
    model, data = _model("x' = -k*x\ntwice = 2*x\nx2 = f(x)", maker, {"x": 2.0}, networks={"f": NetworkConfig()})
    path = simulate_trajectory(model, data, "a")
    named = quantities(model, path.t, path.states)
    assert np.array_equal(named["twice"], 2 * path.states[:, 0])
    assert np.allclose(named["x2"], evaluate_neural_term(model, "f", path.states))
    assert np.array_equal(observe(model, path.t, path.states), path.states)
    partial = replace(model, measured=("x", "unknown"))
    assert np.isnan(observe(partial, path.t, path.states)[:, 1]).all()


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e9])
def test_scales_of_networks_follow_the_data(factor: float, maker) -> None:
    t = np.linspace(0, 10, 60)
    data = maker(("x",), [factor * np.sin(t)[:, None]], [t])
    plain = initial_model(ModelConfig(equations="x' = f(x)", networks={"f": NetworkConfig()}), data, 0)
    network = plain.networks["f"]
    assert network.output_scale == pytest.approx(0.7 * factor, rel=0.1)
    assert network.input_scale[0] == pytest.approx(0.7 * factor, rel=0.1)
    times = ModelConfig(
        equations="x' = k*x*f(x)", networks={"f": NetworkConfig()}, parameters={"k": ParameterConfig(value=4)}
    )
    assert 0.1 < initial_model(times, data, 0).networks["f"].output_scale < 1.0


def test_radau_takes_over_where_lsoda_stopped() -> None:
    rows = np.full((51, 2), np.nan)
    rows[:11] = np.stack([np.exp(-T[:11]), np.sin(T[:11])], axis=1)
    meter = _Meter(lambda t, y: [-y[0], -1e5 * (y[1] - np.sin(t)) + np.cos(t)], float(T[10]), Budget())
    found, sentence = _continue_with_radau(meter, T, rows, 1e-8, np.full(2, 1e-10))
    assert sentence == ""
    assert np.allclose(found, np.stack([np.exp(-T), np.sin(T)], axis=1), rtol=1e-6, atol=1e-8)
    spent = _Meter(meter._function, float(T[10]), Budget(seconds=0.0))
    begun = np.where(T[:, None] <= T[10], found, np.nan)
    found, sentence = _continue_with_radau(spent, T, begun, 1e-12, np.full(2, 1e-14))
    assert "implicit method made no headway" in sentence and np.isnan(found[-1]).all()


def test_pulses_shorter_than_the_gaps_beside_them_are_not_passed_over() -> None:
    t, u = np.array([0.0, 1.0, 1.001, 3.0, 3.001, 5.0]), np.array([0.0, 1000.0, 0.0, 1000.0, 0.0, 0.0])
    data = dataset_from_arrays(
        [t], [np.zeros((6, 1))], ["x"], inputs=[u[:, None]], input_names=["u"], split=SplitConfig(by="none")
    )
    data = replace(data, trajectories=tuple(replace(one, input_kinds=("hold",)) for one in data.trajectories))
    config = ModelConfig(equations="d(x)/dt = u - 0.1*x", initial={"x": InitialConfig(value=0.0, fit=False)})
    found = simulate_trajectory(initial_model(config, data, 0), data, data.trajectories[0])
    pulse, later = (1 - np.exp(-0.1 * 0.001)) / 0.1 * 1000, lambda at: np.exp(-0.1 * (t[3:] - at)) * (t[3:] >= at)
    exact = [0.0, 0.0, pulse, *(pulse * (later(1.001) + later(3.001)))]
    np.testing.assert_allclose(found.states[:, 0], exact, rtol=1e-6)
