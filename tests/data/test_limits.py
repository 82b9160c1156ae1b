"""Limits of detection of single values: cells that name one, and columns that flag values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import load
from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError

inf, N = np.inf, np.nan


def read(folder: Path, text: str, **settings) -> Dataset:
    path = folder / "a.csv"
    path.write_text(text)
    return load(DataConfig(files=(str(path),), split=SplitConfig(by="none"), below="censored", **settings))


@pytest.mark.parametrize(
    ("text", "values", "low", "high"),
    [
        ("t,x\n0,5\n1,>10\n2,<0.5\n3,1\n", [5, 10, 0.5, 1], [N, 10, -inf, N], [N, inf, 0.5, N]),
        ("t;x\n0;5\n1;2,5\n2;< 0,5\n", [5, 2.5, 0.5], [N, N, -inf], [N, N, 0.5]),
        ("t,x,CENS\n0,5,0\n1,0.5,1\n2,9,-1\n", [5, 0.5, 9], [N, -inf, 9], [N, 0.5, inf]),
        ("t,x,BLQ,LLOQ\n0,5,0,0.5\n1,2,0,0.5\n2,0,1,0.5\n3,0.5,1,0.5\n", [5, 2, 0.5, 0.5], [N, N, -inf, -inf], [N, N, 0.5, 0.5]),
        ("ID,TIME,AMT,DV,CENS,LIMIT\n1,0,100,.,0,.\n1,1,0,5,0,.\n1,2,0,0.5,1,0.1\n", [5, 0.5], [N, 0.1], [N, 0.5]),
        ("time,what,value\n0,a,5\n0,b,7\n1,a,<1\n1,b,8\n", [5, 1], [N, -inf], [N, 1]),
    ],
)  # fmt: skip
def test_values_beyond_a_limit_are_read_with_their_ends(tmp_path: Path, text: str, values, low, high) -> None:
    data = read(tmp_path, text)
    (one,) = data.trajectories
    assert one.measured[:, 0] == pytest.approx(values)
    assert one.ends is not None
    assert np.array_equal(one.ends[:, 0, 0], low, equal_nan=True)
    assert np.array_equal(one.ends[:, 0, 1], high, equal_nan=True)
    assert data.censored_columns == data.measured_names[:1]


def test_readings_at_one_time_keep_their_limits_and_have_no_mean(tmp_path: Path) -> None:
    text = "t,x\n0,5\n0,4\n1,2\n1,<1\n2,<1\n2,1.5\n"
    first, second = read(tmp_path, text).trajectories
    assert first.ends is not None and first.ends[:, 0, 1].tolist()[2] == 1.0
    assert second.ends is not None and np.array_equal(second.ends[:, 0, 1], [N, 1, N], equal_nan=True)
    with pytest.raises(DataError, match="their mean is not"):
        read(tmp_path, text, replicates="mean")


def test_a_cell_that_names_no_limit_is_missing_and_that_is_told(tmp_path: Path) -> None:
    data = read(tmp_path, "t,x\n0,5\n1,n.d.\n2,1\n")
    assert data.trajectories[0].ends is None
    assert np.isnan(data.trajectories[0].measured[1, 0])
    assert any("name no limit" in note for note in data.notes)
