"""Sentences about what is to be put right, each beside an icon; pressing one goes to the place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ndestudio.gui.building import column, discard, label, row
from ndestudio.gui.icons import icon
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.gui.widgets.flow_layout import FlowLayout

Problem: TypeAlias = tuple[str, str, str, tuple[str, ...]]
"""Place, sentence, level, words of the buttons."""


class ProblemRow(QFrame):
    """One sentence, with a button for each thing that puts it right at once: beside it, several below it."""

    def __init__(self, place: str, sentence: str, level: str, actions: Sequence[str]) -> None:
        super().__init__()
        self._level = level
        self._picture = QLabel()
        self._picture.setFixedSize(18, 18)
        self.text = label(
            f"{place}: {sentence}" if place else sentence[:1].upper() + sentence[1:], wrap=True, selectable=True
        )
        self.buttons = [QPushButton(_caption(words)) for words in actions]
        if len(self.buttons) > 1:
            answers = QWidget()
            flow = FlowLayout(answers, GRID)
            for one in self.buttons:
                flow.addWidget(one)
            policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            answers.setSizePolicy(policy)
            layout = row(self._picture, column(self.text, answers), spacing=GRID)
        else:
            layout = row(self._picture, self.text, *self.buttons, spacing=GRID)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        follow(self, self._restyle)

    @property
    def button(self) -> QPushButton:
        """The first button."""
        return self.buttons[0]

    def _restyle(self) -> None:
        c = colours()
        colour = {"error": c.error, "warning": c.warning}.get(self._level, c.muted)
        name = {"error": "error", "warning": "warning", "question": "help"}.get(self._level, "info")
        colour = c.accent if self._level == "question" else colour
        self._picture.setPixmap(icon(name, colour).pixmap(QSize(18, 18)))


class ProblemList(QWidget):
    """Signals: chosen(position), acted(position, number of the button)."""

    chosen = Signal(int)
    acted = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GRID)
        self._shown: tuple[Problem, ...] = ()
        self.rows: list[ProblemRow] = []

    def show_problems(self, problems: Sequence[Problem], limit: int = 6) -> None:
        """Show problems; beyond the limit only their number."""
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
            listed.append(("", f"and {len(problems) - limit} more", "info", ()))
        for position, (place, sentence, level, actions) in enumerate(listed):
            made = ProblemRow(place, sentence, level, actions)
            for number, one in enumerate(made.buttons):
                one.clicked.connect(lambda _=False, position=position, number=number: self.acted.emit(position, number))
            made.mousePressEvent = lambda event, position=position: self.chosen.emit(position)  # type: ignore[method-assign]
            self._layout.addWidget(made)
            self.rows.append(made)
        self.setVisible(bool(listed))

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(problem[1] for problem in self._shown)


def _caption(words: str) -> str:
    """An answer as a button says it; names stay as they are."""
    plain = words.replace("`", "").replace("&", "&&")
    return plain if words.startswith("`") else plain[:1].upper() + plain[1:]
