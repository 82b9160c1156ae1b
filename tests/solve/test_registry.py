"""Every solver of the registry on every reference problem: values, and derivatives where it has them, against closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import SpecError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.problem.problem import Problem
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.registry import SOLVERS, for_training, training_names
from ndestudio.solve.stiffness import stiffness
from tests.solve.test_stiffness import robertson

Exact = Callable[[Mapping[str, float], np.ndarray, np.ndarray], np.ndarray]
"""(parameters, initial values, times) -> states [time, state]."""


@dataclass(frozen=True)
class Reference:
    """A problem with a known solution; ``jump``: when its input goes from 0 to 1 (None: it has none)."""

    equations: str
    parameters: Mapping[str, float]
    start: tuple[float, ...]
    t: tuple[float, ...]
    exact: Exact
    jump: float | None = None
    stiff: bool = False


def decay(p: Mapping[str, float], y0: np.ndarray, t: np.ndarray) -> np.ndarray:
    return y0[0] * np.exp(-p["k"] * t)[:, None]


def oscillator(p: Mapping[str, float], y0: np.ndarray, t: np.ndarray) -> np.ndarray:
    c, s, w = np.cos(p["w"] * t), np.sin(p["w"] * t), p["w"]
    return np.stack([y0[0] * c + y0[1] / w * s, y0[1] * c - y0[0] * w * s], axis=1)


def switched(p: Mapping[str, float], y0: np.ndarray, t: np.ndarray) -> np.ndarray:
    after = np.maximum(t - 1.0, 0.0)
    return (y0[0] * np.exp(-p["k"] * t) + (1.0 - np.exp(-p["k"] * after)) / p["k"])[:, None]


def kinetics(p: Mapping[str, float], y0: np.ndarray, t: np.ndarray) -> np.ndarray:
    def field(t: float, y: Sequence[float]) -> list[float]:
        slope = robertson(t, y)
        slow = (p["k"] - 0.04) * y[0]
        return [slope[0] - slow, slope[1] + slow, slope[2]]

    return solve_ivp(field, (t[0], t[-1]), y0, t_eval=t, method="Radau", rtol=1e-10, atol=1e-14).y.T


T = tuple(np.linspace(0.0, 2.0, 9))
PROBLEMS = {
    "decay": Reference("d(x)/dt = -k*x", {"k": 1.3}, (2.0,), T, decay),
    "oscillator": Reference("d(x)/dt = v\nd(v)/dt = -w^2*x", {"w": 2.0}, (1.0, 0.5), T, oscillator),
    "switched": Reference("d(x)/dt = u - k*x", {"k": 1.3}, (0.5,), T, switched, jump=1.0),
    "robertson": Reference(
        "d(A)/dt = 1e4*B*C - k*A\nd(B)/dt = k*A - 1e4*B*C - 3e7*B^2\nd(C)/dt = 3e7*B^2",
        {"k": 0.04},
        (1.0, 0.0, 0.0),
        tuple(np.linspace(0.0, 10.0, 6)),
        kinetics,
        stiff=True,
    ),
}
LOOSE = {"diffrax-implicit-euler": 2e-2, "diffrax-reversible-heun": 2e-4}
"""Methods of low order with so many steps; the others reach:"""
CLOSE = 3e-6
QUICK = {("diffrax-tsit5", "switched"), ("diffrax-kvaerno3", "switched")}
"""Tracing diffrax costs seconds for each pair; the rest of its pairs, and thousands of implicit steps, are tried as slow."""
SLOW = {("sdirk3", "robertson")}
OUT_OF_STEPS = {("diffrax-implicit-euler", "switched"), ("diffrax-implicit-euler", "robertson")}
"""A method of first order needs more steps than it may make for the tolerances that are set where nothing is said."""


def pairs() -> list[Any]:
    found = []
    for name, which in product(SOLVERS, PROBLEMS):
        if name.startswith("diffrax-") and which in ("decay", "oscillator"):
            continue  # the switched problem asks for all that these do
        slow = (name, which) in SLOW or (name.startswith("diffrax-") and (name, which) not in QUICK)
        found.append(pytest.param(name, which, marks=pytest.mark.slow if slow else ()))
    return found


@cache
def prepared(which: str) -> tuple[Dataset, Problem]:
    reference = PROBLEMS[which]
    t, y0 = np.array(reference.t), np.array(reference.start)
    states = [line[2 : line.index(")")] for line in reference.equations.splitlines()]
    u = [] if reference.jump is None else [(t >= reference.jump).astype(float)[:, None]]
    values = reference.exact(reference.parameters, y0, t)
    dataset = dataset_from_arrays(
        [t], [values], states, inputs=u or None, input_names=["u"] * len(u), split=SplitConfig(by="none")
    )
    dataset = replace(dataset, trajectories=tuple(replace(one, input_kinds=("hold",)) for one in dataset.trajectories))
    parameters = {name: ParameterConfig(value=value) for name, value in reference.parameters.items()}
    model = initial_model(ModelConfig(equations=reference.equations, parameters=parameters), dataset, 0)
    return dataset, prepare_fit(model, dataset, TrainConfig()).definition


def scales(which: str) -> Float[np.ndarray, " state"]:
    dataset, _ = prepared(which)
    return np.abs(dataset.trajectories[0].measured).max(axis=0)


@pytest.mark.parametrize(("name", "which"), pairs())
def test_values_and_derivatives_are_those_of_the_closed_form(name: str, which: str) -> None:
    solver, reference, (dataset, problem) = SOLVERS.get(name), PROBLEMS[which], prepared(which)
    model, theta = problem.space.model, problem.space.theta
    assert solver.refuses(problem) is None
    if reference.stiff and not solver.implicit:
        found = stiffness(model, dataset, solver.grid, 2048)
        assert found is not None and "the equations are stiff" in found.sentence("Here")
        return
    t, y0 = np.array(reference.t), np.array(reference.start)
    conditions = problem.conditions(model)
    exact, close = reference.exact(model.parameters, y0, t), LOOSE.get(name, CLOSE)
    (solution,) = solver.solve(problem, theta, conditions)
    if (name, which) in OUT_OF_STEPS:
        assert "did not get through the trajectories within 100000 steps" in solution.sentence
        return
    assert solution.sentence == ""
    assert np.abs((solution.states - exact) / scales(which)).max() < close
    linear = solver.linearise(problem, theta, conditions)
    if not solver.trains:
        assert linear is None
        return
    assert linear is not None
    assert np.abs((linear[0].states - exact) / scales(which)).max() < close
    by_theta = difference(lambda k: reference.exact(problem.space.parameters(moved(theta, 0, k)), y0, t), 1e-4)
    assert apart(linear[0].by_theta[..., 0], by_theta, scales(which)) < 100 * close
    for state in range(len(y0)):
        by_start = difference(lambda k, s=state: reference.exact(model.parameters, moved(y0, s, k), t), 1e-5)
        assert apart(linear[0].by_initial[..., state], by_start, scales(which)) < 100 * close


def moved(values: np.ndarray, index: int, step: float) -> np.ndarray:
    found = values.copy()
    found[index] += step
    return found


def difference(exact: Callable[[float], np.ndarray], step: float) -> np.ndarray:
    return (exact(step) - exact(-step)) / (2 * step)


def apart(found: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> float:
    return float(np.abs((found - expected) / np.maximum(np.abs(expected).max(axis=0), scale)).max())


@dataclass(frozen=True)
class Noisy:
    """Dynamics that are driven by noise and cannot be traced."""

    states: tuple[str, ...] = ("x",)
    parameters: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    neural_terms: tuple = ()
    noises: tuple[str, ...] = ("w",)
    differentiable: bool = False
    events: tuple = ()

    def drift(self, functions, xp):
        return lambda parameters, t, u, y: -y

    def diffusion(self, functions, xp):
        return lambda parameters, t, u, y: xp.ones((1, 1))

    def jumps(self, functions, xp):
        return ()

    def clocks(self, functions, xp):
        return ()


def with_dynamics(problem: Problem, dynamics: Noisy) -> Problem:
    structure = problem.structure
    other = ProblemStructure(dynamics, structure.observation, structure.initial)
    return replace(problem, space=replace(problem.space, structure=other))


@pytest.mark.parametrize("name", list(SOLVERS))
def test_what_a_solver_cannot_solve_is_refused_in_a_sentence(name: str) -> None:
    solver, (_, problem) = SOLVERS.get(name), prepared("decay")
    sentence = solver.refuses(with_dynamics(problem, Noisy()))
    assert sentence is not None and f"`{name}` solves ordinary" in sentence and "noise `w`" in sentence
    black_box = solver.refuses(with_dynamics(problem, Noisy(noises=())))
    assert (black_box is None) == (name == "reference")


def test_names_for_training_are_those_with_derivatives() -> None:
    names = training_names()
    assert names[0] == "auto" and "reference" not in names and set(names[1:]) == set(SOLVERS) - {"reference"}
    assert for_training("auto") is SOLVERS.get("rk4")
    with pytest.raises(SpecError, match="`reference` has no derivatives"):
        for_training("reference")
    with pytest.raises(SpecError, match=r"there is no solver `rk5`; did you mean `rk4`.*or `auto`"):
        for_training("rk5")
