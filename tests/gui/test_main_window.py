from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QMenuBar,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ndestudio import paths
from ndestudio.gui import theme
from ndestudio.gui.actions import ACTIONS
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session
from ndestudio.session.shell import Stage, Toast
from tests.gui.helpers import drop


def test_an_empty_window_shows_the_start_page(window: MainWindow):
    assert window.stack.currentWidget() is window.start_page
    assert "Untitled" in window.windowTitle()


def test_a_dropped_file_opens_the_data_stage(window: MainWindow, csv: Path, settle: Callable[[], None]):
    drop(window, [csv])
    settle()
    assert window.stack.currentWidget() is window.views["data"]
    assert window.rail.buttons["data"].mark == "done"
    assert not window.overlay.isVisible()


def test_something_else_is_not_taken(window: MainWindow):
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QDragEnterEvent

    data = QMimeData()
    data.setText("hello")
    event = QDragEnterEvent(
        window.rect().center(),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    window.dragEnterEvent(event)
    assert not event.isAccepted()


def test_stages_are_reached_by_keys(window: MainWindow, csv: Path, settle: Callable[[], None], qtbot: QtBot):
    drop(window, [csv])
    settle()
    keys: dict[Stage, Qt.Key] = {"model": Qt.Key.Key_2, "export": Qt.Key.Key_5, "data": Qt.Key.Key_1}
    for stage, key in keys.items():
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.session.stage == stage
        assert window.stack.currentWidget() is window.views[stage]
        assert window.rail.buttons[stage].isChecked()


def test_undo_and_redo_are_actions(window: MainWindow, csv: Path, settle: Callable[[], None]):
    drop(window, [csv])
    settle()
    assert window.actions_["undo"].text() == "&Undo Open lynx.csv"
    window.actions_["undo"].trigger()
    assert window.session.project.dataset is None
    window.actions_["redo"].trigger()
    settle()
    assert window.session.project.dataset is not None


def test_the_session_is_copied_as_script_and_as_spec(window: MainWindow, csv: Path, settle: Callable[[], None]):
    from PySide6.QtGui import QGuiApplication

    from ndestudio.project import parse_spec

    assert not window.actions_["copy-script"].isEnabled(), "there is nothing to copy yet"
    drop(window, [csv])
    settle()
    window.actions_["copy-script"].trigger()
    text = QGuiApplication.clipboard().text()
    compile(text, "script", "exec")
    assert "lynx.csv" in text
    window.actions_["copy-spec"].trigger()
    assert parse_spec(QGuiApplication.clipboard().text()) == window.session.project.spec
    assert window.toasts.texts == [
        "The session is on the clipboard as a Python script.",
        "The session is on the clipboard as a spec.",
    ]


def test_every_action_can_be_run_on_an_empty_project(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    from PySide6.QtGui import QDesktopServices
    from PySide6.QtWidgets import QDialog, QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda *_: True)
    for spec in ACTIONS:
        if spec.name in ("quit", "full-screen"):
            continue
        window.actions_[spec.name].trigger()
        for dialog in window.findChildren(QDialog):
            dialog.reject()
    window.actions_["scheme-light"].trigger()


def test_the_scheme_can_be_chosen_and_is_remembered(window: MainWindow, session: Session):
    window.actions_["scheme-dark"].trigger()
    assert theme.colours() is theme.DARK
    assert session.settings.value.scheme == "dark"
    assert window.palette().window().color().name() == theme.DARK.window
    window.actions_["scheme-light"].trigger()
    assert theme.colours() is theme.LIGHT


def test_shortcuts_are_unique(window: MainWindow):
    keys = [action.shortcut().toString() for action in window.actions_.all() if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("keys", ["Return", "A", "Shift+A", "Space", "Del", "Enter"])
def test_keys_that_type_are_no_shortcut(window: MainWindow, session: Session, keys: str):
    from PySide6.QtGui import QKeySequence
    from PySide6.QtWidgets import QDialogButtonBox

    from ndestudio.gui.dialogs import ShortcutsDialog

    dialog = ShortcutsDialog(window.actions_, session.settings, window)
    dialog._edits["train"].setKeySequence(QKeySequence(keys))
    assert "alone is needed for typing" in dialog._problem.text()
    assert not dialog._box.button(QDialogButtonBox.StandardButton.Ok).isEnabled()
    window.actions_.use_shortcuts({"train": keys})
    assert window.actions_["train"].shortcut().toString() == "F5", "what was kept from before is not used either"


def test_escape_closes_the_shortcuts_from_within_a_field(window: MainWindow, session: Session, qtbot: QtBot):
    from ndestudio.gui.dialogs import ShortcutsDialog

    dialog = ShortcutsDialog(window.actions_, session.settings, window)
    dialog.open()
    edit = dialog._edits["train"]
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert dialog.isHidden()


def test_a_shortcut_can_be_changed(window: MainWindow, session: Session):
    from ndestudio.gui.dialogs import ShortcutsDialog

    dialog = ShortcutsDialog(window.actions_, session.settings, window)
    dialog._edits["train"].setKeySequence("F9")
    dialog.accept()
    assert window.actions_["train"].shortcut().toString() == "F9"
    assert session.settings.value.shortcuts == {"train": "F9"}


def test_the_device_panel_says_what_computes_and_how_a_gpu_would(window: MainWindow, session: Session):
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtWidgets import QLabel, QPushButton

    from ndestudio.gui.dialogs import DeviceDialog
    from ndestudio.solve.device import Device

    session.device = Device("cpu", "A processor, 2 cores", "JAX sees no GPU on this machine.", 8 * 2**30)
    window.actions_["device"].trigger()
    (dialog,) = window.findChildren(DeviceDialog)
    words = [one.text() for one in dialog.findChildren(QLabel)]
    for expected in ("CPU, A processor, 2 cores", "8.0 GiB", "JAX sees no GPU on this machine."):
        assert expected in words
    next(one for one in dialog.findChildren(QPushButton) if one.text() == "Copy").click()
    assert QGuiApplication.clipboard().text() == "pip install 'ndestudio[cuda]'"
    dialog.reject()


def test_keys_used_twice_are_refused(window: MainWindow, session: Session):
    from ndestudio.gui.dialogs import ShortcutsDialog

    dialog = ShortcutsDialog(window.actions_, session.settings, window)
    dialog._edits["train"].setKeySequence("Ctrl+S")
    assert "Ctrl+S is used by both Save and Train" in dialog._problem.text()
    dialog.reject()


def test_messages_are_shown_and_replaced(window: MainWindow):
    window.show_toast(Toast("one"))
    window.show_toast(Toast("two", "error", "details"))
    window.show_toast(Toast("one"))
    assert window.toasts.texts == ["two", "one"]
    assert all(card.geometry().right() <= window.width() for card in window.toasts._cards)


def test_unsaved_work_is_asked_about(
    window: MainWindow, csv: Path, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    from PySide6.QtWidgets import QMessageBox

    drop(window, [csv])
    settle()
    asked: list[str] = []

    def cancel(box: QMessageBox) -> QMessageBox.StandardButton:
        asked.append(box.text())
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "exec", cancel)
    assert window.isWindowModified()
    window.close()
    assert window.isVisible()
    assert asked == ["The project has changes that are not saved."]


@pytest.mark.parametrize(
    ("words", "files"), [("New project", 1), ("Replace the data", 1), ("Add as further runs", 2), ("Cancel", 0)]
)
def test_data_dropped_on_a_project_are_asked_about(
    window: MainWindow,
    csv: Path,
    tmp_path: Path,
    settle: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    files: int,
):
    from PySide6.QtWidgets import QMessageBox

    drop(window, [csv])
    settle()
    window.session.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    other = tmp_path / "later.csv"
    other.write_text(csv.read_text(encoding="utf-8"), encoding="utf-8")
    asked: list[str] = []

    def answer(box: QMessageBox) -> int:
        asked.append(box.text())
        wanted = words if box.text().startswith("What should") else "Discard"
        next(one for one in box.buttons() if one.text().replace("&", "") == wanted).click()
        return int(box.standardButton(box.clickedButton()))

    monkeypatch.setattr(QMessageBox, "exec", answer)
    drop(window, [other])
    settle()
    assert asked[0] == "What should be done with later.csv?"
    names = [Path(one).name for one in window.session.project.spec.data.files]
    assert names == [[csv.name], ["later.csv"], [csv.name, "later.csv"]][files]
    kept = window.session.project.spec.model.equations.startswith("d(hare)/dt = a*hare")
    assert kept == (words != "New project")


def test_saving_to_a_file(
    window: MainWindow, csv: Path, tmp_path: Path, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    from PySide6.QtWidgets import QFileDialog

    drop(window, [csv])
    settle()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "work.nde"), ""))
    window.actions_["save"].trigger()
    settle()
    assert (tmp_path / "work.nde").is_file()
    assert window.windowTitle().startswith("work")
    assert not window.isWindowModified()


def test_every_control_has_a_name_and_every_icon_button_a_tip(
    window: MainWindow, csv: Path, settle: Callable[[], None]
):
    drop(window, [csv])
    settle()
    for stage in ("data", "model", "export"):
        window.go(stage)
    settle()
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in window.findChildren(QWidget)
        if isinstance(widget, _CONTROLS) and not _is_part(widget) and not _name(widget)
    ]
    assert nameless == []


_CONTROLS = (QAbstractButton, QComboBox, QAbstractItemView, QAbstractSpinBox, QLineEdit)


def _name(widget: QWidget) -> str:
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")


def _is_part(widget: QWidget) -> bool:
    """Whether it belongs to a control (the list of a combo box, the header of a table)."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, (QComboBox, QAbstractSpinBox, QAbstractItemView, QTabBar, QLineEdit, QMenuBar)):
            return isinstance(widget, QHeaderView) or not isinstance(widget, QComboBox)
        parent = parent.parentWidget()
    return False


def test_recovery_is_offered(qtbot: QtBot, session: Session, light: theme.Theme, tmp_path: Path):
    from tests.session.test_autosave import dead_pid

    folder = tmp_path / "autosave"
    folder.mkdir()
    left = folder / f"{dead_pid()}-abc.nde"
    left.write_bytes(b"")
    window = MainWindow(session)
    qtbot.addWidget(window)
    assert not window.banner.isHidden()
    window.banner.dismiss.emit()
    assert window.banner.isHidden()
    assert not left.exists()


def test_actions_have_text_and_tips(window: MainWindow):
    for action in window.actions_.all():
        assert isinstance(action, QAction)
        assert action.text()
        assert action.toolTip()


def test_help_opens_the_documentation_or_says_that_there_is_none(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(opened.append(url.toLocalFile())) or True)
    monkeypatch.setattr(paths, "resources_dir", lambda: tmp_path)
    window.actions_["documentation"].trigger()
    assert not opened
    assert "make docs" in window.toasts.texts[-1]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<html></html>")
    window.actions_["documentation"].trigger()
    assert [Path(one) for one in opened] == [tmp_path / "site" / "index.html"]
