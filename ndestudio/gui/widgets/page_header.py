"""The head of a page: its title, what there is to say of it in a sentence, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.gui.building import label, row
from ndestudio.gui.help import PAGES, help_button
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel


class PageHeader(QWidget):
    """The sentence stands beside the title where it has room, else on lines of its own below: its end, where the numbers
    are, is never left out.

    Parameters
    ----------
    controls
        From left to right; the last one is the next step.
    """

    def __init__(self, title: str, sentence: ElidedLabel, *controls: QWidget, spacing: int = GRID) -> None:
        super().__init__()
        self._title = label(title, "title")
        if title in PAGES:
            controls = (help_button(PAGES[title], f"the stage {title}"), *controls)
        self._sentence, self._controls, self._spacing = sentence, controls, spacing
        self._below = False
        self._top = row(self._title, sentence, *controls, spacing=spacing)
        self._top.setStretch(1, 1)
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(GRID // 2)
        self._outer.addLayout(self._top)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def event(self, event: QEvent) -> bool:
        """What the sentence says, or which controls there are, may have changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def _place(self) -> None:
        shown = [self._title, *(one for one in self._controls if not one.isHidden())]
        taken = sum(one.sizeHint().width() + self._spacing for one in shown)
        below = self._sentence.text_width() > self.width() - taken
        if below == self._below:
            return
        self._below = below
        if below:
            self._top.removeWidget(self._sentence)
            self._top.insertStretch(1, 1)
            self._outer.addWidget(self._sentence)
        else:
            self._outer.removeWidget(self._sentence)
            self._top.takeAt(1)
            self._top.insertWidget(1, self._sentence, 1)
        self._sentence.wrap(below)
