"""Steady states: against closed forms, with conserved sums, several of them, none; derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import EquationError
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.stages.programs import gradient_of
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.problem.conditions import initial_state
from ndestudio.problem.space import structure_of
from ndestudio.problem.steady_state import conserved, other_steady_states, settled_start
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device


def steady(values: Float[np.ndarray, "row measured"], names: list[str], inputs: dict[str, list[float]]) -> Dataset:
    forced = np.array(list(inputs.values())).T
    return dataset_from_arrays(
        [np.array([np.inf])] * len(values),
        [row[None] for row in values],
        names,
        inputs=[row[None] for row in forced] if inputs else None,
        input_names=list(inputs),
    )


def parameters(**values: float) -> dict[str, ParameterConfig]:
    return {name: ParameterConfig(value=value) for name, value in values.items()}


def made(config: ModelConfig, dataset: Dataset) -> tuple[FittedModel, Trajectory]:
    return initial_model(config, dataset, 0), dataset.trajectories[0]


def test_chemostat_settles_at_its_closed_form() -> None:
    config = ModelConfig(
        equations="d(X)/dt = mu*S/(K + S)*X - D*X\nd(S)/dt = D*(Sin - S) - mu*S/(K + S)*X/Y",
        parameters=parameters(mu=1.0, K=0.5, Y=0.4),
    )
    dataset = steady(np.array([[1.0, 1.0]]), ["X", "S"], {"D": [0.3], "Sin": [5.0]})
    model, run = made(config, dataset)
    left = 0.5 * 0.3 / (1.0 - 0.3)
    np.testing.assert_allclose(initial_state(model, run), [0.4 * (5.0 - left), left], rtol=1e-10)


def test_washed_out_is_reached_and_no_other_root() -> None:
    config = ModelConfig(
        equations="d(X)/dt = mu*S/(K + S)*X - D*X\nd(S)/dt = D*(Sin - S) - mu*S/(K + S)*X/Y",
        parameters=parameters(mu=1.0, K=0.5, Y=0.4),
    )
    # D above mu*Sin/(K + Sin): the other root has less than no cells
    dataset = steady(np.array([[1.0, 1.0]]), ["X", "S"], {"D": [1.2], "Sin": [5.0]})
    model, run = made(config, dataset)
    np.testing.assert_allclose(initial_state(model, run), [0.0, 5.0], atol=1e-9)


def enzyme() -> tuple[FittedModel, Trajectory]:
    config = ModelConfig(
        equations="d(E)/dt = -k1*E*S + k2*C\nd(C)/dt = k1*E*S - k2*C",
        parameters=parameters(k1=2.0, k2=0.7),
        initial={"E": InitialConfig(value=1.5), "C": InitialConfig(value=0.25)},
    )
    return made(config, steady(np.array([[0.9]]), ["C"], {"S": [0.3]}))


def test_a_conserved_sum_keeps_its_value() -> None:
    model, run = enzyme()
    structure = structure_of(model)
    np.testing.assert_allclose(conserved(structure), [[0.5, 0.5], [0.5, 0.5]], atol=1e-12)
    found = settled_start(model, structure, run, np.array([1.5, 0.25]))
    bound = 1.75 * 0.6 / (0.6 + 0.7)
    np.testing.assert_allclose(found.states, [1.75 - bound, bound], rtol=1e-10)
    assert found.stable and len(found.eigenvalues) == 1
    np.testing.assert_allclose(np.real(found.eigenvalues), [-1.3], rtol=1e-6)


def test_a_network_does_not_hide_conserved_sums() -> None:
    config = ModelConfig(equations="d(E)/dt = -r(E, C)\nd(C)/dt = r(E, C)", networks={"r": NetworkConfig()})
    model, _ = made(config, steady(np.array([[0.9, 0.2]]), ["E", "C"], {}))
    np.testing.assert_allclose(conserved(structure_of(model)), np.full((2, 2), 0.5), atol=1e-12)


def test_a_switch_has_two_stable_steady_states() -> None:
    config = ModelConfig(equations="d(x)/dt = a + b*x^4/(1 + x^4) - x", parameters=parameters(a=0.1, b=2.0), initial={})
    model, run = made(config, steady(np.array([[0.1]]), ["x"], {}))
    structure = structure_of(model)
    found = other_steady_states(model, structure, run, [np.array([s]) for s in (0.0, 0.2, 1.0, 3.0)])
    assert len(found) == 2 and all(one.stable for one in found)
    for one in found:
        x = one.states[0]
        assert abs(0.1 + 2.0 * x**4 / (1.0 + x**4) - x) < 1e-12


def test_what_oscillates_or_runs_away_does_not_settle() -> None:
    for equations in ("d(x)/dt = y\nd(y)/dt = (1 - x^2)*y - x", "d(x)/dt = 0.3*x + 1\nd(y)/dt = -y"):
        model, run = made(ModelConfig(equations=equations), steady(np.array([[1.0, 0.5]]), ["x", "y"], {}))
        assert not settled_start(model, structure_of(model), run, np.array([1.0, 0.5])).settles


def test_equations_that_read_the_time_are_refused() -> None:
    model, run = made(ModelConfig(equations="d(x)/dt = sin(t) - x"), steady(np.array([[1.0]]), ["x"], {}))
    with pytest.raises(EquationError, match="never come to rest"):
        settled_start(model, structure_of(model), run, np.array([1.0]))


def prepared(config: ModelConfig, dataset: Dataset) -> PreparedFit:
    return prepare_fit(initial_model(config, dataset, 0), dataset, TrainConfig())


def with_a_network() -> PreparedFit:
    """Steady states of two inputs and a run that begins settled under another input."""
    S = [0.2, 1.0, 4.0]
    rest = steady(np.array([[0.3, 0.2], [0.8, 0.5], [0.5, 0.3]]), ["x", "z"], {"S": S})
    t = np.linspace(0.0, 3.0, 5)
    moving = dataset_from_arrays(
        [t], [np.stack([np.exp(-t), t / 3], axis=1)], ["x", "z"], inputs=[np.full((5, 1), 2.0)], input_names=["S"]
    ).trajectories[0]
    from dataclasses import replace

    moving = replace(moving, name="moved", settles=True, settle_inputs={0: 0.1})
    dataset = replace(rest, trajectories=(*rest.trajectories, moving))
    config = ModelConfig(
        equations="d(x)/dt = v(S, z) - k*x\nd(z)/dt = x - m*z",
        parameters=parameters(k=0.8, m=1.3),
        networks={"v": NetworkConfig(width=4, depth=1)},
    )
    return prepared(config, dataset)


def test_sensitivities_are_those_by_differences() -> None:
    problem = with_a_network()
    batch = make_batch(problem, 32)
    point = start_point(problem, batch)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.prepare()
    engine.ready(SilentReporter())
    linear = engine.linearise(point)
    direction = np.random.default_rng(0).standard_normal(len(point.theta))
    h = 1e-5
    ends = [engine.linearise(point._replace(theta=point.theta + s * h * direction)).r for s in (1, -1)]
    by_difference = (ends[0] - ends[1]) / (2 * h)
    assert np.abs(linear.d_theta @ direction - by_difference).max() < 1e-6 * np.abs(by_difference).max()
    errors, _ = VectorEngine(problem, batch).errors(point.theta[None], point.free[None])
    weighted = (np.sqrt(batch.target.train) * errors[0]).reshape(linear.r.shape)
    np.testing.assert_allclose(weighted, linear.r, atol=1e-9)
    gradient = gradient_of(problem, batch, device("cpu")[0])
    gradient.prepare(point)
    gradient.ready(point, SilentReporter())
    value, _, (by_theta, _) = gradient._programs[0](point.theta, point.free, *gradient.data)
    np.testing.assert_allclose(value, np.sum(linear.r**2), rtol=1e-9)
    expected = 2.0 * np.einsum("rk,rkt->t", linear.r, linear.d_theta)
    np.testing.assert_allclose(by_theta, expected, atol=1e-8 * np.abs(expected).max())


def test_derivatives_by_a_conserved_sum() -> None:
    """An enzyme whose amount is estimated: the measured complex answers to the total."""
    dataset = steady(np.array([[0.8], [0.5]]), ["C"], {"S": [0.3, 0.1]})
    config = ModelConfig(
        equations="d(E)/dt = -k1*E*S + k2*C\nd(C)/dt = k1*E*S - k2*C",
        parameters=parameters(k1=2.0, k2=0.7),
        initial={"E": InitialConfig(value=1.5, fit=True, shared=True), "C": InitialConfig(value=0.0)},
    )
    problem = prepared(config, dataset)
    batch = make_batch(problem, 32)
    point = start_point(problem, batch)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.prepare()
    engine.ready(SilentReporter())
    linear, k = engine.linearise(point), int(np.flatnonzero(problem.space.free)[-1])
    moved = np.zeros(len(point.theta))
    moved[k] = 1e-5
    ends = [engine.linearise(point._replace(theta=point.theta + s * moved)).r for s in (1, -1)]
    by_difference = (ends[0] - ends[1]) / 2e-5
    assert np.abs(by_difference).max() > 0.1
    np.testing.assert_allclose(linear.d_theta[..., k], by_difference, rtol=1e-6, atol=1e-9)


def test_many_copies_under_two_inputs() -> None:
    levels = {"S": [0.5, 2.0, 2.0], "I": [0.0, 0.0, 3.0]}
    truth = [2.0 * s / (1.0 + i + s) for s, i in zip(*levels.values(), strict=True)]
    config = ModelConfig(equations="d(x)/dt = S/(1 + I + S) - k*x", parameters=parameters(k=0.5))
    problem = prepared(config, steady(np.array(truth)[:, None], ["x"], levels))
    batch = make_batch(problem, 8)
    point = start_point(problem, batch)
    both = np.stack([point.theta, point.theta + 1e-9])
    errors, _ = VectorEngine(problem, batch).errors(both, np.stack([point.free, point.free]))
    assert np.abs(errors[0]).max() < 1e-6 and np.isfinite(errors[1]).all()


def test_steady_states_without_inputs() -> None:
    config = ModelConfig(equations="d(x)/dt = p - k*x", parameters=parameters(p=3.0, k=1.5))
    problem = prepared(config, steady(np.array([[2.0], [2.5]]), ["x"], {}))
    batch = make_batch(problem, 8)
    point = start_point(problem, batch)
    both = np.stack([point.theta, point.theta])
    errors, _ = VectorEngine(problem, batch).errors(both, np.stack([point.free, point.free]))
    found = errors * problem.space.constants.spread + np.array([[[2.0]], [[2.5]]])
    np.testing.assert_allclose(found, 2.0, rtol=1e-9)
