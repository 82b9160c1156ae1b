"""Small dialogs: about, device, shortcuts."""

from __future__ import annotations

import platform
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ndestudio import __version__
from ndestudio.gui.actions import ACTIONS, Actions, unfit
from ndestudio.gui.building import button, card, column, label, row
from ndestudio.gui.icons import application_icon
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, monospace
from ndestudio.progress import Reporter
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore


class _Dialog(QDialog):
    """A dialog with margins on the grid that is gone once closed."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle(title)
        self.content = QVBoxLayout(self)
        self.content.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        self.content.setSpacing(2 * GRID)

    def add_buttons(self, *kinds: QDialogButtonBox.StandardButton) -> QDialogButtonBox:
        box = QDialogButtonBox()
        for kind in kinds:
            box.addButton(kind)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        self.content.addWidget(box)
        return box


class AboutDialog(_Dialog):
    """Name, version, licence."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("About NDE Studio", parent)
        picture = QLabel()
        picture.setPixmap(application_icon().pixmap(64, 64))
        words = column(
            label("NDE Studio", "title"),
            label(f"Version {__version__}", "muted"),
            label("From measured time series to equations a person can read, trust and use elsewhere.", wrap=True),
            label("Apache License 2.0. Fonts: Inter and JetBrains Mono, SIL Open Font License.", "muted", wrap=True),
        )
        self.content.addLayout(row(picture, words, spacing=2 * GRID))
        self.add_buttons(QDialogButtonBox.StandardButton.Close)
        self.setMinimumWidth(440)


class DeviceDialog(_Dialog):
    """What computes, and why no GPU. JAX is asked on a worker."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Device", parent)
        self._session = session
        self._form = QFormLayout()
        self._device = label("Looking…", wrap=True, selectable=True)
        self._why = label("", "muted", wrap=True, selectable=True)
        self._form.addRow("Computes on", self._device)
        self._memory = label("", selectable=True)
        self._form.addRow("Memory", self._memory)
        self._form.addRow("Processor", label(f"{platform.machine()}, {_cores()} cores", selectable=True))
        self._form.addRow("Python", label(platform.python_version(), selectable=True))
        self.content.addLayout(self._form)
        self.content.addWidget(self._why)
        command = QLineEdit("pip install 'ndestudio[cuda]'")
        command.setReadOnly(True)
        command.setFont(monospace(9.5))
        command.setAccessibleName("Command that installs GPU support")
        command.setToolTip("Run it in the environment of this program, then start the program again")
        copy = button("Copy", lambda: QGuiApplication.clipboard().setText(command.text()), icon_name="copy")
        self._install = card(
            label("With an NVIDIA GPU and its driver on Linux, this adds GPU support:", wrap=True), row(command, copy)
        )
        self._install.hide()
        self.content.addWidget(self._install)
        self.add_buttons(QDialogButtonBox.StandardButton.Close)
        self.setMinimumWidth(520)
        if session.device is not None:
            self._show(session.device)
        else:
            session.tasks.start("device", "Asking for devices", _device, done=self._on_device, failed=self._on_failed)

    def reject(self) -> None:
        self._session.tasks.discard("device")
        super().reject()

    def _on_device(self, device: Any) -> None:
        self._session.device = device
        self._show(device)

    def _on_failed(self, failed: Any) -> None:
        self._device.setText(failed.sentence)

    def _show(self, device: Any) -> None:
        self._device.setText(f"{device.kind.upper()}, {device.name}")
        self._memory.setText(f"{device.memory / 2**30:.1f} GiB" if device.memory else "not known")
        self._why.setText(device.why_no_gpu)
        self._install.setVisible(device.kind != "gpu")
        self.adjustSize()


class _KeysEdit(QKeySequenceEdit):
    """Takes keys for an action. Escape closes the dialog, as everywhere, and Tab goes on."""

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.ignore()
                return False
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
                self.window().close()
                return True
        return super().event(event)


class ShortcutsDialog(_Dialog):
    """All shortcuts, each of which can be changed; keys used twice are refused."""

    def __init__(self, actions: Actions, settings: SettingsStore, parent: QWidget) -> None:
        super().__init__("Keyboard shortcuts", parent)
        self._actions, self._settings = actions, settings
        self._edits: dict[str, QKeySequenceEdit] = {}
        form = QFormLayout()
        form.setContentsMargins(0, 0, 2 * GRID, 0)
        for spec in ACTIONS:
            words = spec.text.replace("&", "").replace("…", "")
            edit = _KeysEdit(QKeySequence(settings.value.shortcuts.get(spec.name, spec.keys)))
            edit.setAccessibleName(f"Keys for {words}")
            edit.setMaximumSequenceLength(1)
            edit.setClearButtonEnabled(True)
            edit.keySequenceChanged.connect(self._check)
            form.addRow(words, edit)
            self._edits[spec.name] = edit
        inner = QWidget()
        inner.setLayout(form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inner)
        self._problem = label("", "error", wrap=True)
        self.content.addWidget(area)
        self.content.addWidget(self._problem)
        kinds = QDialogButtonBox.StandardButton
        self._box = self.add_buttons(kinds.Ok, kinds.Cancel, kinds.RestoreDefaults)
        self._box.button(kinds.RestoreDefaults).clicked.connect(self._restore)
        self.resize(480, 560)

    def accept(self) -> None:
        chosen = {
            spec.name: self._edits[spec.name].keySequence().toString()
            for spec in ACTIONS
            if self._edits[spec.name].keySequence() != QKeySequence(spec.keys)
        }
        self._settings.change(shortcuts=chosen)
        self._actions.use_shortcuts(chosen)
        super().accept()

    def _restore(self) -> None:
        for spec in ACTIONS:
            self._edits[spec.name].setKeySequence(QKeySequence(spec.keys))

    def _check(self) -> None:
        used: dict[str, str] = {}
        problem = ""
        for spec in ACTIONS:
            chosen = self._edits[spec.name].keySequence()
            keys = chosen.toString()
            words = spec.text.replace("&", "").replace("…", "")
            problem = problem or unfit(chosen)
            if keys and keys in used:
                problem = f"{keys} is used by both {used[keys]} and {words}; change one of them."
            used[keys] = words
        self._problem.setText(problem)
        self._box.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)


def _cores() -> int:
    import os

    return os.cpu_count() or 1


def _device(*, reporter: Reporter) -> Any:
    from ndestudio.fitting import device_info

    del reporter
    return device_info()
