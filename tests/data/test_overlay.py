from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import DataConfig, Part, ValueConfig, load
from ndestudio.data.config import RunConfig
from ndestudio.data.dataset import Dose
from ndestudio.data.decisions import answered
from ndestudio.data.overlay import overlaid
from ndestudio.errors import DataError
from ndestudio.project import dump_spec, parse_spec
from ndestudio.project.project import Spec


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    path = tmp_path / "data.csv"
    rows = "".join(f"{k},{k * 1.5},{k**2},{run}\n" for run in "ab" for k in range(8))
    path.write_text("t,x,y,run\n" + rows, encoding="utf-8")
    return DataConfig(files=(str(path),), trajectory="run")


def _with(config: DataConfig, *values: ValueConfig, span: tuple[float, float] | None = None) -> DataConfig:
    import msgspec

    return msgspec.structs.replace(config, values=values, span=span)


def test_values_are_left_out_and_changed(config: DataConfig) -> None:
    values = (
        ValueConfig(run="a", column="x", time=2.0),
        ValueConfig(run="b", time=3.0),
        ValueConfig(run="b", column="y", time=4.0, value=99.0),
    )
    plain, data = load(config), load(_with(config, *values))
    first, second = (one.measured for one in data.trajectories)
    assert np.isnan(first[2, 0]) and first[2, 1] == 4.0 and np.isnan(second[3]).all() and second[4, 1] == 99.0
    touched = [np.isnan(first), np.isnan(second) | (second == 99.0)]
    for one, was, mask in zip((first, second), plain.trajectories, touched, strict=True):
        assert (one[~mask] == was.measured[~mask]).all(), "the others stay"


def test_a_span_takes_rows_away_and_the_rest_is_split_anew(config: DataConfig) -> None:
    data = load(_with(config, span=(1.0, 6.0)))
    for one in data.trajectories:
        assert one.t.tolist() == [1, 2, 3, 4, 5, 6] and one.measured[0].tolist() == [1.5, 1.0]
        assert one.part[-1] == Part.TEST and (one.part == Part.TRAIN).sum() >= 3


def test_what_was_changed_is_told_and_taken_back(config: DataConfig) -> None:
    changed = _with(config, ValueConfig(run="a", column="x", time=2.0), span=(1.0, np.inf))
    (decision,) = [one for one in load(changed).decisions if one.topic == "rows"]
    assert decision.sentence == "Rows from 1 are taken, 1 value is left out by hand; the files stay as they are."
    assert answered(changed, decision.choices[0].changes) == changed
    assert answered(changed, decision.choices[1].changes) == config
    assert not [one for one in load(config).decisions if one.topic == "rows"]


def test_it_goes_through_a_spec(config: DataConfig) -> None:
    changed = _with(config, ValueConfig(run="a", column="x", time=2.0, value=1.25), span=(-np.inf, 5.0))
    assert parse_spec(dump_spec(Spec(data=changed))).data == changed


@pytest.mark.parametrize(
    ("values", "span", "words"),
    [
        ((ValueConfig(run="c", column="x", time=2.0),), None, "no trajectory `c`"),
        ((ValueConfig(column="x", time=2.0),), None, "say of which run"),
        ((ValueConfig(run="a", column="z", time=2.0),), None, "no measured column `z`"),
        ((ValueConfig(run="a", time=2.0, value=1.0),), None, "say of which column"),
        ((ValueConfig(run="a", column="x", time=2.5),), None, "no row at the time 2.5; the nearest one is at"),
        ((), (3.2, 4.9), "leaves 1 of the 8 rows"),
    ],
)
def test_what_there_is_not_is_refused(
    config: DataConfig, values: tuple[ValueConfig, ...], span: tuple[float, float] | None, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        load(_with(config, *values, span=span))


def test_doses_and_settled_starts_are_not_cut_off(config: DataConfig) -> None:
    data = load(config)
    dosed = replace(data.trajectories[0], doses=(Dose(0.0, 10.0), Dose(7.0, 5.0)))
    with pytest.raises(DataError, match="begins after doses of `a`"):
        overlaid(replace(data, trajectories=(dosed,)), DataConfig(span=(2.0, np.inf)))
    kept = overlaid(replace(data, trajectories=(dosed,)), DataConfig(span=(0.0, 5.0)))
    assert [dose.time for dose in kept.trajectories[0].doses] == [0.0]
    runs = {"a": RunConfig(equilibrated={})}
    with pytest.raises(DataError, match="begins at a steady state"):
        import msgspec

        load(msgspec.structs.replace(config, span=(2.0, np.inf), runs=runs))
