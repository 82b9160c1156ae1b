from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ndestudio.project.replay.again import Replay
from ndestudio.project.replay.verdict import Number
from ndestudio.session.session import Session
from ndestudio.session.workspace import Workspace
from tests.session import results
from tests.session.helpers import FakeRunner


def _opened(session: Session) -> None:
    session.workspace.open(results.project_with_runs(), None)


def test_steps_are_listed_with_their_settings_and_edited(fake: Session):
    _opened(fake)
    state = fake.history.state()
    kinds = [step.kind for step in state.steps]
    assert kinds[:2] == ["data", "model"] and "fit" in kinds and "search" in kinds
    fit = kinds.index("fit")
    assert fake.history.change(fit, "train.seed", "many").endswith('found the text "many"')
    assert fake.history.change(fit, "train.seed", "7") == ""
    step = fake.history.state().steps[fit]
    assert step.edited and next(one for one in step.settings if one.name == "train.seed").value == "7"
    assert fake.history.change(fit, "train.seed", "0") == ""
    assert not fake.history.state().steps[fit].edited, "the value it had takes the edit back"


def test_equations_are_edited_as_a_text(fake: Session):
    _opened(fake)
    text = results.MODEL.equations
    assert fake.history.change_equations(1, text.rstrip("\n")) == "" and not fake.history.state().steps[1].edited
    assert fake.history.change_equations(1, text.replace("- b*y", "- b*y*y")) == ""
    assert fake.history.state().steps[1].edited


def test_a_repetition_is_shown_and_taken_as_one_step_of_undo(fake: Session, runner: FakeRunner):
    _opened(fake)
    before = fake.project
    fake.history.choose_files(("/data/new.csv",))
    fake.history.start()
    assert fake.history.state().status == "running" and fake.history.state().files == ("new.csv",)
    again = results.project_with_runs()
    numbers = (Number("a", "0.5", "0.6", "different", 0.2), Number("b", "0.4", "0.4", "within tolerance", 1e-9))
    runner.finish("_replay", Replay(again, numbers, "2 numbers: one different.", ("a note",), False))
    fake.tick()
    state = fake.history.state()
    assert state.status == "idle" and state.takable and state.sentence == "2 numbers: one different."
    assert [(one.apart, one.verdict) for one in state.numbers] == [
        ("20.0%", "different"),
        ("< 0.001%", "within tolerance"),
    ]
    fake.history.take()
    assert fake.project.fit is again.fit
    assert [run.name for run in fake.project.runs] == [
        *(run.name for run in before.runs),
        *(f"{run.name}, again" for run in again.runs),
    ]
    assert not fake.history.state().takable
    fake.undo()
    assert fake.project is before


def test_edits_of_steps_that_are_others_now_are_dropped(fake: Session):
    _opened(fake)
    fit = next(k for k, step in enumerate(fake.history.state().steps) if step.kind == "fit")
    fake.history.change(fit, "train.seed", "7")
    fake.workspace.open(replace(results.project_with_runs(), runs=()), None)
    assert not any(step.edited for step in fake.history.state().steps)


def test_without_a_training_it_says_so(fake: Session):
    fake.workspace.open(results.project(fitted=False), None)
    assert fake.history.state().obstacle.startswith("Nothing was trained yet.")
    fake.history.start()
    assert fake.history.state().status == "idle"


def test_what_was_written_is_a_line_and_the_project_has_to_be_saved(fake: Session, tmp_path: Path):
    _opened(fake)
    fake.workspace.saved(fake.project, tmp_path / "p.nde")
    fake.export._written("LaTeX", tmp_path / "model.tex")
    assert fake.history.state().steps[-1].details == (str(tmp_path / "model.tex"),)
    assert fake.workspace.modified and not fake.workspace.undo_text


def test_the_workspace_goes_to_any_of_its_edits():
    space = Workspace()
    start = space.project
    for text in ("one", "two", "three"):
        space.edit(text, replace(space.project, seconds={text: 1.0}))
    assert space.steps == (("one", "two", "three"), 3)
    space.go_to(1)
    assert space.steps == (("one", "two", "three"), 1) and space.undo_text == "one"
    space.go_to(3)
    assert space.undo_text == "three" and not space.redo_text
    space.go_to(0)
    assert space.project is start
