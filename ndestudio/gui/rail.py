"""The left rail: five stages, each with a mark of how far it is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QButtonGroup, QToolButton, QVBoxLayout, QWidget

from ndestudio.gui.icons import icon
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.session.ports import STAGES, Stage
from ndestudio.session.shell import Mark

WIDTH = 11 * GRID
_TITLES: dict[Stage, str] = {"data": "Data", "model": "Model", "train": "Train", "distil": "Distil", "export": "Export"}
_MARK_WORDS: dict[Mark, str] = {"": "", "done": "done", "problem": "has a problem", "running": "running"}


class StageButton(QToolButton):
    """A stage of the rail, with a dot that says how it stands."""

    def __init__(self, stage: Stage, number: int) -> None:
        super().__init__()
        self.stage: Stage = stage
        self.mark: Mark = ""
        self._number = number
        self.setProperty("kind", "stage")
        self.setText(_TITLES[stage])
        self.setIconSize(QSize(24, 24))
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setFixedHeight(64)
        self.show_mark("")

    def show_mark(self, mark: Mark) -> None:
        self.mark = mark
        word = _MARK_WORDS[mark]
        self.setAccessibleName(f"{_TITLES[self.stage]}{', ' + word if word else ''}")
        self.setToolTip(f"{_TITLES[self.stage]}{' – ' + word if word else ''}  (Ctrl+{self._number})")
        self.update()

    def paintEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().paintEvent(event)
        if not self.mark:
            return
        c = colours()
        colour = {"done": c.good, "problem": c.error, "running": c.accent}[self.mark]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(c.surface), 2))
        painter.setBrush(QColor(colour))
        painter.drawEllipse(QRectF(self.width() / 2 + 10, 8, 10, 10))
        painter.end()


class Rail(QWidget):
    """Signals: chosen(stage)."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.buttons: dict[Stage, StageButton] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID // 2)
        for number, stage in enumerate(STAGES, start=1):
            made = StageButton(stage, number)
            made.clicked.connect(lambda _=False, stage=stage: self.chosen.emit(stage))
            self._group.addButton(made)
            self.buttons[stage] = made
            layout.addWidget(made)
        layout.addStretch(1)
        follow(self, self._restyle)

    def show_stage(self, stage: Stage | None, marks: tuple[Mark, ...]) -> None:
        """Highlight a stage (None: none of them) and mark all."""
        for name, mark in zip(STAGES, marks, strict=True):
            if self.buttons[name].mark != mark:
                self.buttons[name].show_mark(mark)
        self._group.setExclusive(False)
        for name, made in self.buttons.items():
            made.setChecked(name == stage)
        self._group.setExclusive(True)

    def _restyle(self) -> None:
        c = colours()
        for stage, made in self.buttons.items():
            made.setIcon(icon(stage, c.muted, c.accent))
