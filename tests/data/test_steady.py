"""Rows of the time `inf`, tables of steady states, and runs that begin settled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import load
from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig
from ndestudio.data.file_preview import preview
from ndestudio.errors import DataError


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    return str(path)


def test_rows_of_the_time_inf_are_steady_states_beside_a_transient(tmp_path: Path) -> None:
    file = written(
        tmp_path, "run,time,S,x\na,0,1,0.1\na,1,1,0.4\na,2,1,0.6\na,inf,1,0.9\nb,inf,2,1.5\nb,inf,2,1.6\nc,Inf,3,\n"
    )
    data = load(DataConfig(files=(file,), time="time", trajectory="run", inputs=("S",)))
    assert {one.name: one.settles for one in data.trajectories} == {
        "a at rest": True,
        "a": False,
        "b 1": True,
        "b 2": True,
    }
    np.testing.assert_allclose([float(one.measured[0, 0]) for one in data.trajectories], [0.9, 0.1, 1.5, 1.6])
    assert data.trajectory("b 1").settle_point.tolist() == [2.0]
    assert any("nothing was measured of the steady state" in note for note in data.notes)


def test_a_table_without_time_is_steady_where_it_is_said(tmp_path: Path) -> None:
    file = written(tmp_path, "S,x\n0.1,0.2\n1,0.9\n10,1.1\n")
    data = load(DataConfig(files=(file,), time="", steady=True, inputs=("S",), states=("x",)))
    assert [one.is_steady_state for one in data.trajectories] == [True] * 3
    assert [float(one.inputs[0, 0]) for one in data.trajectories] == [0.1, 1.0, 10.0]


def test_an_endless_value_is_still_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "time,x\n0,1\n1,inf\n2,3\n")
    with pytest.raises(DataError, match="infinite"):
        load(DataConfig(files=(file,), time="time", states=("x",)))


def test_a_run_begins_at_the_steady_state_of_a_condition_or_of_inputs(tmp_path: Path) -> None:
    file = written(tmp_path, "run,time,S,x\na,0,1,0.1\na,1,1,0.4\nb,0,1,0.1\nb,1,1,0.4\nc,0,1,0.1\nc,1,1,0.4\n")
    config = DataConfig(
        files=(file,),
        time="time",
        trajectory="run",
        inputs=("S",),
        conditions={"fed": ConditionConfig(), "starved": ConditionConfig(inputs={"S": 0.0})},
        runs={
            "a": RunConfig(condition="fed", equilibrated="starved"),
            "b": RunConfig(condition="fed", equilibrated={"S": 0.25}),
            "c": RunConfig(condition="starved"),
        },
    )
    data = load(config)
    points = {one.name: dict(zip(data.input_names, one.settle_point, strict=True)) for one in data.trajectories}
    assert [one.settles for one in data.trajectories] == [True, True, False]
    assert points["a"] == {"S": 0.0, "condition": 1.0} and points["b"] == {"S": 0.25, "condition": 0.0}
    wrong = {"a": RunConfig(condition="fed", equilibrated="hungry"), "c": RunConfig(condition="starved")}
    with pytest.raises(DataError, match="no condition `hungry`"):
        import msgspec

        load(msgspec.structs.replace(config, runs=wrong))


def test_a_file_of_steady_states_has_no_problem_to_show(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "time,S,x\ninf,0.1,0.2\ninf,1,0.9\ninf,10,1.1\n"))
    shown = preview(path, DataConfig(files=(str(path),), time="time", inputs=("S",)))
    assert not shown.problems
    wrong = preview(path, DataConfig(files=(str(path),), time="S", inputs=("time",)))
    assert any("too large to compute with" in str(one) for one in wrong.problems)
