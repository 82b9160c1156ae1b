from __future__ import annotations

import time
from unittest.mock import Mock

import numpy as np
import pytest

from ndestudio.figures.description import Curve
from ndestudio.session.explore import ExploreController, Kind, suggested_range
from ndestudio.session.session import Session
from tests.session import results


@pytest.fixture
def explore(session: Session) -> ExploreController:
    session.workspace.open(results.project(distilled=True), None)
    session.explore.attach(Mock())
    return session.explore


def _wait(session: Session) -> None:
    end = time.monotonic() + 60
    while session.tasks.busy:
        assert time.monotonic() < end
        session.tick()
        time.sleep(0.005)


def test_a_changed_value_is_simulated_beside_the_model(session: Session, explore: ExploreController) -> None:
    _wait(session)
    names = [row.name for row in explore.state().rows]
    assert names[:2] == ["a", "b"] and names[-2:] == ["x(0)", "y(0)"]
    explore.set_value("a", 0.9)
    _wait(session)
    found = explore.state().found
    assert found is not None and found.figure is not None
    ours, models = (mark for mark in found.figure.panels[0].marks if isinstance(mark, Curve))
    assert ours.name == "as set" and ours.y[0] == models.y[0] and ours.y[5] > models.y[5]
    explore.reset()
    _wait(session)
    again = explore.state().found
    assert again is not None and again.figure is not None and len(again.figure.panels[0].marks) == 1


@pytest.mark.parametrize(
    ("kind", "missing", "ranges"),
    [
        ("scan", "Give one value a range: type its ends.", ("a",)),
        ("bifurcation", "Give one value a range: type its ends.", ("a",)),
        ("shares", "Give at least two values a range.", ("a", "b")),
        ("sensitivity", "", ()),
        ("steady", "", ()),
    ],
)
def test_each_kind_says_what_it_needs_and_finds_something(
    session: Session, explore: ExploreController, kind: Kind, missing: str, ranges: tuple[str, ...]
) -> None:
    _wait(session)
    explore.choose(kind)
    assert explore.state().missing == missing
    for name in ranges:
        explore.set_range(name, 0.3, 0.5)
    assert explore.state().missing == ""
    if kind == "shares":
        explore.choose_output("y")
    explore.start()
    assert explore.state().status == "running"
    _wait(session)
    state = explore.state()
    assert state.problem == "" and state.found is not None
    assert state.found.figure is not None or state.found.rows or kind == "steady"
    if ranges:
        explore.set_range(ranges[0], None, None)
        assert explore.state().found is None, "it was about other values"


def test_what_fails_is_a_sentence(session: Session, explore: ExploreController) -> None:
    _wait(session)
    explore.choose("scan")
    explore.set_range("a", 0.5, 0.3)
    explore.start()
    _wait(session)
    assert "the first end must be the lower one" in explore.state().problem


def test_without_a_model_it_says_so(session: Session) -> None:
    session.workspace.open(results.project(fitted=False), None)
    assert session.explore.state().obstacle.startswith("There is no trained model")
    session.explore.start()
    assert session.explore.state().status == "idle"


def test_first_ranges_lie_around_the_value() -> None:
    assert suggested_range(2.0) == (1.0, 4.0)
    assert suggested_range(-2.0) == (-4.0, -1.0)
    assert suggested_range(0.0) == (-1.0, 1.0)
    assert np.isfinite(suggested_range(1e-9)).all()
