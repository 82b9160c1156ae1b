"""Inputs are drawn as the paths that equations read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.figures.description import Curve, Points
from ndestudio.figures.input_paths import BETWEEN, input_panel, input_path, moving_inputs
from ndestudio.figures.trajectories import trajectory_figure
from tests.figures.test_descriptions import of

T = np.array([0.0, 1.0, 2.0, 3.0])
U = np.array([0.0, 2.0, np.nan, 1.0])


def driven(kind: str) -> Dataset:
    inputs = np.column_stack([np.full(4, 7.0), U])
    made = dataset_from_arrays(
        [T], [T[:, None]], ["x"], inputs=[inputs], input_names=["dose", "u"], split=SplitConfig(by="none")
    )
    runs = tuple(replace(one, input_kinds=("linear", kind)) for one in made.trajectories)
    return replace(made, trajectories=runs)


def test_a_held_input_is_drawn_as_steps() -> None:
    t, values = input_path(driven("hold").trajectories[0], 1)
    assert t.tolist() == [0, 1, 1, 3, 3] and values.tolist() == [0, 0, 2, 2, 1]


@pytest.mark.parametrize(("kind", "points"), [("linear", 3), ("hermite", 2 * BETWEEN + 1)])
def test_lines_and_curves_go_through_the_samples(kind: str, points: int) -> None:
    run = driven(kind).trajectories[0]
    t, values = input_path(run, 1)
    assert len(t) == points
    np.testing.assert_allclose(values, run.control(t)[:, 1])


def test_inputs_that_change_stand_below_the_measured_columns() -> None:
    data = driven("hold")
    assert moving_inputs(data) == (1,)
    figure = trajectory_figure(data, data.trajectories[0], None)
    assert [panel.y.title for panel in figure.panels] == ["x", "u"]
    panel = input_panel(data, 1, [(0, data.trajectories[0])])
    assert of(panel, Points)[0].y.tolist() == [0, 2, 1] and of(panel, Curve)[0].name == "input"


def test_a_run_of_one_row_has_a_path_of_one_value() -> None:
    one = Trajectory("one", np.array([1.0]), np.ones((1, 1)), np.full((1, 1), 3.0), np.zeros(1, np.int8))
    t, values = input_path(one, 0)
    assert t.tolist() == [1.0, 1.0] and values.tolist() == [3.0, 3.0]
    steady = Trajectory("one", np.array([np.inf]), np.ones((1, 1)), np.full((1, 1), 3.0), np.zeros(1, np.int8))
    assert input_path(steady, 0)[0].size == 0, "a steady state has no time"
