from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.data import DataConfig, preview
from ndestudio.data.dataset import Part
from ndestudio.data.decisions import Choice, Decision, question
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
    path.write_text("t,x\n0,1\n1,broken\n2,3\n3,broken\n4,5\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    problem = session.data.state().problems[0]
    assert problem.answers == ("Take broken as not measured",)
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


ORDER = Decision(
    "time",
    "`03/04/2020` may be the 3rd of April or the 4th of March",
    "when",
    (Choice("day first", {"time_format": "day first"}), Choice("month first", {"time_format": "month first"})),
    chosen=None,
)


def _asked(csv: Path) -> Look:
    """The look at a file that leaves the order of its dates open."""
    found = preview(csv, DataConfig(files=(str(csv),)))
    return Look(replace(found, decisions=(ORDER, *found.decisions)))


def test_an_open_question_is_a_problem_with_its_answers(fake: Session, runner: FakeRunner, csv: Path):
    fake.data.add_files([str(csv)])
    runner.finish("look", _asked(csv))
    runner.fail("_load", "no", question(ORDER, str(csv), 2))
    fake.tick()
    state = fake.data.state()
    (problem,) = state.problems
    assert (problem.sentence, problem.answers) == (ORDER.sentence, ("day first", "month first"))
    assert problem.question
    fake.data.answer(ORDER, 1)
    assert fake.project.spec.data.time_format == "month first"
    assert fake.workspace.undo_text == "Time: month first"
    fake.undo()
    assert fake.project.spec.data.time_format is None


def test_a_decision_is_changed_in_one_step(session: Session, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("mass;glucose\n0,1;20,1\n0,3;18,4\n0,9;12,9\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    time = next(one for one in session.data.state().decisions if one.topic == "time")
    assert not time.certain
    session.data.answer(time, len(time.choices) - 1)
    wait(session)
    state = session.data.state()
    assert state.dataset is not None and state.dataset.measured_names == ("mass", "glucose")
    assert state.time_text == "`row`, no unit given, from 0 to 2 in steps of 1"
    session.undo()
    wait(session)
    assert session.data.state().dataset.measured_names == ("glucose",)  # type: ignore[union-attr]


def test_a_time_is_chosen_with_the_roles_spelt_out(loaded: Session):
    loaded.data.set_role("hare", "input")
    wait(loaded)
    loaded.data.set_time_columns(("hare",))
    wait(loaded)
    config = loaded.project.spec.data
    assert (config.time, config.inputs) == ("hare", ())
    loaded.data.set_time_columns(None)
    assert loaded.project.spec.data.time == ""
    loaded.data.set_time_columns(())
    assert loaded.project.spec.data.time is None


def test_the_same_complaint_about_many_rows_is_one_problem(session: Session, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("t,x,y\n" + "".join(f"{n},1,2\n" for n in range(9)) + "9,1\n10,1\n11,1\n12,1\n13,1\n14,1\n")
    session.files.open([path])
    wait(session)
    (problem,) = [one for one in session.data.state().problems if "cells where" in one.sentence]
    assert problem.place == "rows 11, 12, 13, 14 and 2 more"
    assert problem.rows == (11, 12, 13, 14, 15, 16)


def test_rows_are_told_in_one_step(fake: Session, csv: Path):
    fake.data.add_files([str(csv)])
    fake.data.set_rows(header_row=7)
    assert fake.project.spec.data.header_row == 7
    assert fake.workspace.undo_text == "Rows of the table: names 7"
    fake.data.set_rows(header_row=None, units_row=None, first_row=None, last_row=None)
    assert fake.project.spec.data.header_row is None


def test_rows_are_there_where_no_table_is(session: Session, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("t,x\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    state = session.data.state()
    assert state.raw is not None and state.raw.cells == (("t", "x"),)
    assert state.columns == () and len(state.problems) == 1


def test_import_settings_are_kept_offered_and_used(session: Session, tmp_path: Path, shell: Mock):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    for path in (first, second):
        path.write_text("mass;glucose\n0,1;20,1\n0,3;18,4\n0,9;12,9\n", encoding="utf-8")
    session.files.open([first])
    wait(session)
    session.data.set_time_columns(None)
    wait(session)
    session.data.imports.save("Balance")
    assert session.data.state().import_settings == ("Balance",)
    assert any("Kept as `Balance`" in text for text in toasts(shell))
    session.files.open([second])
    wait(session)
    state = session.data.state()
    assert (state.offers, state.config.time) == (("Balance",), None), "they are offered, not taken"
    session.data.imports.use("Balance")
    wait(session)
    state = session.data.state()
    assert (state.config.time, state.offers, state.config.files) == ("", (), (str(second),))
    assert session.workspace.undo_text == "Import settings Balance"
    session.data.imports.rename("Balance", "Scale")
    session.data.imports.delete("Balance")
    assert session.data.state().import_settings == ("Scale",)


def test_an_offer_that_is_declined_does_not_come_back(session: Session, csv: Path):
    session.files.open([csv])
    wait(session)
    session.data.imports.save("Pelts")
    wait(session)
    assert session.data.state().offers == ("Pelts",)
    session.data.imports.dismiss("Pelts")
    wait(session)
    assert session.data.state().offers == ()


def test_a_folder_opens_its_data_files_and_says_what_was_left_out(session: Session, tmp_path: Path, shell: Mock):
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in (10, 9):
        (folder / f"run{number}.csv").write_text("t,x\n0,1\n1,2\n2,3\n", encoding="utf-8")
    (folder / "plot.pdf").write_bytes(b"%PDF")
    session.files.open([folder])
    wait(session)
    assert [Path(one).name for one in session.project.spec.data.files] == ["run9.csv", "run10.csv"]
    assert any("left out: `plot.pdf` (no data file)" in text for text in toasts(shell))
    assert session.project.dataset is not None


def test_a_folder_without_data_leaves_the_project_as_it_is(loaded: Session, tmp_path: Path, shell: Mock):
    before = loaded.project
    (tmp_path / "empty").mkdir()
    loaded.files.open([tmp_path / "empty"])
    wait(loaded)
    assert loaded.project is before
    assert any("no data file in this folder" in text for text in toasts(shell))


def test_the_rate_of_an_input_that_the_equations_use_is_read_with_the_data(loaded: Session):
    loaded.data.set_role("lynx", "input")
    wait(loaded)
    loaded.model.edit_text("d(hare)/dt = a*hare + b*d(lynx)/dt")
    wait(loaded)
    assert loaded.project.dataset is not None
    assert loaded.project.dataset.input_names == ("lynx", "lynx_rate")
    known = loaded.project.dataset
    loaded.model.edit_text("d(hare)/dt = a*hare + ")
    wait(loaded)
    assert loaded.project.dataset is known and not loaded.data.stale
