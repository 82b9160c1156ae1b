from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.data.dataset import Part
from ndestudio.errors import DataError
from ndestudio.session.data.look import Look
from ndestudio.session.presenter import View
from ndestudio.session.session import Session
from tests.session.helpers import FakeRunner, toasts, wait


@pytest.fixture
def loaded(session: Session, csv: Path) -> Session:
    session.files.open([csv])
    wait(session)
    return session


def test_opening_a_file_loads_it_and_writes_equations_to_start_from(loaded: Session):
    dataset = loaded.project.dataset
    assert dataset is not None
    assert dataset.measured_names == ("hare", "lynx")
    state = loaded.data.state()
    assert [row.role for row in state.columns] == ["time", "state", "state"]
    assert [row.unit for row in state.columns] == ["", "thousand pelts", "thousand pelts"]
    assert state.summary.startswith("10 rows · 1 trajectory")
    assert loaded.project.spec.model.equations.splitlines() == [
        "d(hare)/dt = f_hare(hare, lynx)",
        "d(lynx)/dt = f_lynx(hare, lynx)",
    ]
    assert loaded.model.ready


def test_opening_is_one_step(loaded: Session):
    assert loaded.workspace.undo_text == "Open lynx.csv"
    loaded.undo()
    assert loaded.project.dataset is None
    assert loaded.workspace.undo_text == ""
    loaded.redo()
    assert loaded.project.dataset is not None


def test_a_role_can_be_changed_and_undone(loaded: Session):
    loaded.data.set_role("lynx", "input")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.input_names == ("lynx",)
    assert [row.role for row in loaded.data.state().columns] == ["time", "state", "input"]
    loaded.undo()
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.measured_names == ("hare", "lynx")
    assert not loaded.data.stale


def test_a_covariate_must_not_vary_and_says_so(loaded: Session):
    loaded.data.set_role("lynx", "covariate")
    wait(loaded)
    assert loaded.project.spec.data.covariates == ("lynx",)
    assert [row.role for row in loaded.data.state().columns] == ["time", "state", "covariate"]
    assert any(
        "of this covariate, which has one value in each trajectory" in one.sentence
        for one in loaded.data.state().problems
    )
    loaded.data.set_role("lynx", "input")
    wait(loaded)
    assert loaded.project.spec.data.covariates == () and loaded.project.dataset.input_names == ("lynx",)


def test_an_ignored_column_leaves_the_data(loaded: Session):
    loaded.data.set_role("lynx", "ignore")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.measured_names == ("hare",)


def test_undo_while_a_change_is_loading_ends_in_agreement(loaded: Session):
    loaded.data.set_role("lynx", "input")
    loaded.undo()
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.input_names == ()
    assert not loaded.data.stale


def test_a_column_can_be_renamed(loaded: Session):
    loaded.data.set_alias("hare", "prey")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.measured_names == ("prey", "lynx")


def test_a_name_that_is_none_is_refused(loaded: Session, shell: Mock):
    before = loaded.project
    loaded.data.set_alias("hare", "2 hares")
    assert loaded.project is before
    assert any("`2 hares` cannot be a name" in text for text in toasts(shell))


def test_a_unit_can_be_changed(loaded: Session):
    loaded.data.set_unit("hare", "1000/km^2")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.measured[0].unit == "1000/km^2"


def test_the_split_is_one_step_that_reads_no_file(loaded: Session, csv: Path):
    csv.unlink()
    loaded.data.set_split(by="none")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert not loaded.project.dataset.has(Part.TEST)
    assert loaded.workspace.undo_text == "Split"
    loaded.undo()
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.has(Part.TEST)


def test_trajectories_get_parts_and_weights(session: Session, tmp_path: Path):
    path = tmp_path / "three.csv"
    rows = [f"{name},{t},{t * t}" for name in "abc" for t in range(8)]
    path.write_text("culture,t,x\n" + "\n".join(rows), encoding="utf-8")
    session.files.open([path])
    wait(session)
    session.data.set_part("b", Part.TEST)
    wait(session)
    parts = {row.name: row.part for row in session.data.state().trajectories}
    assert parts["b"] is Part.TEST
    assert parts["a"] is Part.TRAIN
    session.data.set_weight("a", 2.5)
    wait(session)
    weights = {row.name: row.weight for row in session.data.state().trajectories}
    assert weights["a"] == 2.5
    assert session.project.spec.data.trajectory_weights == {"a": 2.5}, "a spec of this session has them, too"
    assert not session.data.stale
    assert not session.data.stale


def test_a_file_with_a_fault_is_shown_with_its_row(session: Session, csv: Path):
    csv.write_text(csv.read_text().replace("36.3", "many"), encoding="utf-8")
    session.files.open([csv])
    wait(session)
    state = session.data.state()
    assert state.dataset is None
    assert any(problem.row == 6 and problem.column == "hare" for problem in state.problems)
    assert len(state.head) == 10


def test_a_corrected_file_is_read_again(session: Session, csv: Path):
    good = csv.read_text()
    csv.write_text(good.replace("36.3", "many"), encoding="utf-8")
    session.files.open([csv])
    wait(session)
    csv.write_text(good, encoding="utf-8")
    session.data.retry()
    wait(session)
    assert session.data.state().problems == ()
    assert session.project.dataset is not None


def test_a_missing_file_is_a_sentence(session: Session, tmp_path: Path):
    session.files.open([tmp_path / "nowhere.csv"])
    wait(session)
    problems = session.data.state().problems
    assert len(problems) == 1
    assert "nowhere.csv" in problems[0].place + problems[0].sentence


def test_several_files_are_several_trajectories(session: Session, csv: Path, tmp_path: Path):
    other = tmp_path / "other.csv"
    other.write_text(csv.read_text(), encoding="utf-8")
    session.files.open([csv, other])
    wait(session)
    assert session.project.dataset is not None
    assert len(session.project.dataset.trajectories) == 2
    session.data.remove_file(str(other))
    wait(session)
    assert len(session.project.dataset.trajectories) == 1


def test_data_of_an_older_wish_are_dropped(fake: Session, runner: FakeRunner):
    fake.data.add_files(["/a.csv"])
    first = runner.last("_load")[0]
    fake.data.add_files(["/b.csv"])
    assert ("detach", first) in runner.calls
    assert runner.last("_load")[2][0].files == ("/b.csv",)


def test_a_failed_load_is_not_tried_again_by_itself(fake: Session, runner: FakeRunner):
    fake.data.add_files(["/a.csv"])
    runner.fail("_load", "no", DataError("is empty", path="/a.csv"))
    runner.finish("look", Look(None))
    fake.tick()
    count = len(runner.submitted)
    fake.model.edit_text("d(x)/dt = x")
    assert [f.__name__ for _, _, f, _ in runner.submitted[count:]] in ([], ["typeset"])
    assert fake.data.failed is not None
    assert fake.data.failed.place == "a.csv"


def test_the_view_is_told_once_per_change(session: Session, csv: Path):
    view = Mock(spec=View)
    session.data.attach(view)
    session.files.open([csv])
    wait(session)
    last = view.show_state.call_args.args[0]
    assert last.dataset is session.project.dataset
    calls = view.show_state.call_count
    session.refresh()
    assert view.show_state.call_count == calls


def test_a_cell_that_is_no_number_is_taken_as_not_measured_with_one_step(session: Session, tmp_path: Path):
    path = tmp_path / "cells.csv"
    path.write_text("t,x\n0,1\n1,n.d.\n2,3\n3,n.d.\n4,5\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    problem = session.data.state().problems[0]
    assert problem.answers == ("Take n.d. as not measured",)
    assert problem.decision is not None
    session.data.answer(problem.decision, 0)
    wait(session)
    assert session.data.state().problems == ()
    dataset = session.project.dataset
    assert dataset is not None
    assert int((~dataset.trajectories[0].present).sum()) == 2


def test_rows_are_counted_where_there_is_no_time(session: Session, tmp_path: Path):
    path = tmp_path / "timeless.csv"
    path.write_text("x,y\n3,1\n1,7\n2,3\n5,0\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    problem = next(one for one in session.data.state().problems if one.answers)
    assert problem.answers == ("Count the rows instead",)
    assert problem.decision is not None
    session.data.answer(problem.decision, 0)
    wait(session)
    dataset = session.project.dataset
    assert dataset is not None
    assert dataset.trajectories[0].t.tolist() == [0.0, 1.0, 2.0, 3.0]
