"""What a monkey can do: actions as plain data, so that they can be logged and done again."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QItemSelectionModel, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QPlainTextEdit,
    QSplitter,
    QTabBar,
    QWidget,
)
from shiboken6 import isValid

from ndestudio.gui.main_window import MainWindow
from ndestudio.session.ports import STAGES

Action = dict[str, Any]

TEXTS = (
    *("", "0", "-1", "1e300", "nan", "3.5", "k", "x", "alpha", "1/h", "mg", "ü", "a b", "d(x)/dt", "x*y", "=", "((("),
    *("0.1, 0.2", "sin(t)", "None", "1" * 40, "; drop", "time", "t"),
)
EQUATIONS = (
    "d(hare)/dt = alpha*hare - predation(hare, lynx)\nd(lynx)/dt = growth(hare, lynx) - delta*lynx\n",
    "d(x)/dt = -k*x + f(x)\n",
    "d(x)/dt = a*x - f(x, y)\nd(y)/dt = f(x, y) - b*y\n",
    "d(x)/dt = ",
    "x' = sin(x",
    "d(x)/dt = 1/0\nd(x)/dt = x\n",
    "d(x)/dt = x^x^x^x\nz = q(q)\n",
    "",
)
KEYS = (
    "Tab",
    "Backtab",
    "Return",
    "Escape",
    "Space",
    "Backspace",
    "Delete",
    "Up",
    "Down",
    "Left",
    "Right",
    "Home",
    "End",
)
KEYS += ("PageUp", "PageDown", "F2", "F5", "F6", "Shift+F5", "F7", "Ctrl+A", "Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+Z")
KEYS += ("Ctrl+Shift+Z", "Ctrl+0", "Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+4", "Ctrl+5", "Ctrl+Shift+P", "Alt+F", "Menu")
KEYS += tuple("abxy0159.,+-*/()=")


class Hands:
    """Chooses actions by chance and performs them.

    Parameters
    ----------
    window
        Gives the window of now (the monkey may close it and get another).
    files
        Paths it may drop and open.
    hooks
        Further actions by name, without arguments (start training, reopen, ...), each with its weight.
    """

    def __init__(
        self,
        window: Callable[[], MainWindow],
        files: list[str],
        seed: int,
        hooks: dict[str, tuple[int, Callable[[], object]]],
    ) -> None:
        self._window = window
        self.avoid: set[str | None] = set()
        """Kinds of actions, keys and names of actions that are left out."""
        self.files = files
        self.random = random.Random(seed)
        self._hooks = hooks
        self._kinds: dict[str, tuple[int, Callable[[], Action | None]]] = {
            "click": (30, self._a_click),
            "double": (4, self._a_click),
            "right": (3, self._a_click),
            "drag": (6, self._a_drag),
            "wheel": (4, self._a_wheel),
            "key": (16, lambda: {"key": self.random.choice(KEYS)}),
            "type": (4, lambda: {"text": self.random.choice(TEXTS)}),
            "cell": (12, self._a_cell),
            "choose": (8, self._a_choice),
            "equations": (3, self._equations),
            "drop": (3, lambda: {"files": self.random.sample(self.files, self.random.choice((1, 1, 1, 2, 3)))}),
            "trigger": (8, self._a_trigger),
            "palette": (1, lambda: {"text": self.random.choice(("tr", "st", "un", "dark", "zzz", "e", "rec", ""))}),
            "stage": (5, lambda: {"stage": self.random.choice(STAGES)}),
            "undo": (4, lambda: {"times": self.random.randint(1, 5), "redo": self.random.randint(0, 4)}),
            "scheme": (1, lambda: {"scheme": self.random.choice(("light", "dark", "system"))}),
            "resize": (2, lambda: {"size": [self.random.randint(900, 1900), self.random.randint(600, 1200)]}),
            "dismiss": (3, dict),
        }

    # --- choosing --------------------------------------------------------------------------------------------------

    def choose(self) -> Action:
        """An action that can be done now."""
        kinds = {
            **{name: weight for name, (weight, _) in self._kinds.items()},
            **{n: w for n, (w, _) in self._hooks.items()},
        }
        while True:
            kind = self.random.choices(list(kinds), list(kinds.values()))[0]
            if kind in self._hooks:
                return {"do": kind}
            made = self._kinds[kind][1]()
            if made is not None and not (self.avoid & {kind, made.get("key"), made.get("name")}):
                return {"do": kind, **made}

    def _widgets(self, *kinds: type[QWidget]) -> list[QWidget]:
        top = QApplication.activePopupWidget() or QApplication.activeModalWidget() or self._front()
        wanted = kinds or (QWidget,)
        return [
            w for w in (top, *top.findChildren(QWidget)) if w.isVisible() and w.isEnabled() and isinstance(w, wanted)
        ]

    def _front(self) -> QWidget:
        dialogs = [w for w in self._window().findChildren(QDialog) if w.isVisible()]
        return dialogs[-1] if dialogs and self.random.random() < 0.8 else self._window()

    def _some(self, *kinds: type[QWidget]) -> QWidget | None:
        found = [w for w in self._widgets(*kinds) if w.width() > 0 and w.height() > 0]
        return self.random.choice(found) if found else None

    def _spot(self, widget: QWidget) -> list[int]:
        return [self.random.randrange(max(1, widget.width())), self.random.randrange(max(1, widget.height()))]

    def _a_click(self) -> Action | None:
        widget = self._some()
        return widget and {"at": _place(widget), "spot": self._spot(widget)}  # type: ignore[return-value]

    def _a_drag(self) -> Action | None:
        widget = self._some()
        return widget and {"at": _place(widget), "spot": self._spot(widget), "to": self._spot(widget)}  # type: ignore[return-value]

    def _a_wheel(self) -> Action | None:
        made = self._a_click()
        return made and {**made, "turn": self.random.choice((-480, -120, 120, 480))}

    def _a_cell(self) -> Action | None:
        view = self._some(QAbstractItemView)
        if not isinstance(view, QAbstractItemView) or isinstance(view, QHeaderView) or view.model() is None:
            return None
        rows, columns = view.model().rowCount(view.rootIndex()), _columns(view)
        if rows == 0 or columns == 0:
            return None
        cell = [self.random.randrange(rows), self.random.randrange(columns)]
        return {"at": _place(view), "cell": cell, "text": self.random.choice(TEXTS)}

    def _a_choice(self) -> Action | None:
        widget = self._some(QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar, QSplitter)
        return widget and {"at": _place(widget), "value": self.random.random()}  # type: ignore[return-value]

    def _equations(self) -> Action | None:
        editor = self._some(QPlainTextEdit)
        return editor and {"at": _place(editor), "text": self.random.choice(EQUATIONS)}  # type: ignore[return-value]

    def _a_trigger(self) -> Action | None:
        names = [action.objectName() for action in self._window().findChildren(QAction) if action.isEnabled()]
        return {"name": self.random.choice([name for name in names if name])}

    # --- doing -----------------------------------------------------------------------------------------------------

    def perform(self, action: Action) -> bool:
        """Do it; False when what it needs is not there (any more)."""
        kind = action["do"]
        if kind in self._hooks:
            self._hooks[kind][1]()
            return True
        if "at" in action:
            widget = self._find(action["at"])
            return widget is not None and self._on_widget(kind, widget, action)
        getattr(self, f"_do_{kind}")(action)
        return True

    def _on_widget(self, kind: str, widget: QWidget, action: Action) -> bool:
        left, right = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
        none = Qt.KeyboardModifier.NoModifier
        spot = QPoint(*action.get("spot", (0, 0)))
        match kind:
            case "click":
                _click(widget, left, spot)
            case "double":
                _click(widget, left, spot)
                if isValid(widget) and widget.isVisible():
                    place = QPointF(spot)
                    event = QMouseEvent(
                        QEvent.Type.MouseButtonDblClick, place, widget.mapToGlobal(place), left, left, none
                    )
                    QApplication.sendEvent(widget, event)
                if isValid(widget):
                    QTest.mouseRelease(widget, left, none, spot)
            case "right":
                _click(widget, right, spot)
            case "drag":
                to = QPoint(*action["to"])
                QTest.mousePress(widget, left, none, spot)
                for k in (1, 2, 3):
                    if isValid(widget):
                        QTest.mouseMove(widget, spot + (to - spot) * (k / 3))
                if isValid(widget):
                    QTest.mouseRelease(widget, left, none, to)
            case "wheel":
                place, no = QPointF(spot), Qt.MouseButton.NoButton
                turn, phase = QPoint(0, action["turn"]), Qt.ScrollPhase.NoScrollPhase
                event = QWheelEvent(place, widget.mapToGlobal(place), QPoint(), turn, no, none, phase, False)
                QApplication.sendEvent(widget, event)
            case "cell":
                return _edit_cell(widget, action)
            case "choose":
                _set(widget, action["value"])
            case "equations":
                if not isinstance(widget, QPlainTextEdit) or widget.isReadOnly():
                    return False
                widget.setPlainText(action["text"])
        return True

    def _do_key(self, action: Action) -> None:
        keys = QKeySequence(action["key"])[0]  # type: ignore[index]  # the stubs lack it
        target = QApplication.activePopupWidget() or QApplication.focusWidget() or self._window()
        press(target, keys.key(), keys.keyboardModifiers())

    def _do_type(self, action: Action) -> None:
        _type(QApplication.focusWidget() or self._window(), action["text"])

    def _do_drop(self, action: Action) -> None:
        window = self._window()
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(Path(path))) for path in action["files"]])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        middle = QPointF(window.rect().center())
        QApplication.sendEvent(window, QDragEnterEvent(middle.toPoint(), copy, data, left, none))
        QApplication.sendEvent(window, QDropEvent(middle, copy, data, left, none))

    def _do_trigger(self, action: Action) -> None:
        for one in self._window().findChildren(QAction, action["name"]):
            if one.isEnabled():
                one.trigger()
                return

    def _do_palette(self, action: Action) -> None:
        self._window().actions_["palette"].trigger()
        popup = QApplication.activePopupWidget()
        if popup is not None:
            line = popup.focusWidget() or popup
            _type(line, action["text"])
            if isValid(line):
                press(line, Qt.Key.Key_Return)

    def _do_stage(self, action: Action) -> None:
        self._window().go(action["stage"])

    def _do_undo(self, action: Action) -> None:
        for _ in range(action["times"]):
            self._window().actions_["undo"].trigger()
        for _ in range(action["redo"]):
            self._window().actions_["redo"].trigger()

    def _do_scheme(self, action: Action) -> None:
        self._window().use_scheme(action["scheme"])

    def _do_resize(self, action: Action) -> None:
        self._window().resize(*action["size"])

    def _do_dismiss(self, action: Action) -> None:
        del action
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()
        for dialog in self._window().findChildren(QDialog):
            if dialog.isVisible():
                dialog.reject()

    def _find(self, place: list[list[Any]]) -> QWidget | None:
        tops = [w for w in QApplication.topLevelWidgets() if w.isVisible() and type(w).__name__ == place[0][0]]
        widget: QWidget | None = tops[-1] if tops else None
        for kind, index in place[1:]:
            children = [child for child in widget.children() if isinstance(child, QWidget)] if widget else []
            widget = children[index] if index < len(children) and type(children[index]).__name__ == kind else None
        return widget if widget is not None and widget.isVisible() and widget.isEnabled() else None


def _place(widget: QWidget) -> list[list[Any]]:
    """The way from the window to a widget: class, and position among the widgets of its parent."""
    way: list[list[Any]] = []
    while not widget.isWindow() and (parent := widget.parentWidget()) is not None:
        siblings = [child for child in parent.children() if isinstance(child, QWidget)]
        way.insert(0, [type(widget).__name__, siblings.index(widget)])
        widget = parent
    return [[type(widget).__name__, 0], *way]


def press(widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press and release a key; what is gone after the press is not released."""
    QTest.keyPress(widget, key, modifiers)
    if isValid(widget):
        QTest.keyRelease(widget, key, modifiers)


def _click(widget: QWidget, button: Qt.MouseButton, spot: QPoint) -> None:
    """Press and release; what is gone after the press is not released."""
    QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, spot)
    if isValid(widget):
        QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, spot)


def _columns(view: QAbstractItemView) -> int:
    try:
        return view.model().columnCount(view.rootIndex())
    except TypeError:  # a list keeps it private
        return 1


def _edit_cell(view: QWidget, action: Action) -> bool:
    """Select a cell, and change it where it can be: by its tick, or by typing into its editor."""
    if not isinstance(view, QAbstractItemView) or view.model() is None:
        return False
    model = view.model()
    row, column = action["cell"]
    index = model.index(row, column, view.rootIndex())
    if not index.isValid():
        return False
    view.setCurrentIndex(index)
    view.selectionModel().select(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    flags = model.flags(index)
    ticked = model.data(index, Qt.ItemDataRole.CheckStateRole)
    if flags & Qt.ItemFlag.ItemIsUserCheckable and ticked is not None:
        off: Any = Qt.CheckState.Unchecked.value
        value = Qt.CheckState.Checked.value if ticked in (off, Qt.CheckState.Unchecked) else off
        return bool(model.setData(index, value, Qt.ItemDataRole.CheckStateRole))
    if not flags & Qt.ItemFlag.ItemIsEditable or view.editTriggers() == QAbstractItemView.EditTrigger.NoEditTriggers:
        return True
    view.edit(index)
    editor = QApplication.focusWidget()
    if editor is not None and editor is not view and view.isAncestorOf(editor):
        press(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        _type(editor, action["text"] or "0")
        if isValid(editor):
            press(editor, Qt.Key.Key_Return)
    return True


def _type(widget: QWidget, text: str) -> None:
    """Send characters, also those that QTest has no key for."""
    for letter in text:
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            if not isValid(widget):
                return
            QApplication.sendEvent(widget, QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter))


def _set(widget: QWidget, share: float) -> None:
    """Move a control to a share (0..1) of its range."""
    match widget:
        case QComboBox() if widget.count():
            widget.setCurrentIndex(int(share * widget.count()))
        case QTabBar() if widget.count():
            widget.setCurrentIndex(int(share * widget.count()))
        case QAbstractSlider():
            widget.setValue(round(widget.minimum() + share * (widget.maximum() - widget.minimum())))
        case QAbstractSpinBox():
            press(widget, Qt.Key.Key_Up if share > 0.5 else Qt.Key.Key_Down)
        case QSplitter() if widget.count() > 1:
            widget.setSizes([round(1000 * share), round(1000 * (1 - share))])
        case _:
            pass
