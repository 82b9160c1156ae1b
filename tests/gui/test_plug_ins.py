"""What installed packages add, in the window."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from ndestudio import plugins
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.plug_ins_dialog import PlugInsDialog
from ndestudio.gui.toasts import Toasts
from ndestudio.gui.views.distil_view import DistilView
from ndestudio.gui.views.export_view import ExportView
from ndestudio.session.session import Session
from tests import sample_plugin
from tests.session import results

Settle = Callable[[], None]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "packages"
    folder.mkdir()
    sample_plugin.install(folder, broken=True)
    monkeypatch.syspath_prepend(str(folder))
    plugins.forget()
    yield folder
    monkeypatch.undo()
    for name in ("ndestudio_sample", "ndestudio_broken"):
        sys.modules.pop(name, None)
    plugins.forget()


def test_engine_and_exporter_can_be_chosen(window: MainWindow, session: Session, settle: Settle) -> None:
    session.workspace.open(results.project(fitted=True, distilled=True), None)
    window.go("distil")
    settle()
    distil = window.views["distil"]
    assert isinstance(distil, DistilView)
    distil.engine.setCurrentIndex(distil.engine.findText("Mean of the samples"))
    assert session.project.spec.distil.engine == "sample"
    window.go("export")
    settle()
    export = window.views["export"]
    assert isinstance(export, ExportView)
    texts = [export.formats.item(number).text() for number in range(export.formats.count())]
    export.formats.setCurrentRow(texts.index("Sample form\nNames of the states"))
    settle()
    assert export.preview.toPlainText().startswith("states: ")
    assert session.export.suggested_name().endswith(".sample")


def test_files_are_offered_and_opened(
    window: MainWindow, session: Session, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sample_plugin.table(tmp_path)
    asked: list[str] = []

    def choose(parent: object, title: str, folder: str, filters: str) -> tuple[list[str], str]:
        asked.append(filters)
        return [str(path)], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    window.browse()
    settle()
    assert asked[0].count("*.sample") == 2 and "*.csv" in asked[0] and "*.nde" in asked[0]
    assert session.project.dataset is not None
    assert session.project.dataset.measured_names == ("x",)


def test_what_is_broken_is_told_once_and_shown_with_its_traceback(
    window: MainWindow, session: Session, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Toasts, "show", lambda self, toast: told.append(toast.text))
    session.plug_ins.look()
    settle()
    session.plug_ins.look()
    settle()
    assert len(told) == 1 and "shattered of ndestudio-broken 0.3" in told[0]
    window.actions_["plug-ins"].trigger()
    (dialog,) = window.findChildren(PlugInsDialog)
    rows = [[dialog.table.cell(row, section).text() for section in range(4)] for row in range(dialog.table.rowCount())]
    assert ["Engine", "sample", "ndestudio-sample 1.0", "can be used"] in rows
    assert rows[0][:3] == ["Engine", "shattered", "ndestudio-broken 0.3"]
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "RuntimeError: the licence server is away" in copied and "Traceback" in copied
    dialog.close()
