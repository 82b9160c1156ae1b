"""The main job in the real window, offscreen: drop a CSV, write a model, train, distil, export, save, open again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from ndestudio.gui.app import make_workers
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.export_view import ExportView
from ndestudio.gui.views.model_view import ModelView
from ndestudio.jobs import Jobs
from ndestudio.paths import examples_dir
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from tests.gui.helpers import drop

MINUTES = 240_000
MODEL = "d(hare)/dt = alpha*hare - predation(hare, lynx)\nd(lynx)/dt = growth(hare, lynx) - delta*lynx\n"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """As in the program: what computes does so in processes."""
    jobs, workers = Jobs(), make_workers()
    made = Session(jobs, SettingsStore(tmp_path / "settings.json"), tmp_path / "autosave", workers)
    yield made
    made.close()
    for one in workers.values():
        one.close()
    assert jobs.close(30.0), "a job outlived its test"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_dropped_file_to_exported_equations(
    window: MainWindow,
    session: Session,
    settle: Callable[[], None],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    drop(window, [examples_dir() / "lynx_hare" / "lynx_hare_1900_1920.csv"])
    settle()
    assert session.project.dataset is not None

    window.actions_["stage-model"].trigger()
    model = window.views["model"]
    assert isinstance(model, ModelView)
    model.editor.setPlainText(MODEL)
    for name in ("predation", "growth"):
        row = next(row for row in model.problems.rows if name in row.button.text())
        qtbot.mouseClick(row.button, Qt.MouseButton.LeftButton)
    for name in ("f_hare", "f_lynx"):
        model.networks.removed.emit(name)
    assert model.continue_button.isEnabled()

    session.train.change_settings(preset="quick", time_limit=20.0)
    window.actions_["train"].trigger()
    assert window.session.stage == "train"
    assert window.actions_["stop"].isEnabled()
    qtbot.waitUntil(lambda: session.tasks.running("fit") is None, timeout=MINUTES)
    assert session.project.fit is not None
    assert session.device is not None
    settle()
    assert session.train.state().plot_data is not None

    session.distil.change_settings(seconds=3.0, operators="polynomial", candidates=2)
    window.actions_["distil"].trigger()
    qtbot.waitUntil(lambda: session.tasks.running("distil") is None, timeout=MINUTES)
    assert session.project.distillation is not None
    assert set(session.project.accepted) == {"predation", "growth"}
    settle()

    neural_term = "predation"
    session.distil.revert(neural_term)
    assert neural_term not in session.project.accepted
    window.actions_["undo"].trigger()
    assert neural_term in session.project.accepted

    window.actions_["stage-export"].trigger()
    export = window.views["export"]
    assert isinstance(export, ExportView)
    export.formats.setCurrentRow(2)
    settle()
    assert "solve_ivp" in export.preview.toPlainText()
    assert export.proof.text().startswith("Verified")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "lynx.nde"), ""))
    window.actions_["save"].trigger()
    settle()
    before = export.preview.toPlainText()
    session.files.new()
    window.open_files([str(tmp_path / "lynx.nde")])
    settle()
    assert set(session.project.accepted) == {"predation", "growth"}
    window.actions_["stage-export"].trigger()
    settle()
    assert export.preview.toPlainText() == before
    assert window.toasts.texts == [text for text in window.toasts.texts if "unexpected" not in text]
