"""Fits of parameters that differ between runs: they are what fits of the runs alone find; editing a number compiles nothing."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.conditions import with_conditions
from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig, SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import SpecError
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.problem.space import structure_of

T = np.linspace(0.0, 4.0, 9)
RATES = (0.5, 0.5, 0.2)
QUICK = TrainConfig(preset="quick")


def decays(runs: tuple[int, ...] = (0, 1, 2), dead: float | None = None) -> Dataset:
    """Decays from 2 with `RATES`; of all three runs the last is one of a mutant, whose rate may be fixed."""
    rng = np.random.default_rng(4)
    values = [2.0 * np.exp(-rate * T)[:, None] + 0.01 * rng.normal(size=(9, 1)) for rate in RATES]
    names = [f"r{k}" for k in runs]
    data = dataset_from_arrays(
        [T] * len(runs), [values[k] for k in runs], ["x"], trajectories=names, split=SplitConfig(by="none")
    )
    if len(runs) < 3:
        return data
    told = {name: RunConfig(condition="mutant" if name == "r2" else "wild") for name in names}
    mutant = ConditionConfig(parameters={} if dead is None else {"k": dead})
    return with_conditions(data, DataConfig(conditions={"wild": ConditionConfig(), "mutant": mutant}, runs=told))


def model(**settings: object) -> ModelConfig:
    return ModelConfig(
        equations="d(x)/dt = -k*x",
        parameters={"k": ParameterConfig(value=0.3, **settings)},  # type: ignore[arg-type]
        initial={"x": InitialConfig(value=2.0)},
    )


@pytest.fixture(scope="module")
def alone() -> list[float]:
    return [fit(model(), decays((k,)), QUICK).model.parameters["k"] for k in range(3)]


def test_a_value_for_each_condition_is_that_of_a_fit_of_its_runs_alone(alone: list[float]) -> None:
    found = fit(model(per="condition"), decays(), QUICK)
    together = fit(model(), decays((0, 1)), QUICK).model.parameters["k"]
    assert found.model.parameters["k_mutant"] == pytest.approx(alone[2], rel=1e-5)
    assert found.model.parameters["k_wild"] == pytest.approx(together, rel=1e-5)
    assert set(found.intervals) == {"k_mutant", "k_wild"}


def test_a_value_for_each_run_is_that_of_a_fit_of_it_alone(alone: list[float]) -> None:
    found = fit(model(per="run"), decays(), QUICK)
    place = found.model.system.states.index("k")
    assert [found.model.initial[f"r{k}"][place] for k in range(3)] == pytest.approx(alone, rel=1e-4)


def test_what_a_condition_fixes_stays_and_the_others_train() -> None:
    data = decays(dead=0.21)
    found = fit(model(), data, QUICK)
    together = fit(model(), decays((0, 1)), QUICK).model.parameters["k"]
    assert found.model.parameters == {"k_mutant": 0.21, "k_shared": pytest.approx(together, rel=1e-5)}
    other = initial_model(model(), decays(dead=0.19), 0)
    assert structure_of(other) == structure_of(initial_model(model(), data, 0))


def test_values_of_runs_cannot_be_kept_as_initial_values() -> None:
    with pytest.raises(SpecError, match="has a value for each run"):
        fit(model(per="run"), decays(), TrainConfig(preset="quick", fit_initial=False))
