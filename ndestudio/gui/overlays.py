"""What lies over or above the stages: the hint while files are dragged, the offer to recover lost work."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QMainWindow, QVBoxLayout

from ndestudio.gui.building import button, label, row
from ndestudio.gui.theme import GRID


class DropOverlay(QFrame):
    """Covers the window while files are dragged over it."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.setProperty("kind", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        words = label("Drop to open", "hero")
        hint = label("Data files, a folder of them, a spec or a project", "muted")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for one in (words, hint):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(one)
        layout.addStretch(1)
        self.hide()

    def cover(self) -> None:
        self.setGeometry(self._window.centralWidget().geometry().adjusted(GRID, GRID, -GRID, -GRID))
        self.show()
        self.raise_()


class RecoveryBanner(QFrame):
    """Offers the work of a session that ended unexpectedly. Signals: recover(), dismiss()."""

    recover = Signal()
    dismiss = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "banner")
        self._words = label("", wrap=True)
        layout = row(
            self._words,
            button("Recover", self.recover.emit, kind="primary"),
            button("Discard", self.dismiss.emit, tip="Throw the unsaved work away"),
            spacing=GRID,
        )
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.hide()

    def offer(self, modified: float) -> None:
        """Say when the work is from (`modified`: seconds since the epoch)."""
        when = datetime.fromtimestamp(modified).astimezone().strftime("%d %B %Y, %H:%M")
        self._words.setText(f"A session ended unexpectedly. Its unsaved work of {when} can be recovered.")
        self.show()
