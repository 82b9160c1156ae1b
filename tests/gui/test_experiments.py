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

    session.model.edit_text("d(x)/dt = k*x")
    session.show_stage("model")
    settle()
    model = window.views["model"]
    assert isinstance(model, ModelView)
    box = model.parameters.control(0, 9, QComboBox)
    box.setCurrentIndex(box.findData("condition"))
    settle()
    assert session.project.spec.model.parameters["k"].per == "condition"
