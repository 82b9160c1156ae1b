"""The log-ODE method: areas against closed forms, steps against matrix exponentials, orders, derivatives, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.linalg import expm

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.control_path import control_path
from ndestudio.data.dataset import Dataset
from ndestudio.data.loading import load
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.statements import data_for
from ndestudio.problem.problem import Problem
from ndestudio.problem.rows import whole_rows
from ndestudio.solve.jax_solutions import solutions
from ndestudio.solve.log_signature import areas
from ndestudio.solve.numpy_fixed import GridSimulation
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.tableau import LOG_ODE_1, LOG_ODE_2, Tableau
from ndestudio.solve.time_grid import make_grid

T = np.linspace(0.0, 1.0, 201)
U = 0.3 * T + 0.05 * np.cos(40 * T) + 0.3 * np.sin(3 * T)
W = 0.2 * T + 0.05 * np.sin(40 * T)
MATRICES = np.array([[[-0.2, 0.5], [0.1, -0.4]], [[0.3, -0.7], [0.6, 0.2]], [[-0.1, 0.9], [0.4, 0.5]]])
DRIVERS = ("1", "d(u)/dt", "d(w)/dt")
LINEAR = "\n".join(
    f"d({state})/dt = "
    + " + ".join(f"({M[k, 0]}*x + {M[k, 1]}*y)*{by}" for M, by in zip(MATRICES, DRIVERS, strict=True))
    for k, state in enumerate("xy")
)
START = {"x": 1.0, "y": 0.5}


def loaded(folder: Path, equations: str, measured: tuple[str, ...] = ("x", "y")) -> Dataset:
    file = folder / "data.csv"
    ends = (0, len(T) - 1)
    lines = [
        ",".join(
            [repr(float(t)), *(repr(START[s]) if k in ends else "" for s in measured), repr(float(u)), repr(float(w))]
        )
        for k, (t, u, w) in enumerate(zip(T, U, W, strict=True))
    ]
    file.write_text("\n".join([",".join(["t", *measured, "u", "w"]), *lines]))
    config = DataConfig(
        files=(str(file),),
        states=measured,
        inputs=("u", "w"),
        split=SplitConfig(by="none"),
        interpolation={"u": "linear", "w": "linear"},
    )
    return load(data_for(config, equations))


def problem_of(folder: Path, equations: str, **more: object) -> Problem:
    measured = tuple(state for state in "xy" if f"d({state})" in equations)
    data = loaded(folder, equations, measured)
    initial = {state: InitialConfig(value=START[state], fit=False) for state in measured}
    model = initial_model(ModelConfig(equations=equations, initial=initial, **more), data, 0)  # type: ignore[arg-type]
    return prepare_fit(model, data, TrainConfig()).definition


def end(problem: Problem, method: Tableau, steps: int) -> np.ndarray:
    model, rows = problem.space.model, whole_rows(problem.dataset, with_test=False)
    grid = make_grid(rows, steps, method)
    return GridSimulation(problem, method, model).states(problem.conditions(model), grid)[:, 0, -1]


def test_areas_are_those_between_a_path_and_its_chord() -> None:
    t = np.linspace(0.0, 1.0, 2001)
    path = control_path(t, np.column_stack([t**2, t**3, 2 * t, 3 * t**2]), "linear", rate_of=((2, 0), (3, 1)))
    found = areas(path, np.array([0.0, 0.5]), np.array([0.5, 0.5]))
    a, b = np.array([0.0, 0.5]), np.array([0.5, 1.0])
    # of (t, t^2): the part of a parabola that a chord cuts off
    np.testing.assert_allclose(found[:, 0], (b - a) ** 3 / 6, rtol=1e-5)
    p = [np.polynomial.Polynomial([0, 0, 1]), np.polynomial.Polynomial([0, 0, 0, 1])]
    for k in (0, 1):
        x, y = (one - one(a[k]) for one in p)
        turned = (x * y.deriv() - y * x.deriv()).integ()
        assert found[k, 2] == pytest.approx(0.5 * (turned(b[k]) - turned(a[k])), rel=1e-5)


def test_a_step_is_the_exponential_of_the_log_signature(tmp_path: Path) -> None:
    problem, knots = problem_of(tmp_path, LINEAR), np.linspace(0.0, 1.0, 9)
    control = problem.dataset.trajectories[0].control
    area, change = areas(control, knots[:-1], np.diff(knots)), np.diff(control(knots)[:, :2], axis=0)
    B0, B1, B2 = MATRICES
    for method in (LOG_ODE_1, LOG_ODE_2):
        y = np.array([1.0, 0.5])
        for k in range(8):
            # the vector fields are x -> B x, whose bracket [V, W] is x -> (W V - V W) x
            M = B0 / 8 + B1 * change[k, 0] + B2 * change[k, 1]
            if method.depth > 1:
                brackets = (B1 @ B0 - B0 @ B1, B2 @ B0 - B0 @ B2, B2 @ B1 - B1 @ B2)
                M = M + sum(part * one for part, one in zip(area[k], brackets, strict=True))
            y = expm(M) @ y
        np.testing.assert_allclose(end(problem, method, 8), y, atol=3e-7)


def test_depths_have_their_orders(tmp_path: Path) -> None:
    # coefficients that depend on the time and on the inputs themselves
    equations = "d(x)/dt = -x*w + (x + y*w)*d(u)/dt\nd(y)/dt = t*y - (sin(x) + u)*d(w)/dt"
    problem = problem_of(tmp_path, equations)
    model = problem.space.model
    exact = SOLVERS.get("reference").solve(problem, problem.space.theta, problem.conditions(model))[0].states[-1]
    errors = {m.depth: [np.abs(end(problem, m, n) - exact).max() for n in (16, 32)] for m in (LOG_ODE_1, LOG_ODE_2)}
    assert errors[2][0] < 0.02 * errors[1][0] and errors[2][1] < 1e-4
    assert np.log2(errors[1][0] / errors[1][1]) > 1.4
    assert np.log2(errors[2][0] / errors[2][1]) > 2.7


def test_programs_agree_and_a_fit_goes_through_the_brackets(tmp_path: Path) -> None:
    equations = "d(x)/dt = -a*x + x*d(u)/dt\nd(y)/dt = b*x*d(w)/dt - y*d(u)/dt"
    problem = problem_of(
        tmp_path, equations, parameters={"a": ParameterConfig(value=0.5), "b": ParameterConfig(value=2.0)}
    )
    model, data = problem.space.model, problem.dataset
    rows = whole_rows(data, with_test=False)
    (one,) = problem.conditions(model)
    (traced,) = solutions(problem, LOG_ODE_2, LOG_ODE_2, 16, problem.space.theta, [replace(one, t=rows[0].t)])
    np.testing.assert_allclose(traced[-1], end(problem, LOG_ODE_2, 16), rtol=1e-9)
    exact = SOLVERS.get("reference").solve(problem, problem.space.theta, [one])[0].states
    measured = np.where(np.arange(len(T))[:, None] % 20 == 0, exact, np.nan)
    known = replace(data, trajectories=tuple(replace(run, measured=measured) for run in data.trajectories))
    settings = TrainConfig(preset="quick", solver="log-ode-2", fit_initial=False)
    begin = msgspec.structs.replace(model.config, parameters={name: ParameterConfig(value=1.0) for name in "ab"})
    found = fit(begin, known, settings)
    assert found.model.parameters["a"] == pytest.approx(0.5, rel=1e-2)
    assert found.model.parameters["b"] == pytest.approx(2.0, rel=1e-2)


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    solver = SOLVERS.get("log-ode-2")
    absolute = problem_of(tmp_path, "d(x)/dt = -x*abs(d(u)/dt)")
    refused = solver.refuses(absolute)
    assert refused is not None and "`x` is not linear in `u_rate`" in refused and "`log-ode-1`" in refused
    assert SOLVERS.get("log-ode-1").refuses(absolute) is None
    network = {"networks": {"f": NetworkConfig()}}
    inside = solver.refuses(problem_of(tmp_path, "d(x)/dt = f(x, u')", **network))
    assert inside is not None and "an argument of a network" in inside
    assert solver.refuses(problem_of(tmp_path, "d(x)/dt = f(x, u)*u' - x*w'", **network)) is None
