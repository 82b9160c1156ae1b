from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.recovery_dialog import RecoveryDialog, open_recovery
from ndestudio.session.session import Session
from tests.session import results
from tests.session.test_recovery import assessment


@pytest.fixture
def dialog(window: MainWindow, session: Session) -> RecoveryDialog:
    session.workspace.open(results.project(fitted=False), None)
    window.actions_["recovery"].trigger()
    (found,) = window.findChildren(RecoveryDialog)
    return found


def test_a_ground_truth_is_typed_or_chosen_and_its_values_edited(
    dialog: RecoveryDialog, session: Session, qtbot: QtBot
):
    assert not dialog.run_button.isEnabled()
    assert dialog.problem.text().startswith("Write a formula of x")
    edit = dialog.ground_truths.edits["f"]
    qtbot.keyClicks(edit, "k*x*y")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert session.project.spec.recovery.formulas == {"f": "k*x*y"}
    assert dialog.run_button.isEnabled()
    dialog.values.cell(2, 1).setText("0.25")
    assert session.project.spec.recovery.parameters == {"k": 0.25}
    dialog.values.cell(2, 1).setText("much")
    assert dialog.values.cell(2, 1).text() == "0.25"
    dialog.noise.setValue(5.0)
    assert session.project.spec.recovery.noise == 0.05
    dialog.reject()


def test_the_assessment_is_a_sentence_with_what_was_chosen_and_found(
    dialog: RecoveryDialog, session: Session, window: MainWindow
):
    from dataclasses import replace

    session.recovery.set_formula("f", "k*x*y")
    session.recovery.set_value("k", 0.5)
    session.workspace.edit("test", replace(session.project, recovery=assessment(session)))
    assert dialog.badge.text() == "Found"
    assert dialog.assessment.text() == "Found: the same structure."
    assert dialog.lines.cell(0, 2).text() == "0.5235*x*y"
    session.train.change_settings(seed=3)
    assert dialog.badge.text() == "From before the last changes"
    assert open_recovery(session, window) is dialog, "there is one"
    dialog.reject()
    session.undo()


def test_the_distil_page_leads_to_it(window: MainWindow, session: Session, csv: Path):
    session.workspace.open(results.project(), None)
    window.go("distil")
    view = window.views["distil"]
    view.recovery_button.click()  # type: ignore[attr-defined]
    (dialog,) = window.findChildren(RecoveryDialog)
    dialog.reject()
