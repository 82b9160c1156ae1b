"""A label of one line that ends in an ellipsis where there is no room; its tooltip has the whole text."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from ndestudio.gui.building import set_kind
from ndestudio.session.ports import Level

KINDS: Mapping[Level, str] = {"info": "muted", "good": "good", "warning": "warning", "error": "error"}
"""Level of a result -> kind of the label that says it."""


def shortened(text: str, most: int) -> str:
    """At most so many characters: long names of columns differ at their ends, so that the middle is left out."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"


class ElidedLabel(QLabel):
    """Takes the width that is left."""

    def __init__(self, kind: str = "muted") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("kind", kind)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str, kind: str) -> None:
        """Show a sentence in the colour of its kind."""
        if text != self.text():
            self.setText(text)
            self.setToolTip(text)
            self.updateGeometry()  # a page header may have to put it elsewhere
        set_kind(self, kind)

    def text_width(self) -> int:
        """Pixels that the whole text takes on one line."""
        return self.fontMetrics().horizontalAdvance(self.text()) if self.text() else 0

    def wrap(self, on: bool) -> None:
        """Break the text into lines, all of which are shown, instead of ending in an ellipsis."""
        self.setWordWrap(on)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(on)
        self.setSizePolicy(policy)
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.fontMetrics().height() if self.wordWrap() else super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.wordWrap():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        self.style().drawItemText(
            painter,
            self.rect(),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            self.palette(),
            self.isEnabled(),
            text,
            self.foregroundRole(),
        )
        painter.end()
