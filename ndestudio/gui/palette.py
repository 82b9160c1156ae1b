"""The command palette: every action by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QTabWidget, QTreeView, QVBoxLayout, QWidget

from ndestudio.gui.theme import GRID

_ACTION = Qt.ItemDataRole.UserRole + 1


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


def view_actions(view: QWidget, parent: QWidget) -> tuple[QAction, ...]:
    """What the visible stage offers: its buttons that can be pressed, and its tabs that are not in front.

    Arguments:
        parent: what the actions live as long as.
    """
    made = []

    def offer(words: str, act: Callable[[], object]) -> None:
        action = QAction(words, parent)
        action.triggered.connect(lambda _=False: act())
        made.append(action)

    for button in view.findChildren(QPushButton):
        if button.isVisible() and button.isEnabled() and button.text():
            offer(button.text(), button.click)
    for tabs in view.findChildren(QTabWidget):
        for position in range(tabs.count() if tabs.isVisible() else 0):
            if position != tabs.currentIndex() and tabs.isTabEnabled(position):
                offer(f"Show {tabs.tabText(position)}", lambda tabs=tabs, to=position: tabs.setCurrentIndex(to))
    return tuple(made)


class CommandPalette(QDialog):
    """A line to type in and the actions that match; Enter runs the selected one."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget, view: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        actions = [*actions, *(view_actions(view, self) if view else ())]
        self._actions = [action for action in actions if action.isEnabled() and action.isVisible() and action.text()]
        nothing = QPixmap(16, 16)
        nothing.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(nothing)  # so that all names begin at one place
        self._line = QLineEdit()
        self._line.setPlaceholderText("Type to find an action")
        self._line.setAccessibleName("Find an action")
        self._model = QStandardItemModel(0, 2, self)
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
        scored = [(match(pattern, _words(action)), order, action) for order, action in enumerate(self._actions)]
        found = sorted((cost, order, action) for cost, order, action in scored if cost is not None)
        self._model.removeRows(0, self._model.rowCount())
        for _, _, action in found:
            name = QStandardItem(action.icon() if not action.icon().isNull() else self._blank, _words(action))
            name.setData(action, _ACTION)
            keys = QStandardItem(action.shortcut().toString(action.shortcut().SequenceFormat.NativeText))
            keys.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._model.appendRow([name, keys])
        self._list.setColumnWidth(0, 400)
        if found:
            self._list.setCurrentIndex(self._model.index(0, 0))

    def _run(self) -> None:
        self._run_index(self._list.currentIndex())

    def _run_index(self, index: QModelIndex) -> None:
        action = index.siblingAtColumn(0).data(_ACTION)
        self.close()
        if isinstance(action, QAction):
            action.trigger()


def _words(action: QAction) -> str:
    return str(action.property("palette") or "") or action.text().replace("&", "").replace("…", "")
