"""Standard deviations of measured values: found by name, cleaned, refused where they cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import DataConfig
from ndestudio.data.deviations import measured_by
from ndestudio.data.loading import load
from ndestudio.errors import DataError
from ndestudio.session.commands import with_role

TEXT = "t,x,x_sd,y\n0,1,0,5\n1,2,0.1,6\n2,3,,7\n3,4,0.3,8\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    return str(path)


@pytest.mark.parametrize(
    ("label", "base"),
    [("x_sd", "x"), ("sigma_x", "x"), ("X err", "x"), ("x_error", "x"), ("sd", None), ("z_sd", None), ("xsd", None)],
)
def test_names(label: str, base: str | None) -> None:
    assert measured_by(label, ["x", "y", label]) == base


def test_a_column_named_after_another_is_its_deviation(file: str) -> None:
    found = load(DataConfig(files=(file,)))
    assert found.measured_names == ("x", "y")
    deviation = found.trajectories[0].deviation
    assert deviation is not None
    np.testing.assert_allclose(deviation[:, 0], [0.02, 0.1, np.nan, 0.3])
    assert np.isnan(deviation[:, 1]).all()
    assert any("`x_sd` was taken as the standard deviation of `x`" in note for note in found.notes)
    assert any("1 standard deviations in `x_sd` are 0; they count as 0.02" in note for note in found.notes)


def test_it_can_be_named_or_given_another_role(file: str) -> None:
    named = load(DataConfig(files=(file,), deviations={"y": "x_sd"}))
    assert named.trajectories[0].deviation is not None
    assert named.trajectories[0].deviation[1].tolist()[1] == 0.1
    assert load(DataConfig(files=(file,), ignore=("x_sd",))).trajectories[0].deviation is None
    assert load(DataConfig(files=(file,), states=("x", "x_sd"))).measured_names == ("x", "x_sd")
    changed = with_role(DataConfig(states=("x", "x_sd", "y")), "x_sd", "deviation", ("x", "x_sd", "y"))
    assert changed.deviations == {"x": "x_sd"} and changed.states == ("x", "y")
    assert with_role(changed, "x_sd", "ignore", ("x", "y")).deviations == {}


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(DataError, match="-1 is no standard deviation"):
        dataset_from_arrays([np.arange(3.0)], [np.ones((3, 1))], ["x"], deviations=[np.array([[1.0], [-1.0], [1.0]])])
    with pytest.raises(DataError, match="have the shape"):
        dataset_from_arrays([np.arange(3.0)], [np.ones((3, 1))], ["x"], deviations=[np.ones((2, 1))])
