"""The part of the Distil stage that is about what to measure next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.distil.suggested import NextRun, Pair, SuggestedRun
from ndestudio.session.distillation.next_run import NOT_YET, OTHER_LIMITS
from ndestudio.session.session import Session
from tests.session import results
from tests.session.helpers import FakeRunner


def found(bounds: dict[str, tuple[float, float]]) -> NextRun:
    t = np.linspace(0.0, 1.0, 5)
    predicted = tuple(np.full((5, len(results.dataset().measured)), value) for value in (1.0, 2.0))
    run = SuggestedRun({"x": 1.5, "y": 0.5}, {}, t, predicted, (Pair(0, 1, 12.0, "x", 1.0),))
    return NextRun(({"f": "x"}, {"f": "x^2"}), (0.6, 0.4), (run,), "Measure from there.", bounds)


@pytest.fixture
def distilled(fake: Session) -> Session:
    fake.workspace.open(results.project(distilled=True), None)
    fake.stand_at("distil")
    return fake


def test_before_a_search_it_says_what_is_missing(fake: Session) -> None:
    fake.workspace.open(results.project(), None)
    state = fake.distil.state().next_run
    assert state.sentence == NOT_YET and not state.ready and state.rows == ()


def test_limits_are_those_of_the_data_until_a_person_gives_others(distilled: Session) -> None:
    before = {row.name: (row.low, row.high) for row in distilled.distil.state().next_run.rows}
    assert set(before) == {"x", "y"}
    distilled.distil.next_runs.limit("x", 0.0, 9.0)
    row = next(row for row in distilled.distil.state().next_run.rows if row.name == "x")
    assert (row.low, row.high, row.own) == (0.0, 9.0, True)
    assert distilled.project.spec.next_run.starts == {"x": (0.0, 9.0)}
    distilled.distil.next_runs.free("x")
    assert {row.name: (row.low, row.high) for row in distilled.distil.state().next_run.rows} == before
    distilled.undo()
    assert distilled.project.spec.next_run.starts == {"x": (0.0, 9.0)}


def test_a_run_is_suggested_within_the_limits_and_kept_with_the_result(distilled: Session, runner: FakeRunner) -> None:
    distilled.distil.next_runs.limit("x", 0.0, 9.0)
    distilled.distil.next_runs.suggest()
    assert distilled.distil.state().next_run.searching
    _, _, arguments = runner.last("_suggested")
    assert arguments[3].starts == {"x": (0.0, 9.0)}
    bounds = {row.name: (row.low, row.high) for row in distilled.distil.state().next_run.rows}
    runner.finish("_suggested", found(bounds))
    distilled.tick()
    state = distilled.distil.state().next_run
    assert state.sentence == "Measure from there." and state.ready
    assert {row.name: row.suggested for row in state.rows} == {"x": 1.5, "y": 0.5}
    distilled.distil.next_runs.limit("y", 0.0, 1.0)
    assert distilled.distil.state().next_run.sentence.startswith(OTHER_LIMITS)
    distilled.distil.next_runs.suggest()
    assert len(distilled.project.runs) == 0, "a suggestion is no run of its own"


def test_limits_that_do_not_suit_the_model_are_told(distilled: Session) -> None:
    distilled.distil.next_runs.limit("x", 3.0, 1.0)
    state = distilled.distil.state().next_run
    assert "give two numbers, the lower one first" in state.sentence and not state.ready


def test_a_suggestion_for_an_older_search_is_dropped(distilled: Session, runner: FakeRunner) -> None:
    distilled.distil.next_runs.suggest()
    assert distilled.project.fit is not None
    other = replace(distilled.project, distillation=results.distillation(distilled.project.fit.model))
    distilled.workspace.edit("Distil", other)
    runner.finish("_suggested", found({}))
    distilled.tick()
    assert distilled.project.distillation is not None and distilled.project.distillation.next_run is None
