"""Short messages over the lower right corner; details can be opened and copied."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from ndestudio.gui.building import button, column, discard, label, row, tool_button
from ndestudio.gui.icons import icon
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, colours, follow, monospace
from ndestudio.paths import user_state_dir
from ndestudio.session.shell import Toast

_WIDTH = 380
_KEPT = 4
_SECONDS = {"info": 5, "good": 5, "warning": 10, "error": 20}
_ICONS = {"info": "info", "good": "check", "warning": "warning", "error": "error"}


class ToastCard(QFrame):
    """One message. It closes after some seconds unless the pointer is over it."""

    def __init__(self, toast: Toast, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("kind", "toast")
        self.setFixedWidth(_WIDTH)
        self.toast = toast
        self._picture = QLabel()
        self.text = label(toast.text, wrap=True, selectable=True)
        self.setAccessibleName(toast.text)
        close = tool_button("close", "Dismiss this message", self.dismiss)
        content = column(self.text, spacing=GRID // 2)
        if toast.details:
            content.addLayout(row(button("Details", self._show_details, kind="link"), 1))
        layout = row(self._picture, content, close, spacing=GRID + 4, margins=GRID + 4)
        layout.setStretch(1, 1)
        layout.setAlignment(self._picture, Qt.AlignmentFlag.AlignTop)
        layout.setAlignment(close, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._timer.start(_SECONDS[toast.level] * 1000)
        follow(self, self._restyle)

    def dismiss(self) -> None:
        self._timer.stop()
        discard(self)

    def enterEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._timer.start(_SECONDS[self.toast.level] * 1000)
        super().leaveEvent(event)

    def _show_details(self) -> None:
        DetailsDialog(self.toast, self.window()).open()

    def _restyle(self) -> None:
        c = colours()
        colour = {"info": c.accent, "good": c.good, "warning": c.warning, "error": c.error}[self.toast.level]
        self._picture.setPixmap(icon(_ICONS[self.toast.level], colour).pixmap(20, 20))


class DetailsDialog(QDialog):
    """The details of a message, for copying into a report."""

    def __init__(self, toast: Toast, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Details")
        self.resize(720, 420)
        text = QPlainTextEdit(toast.details)
        text.setReadOnly(True)
        text.setFont(monospace(9.5))
        text.setAccessibleName("Details of the message")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = box.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(f"{toast.text}\n\n{toast.details}"))
        log = box.addButton("Log folder", QDialogButtonBox.ButtonRole.ActionRole)
        log.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(user_state_dir() / "log"))))
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(label(toast.text, wrap=True))
        layout.addWidget(text)
        layout.addWidget(box)


class Toasts(QObject):
    """Stacks messages over the lower right corner of a window."""

    def __init__(self, window: QWidget, bottom_margin: int = 5 * GRID) -> None:
        super().__init__(window)
        self._window = window
        self._margin = bottom_margin
        self._cards: list[ToastCard] = []
        window.installEventFilter(self)

    def show(self, toast: Toast) -> ToastCard:
        """Show a message; the same text again replaces the older one."""
        for card in [card for card in self._cards if card.toast.text == toast.text] + self._cards[: -_KEPT + 1]:
            card.dismiss()
        card = ToastCard(toast, self._window)
        self._cards = [one for one in self._cards if not one.isHidden()]
        self._cards.append(card)
        card.destroyed.connect(self._forget)
        card.show()
        self._place()
        return card

    @property
    def texts(self) -> list[str]:
        """What is shown now, oldest first."""
        return [card.toast.text for card in self._cards if not card.isHidden()]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place()
        return False

    def _forget(self) -> None:
        self._cards = [card for card in self._cards if _alive(card) and not card.isHidden()]
        self._place()

    def _place(self) -> None:
        bottom = self._window.height() - self._margin
        for card in reversed([card for card in self._cards if _alive(card) and not card.isHidden()]):
            card.resize(_WIDTH, card.heightForWidth(_WIDTH))
            bottom -= card.height()
            card.move(self._window.width() - _WIDTH - 2 * GRID, bottom)
            card.raise_()
            bottom -= GRID


def _alive(widget: QWidget) -> bool:
    from shiboken6 import isValid

    return isValid(widget)
