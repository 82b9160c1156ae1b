"""Verdicts about unsafe sets: all three, by both kinds of tubes."""

from __future__ import annotations

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.reach.config import Method
from ndestudio.reach.tube import ReachTube
from tests.reach.conftest import stated

T = np.linspace(0.0, 6.0, 61)


def circle(unsafe: list[str], method: Method) -> ReachTube:
    model = stated("d(x)/dt = w*y\nd(y)/dt = -w*x", {"x": 1.0, "y": 0.0}, w=1.0)
    return nde.reach_tube(model, T, [1.0, 0.0], 0.1, unsafe=unsafe, method=method, seed=1)


@pytest.mark.parametrize("method", ["statistical", "interval"])
def test_missed_reached_and_neither(method: Method) -> None:
    sets = ["x > 1.3", "x < -1.08", "x^2 + y^2 > 1.25", "x > 0.9 and y > 0.9", "x < -1.099"]
    tube = circle(sets, method)
    missed, reached, round_, corner, close = tube.verdicts
    assert missed.answer == "holds"
    assert ("99%" in missed.sentence) == (method == "statistical")
    assert reached.answer == "violated" and set(reached.start) == {"x", "y"}
    assert np.hypot(reached.start["x"] - 1.0, reached.start["y"]) <= 0.1 + 1e-9
    model = stated("d(x)/dt = w*y\nd(y)/dt = -w*x", {"x": 1.0, "y": 0.0}, w=1.0)
    there = nde.simulate(model, np.array([0.0, reached.time]), np.array(list(reached.start.values()))).states[-1]
    assert there[0] < -1.08
    assert round_.answer == "unknown" and "the tube meets it" in round_.sentence, "the box around the tube is larger"
    assert corner.answer == "holds", "each time one of the two conditions is missed"
    assert close.answer in ("violated", "unknown")


def test_the_csv_has_the_verdicts_and_reads_back() -> None:
    tube = circle(["x > 1.3"], "statistical")
    lines = tube.to_csv().splitlines()
    said = [line for line in lines if line.startswith("#")]
    assert len(said) == 2 and "x > 1.3" in said[1]
    rows = [line for line in lines if not line.startswith("#")]
    assert rows[0].split(",")[:4] == ["t", "x", "x lower", "x upper"] and rows[0].split(",")[-1] == "P(y; y)"
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows[1:]])
    assert table.shape == (61, 10) and (table[:, 2] < table[:, 1]).all() and (table[:, 1] < table[:, 3]).all()
    border = tube.outline(30, 0, 1, points=721)
    assert np.allclose([border[:, 0].min(), border[:, 0].max()], table[30, 2:4], atol=1e-4)
