"""The command palette: every action by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QKeySequence, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QTabWidget, QTreeView, QVBoxLayout, QWidget
from shiboken6 import isValid

from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID

_ORDER = Qt.ItemDataRole.UserRole + 1
_NATIVE = QKeySequence.SequenceFormat.NativeText


def match(pattern: str, text: str) -> float | None:
    """How well the letters of `pattern`, in order, occur in `text`; smaller is better, None is not at all."""
    if not pattern.strip():
        return 0.0
    pattern, text = pattern.lower().replace(" ", ""), text.lower()
    position, cost = -1, 0.0
    for letter in pattern:
        found = text.find(letter, position + 1)
        if found < 0:
            return None
        gap = found - position - 1
        at_word = found == 0 or not text[found - 1].isalnum()
        cost += 0 if gap == 0 and position >= 0 else 0.3 if at_word else 1 + gap * 0.05
        position = found
    return cost + 0.001 * len(text)


@dataclass(frozen=True)
class Entry:
    """Something that can be done: its words, keys and picture, and what does it."""

    words: str
    run: Callable[[], object]
    keys: str = ""
    icon: QIcon | None = None


def action_entries(actions: Sequence[QAction]) -> list[Entry]:
    """The actions that can be chosen now."""
    return [
        Entry(_words(action), action.trigger, action.shortcut().toString(_NATIVE), action.icon())
        for action in actions
        if action.isEnabled() and action.isVisible() and action.text()
    ]


def view_entries(view: QWidget) -> list[Entry]:
    """What the visible stage offers: its buttons that can be pressed, and its tabs that are not in front."""
    buttons = [one for one in view.findChildren(QPushButton) if one.isVisible() and one.isEnabled() and one.text()]
    pages = [
        (tabs, position)
        for tabs in view.findChildren(QTabWidget)
        for position in range(tabs.count() if tabs.isVisible() else 0)
        if position != tabs.currentIndex() and tabs.isTabEnabled(position)
    ]
    return [
        *(Entry(one.text(), partial(_press, one)) for one in buttons),
        *(Entry(f"Show {tabs.tabText(to)}", partial(tabs.setCurrentIndex, to)) for tabs, to in pages),
    ]


def _press(button: QPushButton) -> None:
    if isValid(button) and button.isEnabled():
        button.click()


class CommandPalette(QDialog):
    """A line to type in and the actions that match; Enter runs the selected one."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget, view: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        passing(self)
        self._entries = action_entries(actions) + (view_entries(view) if view else [])
        nothing = QPixmap(16, 16)
        nothing.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(nothing)  # so that all names begin at one place
        self._line = QLineEdit()
        self._line.setPlaceholderText("Type to find an action")
        self._line.setAccessibleName("Find an action")
        self._model = QStandardItemModel(0, 2, self)
        self._chosen = False
        self._window = parent
        self._list = QTreeView()
        self._list.setModel(self._model)
        self._list.setHeaderHidden(True)
        self._list.setRootIsDecorated(False)
        self._list.setUniformRowHeights(True)
        self._list.setAccessibleName("Actions")
        self._list.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(self._line)
        layout.addWidget(self._list)
        self.resize(560, 380)
        self.move(
            parent.mapToGlobal(parent.rect().topLeft()).x() + (parent.width() - 560) // 2,
            parent.mapToGlobal(parent.rect().topLeft()).y() + 72,
        )
        self._line.textChanged.connect(self._filter)
        self._line.returnPressed.connect(self._run)
        self._list.activated.connect(self._run_index)
        self._list.clicked.connect(self._run_index)
        self._line.installEventFilter(self)
        self._filter("")
        self._line.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up and Down move in the list while typing goes on."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and self._model.rowCount():
                row = (self._list.currentIndex().row() + step) % self._model.rowCount()
                self._list.setCurrentIndex(self._model.index(row, 0))
                return True
        return False

    def _filter(self, pattern: str) -> None:
        scored = [(match(pattern, entry.words), order) for order, entry in enumerate(self._entries)]
        found = sorted((cost, order) for cost, order in scored if cost is not None)
        self._model.removeRows(0, self._model.rowCount())
        for _, order in found:
            entry = self._entries[order]
            name = QStandardItem(self._blank if entry.icon is None or entry.icon.isNull() else entry.icon, entry.words)
            name.setData(order, _ORDER)
            keys = QStandardItem(entry.keys)
            keys.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._model.appendRow([name, keys])
        self._list.setColumnWidth(0, 400)
        if found:
            self._list.setCurrentIndex(self._model.index(0, 0))

    def _run(self) -> None:
        self._run_index(self._list.currentIndex())

    def _run_index(self, index: QModelIndex) -> None:
        """Close, and run the entry once the key or click that chose it is dealt with: it may open a dialog."""
        if self._chosen:
            return
        order = index.siblingAtColumn(0).data(_ORDER)
        self._chosen = order is not None
        self.close()
        if order is not None:
            QTimer.singleShot(0, self._window, self._entries[order].run)


def _words(action: QAction) -> str:
    return str(action.property("palette") or "") or action.text().replace("&", "").replace("…", "")
