"""What the fit means, statement by statement, with the figures behind it and the page that has more."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ndestudio.fitting.explanation import Statement
from ndestudio.gui.building import column, discard, holder, label, row
from ndestudio.gui.help import help_button
from ndestudio.gui.theme import GRID, monospace


class ExplainPanel(QScrollArea):
    """Shows statements."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("What the fit means")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._shown: tuple[Statement, ...] | None = None
        self._list = QVBoxLayout()
        self._list.setSpacing(2 * GRID)
        self.empty = label("After a training, what it means is said here in plain words.", "muted", wrap=True)
        self.setWidget(holder(column(self.empty, self._list, 1, margins=GRID)))

    def show_statements(self, statements: tuple[Statement, ...]) -> None:
        """Show them; the same ones again cost nothing."""
        if statements == self._shown:
            return
        self._shown = statements
        while (item := self._list.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                discard(old)
        self.empty.setVisible(not statements)
        for one in statements:
            self._list.addWidget(_shown(one))


def _shown(one: Statement) -> QWidget:
    head = row(label(one.title, "heading", wrap=True), help_button(one.page, f"`{one.title}`"))
    head.setStretch(0, 1)
    parts: list[QWidget] = [label(one.words, wrap=True, selectable=True)]
    if one.figures:
        figures = label(
            "\n".join(f"{what}: {value}" for what, value in one.figures), "muted", wrap=True, selectable=True
        )
        figures.setFont(monospace(9))
        parts.append(figures)
    return holder(column(head, *parts, spacing=GRID // 2))
