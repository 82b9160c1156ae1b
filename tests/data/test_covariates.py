"""Columns with one value in each trajectory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.config import DataConfig
from ndestudio.data.loading import load
from ndestudio.errors import DataError

TEXT = "run,t,x,dose,u\na,0,1,0.5,1\na,1,2,,2\na,2,3,,3\nb,0,1,,1\nb,1,2,0.7,1\nb,2,4,0.7,2\n"
CONFIG = DataConfig(files=("runs.csv",), trajectory="run", inputs=("u",), covariates=("dose",))


def loaded(folder: Path, text: str):
    (folder / "runs.csv").write_text(text)
    return load(CONFIG, base=folder)


def test_one_value_stands_for_all_rows_of_a_trajectory(tmp_path: Path) -> None:
    dataset = loaded(tmp_path, TEXT)
    assert dataset.input_names == ("u", "dose") and dataset.measured_names == ("x",)
    np.testing.assert_array_equal([one.inputs[:, 1] for one in dataset.trajectories], [[0.5] * 3, [0.7] * 3])
    np.testing.assert_array_equal(dataset.trajectories[0].inputs[:, 0], [1, 2, 3])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("a,2,3,,3", "a,2,3,0.6,3"), "trajectory `a` has the values 0.5 and 0.6 of this covariate"),
        (TEXT.replace("a,0,1,0.5,1", "a,0,1,,1"), "the input has no value in trajectory `a`"),
    ],
)
def test_what_is_no_covariate_is_told_with_a_remedy(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        loaded(tmp_path, text)


def test_texts_of_a_covariate_are_numbered_in_alphabetical_order(tmp_path: Path) -> None:
    dataset = loaded(tmp_path, TEXT.replace("0.5", "low").replace("0.7", "high"))
    np.testing.assert_array_equal([one.inputs[:, 1] for one in dataset.trajectories], [[1] * 3, [0] * 3])
    assert "The texts of `dose` are numbered: `high` = 0, `low` = 1." in dataset.notes


def _table(tmp_path: Path, **columns: object) -> str:
    path = tmp_path / "tank.csv"
    rows = ["t," + ",".join(columns)]
    rows += [f"{k}," + ",".join(str(one[k]) for one in columns.values()) for k in range(30)]  # type: ignore[index]
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def test_a_heater_that_steps_is_an_input_and_what_never_moves_is_no_state(tmp_path: Path) -> None:
    warm = [round(20 + 5 * np.sin(k / 4), 3) for k in range(30)]
    path = _table(tmp_path, T=warm, heater=[60 * (8 < k < 20) for k in range(30)], volume=[2.5] * 30)
    dataset = load(DataConfig(files=(path,)))
    assert dataset.measured_names == ("T",)
    assert dataset.input_names == ("heater", "volume")
    again = load(DataConfig(files=(path,), states=("T", "heater"), ignore=("volume",)))
    assert again.measured_names == ("T", "heater"), "what a person says counts"


def test_counts_that_are_all_there_is_stay_measured(tmp_path: Path) -> None:
    path = _table(tmp_path, cases=[int(k > 15) for k in range(30)])
    assert load(DataConfig(files=(path,))).measured_names == ("cases",)
