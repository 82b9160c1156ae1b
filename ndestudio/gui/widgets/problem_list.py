"""Sentences about what is to be put right, each beside an icon; pressing one goes to the place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from ndestudio.gui.building import discard, label, row
from ndestudio.gui.icons import icon
from ndestudio.gui.theme import GRID, colours, follow


class ProblemRow(QFrame):
    """One sentence, with an action where it can be put right at once."""

    def __init__(self, place: str, sentence: str, level: str, action: str) -> None:
        super().__init__()
        self._level = level
        self._picture = QLabel()
        self._picture.setFixedSize(18, 18)
        self.text = label(
            f"{place}: {sentence}" if place else sentence[:1].upper() + sentence[1:], wrap=True, selectable=True
        )
        self.button = QPushButton(action)
        self.button.setVisible(bool(action))
        layout = row(self._picture, self.text, self.button, spacing=GRID)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        follow(self, self._restyle)

    def _restyle(self) -> None:
        c = colours()
        colour = {"error": c.error, "warning": c.warning}.get(self._level, c.muted)
        name = {"error": "error", "warning": "warning"}.get(self._level, "info")
        self._picture.setPixmap(icon(name, colour).pixmap(QSize(18, 18)))


class ProblemList(QWidget):
    """Signals: chosen(position), acted(position)."""

    chosen = Signal(int)
    acted = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GRID // 2)
        self._shown: tuple[tuple[str, str, str, str], ...] = ()
        self.rows: list[ProblemRow] = []

    def show_problems(self, problems: Sequence[tuple[str, str, str, str]], limit: int = 6) -> None:
        """Show (place, sentence, level, words of the action or "") each; beyond the limit only their number."""
        problems = tuple(problems)
        if problems == self._shown:
            return
        self._shown = problems
        for old in self.rows:
            self._layout.removeWidget(old)
            discard(old)
        self.rows = []
        listed = list(problems[:limit])
        if len(problems) > limit:
            listed.append(("", f"and {len(problems) - limit} more", "info", ""))
        for position, (place, sentence, level, action) in enumerate(listed):
            made = ProblemRow(place, sentence, level, action)
            made.button.clicked.connect(lambda _=False, position=position: self.acted.emit(position))
            made.mousePressEvent = lambda event, position=position: self.chosen.emit(position)  # type: ignore[method-assign]
            self._layout.addWidget(made)
            self.rows.append(made)
        self.setVisible(bool(listed))

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(problem[1] for problem in self._shown)
