from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.sweep_dialog import SweepDialog, open_sweep
from ndestudio.project.sweep.folder import made
from ndestudio.project.sweep.vary import variation
from ndestudio.session.session import Session
from tests.session import results
from tests.session.test_sweep import row


def test_a_folder_with_a_sweep_shows_its_results(
    window: MainWindow, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    session.workspace.open(results.project(distilled=True), None)
    window.actions_["sweep"].trigger()
    (dialog,) = window.findChildren(SweepDialog)
    assert dialog.empty.isVisible() and not dialog.results.isVisible()
    place = made(tmp_path / "study", session.project.spec, [variation("train.seed=0,1")])
    for number in range(2):
        place.store(row(number, 0.1 + 0.1 * number, 3 + number, **{"train.seed": number}))
    session.sweep.open_folder(tmp_path / "study")
    assert dialog.table.rowCount() == 2 and dialog.table.cell(0, 1).text() == "0"
    assert dialog.plots[0].isVisible() and dialog.plots[1].isVisible()
    assert dialog.vary.toPlainText() == "train.seed=0,1"
    dialog.search.setText("20.00%")
    assert dialog.table.rowCount() == 1
    assert open_sweep(session, window) is dialog, "there is one"
    dialog.reject()
