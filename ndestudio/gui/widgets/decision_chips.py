"""What a file was taken for, a chip for each decision; pressing one shows the evidence and the other answers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton, QWidget, QWidgetAction

from ndestudio.data.decisions import TOPICS, Decision, Topic
from ndestudio.gui.building import discard, label
from ndestudio.gui.icons import icon
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.gui.widgets.flow_layout import FlowLayout

_LONGEST = 44
_SINGLE = 2
"""More decisions of one topic than these share a chip; those of the format of the whole text always do."""
_LISTED, _TOLD = 40, 8
"""Of the decisions that share a chip so many are in its menu, and so many in its tooltip."""
_WORDS = 380
"""Width of the sentences in a menu."""


class DecisionChip(QToolButton):
    """One decision, or all of a topic. Signals: answered(decision, position of the choice)."""

    answered = Signal(object, int)

    def __init__(self, decisions: Sequence[Decision]) -> None:
        super().__init__()
        self.decisions = tuple(decisions)
        self.setProperty("kind", "chip")
        self.setProperty("state", _state(self.decisions))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(14, 14))
        words = _words(self.decisions)
        self.setText(_short(words) + "  ▾")
        self.setToolTip("\n".join(one.sentence for one in self.decisions[:_TOLD]))
        self.setAccessibleName(words + _REMARKS[_state(self.decisions)])
        self.setAccessibleDescription(" ".join(one.sentence for one in self.decisions[:_TOLD]))
        self.clicked.connect(lambda: self.menu_now().popup(self.mapToGlobal(QPoint(0, self.height()))))
        follow(self, self._restyle)

    def menu_now(self) -> QMenu:
        """The evidence and the answers."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        if len(self.decisions) == 1:
            self._fill(menu, self.decisions[0])
            return menu
        for decision in self.decisions[:_LISTED]:
            inner = QMenu(_short(_line(decision)), menu)
            menu.addMenu(inner)
            if decision.open or not decision.certain:
                inner.setIcon(icon("help", colours().warning))
            self._fill(inner, decision)
        if len(self.decisions) > _LISTED:
            menu.addAction(f"and {len(self.decisions) - _LISTED} more, see Columns").setEnabled(False)
        return menu

    def _fill(self, menu: QMenu, decision: Decision) -> None:
        sentence = decision.sentence
        if not decision.open and not decision.certain:
            sentence += "\nThis was guessed with little evidence."
        words = label(sentence, "muted", wrap=True)
        words.setFixedWidth(_WORDS)
        words.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        told = QWidgetAction(menu)
        told.setDefaultWidget(words)
        menu.addAction(told)
        if decision.choices:
            menu.addSeparator()
        group = QActionGroup(menu)
        for position, choice in enumerate(decision.choices):
            action = QAction(choice.label.replace("`", "").replace("&", "&&"), menu)
            action.setCheckable(True)
            action.setChecked(position == decision.chosen)
            group.addAction(action)
            action.triggered.connect(
                lambda _=False, decision=decision, position=position: self.answered.emit(decision, position)
            )
            menu.addAction(action)

    def _restyle(self) -> None:
        c, state = colours(), _state(self.decisions)
        name, colour = {"open": ("error", c.error), "guess": ("help", c.warning)}.get(state, ("check", c.good))
        self.setIcon(icon(name, colour))


class DecisionChips(QWidget):
    """Signals: answered(decision, position of the choice)."""

    answered = Signal(object, int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("What the file was taken for")
        self._flow = FlowLayout(self, GRID)
        self.setLayout(self._flow)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.chips: list[DecisionChip] = []
        self._shown: tuple[Decision, ...] = ()

    def show_decisions(self, decisions: tuple[Decision, ...]) -> None:
        """Show decisions, the open ones first."""
        if decisions == self._shown:
            return
        self._shown = decisions
        for old in self.chips:
            self._flow.removeWidget(old)
            discard(old)
        self.chips = [DecisionChip(group) for group in grouped(decisions)]
        for chip in self.chips:
            chip.answered.connect(self.answered)
            self._flow.addWidget(chip)
        self.setVisible(bool(decisions))
        self.updateGeometry()

    def chip(self, topic: Topic, column: str | None = None) -> DecisionChip:
        """The chip of a topic (and column)."""
        for chip in self.chips:
            if any(one.topic == topic and column in (None, one.column) for one in chip.decisions):
                return chip
        raise KeyError(topic)


def grouped(decisions: Sequence[Decision]) -> list[tuple[Decision, ...]]:
    """Decisions that share a chip: the many of one topic, but open questions alone; in the order of the topics."""
    groups: list[tuple[Decision, ...]] = [(one,) for one in decisions if one.open]
    for topic in TOPICS:
        taken = [one for one in decisions if one.topic == topic and not one.open]
        if topic == "format":  # that of the whole text is one thing, that of a column another
            whole = tuple(one for one in taken if one.column is None)
            taken = [one for one in taken if one.column is not None]
            groups += _shared(taken) + ([whole] if whole else [])
        else:
            groups += _shared(taken)
    return groups


def _shared(decisions: Sequence[Decision]) -> list[tuple[Decision, ...]]:
    return [tuple(decisions)] if len(decisions) > _SINGLE else [(one,) for one in decisions]


_REMARKS = {"open": ", a question that is open", "guess": ", guessed with little evidence", "": ""}


def _state(decisions: Sequence[Decision]) -> str:
    return (
        "open" if any(one.open for one in decisions) else "guess" if any(not one.certain for one in decisions) else ""
    )


def _words(decisions: Sequence[Decision]) -> str:
    first = decisions[0]
    if len(decisions) == 1:
        return f"{TOPICS[first.topic]}: {_answer(first, with_column=True)}"
    columns = [one.column for one in decisions if one.column]
    what = f"{len(decisions)} columns" if len(columns) == len(decisions) else f"{len(decisions)} decisions"
    if first.topic == "format" and not columns:
        what = ", ".join(_answer(one, with_column=False) for one in decisions)
    return f"{TOPICS[first.topic]}: {what}"


def _line(decision: Decision) -> str:
    return _answer(decision, with_column=True)


def _answer(decision: Decision, *, with_column: bool) -> str:
    column = f"{decision.column}, " if decision.column and with_column else ""
    if decision.chosen is None:
        return f"{column}?"
    if not decision.choices:
        return column.removesuffix(", ") or decision.sentence
    return column + decision.choices[decision.chosen].label.replace("`", "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
