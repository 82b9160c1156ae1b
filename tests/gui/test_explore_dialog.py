from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from ndestudio.gui.explore_dialog import ExploreDialog, open_explore
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session
from tests.gui.conftest import OPEN
from tests.session import results


@pytest.fixture
def dialog(window: MainWindow, session: Session, qtbot: QtBot) -> ExploreDialog:
    session.workspace.open(results.project(distilled=True), None)
    window.actions_["explore"].trigger()
    (found,) = window.findChildren(ExploreDialog)
    qtbot.waitUntil(lambda: bool(found.plots), timeout=OPEN)
    return found


def test_values_are_typed_and_the_plots_follow(
    dialog: ExploreDialog, session: Session, window: MainWindow, qtbot: QtBot
):
    assert dialog.values.cell(0, 0).text().startswith("a") and not dialog.start_button.isVisible()
    assert dialog.values.isColumnHidden(3)
    dialog.values.cell(0, 2).setText("0,9")
    assert session.explore.state().rows[0].value == 0.9
    qtbot.waitUntil(lambda: session.explore.state().status == "idle", timeout=OPEN)
    dialog.values.cell(0, 2).setText("many")
    assert dialog.values.cell(0, 2).text() == "0.9"
    dialog.reset_button.click()
    assert dialog.values.cell(0, 2).text() == ""
    assert open_explore(session, window) is dialog, "there is one"
    dialog.reject()


def test_ranges_are_asked_for_where_they_are_needed(dialog: ExploreDialog, session: Session, qtbot: QtBot):
    dialog.kind.setCurrentIndex(dialog.kind.findData("scan"))
    assert dialog.start_button.isVisible() and not dialog.start_button.isEnabled()
    assert dialog.empty.sentence.text() == "Give one value a range: type its ends."
    dialog.values.cell(0, 3).setText("0.3")
    assert dialog.values.cell(0, 4).text() == "1", "the other end is suggested"
    assert dialog.start_button.isEnabled()
    dialog.kind.setCurrentIndex(dialog.kind.findData("steady"))
    dialog.start_button.click()
    qtbot.waitUntil(lambda: session.explore.state().found is not None, timeout=OPEN)
    assert dialog.table.isVisible() and dialog.words.text().endswith((".", "!"))
    dialog.reject()
