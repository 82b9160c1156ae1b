"""Parameters that differ between runs, written out as equations."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.conditions import with_conditions
from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, PriorConfig, RandomConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.runs import effects, for_runs

T = np.linspace(0.0, 1.0, 4)


def three_runs(**conditions: ConditionConfig) -> Dataset:
    """Runs 1 to 3, the last one under the condition `mutant`, the others under `wild type`."""
    ones = [np.ones((4, 1))] * 3
    data = dataset_from_arrays([T] * 3, ones, ["x"])
    names = [one.name for one in data.trajectories]
    runs = {name: RunConfig(condition="wild type") for name in names[:2]} | {names[2]: RunConfig(condition="mutant")}
    everything = {"wild type": ConditionConfig(), "mutant": ConditionConfig(), **conditions}
    return with_conditions(data, DataConfig(conditions=everything, runs=runs))


def model(parameter: ParameterConfig, start: float | str = 1.0) -> ModelConfig:
    return ModelConfig(
        equations="d(x)/dt = -k*x", parameters={"k": parameter}, initial={"x": InitialConfig(value=start)}
    )


def written(config: ModelConfig) -> list[str]:
    return config.equations.splitlines()[3:]


def test_without_differences_nothing_is_written() -> None:
    config = model(ParameterConfig(value=2.0))
    assert for_runs(config, three_runs()) is config


def test_one_value_for_each_condition() -> None:
    prior = PriorConfig(kind="log-normal", median=2.0, sd=0.1)
    config = for_runs(model(ParameterConfig(value=2.0, per="condition", prior=prior), "k + 1"), three_runs())
    assert written(config) == ["k = piecewise(k_wild_type, condition < 0.5, k_mutant)"]
    assert {name: (one.value, one.prior, one.fixed) for name, one in config.parameters.items()} == {
        "k_wild_type": (2.0, prior, False),
        "k_mutant": (2.0, prior, False),
    }
    assert config.initial["x"].value == "piecewise(k_wild_type, condition < 0.5, k_mutant) + 1"


def test_a_condition_fixes_the_value_of_a_shared_parameter_of_one_of_groups_and_of_runs() -> None:
    data = three_runs(mutant=ConditionConfig(parameters={"k": 0.0}))
    shared = for_runs(model(ParameterConfig(value=2.0)), data)
    assert written(shared) == ["k = piecewise(k_shared, condition < 0.5, k_mutant)"]
    assert shared.parameters["k_mutant"].fixed
    assert shared.parameters["k_mutant"].value == 0.0
    grouped = for_runs(model(ParameterConfig(value=2.0, per="condition")), data)
    assert [name for name, one in grouped.parameters.items() if one.fixed] == ["k_mutant"]
    each = for_runs(model(ParameterConfig(value=2.0, per="run", lower=0.0)), data)
    assert written(each) == ["d(k_run)/dt = 0", "k = piecewise(k_run, condition < 0.5, k_mutant)"]
    assert each.initial["k_run"] == InitialConfig(value=2.0, fit=True, lower=0.0)
    everywhere = three_runs(
        mutant=ConditionConfig(parameters={"k": 0.0}), **{"wild type": ConditionConfig(parameters={"k": 3.0})}
    )
    assert set(for_runs(model(ParameterConfig(value=2.0)), everywhere).parameters) == {"k_wild_type", "k_mutant"}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (ParameterConfig(value=2.0, random=RandomConfig()), "k = k_pop*exp(eta_k)"),
        (ParameterConfig(value=-2.0, random=RandomConfig()), "k = k_pop + eta_k"),
        (
            ParameterConfig(value=0.5, lower=0.0, upper=2.0, random=RandomConfig(sd=0.1)),
            "k = 0.0 + (2.0 - 0.0)/(1 + (2.0 - k_pop)/(k_pop - 0.0)*exp(-eta_k))",
        ),
    ],
)
def test_values_from_a_population(settings: ParameterConfig, line: str) -> None:
    config = for_runs(model(settings), three_runs())
    assert written(config) == ["d(eta_k)/dt = 0", line]
    assert effects(config) == {"k_pop": "eta_k"}
    assert for_runs(config, three_runs()) is config
    fresh = initial_model(config, three_runs(), 0)
    assert fresh.parameters == {"k_pop": settings.value}
    assert [list(start) for start in fresh.initial.values()] == [[1.0, 0.0]] * 3


def test_it_is_laid_out_once() -> None:
    data = three_runs(mutant=ConditionConfig(parameters={"k": 0.0}, initial={"x": 4.0}))
    once = for_runs(model(ParameterConfig(value=2.0, per="condition")), data)
    assert for_runs(once, data) is once
    assert [list(start) for start in initial_model(once, data, 0).initial.values()] == [[1.0], [1.0], [4.0]]


@pytest.mark.parametrize(
    ("settings", "condition", "sentence"),
    [
        (ParameterConfig(per="run", fixed=True), ConditionConfig(), "fixed and has a value for each run"),
        (ParameterConfig(per="condition", random=RandomConfig()), ConditionConfig(), "leave `per` out"),
        (ParameterConfig(random=RandomConfig(sd=0.0)), ConditionConfig(), "`sd` must be above 0"),
        (ParameterConfig(value=-1.0, random=RandomConfig(kind="log-normal")), ConditionConfig(), "must be above 0"),
        (ParameterConfig(random=RandomConfig(kind="logit-normal")), ConditionConfig(), "needs both bounds"),
        (ParameterConfig(), ConditionConfig(parameters={"q": 1.0}), "sets `q`, which is no parameter"),
        (ParameterConfig(), ConditionConfig(parameters={"x": 1.0}), "is a state, and no parameter"),
        (ParameterConfig(), ConditionConfig(initial={"y": 1.0}), "initial value of `y`, which is no state"),
    ],
)
def test_what_cannot_be_is_refused(settings: ParameterConfig, condition: ConditionConfig, sentence: str) -> None:
    with pytest.raises(EquationError) as error:
        for_runs(model(settings), three_runs(mutant=condition))
    assert sentence in str(error.value)


def test_an_initial_value_cannot_read_what_each_run_has_its_own_of() -> None:
    with pytest.raises(EquationError, match="estimate the initial value"):
        for_runs(model(ParameterConfig(per="run"), "k + 1"), three_runs())


def test_a_name_that_is_needed_and_taken_is_refused() -> None:
    config = ModelConfig(equations="d(x)/dt = -k*x + k_mutant", parameters={"k": ParameterConfig(per="condition")})
    with pytest.raises(EquationError, match="need the name `k_mutant`"):
        for_runs(config, three_runs())
