"""The tab of runs and conditions, and the values of parameters, in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox

from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.data_view import DataView
from ndestudio.gui.views.model_view import ModelView
from ndestudio.session.session import Session


@pytest.fixture
def view(window: MainWindow, tmp_path: Path, settle: Callable[[], None]) -> DataView:
    rows = [f"{run},{strain},{t},{t + 1}" for run, strain in (("a", "wt"), ("b", "mut")) for t in range(8)]
    path = tmp_path / "runs.csv"
    path.write_text("run,strain,t,x\n" + "\n".join(rows), encoding="utf-8")
    window.open_files([str(path)])
    settle()
    shown = window.views["data"]
    assert isinstance(shown, DataView)
    return shown


def test_a_condition_is_told_named_and_changed(
    window: MainWindow, view: DataView, session: Session, settle: Callable[[], None]
):
    panel = view.experiments
    panel.column.setCurrentIndex(panel.column.findData("strain"))
    settle()
    assert session.project.dataset is not None
    assert [one.condition for one in session.project.dataset.trajectories] == ["wt", "mut"]
    assert [panel.conditions.cell(k, 0).text() for k in range(2)] == ["mut", "wt"]
    panel.conditions.cell(0, 4).setText("x = 5")
    settle()
    assert dict(session.project.dataset.trajectories[1].initial) == {"x": 5.0}
    panel.name.setText("T")
    panel.value.setText("20")
    panel.add.click()
    settle()
    assert session.project.dataset.input_names[-1] == "T"
    column = panel.runs.columnCount() - 1
    panel.runs.cell(1, column).setText("37")
    settle()
    assert session.project.dataset.trajectories[1].inputs[0, -1] == 37.0
    before = session.project.spec.data
    panel.runs.cell(0, 3).setText("nonsense")
    settle()
    assert session.project.spec.data == before, "it is refused"
    assert panel.runs.cell(0, 3).text() == ""

    panel.runs.cell(0, 4).setText("settled")
    settle()
    assert session.project.dataset.trajectories[0].settles and panel.runs.cell(0, 4).text() == "settled"
    panel.runs.cell(0, 4).setText("nowhere")
    settle()
    assert panel.runs.cell(0, 4).text() == "settled", "it is refused"
    panel.runs.cell(0, 4).setText("")
    settle()
    session.model.edit_text("d(x)/dt = k*x")
    session.show_stage("model")
    settle()
    model = window.views["model"]
    assert isinstance(model, ModelView)
    box = model.parameters.control(0, 9, QComboBox)
    box.setCurrentIndex(box.findData("condition"))
    settle()
    assert session.project.spec.model.parameters["k"].per == "condition"


def test_the_doses_of_a_run_are_changed_added_deleted_and_taken_back(
    window: MainWindow, session: Session, tmp_path: Path, settle: Callable[[], None]
):
    path = tmp_path / "pk.csv"
    rows = [f"{run},{12 * k},100,1,." for run in "ab" for k in range(3)]
    rows += [f"{run},{t + 1},.,0,{t + 2}" for run in "ab" for t in range(0, 30, 4)]
    path.write_text("ID,TIME,AMT,EVID,DV\n" + "\n".join(rows), encoding="utf-8")
    window.open_files([str(path)])
    settle()
    view = window.views["data"]
    assert isinstance(view, DataView)
    panel = view.experiments
    table = panel.dosing.table
    panel.runs.setCurrentCell(1, 0)
    assert panel.dosing.chooser.currentText() == "b"
    assert [table.cell(0, k).text() for k in (0, 1, 5, 6)] == ["0", "100", "2", "12"]

    def times(run: int) -> list[tuple[float, float]]:
        assert session.project.dataset is not None
        return [(dose.time, dose.amount) for dose in session.project.dataset.trajectories[run].doses]

    table.cell(0, 1).setText("50")
    settle()
    assert times(1) == [(0, 50), (12, 50), (24, 50)] and times(0) == [(0, 100), (12, 100), (24, 100)]
    panel.dosing.add.click()
    settle()
    assert table.rowCount() == 2 and times(1)[-1] == (36, 50)
    table.cell(1, 3).setText("2")
    settle()
    assert session.project.dataset is not None
    assert session.project.dataset.trajectories[1].doses[-1].rate == 25.0
    before = session.project.spec.data
    table.cell(1, 5).setText("3")
    settle()
    assert session.project.spec.data == before and table.cell(1, 5).text() == "", "further doses need an interval"
    table.setCurrentCell(1, 0)
    panel.dosing.remove.click()
    settle()
    assert times(1) == [(0, 50), (12, 50), (24, 50)]
    session.undo()
    settle()
    assert table.rowCount() == 2
    panel.dosing.again.click()
    settle()
    assert times(1) == times(0) and session.project.spec.data.runs == {}


def test_rows_are_taken_for_steady_states(view: DataView, session: Session, settle: Callable[[], None]) -> None:
    view.experiments.steady.click()
    settle()
    dataset = session.project.dataset
    assert dataset is not None and all(one.is_steady_state for one in dataset.trajectories)
    assert view.experiments.steady.isChecked() and view.experiments.runs.cell(0, 4).text() == "is at rest"
