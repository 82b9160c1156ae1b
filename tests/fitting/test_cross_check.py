"""The training solver, the solver that scores (LSODA) and diffrax, which share no code, give the same trajectories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.solver_choice import with_time_grid
from ndestudio.fitting.step_count import doubling_error, steps_for, tolerance
from ndestudio.fitting.tracker import predict
from ndestudio.model.config import ModelConfig
from ndestudio.model.initial import initial_model
from ndestudio.solve.registry import SOLVERS
from ndestudio.solve.scipy_reference import simulate_trajectory
from tests.fitting.conftest import HYBRID
from tests.fitting.test_stiff import KINETICS, kinetics  # noqa: F401  (a fixture)


def by_diffrax(problem: PreparedFit, solver: str) -> np.ndarray:
    """The first trajectory."""
    definition = problem.definition
    (first, *_) = definition.conditions(problem.space.model)
    (found,) = SOLVERS.get(solver).solve(definition, problem.space.theta, [first])
    return found.states


@pytest.mark.parametrize(
    ("stiff", "solver"), [(False, "diffrax-tsit5"), (True, "diffrax-kvaerno5")], ids=["hybrid", "robertson"]
)
def test_three_solvers_agree(stiff: bool, solver: str, predators: Dataset, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue("kinetics") if stiff else predators
    config: ModelConfig = KINETICS if stiff else HYBRID
    model = initial_model(config, dataset, 3)
    if not stiff:  # x stays within the limits of the field, which the others do not know
        model = replace(model, parameters={**model.parameters, "a": 0.05, "b": 0.1})
    problem = prepare_fit(model, dataset, TrainConfig(solver="sdirk4" if stiff else "rk4"))
    problem = with_time_grid(problem, model) if stiff else problem
    steps = steps_for(problem)
    while doubling_error(problem, model, steps) > tolerance(problem):  # as training does
        steps *= 2
    name = dataset.trajectories[0].name
    spread = problem.space.constants.spread
    own = predict(problem, model, steps)[name][1] / spread
    scored = simulate_trajectory(model, dataset, name).measured / spread
    other = by_diffrax(problem, solver) / spread
    assert np.abs(other - scored).max() < 1e-5
    assert np.abs(own - scored).max() < max(10 * tolerance(problem), 1e-4)
    assert np.abs(own - other).max() < max(10 * tolerance(problem), 1e-4)


def test_too_long_steps_are_noticed(predators: Dataset) -> None:
    model = initial_model(HYBRID, predators, 3)
    model = replace(model, parameters={**model.parameters, "a": 0.05, "b": 0.1})
    problem = prepare_fit(model, predators, TrainConfig(solver="heun"))
    coarse, fine = (predict(problem, model, steps)["1"][1] for steps in (8, 512))
    missed = float(np.sqrt(np.mean(((coarse - fine) / problem.space.constants.spread) ** 2)))
    assert doubling_error(problem, model, 8) > 0.3 * missed > 3 * tolerance(problem)
