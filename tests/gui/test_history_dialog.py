from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from ndestudio.gui.history_dialog import HistoryDialog, open_history
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session
from tests.session import results


@pytest.fixture
def dialog(window: MainWindow, session: Session) -> HistoryDialog:
    session.workspace.open(results.project_with_runs(), None)
    window.actions_["history"].trigger()
    (found,) = window.findChildren(HistoryDialog)
    return found


def _at(dialog: HistoryDialog, title: str) -> None:
    rows = [k for k in range(dialog.steps.count()) if title in dialog.steps.item(k).text()]
    dialog.steps.setCurrentRow(rows[0])


def test_a_setting_is_typed_and_counts(dialog: HistoryDialog, session: Session, window: MainWindow, qtbot: QtBot):
    _at(dialog, "Train")
    names = [dialog.settings.cell(k, 0).text() for k in range(dialog.settings.rowCount())]
    cell = dialog.settings.cell(names.index("train.seed"), 1)
    cell.setText("many")
    assert "whole number" in dialog.problem.text() and dialog.run_button.text() == "Do it again"
    dialog.settings.cell(names.index("train.seed"), 1).setText("7")
    assert dialog.run_button.text() == "Do it again with one change"
    qtbot.keyClicks(dialog.more, "train.time_limit = 30")
    qtbot.keyClick(dialog.more, Qt.Key.Key_Return)
    assert dialog.run_button.text() == "Do it again with 2 changes"
    assert dialog.steps.currentItem().text().startswith("Changed: ")
    assert open_history(session, window) is dialog, "there is one"
    dialog.reject()


def test_equations_are_a_text_and_the_other_kinds_have_what_they_have(dialog: HistoryDialog):
    _at(dialog, "equations")
    assert dialog.equations.toPlainText().startswith("d(x)/dt = a*x - f(x, y)")
    assert not dialog.use_equations.isVisible()
    dialog.equations.setPlainText(dialog.equations.toPlainText().replace("b*y", "b*y*y"))
    assert dialog.use_equations.isVisible()
    dialog.use_equations.click()
    assert dialog.run_button.text() == "Do it again with one change"
    _at(dialog, "Read")
    assert not dialog.equations.isVisible() and not dialog.restore_button.isVisible()
    _at(dialog, "Search")
    assert dialog.restore_button.isVisible()
    dialog.reject()


def test_edits_of_the_session_are_gone_back_to(dialog: HistoryDialog, session: Session):
    session.train.change_settings(seed=3)
    session.model.edit_text(session.project.spec.model.equations + "# more\n")
    assert dialog.undo.count() == 3 and dialog.undo.currentRow() == 2
    dialog.undo.itemClicked.emit(dialog.undo.item(0))
    assert session.project.spec.train.seed == 0 and dialog.undo.currentRow() == 0
    dialog.reject()
