"""Doses and events against closed forms, and their sensitivities against differences."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.scipy_reference import simulate_trajectory
from tests.events import DOSES, KA, KE, F, V, after_oral_doses, with_doses

T = np.linspace(0.0, 48.0, 30)
ORAL = ModelConfig(
    equations="""d(G)/dt = -ka*G
d(A)/dt = ka*G - ke*A
C = A/V
at doses: G += F*amount
at t = 30: A = 0.5*A
""",
    parameters={name: ParameterConfig(value=value) for name, value in {"ka": KA, "ke": KE, "V": V, "F": F}.items()},
    initial={name: InitialConfig(value=0.0, fit=False) for name in ("G", "A")},
)


def halved(t: np.ndarray) -> np.ndarray:
    taken = 0.5 * after_oral_doses(np.array([30.0]))[0] * np.exp(-KE * np.maximum(t - 30.0, 0.0))
    return (after_oral_doses(t) - np.where(t >= 30.0, taken, 0.0)) / V


def oral() -> tuple[FittedModel, Dataset]:
    data = with_doses(dataset_from_arrays(T, halved(T)[:, None], names=["C"]), DOSES)
    return initial_model(ORAL, data, 0), data


def test_the_reference_has_the_closed_form():
    model, data = oral()
    found = simulate_trajectory(model, data, data.trajectories[0], rtol=1e-11, atol=1e-13)
    assert found.sentence == ""
    assert np.abs(found.measured[:, 0] - halved(T)).max() < 1e-8


def test_a_value_at_the_time_of_a_dose_is_the_one_after_it():
    model, data = oral()
    times = np.array([0.0, 11.999999, 12.0, 30.0, 40.0])
    found = simulate_trajectory(model, data, data.trajectories[0], t=times).states
    assert found[0].tolist() == [70.0, 0.0]
    assert found[2, 0] - found[1, 0] == pytest.approx(70.0, abs=1e-3)
    assert found[3, 1] / V == pytest.approx(halved(np.array([30.0]))[0], rel=1e-6)


@pytest.mark.parametrize("name", ["rk4", "tsit5", "sdirk4"])
def test_solvers_and_their_derivatives_go_through_events(name: str):
    model, data = oral()
    problem, solver = prepare_fit(model, data, TrainConfig()).definition, SOLVERS.get(name)
    theta, conditions = problem.space.theta, problem.conditions(model)
    assert solver.refuses(problem) is None
    states = solver.solve(problem, theta, conditions)[0].states
    assert np.abs(states[:, 1] / V - halved(T)).max() < 1e-6
    linear = solver.linearise(problem, theta, conditions)
    assert linear is not None
    assert np.abs(linear[0].states - states).max() < 1e-9 * 70

    def moved(k: int, step: float) -> np.ndarray:
        there = theta.copy()
        there[k] += step
        found = solver.linearise(problem, there, problem.conditions(problem.space.fitted(there, {})))
        assert found is not None
        return found[0].states

    for k in range(4):
        differences = (moved(k, 1e-5) - moved(k, -1e-5)) / 2e-5
        assert np.abs(differences - linear[0].by_theta[..., k]).max() < 1e-6 * 70


@pytest.mark.parametrize("written", [True, False])
def test_infusions_have_the_closed_form(written: bool):
    k, volume = 0.18, 12.0

    def amount(t: np.ndarray) -> np.ndarray:
        found = np.where(t >= 30.0, 50.0 * np.exp(-k * np.maximum(t - 30.0, 0.0)), 0.0)
        for begin in (0.0, 24.0):
            during, after = np.clip(t - begin, 0.0, 2.0), np.maximum(t - begin - 2.0, 0.0)
            found += 40.0 / k * (1.0 - np.exp(-k * during)) * np.exp(-k * after)
        return found

    text = "d(A)/dt = -k*A\nC = A/V\n"
    if written:
        text += "from 0 to 2: d(A)/dt += 40\nfrom 24 to 26: d(A)/dt += 40\nat t = 30: A += 50\n"
    doses = (Dose(0.0, 80.0, duration=2.0, rate=40.0), Dose(24.0, 80.0, duration=2.0, rate=40.0), Dose(30.0, 50.0))
    data = with_doses(dataset_from_arrays(T, amount(T)[:, None] / volume, names=["C"]), () if written else doses)
    config = ModelConfig(
        equations=text,
        parameters={"k": ParameterConfig(value=k), "V": ParameterConfig(value=volume)},
        initial={"A": InitialConfig(value=0.0, fit=False)},
    )
    model = initial_model(config, data, 0)
    found = simulate_trajectory(model, data, data.trajectories[0], rtol=1e-11, atol=1e-13)
    assert np.abs(found.states[:, 0] - amount(T)).max() < 1e-8 * 80
    problem = prepare_fit(model, data, TrainConfig()).definition
    states = SOLVERS.get("tsit5").solve(problem, problem.space.theta, problem.conditions(model))[0].states
    assert np.abs(states[:, 0] - amount(T)).max() < 1e-6 * 80


def test_the_number_of_doses_compiles_nothing(monkeypatch: pytest.MonkeyPatch):
    from ndestudio.solve import jax_solutions

    made: list[object] = []
    get = jax_solutions.CACHE.get

    def counted(key, make, arguments, device):
        made.append([(part.shape, str(part.dtype)) for part in jax.tree_util.tree_leaves(arguments[-1])])
        return get(key, make, arguments, device)

    monkeypatch.setattr(jax_solutions.CACHE, "get", counted)
    for doses in (DOSES[:3], DOSES[:1] * 3):
        data = with_doses(dataset_from_arrays(T, halved(T)[:, None], names=["C"]), doses)
        model = initial_model(ORAL, data, 0)
        problem = prepare_fit(model, data, TrainConfig()).definition
        jax_solutions.solutions(
            problem,
            SOLVERS.get("rk4").grid,
            SOLVERS.get("rk4").grid,
            64,
            problem.space.theta,
            problem.conditions(model),
        )
    assert made[0] == made[1]


def test_diffrax_refuses_events():
    model, data = oral()
    problem = prepare_fit(model, data, TrainConfig()).definition
    said = SOLVERS.get("diffrax-tsit5").refuses(problem)
    assert said is not None and "choose the solver `auto`" in said
