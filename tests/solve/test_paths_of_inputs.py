"""Laws driven by the rate of change of an input: jumps, paths sampled more finely than the steps, rows without measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.control_path import InputKind, Piecewise, control_path
from ndestudio.data.dataset import Dataset
from ndestudio.data.input_paths import with_paths
from ndestudio.data.loading import load
from ndestudio.errors import EquationError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.step_count import steps_for
from ndestudio.fitting.tracker import predict
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.statements import data_for
from ndestudio.problem.rows import whole_rows
from ndestudio.solve.mean_slopes import with_mean_slopes
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.tableau import RK4
from ndestudio.solve.time_grid import make_grid

HYSTERESIS = "d(h)/dt = a*u' - b*abs(u')*h - c*u'*abs(h)"
VALUES = {"a": 1.0, "b": 0.6, "c": 0.2, "k": 0.4, "m": 0.7}


def loaded(folder: Path, rows: Sequence[tuple[object, ...]], equations: str, kind: InputKind) -> Dataset:
    file = folder / "data.csv"
    file.write_text("\n".join(["t,h,u", *(",".join(str(one) for one in row) for row in rows)]))
    config = DataConfig(
        files=(str(file),), states=("h",), inputs=("u",), split=SplitConfig(by="none"), interpolation={"u": kind}
    )
    return load(data_for(config, equations))


def started(equations: str, data: Dataset, h0: float) -> FittedModel:
    parameters = {name: ParameterConfig(value=value) for name, value in VALUES.items() if name in equations}
    initial = {"h": InitialConfig(value=h0, fit=False)}
    return initial_model(ModelConfig(equations=equations, parameters=parameters, initial=initial), data, 0)


STEPPED: dict[InputKind, list[tuple[object, ...]]] = {
    # two rows at 2 are the values before and after a jump; the last one jumps at its own time
    "linear": [(0, 1, 0.0), (1, "", 0.5), (2, "", 0.5), (2, "", -1.0), (3, "", 1.0), (4, 1, 1.2)],
    "rectilinear": [(0, 1, 0.0), (1, "", 0.5), (2, "", -1.0), (3, "", 1.0), (4, 1, 1.2)],
}


@pytest.mark.parametrize(
    ("solver", "kind"),
    [
        *((solver, kind) for solver in ("rk4", "sdirk4", "reference") for kind in STEPPED),
        ("diffrax-tsit5", "rectilinear"),
    ],
)
def test_a_jump_leads_along_the_equation_of_the_path(tmp_path: Path, solver: str, kind: InputKind) -> None:
    equations = "d(h)/dt = -m*h + k*h*d(u)/dt"
    data = loaded(tmp_path, STEPPED[kind], equations, kind)
    model = started(equations, data, 2.0)
    problem = prepare_fit(model, data, TrainConfig()).definition
    (found,) = SOLVERS.get(solver).solve(problem, problem.space.theta, problem.conditions(model))
    t, u = data.trajectories[0].t, data.trajectories[0].inputs[:, 0]
    np.testing.assert_allclose(found.states[:, 0], 2.0 * np.exp(-0.7 * t + 0.4 * u), rtol=1e-5)


def test_inputs_that_jump_at_one_time_move_side_by_side() -> None:
    t, u, w = np.array([0.0, 1.0, 1.5]), np.array([0.0, 0.8, 0.8]), np.array([0.0, -0.5, 1.0])
    data = dataset_from_arrays(
        [t],
        [np.ones((3, 2))],
        ["x", "y"],
        inputs=[np.column_stack([u, w])],
        input_names=["u", "w"],
        split=SplitConfig(by="none"),
    )
    settings = DataConfig(interpolation={"u": "rectilinear", "w": "rectilinear"}, rates=("u", "w"))
    data = with_paths(data, (), settings)
    initial = {state: InitialConfig(value=1.0, fit=False) for state in "xy"}
    model = initial_model(ModelConfig(equations="d(x)/dt = y*u'\nd(y)/dt = x*w'", initial=initial), data, 0)
    y = [np.ones(2)]
    for du, dw in zip(np.diff(u), np.diff(w), strict=True):
        y.append(expm(np.array([[0.0, du], [dw, 0.0]])) @ y[-1])
    problem = prepare_fit(model, data, TrainConfig()).definition
    for solver in ("rk4", "reference"):
        (found,) = SOLVERS.get(solver).solve(problem, problem.space.theta, problem.conditions(model))
        np.testing.assert_allclose(found.states, y, rtol=1e-6)


def test_on_a_rectilinear_path_time_and_value_move_in_turn(tmp_path: Path) -> None:
    equations = "d(h)/dt = -m*h + k*d(u)/dt"
    data = loaded(tmp_path, STEPPED["rectilinear"], equations, "rectilinear")
    found = predict(prepare_fit(model := started(equations, data, 0.0), data, TrainConfig()), model, 32)
    h = [0.0]
    for move in np.diff(data.trajectories[0].inputs[:, 0]):
        h.append(h[-1] * np.exp(-0.7) + 0.4 * move)
    np.testing.assert_allclose(found["data"][1][:, 0], h, atol=1e-5)


def test_a_jump_is_refused_where_its_rate_is_no_factor(tmp_path: Path) -> None:
    data = loaded(tmp_path, STEPPED["linear"], "d(h)/dt = -d(u)/dt", "linear")
    with pytest.raises(EquationError, match=r"`u` jumps in trajectory `data` \(at 2\).*does not grow in proportion"):
        started("d(h)/dt = -m*h + (d(u)/dt)^2", data, 1.0)
    with pytest.raises(EquationError, match=r"argument of `f`; multiply the network by it, `f\(...\)\*d\(u\)/dt`"):
        initial_model(ModelConfig(equations="d(h)/dt = f(h, u')", networks={"f": NetworkConfig()}), data, 0)
    signs = ModelConfig(equations="s = sign(u')\nd(h)/dt = f(h, s)*u'", networks={"f": NetworkConfig()})
    assert initial_model(signs, data, 0).system.inputs == ("u_rate",)
    started(HYSTERESIS, data, 1.0)


def test_slopes_of_steps_are_those_of_a_cubic_and_keep_the_moments_of_any_path() -> None:
    c, t = np.array([0.0, 0.5, 1.0]), np.arange(0.0, 3.1, 0.05)
    cubic = np.polynomial.Polynomial([3.0, 0.5, -2.0, 1.0])
    exact = np.stack([cubic(t), cubic.deriv()(t)], axis=1)
    path = control_path(t, exact, ("cubic", "linear"), rate_of=((1, 0),))
    begin, h = np.array([0.62, 1.31]), np.array([0.55, 0.9])
    u = with_mean_slopes(path, np.zeros((2, 3, 2)), begin, h, c)
    np.testing.assert_allclose(u[:, :, 1], cubic.deriv()(begin[:, None] + h[:, None] * c), atol=2e-3)
    rough = control_path(t, np.random.default_rng(0).normal(size=(len(t), 2)), "linear", rate_of=((1, 0),))
    u = with_mean_slopes(rough, np.zeros((2, 3, 2)), begin, h, c)
    np.testing.assert_allclose(u[:, [0, 2], 0], rough(np.stack([begin, begin + h], 1))[..., 0], atol=1e-9)
    np.testing.assert_allclose(h * (u[:, :, 1] @ [1 / 6, 4 / 6, 1 / 6]), np.diff(u[:, [0, 2], 0])[:, 0], atol=1e-9)
    piece = rough.pieces[0]
    assert piece is not None
    x = (np.arange(200_000) + 0.5) / 200_000
    slopes = Piecewise(*piece.function).slope(begin[:, None] + h[:, None] * x)
    np.testing.assert_allclose((x * slopes).mean(1), u[:, :, 1] @ [0.0, 2 / 6, 1 / 6], atol=1e-2)


def fine(folder: Path, count: int) -> Dataset:
    t = np.linspace(0.0, 10.0, 40 * count + 1)
    u = np.sin(1.1 * t) + 0.4 * np.sin(2.9 * t)
    rows = [
        (repr(float(a)), 1 if k % count == 0 else "", repr(float(b))) for k, (a, b) in enumerate(zip(t, u, strict=True))
    ]
    return loaded(folder, rows, HYSTERESIS, "linear")


def test_a_path_sampled_finely_takes_no_more_steps_and_gives_the_same(tmp_path: Path) -> None:
    seen, knots = [], []
    for count in (3, 30):
        data = fine(tmp_path, count)
        model = started(HYSTERESIS, data, 0.0)
        problem = prepare_fit(model, data, TrainConfig())
        rows = whole_rows(data, with_test=False)
        assert len(rows[0].index) == 41 and steps_for(problem) <= 128
        knots.append(len(make_grid(rows, 128, RK4).h))
        found = predict(problem, model, 128)["data"]
        seen.append(found[1][np.isin(found[0], rows[0].t), 0])
        exact = SOLVERS.get("reference").solve(
            problem.definition, problem.space.theta, problem.definition.conditions(model)
        )
        np.testing.assert_allclose(found[1][:, 0], exact[0].states[:, 0], atol=1.5e-3)
    assert knots[1] <= knots[0]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-2)
