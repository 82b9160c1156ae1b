"""The experiment table: what it shows of runs and conditions, and what is typed into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.data import load
from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError
from ndestudio.model.config import ParameterConfig, RandomConfig
from ndestudio.session.data.experiments import (
    assignments,
    begin_of,
    begin_words,
    experiments,
    with_condition,
    with_new_input,
    with_run,
    written,
)
from ndestudio.session.model import run_parameters


@pytest.fixture
def loaded(tmp_path: Path) -> tuple[DataConfig, Dataset]:
    rows = [f"{run},{strain},{10 * t},{t},{t + 1}" for run, strain in (("a", "wt"), ("b", "mut")) for t in range(3)]
    (tmp_path / "d.csv").write_text("\n".join(["run,strain,feed,t,x", *rows]) + "\n")
    config = DataConfig(
        files=(str(tmp_path / "d.csv"),),
        time="t",
        trajectory="run",
        states=("x",),
        inputs=("feed",),
        condition="strain",
        conditions={"mut": ConditionConfig(parameters={"k": 0.0}, initial={"x": 1.0})},
        runs={"b": RunConfig(inputs={"feed": 7.0})},
    )
    return config, load(config)


def test_each_run_is_a_row(loaded: tuple[DataConfig, Dataset]) -> None:
    config, data = loaded
    shown = experiments(config, data, ("strain",))
    assert shown.inputs == ("feed", "strain")
    assert [(row.name, row.condition, row.fixed) for row in shown.rows] == [("a", "wt", ""), ("b", "mut", "x = 1")]
    assert [[(cell.text, cell.own) for cell in row.inputs] for row in shown.rows] == [
        [("0 to 20 (linear)", False), ("wt", False)],
        [("7", True), ("mut", False)],
    ]
    assert [(row.name, row.runs, row.parameters) for row in shown.conditions] == [("mut", 1, "k = 0"), ("wt", 1, "")]


def test_edits_are_settings_and_what_says_nothing_is_not_written(loaded: tuple[DataConfig, Dataset]) -> None:
    config, data = loaded
    changed = with_run(config, "a", condition="mut", inputs={"feed": 3.0}, initial={"x": 2.0})
    assert changed.runs["a"] == RunConfig(condition="mut", inputs={"feed": 3.0}, initial={"x": 2.0})
    assert [one.condition for one in load(changed).trajectories] == ["mut", "mut"]
    back = with_run(changed, "a", condition="", inputs={"feed": None}, initial={})
    assert "a" not in back.runs
    assert with_condition(config, "mut", parameters={}, initial={}).conditions == {}
    assert load(with_new_input(config, data, "T", 37.0)).input_names[-1] == "T"


def test_numbers_are_typed_by_name() -> None:
    assert assignments(" k = 0;q=2,5 ;") == {"k": 0.0, "q": 2.5}
    assert assignments(written({"k": 0.1, "q": -2e-7})) == {"k": 0.1, "q": -2e-7}
    assert assignments("") == {}
    for text in ("k", "k = x", "k = inf", "2 = 3"):
        with pytest.raises(DataError, match="is no value of a name"):
            assignments(text)


def test_a_parameter_may_have_as_many_values_as_the_data_have_groups(loaded: tuple[DataConfig, Dataset]) -> None:
    _, data = loaded
    assert [value for _, value in run_parameters.choices(data)] == ["", "run", "random", "condition"]
    random = ParameterConfig(random=RandomConfig(sd=0.5))
    assert run_parameters.chosen(random) == "random"
    assert run_parameters.changes(random, "condition") == {"per": "condition", "random": None, "fixed": False}
    assert run_parameters.changes(ParameterConfig(fixed=True), "random")["fixed"] is False


@pytest.mark.parametrize(
    ("text", "setting"), [("", None), ("settled", {}), ("S = 0; I = 1.5", {"S": 0.0, "I": 1.5}), ("wt", "wt")]
)
def test_a_begin_at_rest_is_written_as_it_is_read(text: str, setting: str | dict[str, float] | None) -> None:
    assert begin_of(text, ("wt", "mut")) == setting
    assert begin_words(setting) == text


def test_a_begin_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="or one of the conditions wt"):
        begin_of("wild", ("wt",))
    with pytest.raises(DataError, match="no value of a name"):
        begin_of("S = much", ())
