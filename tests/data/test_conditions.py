"""Conditions of runs: told by a column or by the spec, with constant inputs and initial values; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ndestudio.data import load
from ndestudio.data.conditions import groups
from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError
from ndestudio.project.spec import parse_spec

RUNS = (("a", "wt", 20), ("b", "mut", 20), ("c", "mut", 30))
Read = Callable[[str], Dataset]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    rows = [f"{run},{strain},{degrees},{t},{t + 1}" for run, strain, degrees in RUNS for t in range(3)]
    (tmp_path / "d.csv").write_text("\n".join(["run,strain,degrees,t,x", *rows]) + "\n")

    def reading(text: str) -> Dataset:
        head = f'[data]\nfiles = ["{tmp_path / "d.csv"}"]\ntime = "t"\nstates = ["x"]\n'
        return load(parse_spec(head + text).data)

    return reading


def test_a_column_of_texts_tells_the_condition_and_the_table_what_it_fixes(read: Read) -> None:
    data = read(
        'trajectory = "run"\ncovariates = ["degrees"]\ncondition = "strain"\n[data.conditions.mut]\nparameters = { k = 0.0 }\n'
        "inputs = { degrees = 37.0 }\ninitial = { x = 1.5 }\n[data.runs.c]\ninputs = { degrees = 42.0 }\n"
    )
    assert [one.condition for one in data.trajectories] == ["wt", "mut", "mut"]
    assert data.condition_column == "strain"
    assert groups(data, "strain") == [("mut", 0.0), ("wt", 1.0)]
    degrees = data.input_names.index("degrees")
    assert [set(one.inputs[:, degrees]) for one in data.trajectories] == [{20.0}, {37.0}, {42.0}]
    assert [dict(one.initial) for one in data.trajectories] == [{}, {"x": 1.5}, {"x": 1.5}]
    assert data.conditions == {"mut": {"k": 0.0}}


def test_the_spec_tells_conditions_and_constants_of_runs(read: Read) -> None:
    data = read(
        'trajectory = "run"\n[data.runs.a]\ncondition = "fed"\ninputs = { rate = 1.0 }\n[data.runs.b]\ninputs = { rate = 2.0 }\n'
        "[data.runs.c]\ninputs = { rate = 3.0 }\n"
    )
    assert data.input_names == ("condition", "rate")
    assert data.inputs[0].levels == ("fed", "no condition")
    assert [list(one.inputs[0]) for one in data.trajectories] == [[0.0, 1.0], [1.0, 2.0], [1.0, 3.0]]


def test_a_number_that_tells_the_condition_stays_what_it_is(read: Read) -> None:
    data = read('trajectory = "run"\ncondition = "degrees"\n')
    assert data.input_names == ("degrees", "condition")
    assert [list(one.inputs[0]) for one in data.trajectories] == [[20.0, 0.0], [20.0, 0.0], [30.0, 1.0]]


def test_a_column_may_name_runs_and_conditions(read: Read) -> None:
    data = read('trajectory = ["strain", "run"]\ncondition = "strain"\n')
    assert [(one.name, one.condition) for one in data.trajectories] == [
        ("wt/a", "wt"),
        ("mut/b", "mut"),
        ("mut/c", "mut"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[data.runs.d]\n", "there is no trajectory `d`"),
        ('condition = "strain"\n[data.conditions.mutt]\n', "no run is under this condition; did you mean `mut`?"),
        ("[data.conditions.mut]\n", "no run is under this condition; name it in [data.runs]"),
        ("[data.runs.a]\ninputs = { rate = 1.0 }\n", "given for some runs and not for `b`"),
        ("[data.runs.a]\ninputs = { x = 1.0 }\n", "is a measured column"),
        ("[data.runs.a]\ninitial = { x = inf }\n", "must be a finite number"),
        ('[data.runs.a]\ncondition = "u"\n[data.conditions.v]\n', "there is no condition `u`"),
        ('condition = "strian"\n', "did you mean `strain`?"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(read: Read, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=r".") as error:
        read('trajectory = "run"\n' + text)
    assert sentence in str(error.value)


def test_groups_need_a_value_for_each_run(read: Read) -> None:
    data = read('trajectory = "run"\ninputs = ["degrees"]\n')
    assert groups(data, "degrees") == [("20", 20.0), ("30", 30.0)]
    with pytest.raises(DataError, match="there is no covariate `strain`"):
        groups(data, "strain")
