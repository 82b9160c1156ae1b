"""Tables of what differs between runs."""

from __future__ import annotations

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.conditions import with_conditions
from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig
from ndestudio.export.run_parts import population_json, population_table, runs_json
from ndestudio.fitting.result import Population, RandomEffect
from ndestudio.model.config import ModelConfig, ParameterConfig, RandomConfig
from ndestudio.model.initial import initial_model

EFFECT = RandomEffect("k_pop", "eta_k", "log-normal", 0.3, (0.2, 0.45), 0.12, 12)


def test_each_run_has_its_condition_covariates_and_values() -> None:
    t = np.linspace(0.0, 1.0, 4)
    data = dataset_from_arrays([t] * 2, [np.ones((4, 1))] * 2, ["x"], trajectories=["a", "b"])
    config = DataConfig(
        conditions={"mutant": ConditionConfig(parameters={"g": 0.5})},
        runs={"a": RunConfig(inputs={"dose": 2.0}), "b": RunConfig(condition="mutant", inputs={"dose": 4.0})},
    )
    data = with_conditions(data, config)
    model = initial_model(
        ModelConfig(
            equations="d(x)/dt = -k*x + dose*g",
            parameters={"k": ParameterConfig(value=0.7, random=RandomConfig()), "g": ParameterConfig(value=0.1)},
        ),
        data,
        0,
    )
    found = runs_json(model, data)
    assert found == {
        "a": {"condition": "", "covariates": {"dose": 2.0}, "parameters": {"eta_k": 0.0, "k": 0.7, "g": 0.1}},
        "b": {"condition": "mutant", "covariates": {"dose": 4.0}, "parameters": {"eta_k": 0.0, "k": 0.7, "g": 0.5}},
    }


def test_a_population_is_told_with_its_limits_and_shrinkage() -> None:
    hidden = RandomEffect("V_pop", "eta_V", "normal", 1e-5, None, 1.0, 12, seen=False)
    population = Population((EFFECT, hidden), -12.5, {"x": 0.1}, {"k_pop": (0.5, 0.9)})
    titles, rows = population_table(population)
    assert len(titles) == len(rows[0])
    assert rows[0][2:5] == ["0.3", "0.2 to 0.45", "12%"]
    assert rows[1][3] == "none seen"
    assert population_json(population)["effects"]["k_pop"]["limits"] == [0.2, 0.45]
    one, other = population.sentences()
    assert "standard deviation of its logarithm of 0.3 (0.2 to 0.45), shrinkage 12%" in one
    assert "No spread of `V_pop`" in other
