from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QComboBox, QInputDialog
from pytestqt.qtbot import QtBot

from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.data_view import DataView
from ndestudio.session.session import Session


@pytest.fixture
def view(window: MainWindow, csv: Path, settle: Callable[[], None]) -> DataView:
    window.open_files([str(csv)])
    settle()
    shown = window.views["data"]
    assert isinstance(shown, DataView)
    return shown


def test_the_file_its_columns_and_plots_are_shown(view: DataView):
    assert view.table.rows.rowCount() == 11, "the row of names and ten of numbers"
    assert view.read.rows.rowCount() == 10
    assert view.columns.role_box("year").currentData() == "time"
    assert [panel.accessibleName() for panel in view.plots.panels] == ["hare over time", "lynx over time"]
    assert view.summary.text().startswith("10 rows")
    assert not view.problem_card.isVisible()


def test_choosing_a_role_changes_the_data(view: DataView, session: Session, settle: Callable[[], None]):
    box = view.columns.role_box("lynx")
    box.setCurrentIndex(box.findData("input"))
    settle()
    assert session.project.dataset is not None
    assert session.project.dataset.input_names == ("lynx",)
    session.undo()
    settle()
    assert view.columns.role_box("lynx").currentData() == "state"


def test_the_path_of_an_input_is_told_in_a_table_of_inputs(
    view: DataView, session: Session, settle: Callable[[], None]
):
    assert view.inputs_card.isHidden()
    session.data.set_role("lynx", "input")
    settle()
    assert not view.inputs_card.isHidden() and view.inputs.rowCount() == 1
    box = view.inputs.path_box("lynx")
    assert box.currentData() == ""
    box.setCurrentIndex(box.findData("hermite"))
    settle()
    view.inputs.period_cell("lynx").setText("30")
    settle()
    view.inputs.rate_box("lynx").click()
    settle()
    dataset = session.project.dataset
    assert dataset is not None and dataset.input_names == ("lynx", "lynx_rate")
    assert dataset.trajectories[0].input_kinds == ("hermite", "hermite")
    assert dataset.trajectories[0].input_periods == (30.0, 30.0)
    view.inputs.period_cell("lynx").setText("often")
    settle()
    assert session.project.spec.data.periodic == {"lynx": 30.0} and view.inputs.period_cell("lynx").text() == "30"
    view.inputs.period_cell("lynx").setText("")
    settle()
    assert not session.project.spec.data.periodic
    session.data.set_role("lynx", "state")
    settle()
    told = session.project.spec.data
    assert not told.interpolation and not told.rates and not session.data.state().problems


def test_showing_is_no_intent(view: DataView, session: Session, settle: Callable[[], None]):
    before = session.workspace.undo_text, session.project
    session.refresh()
    view.show_state(session.data.state())
    settle()
    assert (session.workspace.undo_text, session.project) == before


def test_a_unit_is_edited_in_place(view: DataView, session: Session, settle: Callable[[], None]):
    view.columns.cell(1, 3).setText("heads")
    settle()
    assert session.project.dataset is not None
    assert session.project.dataset.measured[0].unit == "heads"


def test_problems_name_their_row(view: DataView, window: MainWindow, csv: Path, settle: Callable[[], None]):
    csv.write_text(csv.read_text().replace("36.3", "many"), encoding="utf-8")
    view.retry.emit()
    settle()
    assert view.problem_card.isVisible()
    assert "row 6" in view.problems.rows[0].text.text()
    view.problems.chosen.emit(0)
    assert view.table.rows.numbers[view.table.currentIndex().row()] == 6


def test_the_split_can_be_edited(view: DataView, session: Session, settle: Callable[[], None]):
    view.split.by.setCurrentIndex(view.split.by.findData("none"))
    settle()
    assert session.project.spec.data.split.by == "none"
    assert not view.split.shares.isVisible()


def test_reading_details_open_and_change(view: DataView, session: Session, settle: Callable[[], None], qtbot: QtBot):
    assert not view.reading.delimiter.isVisible()
    qtbot.mouseClick(view.reading.toggle, Qt.MouseButton.LeftButton)
    assert view.reading.delimiter.isVisible()
    assert view.reading.delimiter.itemText(0) == "Guessed: comma"
    view.reading.delimiter.setCurrentIndex(view.reading.delimiter.findData(";"))
    settle()
    assert session.project.spec.data.delimiter == ";"


def test_hidden_trajectories_are_not_drawn(view: DataView):
    view.trajectories.cell(0, 0).setCheckState(Qt.CheckState.Unchecked)
    view.plots.redraw.now()
    assert view.plots.panels[0]._items == []


def test_a_trajectory_is_given_a_part_and_a_weight(
    window: MainWindow, session: Session, tmp_path: Path, settle: Callable[[], None]
):
    path = tmp_path / "three.csv"
    rows = [f"{name},{t},{t * t}" for name in "abc" for t in range(8)]
    path.write_text("culture,t,x\n" + "\n".join(rows), encoding="utf-8")
    window.open_files([str(path)])
    settle()
    view = window.views["data"]
    assert isinstance(view, DataView)
    table = view.trajectories
    assert table.cell(1, 3).text() == "by time"
    view.tabs.setCurrentWidget(table)
    table.setCurrentCell(1, 3)
    box = table.findChild(QComboBox)
    assert box is not None
    table.setCurrentCell(1, 0)
    settle()
    assert session.project.spec.data.split.by == "auto"
    table.setCurrentCell(1, 3)
    box = table.findChildren(QComboBox)[-1]
    box.setCurrentText("test")
    box.activated.emit(box.currentIndex())
    settle()
    assert table.cell(1, 3).text() == "test"
    assert session.project.spec.data.split.test_trajectories == ("b",)
    table.cell(0, 4).setData(Qt.ItemDataRole.EditRole, 2.0)
    settle()
    assert session.project.dataset is not None
    assert session.project.dataset.trajectory("a").weight == 2.0


def test_a_bad_cell_is_put_right_where_it_is_told(
    window: MainWindow, tmp_path: Path, session: Session, settle: Callable[[], None], qtbot: QtBot
):
    path = tmp_path / "cells.csv"
    path.write_text("t,x\n0,1\n1,n.d.\n2,3\n4,5\n", encoding="utf-8")
    window.open_files([str(path)])
    settle()
    shown = window.views["data"]
    assert isinstance(shown, DataView)
    qtbot.mouseClick(shown.problems.rows[0].button, Qt.MouseButton.LeftButton)
    settle()
    assert session.project.dataset is not None
    assert not shown.problem_card.isVisible()


def test_a_column_of_deviations_is_named_in_the_table_of_the_file(
    window: MainWindow, tmp_path: Path, settle: Callable[[], None]
):
    path = tmp_path / "deviations.csv"
    path.write_text("t,x,x_sd\n0,1,0.1\n1,2,0.2\n2,3,0.1\n4,5,0.3\n", encoding="utf-8")
    window.open_files([str(path)])
    settle()
    shown = window.views["data"]
    assert isinstance(shown, DataView)
    words = [
        shown.table.rows.headerData(number, Qt.Orientation.Horizontal)
        for number in range(shown.table.rows.columnCount())
    ]
    assert words == ["t\ntime", "x\nstate", "x_sd\ndeviation"]


def test_a_point_is_left_out_or_changed_and_rows_are_trimmed_from_its_menu(
    view: DataView, session: Session, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    data = session.project.dataset
    assert data is not None
    (one,) = data.trajectories
    time, value = float(one.t[2]), float(one.measured[2, 0])
    panel = view.plots.panels[0]
    at = panel.mapFromScene(panel.item.getViewBox().mapViewToScene(QPointF(time, value)))
    assert panel.nearest(QPointF(at)) == (one.name, time, value)
    assert panel.nearest(QPointF(-500.0, -500.0)) is None
    monkeypatch.setattr(type(panel), "nearest", lambda *_: (one.name, time, value))
    monkeypatch.setattr(QInputDialog, "getDouble", lambda *_, **__: (7.5, True))

    def press(words: str) -> np.ndarray:
        menu = view.plots.panels[0].menu()
        next(action for action in menu.actions() if action.text().startswith(words)).trigger()
        settle()
        assert session.project.dataset is not None
        return session.project.dataset.trajectories[0].measured[:, 0]

    assert press("Change")[2] == 7.5
    assert np.isnan(press("Leave out")[2])
    assert len(session.project.spec.data.values) == 1, "one value has one change"
    assert len(press("Take rows from")) == 8
    assert len(press("Take rows up to")) == 8, "a span of one row is refused, and changes nothing"
    session.undo()
    settle()
    chip = view.chips.chip("rows")
    assert "Rows from" in chip.toolTip()
