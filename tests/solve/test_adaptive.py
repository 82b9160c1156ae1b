"""Training through diffrax: every offered pair of solver and adjoint against finite differences; settings that clash."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.control_path import control_path
from ndestudio.data.dataset import Dataset
from ndestudio.errors import SpecError
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.problem.conditions import Condition
from ndestudio.solve.base import SolverSettings, TracedMethod
from ndestudio.solve.diffrax_adaptive import ADJOINTS
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.registry import SOLVERS, for_training
from ndestudio.solve.time_grid import Paths, make_paths

T = np.linspace(0.0, 2.0, 9)
CONFIG = ModelConfig(
    equations="d(x)/dt = f(x) - k*x",
    parameters={"k": ParameterConfig(value=1.0, lower=0.0)},
    networks={"f": NetworkConfig(width=2, depth=1)},
)


def adaptive(settings: SolverSettings, trained: int) -> TracedMethod | None:
    return for_training(settings.solver).traced(settings, trained)


def offered() -> list[tuple[str, str]]:
    """All pairs that are not refused."""
    found = []
    for solver, adjoint in product([name for name in SOLVERS if SOLVERS.get(name).adaptive], ADJOINTS):
        try:
            adaptive(SolverSettings(solver, adjoint), 10)
        except SpecError:
            continue
        found.append((solver, adjoint))
    return found


QUICK = {
    ("diffrax-tsit5", "recursive"),
    ("diffrax-tsit5", "backsolve"),
    ("diffrax-kvaerno3", "recursive"),
    ("diffrax-kencarp3", "forward"),
}
"""One of each kind; tracing diffrax costs seconds for each pair."""


class Constants(NamedTuple):
    tolerance: np.ndarray
    state_scale: np.ndarray


def known(p: Any, constants: Any, t: Any, u: Any, y: Any) -> Any:
    return -p[0] * y + 0.1 * u[0]


def field(p: Any, constants: Any, t: Any, u: Any, y: Any) -> Any:
    return known(p, constants, t, u, y) + p[2] * get_jax().numpy.tanh(p[1] * y)


@pytest.mark.parametrize(
    ("solver", "adjoint"),
    [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow) for pair in offered()],
)
def test_gradients_of_every_offered_pair_are_those_of_the_loss(solver: str, adjoint: str) -> None:
    jax = get_jax()
    # methods of low order would need too many steps for differences to be told
    controller = "constant" if solver in ("diffrax-implicit-euler", "diffrax-reversible-heun") else "pid"
    most = 512 if adjoint == "direct" else 4096
    setup = adaptive(SolverSettings(solver, adjoint, controller, max_steps=most), 10)
    assert setup is not None
    constants = Constants(np.array([1e-9, 1e-10]), np.ones(1))
    t = np.linspace(0.0, 2.0, 5)
    row = Condition("a", control_path(t, np.linspace(0.0, 1.0, 5)[:, None]), np.ones(1), t)
    paths = Paths(*(part[0] for part in make_paths([row])))

    def loss(v: Any) -> Any:
        p, y0 = v
        y = setup.states_at(field, known, p, constants, t, paths, np.linspace(0.0, 2.0, 33), y0)
        return jax.numpy.sum(y**2)

    def forward(v: Any) -> Any:
        derivative, value = jax.jacfwd(lambda v: (loss(v),) * 2, has_aux=True)(v)
        return value, derivative

    at = (np.array([1.2, 0.7, 0.4]), np.array([0.8]))
    both = forward if adjoint == "forward" else jax.value_and_grad(loss)
    program = jax.jit(both).lower(at).compile()
    by_p, by_y0 = program(at)[1]
    for index, exact in [*((k, by_p[k]) for k in range(3)), (3, by_y0[0])]:
        ends = []
        for sign in (1, -1):
            p, y0 = at[0].copy(), at[1].copy()
            (p if index < 3 else y0)[index % 3] += sign * 1e-4
            ends.append(float(program((p, y0))[0]))
        numerical = (ends[0] - ends[1]) / 2e-4
        assert abs(numerical) > 1e-2
        assert float(exact) == pytest.approx(numerical, rel=2e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"solver": "diffrax-kencarp4", "adjoint": "backsolve"}, "explodes when it is integrated backwards"),
        ({"solver": "diffrax-reversible-heun", "adjoint": "backsolve"}, "second state of that method"),
        ({"solver": "diffrax-kvaerno3", "adjoint": "direct"}, "every iteration of every implicit stage"),
        ({"solver": "rk4", "adjoint": "recursive"}, "belongs to the solvers of diffrax"),
        ({"controller": "pid"}, "belongs to the solvers of diffrax"),
        ({"solver": "sdirk4", "rtol": 1e-3}, "`rtol = 0.001` belongs"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_in_a_sentence(settings: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        adaptive(SolverSettings(**settings), 10)


def test_the_solver_is_differentiated_as_the_model_suggests() -> None:
    small, large = (adaptive(SolverSettings("diffrax-tsit5"), n) for n in (5, 500))
    assert small is not None and large is not None
    assert (small.adjoint, large.adjoint) == ("forward", "recursive")


def decay() -> Dataset:
    values = [(0.5 + y0 * np.exp(-1.3 * T))[:, None] for y0 in (1.0, 2.0)]
    return dataset_from_arrays([T] * 2, values, ["x"], split=SplitConfig(by="none"))


@pytest.mark.slow
def test_a_fit_through_an_imex_solver_arrives() -> None:
    settings = TrainConfig(
        preset="quick", stages=("trajectory",), solver="diffrax-kencarp3", adjoint="recursive", time_limit=600.0
    )
    found = fit(CONFIG, decay(), settings)
    assert found.outcome in (Outcome.CONVERGED, Outcome.LIMIT)
    assert found.metrics.train["mean"] < 0.02


@pytest.mark.slow
def test_a_stiff_fit_through_forward_mode_agrees_with_the_own_solver() -> None:
    t = np.linspace(0.0, 2.0, 15)
    y = solve_ivp(
        lambda t, y: [-y[0] + 0.5 * y[1], 2e3 * (y[0] - y[1])], (0, 2), (1.0, 0.0), t_eval=t, method="Radau"
    ).y
    dataset = dataset_from_arrays(t, y.T, ["x", "z"], split=SplitConfig(by="none"))
    config = ModelConfig(
        equations="d(x)/dt = k*z - x\nd(z)/dt = 2e3*(x - z)", parameters={"k": ParameterConfig(value=0.8)}
    )
    choices: tuple[tuple[str, float | None], ...] = (("auto", None), ("diffrax-kvaerno5", 1e-7))
    values = [
        fit(config, dataset, TrainConfig(solver=solver, rtol=rtol, time_limit=600.0)).model.parameters["k"]
        for solver, rtol in choices
    ]
    assert values == pytest.approx([0.5, 0.5], rel=1e-3)


def test_too_few_steps_end_in_a_sentence() -> None:
    settings = TrainConfig(
        preset="quick", stages=("final_refinement",), solver="diffrax-dopri5", max_steps=2, time_limit=600.0
    )
    found = fit(CONFIG, decay(), settings)
    assert any("did not get through the trajectories within 2 steps" in note for note in found.notes)
    assert np.isfinite(found.model.parameters["k"])
