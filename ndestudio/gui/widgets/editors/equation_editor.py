"""The editor of the equations: colours by meaning, completion, errors underlined where they are."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject, QRect, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QAbstractItemView, QCompleter, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from ndestudio.gui.theme import Colours, colours, follow, monospace
from ndestudio.session.model.state import TextProblem, Words

_TOKEN = re.compile(r"(?P<comment>#[^\n]*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)")
_MIN_PREFIX = 1
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Highlighter(QSyntaxHighlighter):
    """Colours names by what they mean in the model."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._words = Words()
        self._formats: dict[str, QTextCharFormat] = {}
        self._meaning: dict[str, str] = {}

    def use(self, words: Words, c: Colours) -> None:
        """Colour by these meanings in this scheme."""
        self._words = words
        self._formats = {
            "state": _format(c.curves[0], bold=True),
            "input": _format(c.curves[2]),
            "output": _format(c.curves[0]),
            "parameter": _format(c.text),
            "network": _format(c.curves[1], bold=True),
            "undeclared": _format(c.warning),
            "function": _format(c.curves[3]),
            "comment": _format(c.muted, italic=True),
            "number": _format(c.curves[6]),
        }
        self._meaning = {
            **dict.fromkeys(words.parameters, "parameter"),
            **dict.fromkeys(words.functions, "function"),
            **dict.fromkeys(words.measured, "state"),
            **dict.fromkeys(words.states, "state"),
            **dict.fromkeys(words.outputs, "output"),
            **dict.fromkeys(words.inputs, "input"),
            **dict.fromkeys(words.undeclared, "undeclared"),
            **dict.fromkeys(words.networks, "network"),
        }
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup or ""
            if kind == "name":
                kind = self._meaning.get(found.group(), "")
            form = self._formats.get(kind)
            if form is not None:
                self.setFormat(found.start(), found.end() - found.start(), form)


class _Gutter(QWidget):
    """Line numbers; a line with an error is red."""

    def __init__(self, editor: EquationEditor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_gutter(self, event)


class EquationEditor(QPlainTextEdit):
    """Signals: edited(text). ``show_text`` never emits it."""

    edited = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Equations")
        self.setAccessibleDescription("One equation per state: d(x)/dt = ...; names that are called are neural terms")
        self.setPlaceholderText("d(x)/dt = a*x - f(x, y)\nd(y)/dt = g(x, y) - b*y")
        self.setFont(monospace(11))
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self._problems: tuple[TextProblem, ...] = ()
        self._words = Words()
        self._text = ""
        self._highlighter = Highlighter(self.document())
        self._gutter = _Gutter(self)
        self._choices = QStringListModel(self)
        self.completer = QCompleter(self._choices, self)
        self.completer.setWidget(self)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self._moved = False
        self._popup().setAccessibleName("Completions")
        self._popup().installEventFilter(self)
        self._popup().clicked.connect(lambda index: self._complete(str(index.data())))
        self.textChanged.connect(self._on_text)
        self.updateRequest.connect(self._on_update)
        self.blockCountChanged.connect(self._fit_gutter)
        self._fit_gutter()
        follow(self, self._restyle)

    # --- showing ---------------------------------------------------------------------------------------------------

    def show_text(self, text: str) -> None:
        """Show a text that did not come from here (undo, library), keeping the cursor where it is."""
        if text == self.toPlainText():
            return
        position = self.textCursor().position()
        self._text = text
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.setPosition(min(position, len(text)))
        self.setTextCursor(cursor)
        self.document().clearUndoRedoStacks()

    def show_words(self, words: Words) -> None:
        """Colour and complete by these meanings."""
        if words != self._words:
            self._words = words
            self._highlighter.use(words, colours())
            self._choices.setStringList(_completions(words))

    def show_problems(self, problems: tuple[TextProblem, ...]) -> None:
        """Underline what cannot be understood, and where units do not fit."""
        self._problems = problems
        c = colours()
        selections = []
        for problem in problems:
            cursor = self._cursor_at(problem)
            if cursor is None:
                continue
            selection = QTextEdit.ExtraSelection()
            selection.cursor = cursor  # type: ignore[attr-defined]
            form = QTextCharFormat()
            form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            form.setUnderlineColor(QColor(c.warning if problem.kind == "unit" else c.error))
            selection.format = form  # type: ignore[attr-defined]
            selections.append(selection)
        self.setExtraSelections(selections)
        self._gutter.update()

    def go_to(self, problem: TextProblem) -> None:
        """Put the cursor where a problem is."""
        cursor = self._cursor_at(problem)
        if cursor is not None:
            self.setTextCursor(cursor)
        self.setFocus()

    def insert_position(self) -> int:
        return self.textCursor().position()

    # --- keys and pointer ------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        popup = self._popup()
        if popup.isVisible() and self._takes_suggestion(event):
            self._complete(str(popup.currentIndex().data() or self.completer.currentCompletion()))
            return
        if popup.isVisible() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            popup.hide()
        if popup.isVisible() and event.key() == Qt.Key.Key_Escape:
            popup.hide()
            return
        if _is_undo(event):  # the project has the history, not the text
            event.ignore()
            return
        asked = event.key() == Qt.Key.Key_Space and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if not asked:
            super().keyPressEvent(event)
        self._offer_completion(asked or bool(event.text().strip()), always=asked)

    def event(self, event: QEvent) -> bool:
        """The sentence of a problem under the pointer; undo keys belong to the window; Tab takes an open suggestion."""
        pressed = event if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress else None
        if pressed is not None and pressed.key() == Qt.Key.Key_Tab and self._popup().isVisible():
            self.keyPressEvent(pressed)  # without suggestions it goes to the next widget
            return True
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_undo(event):
            event.ignore()
            return False
        if event.type() == QEvent.Type.ToolTip:
            cursor = self.cursorForPosition(self.viewport().mapFrom(self, event.pos()))  # type: ignore[attr-defined]
            line, place = cursor.blockNumber() + 1, cursor.positionInBlock() + 1
            for problem in self._problems:
                if problem.line == line and problem.column <= place <= problem.column + problem.length:
                    QToolTip.showText(event.globalPos(), problem.sentence, self)  # type: ignore[attr-defined]
                    return True
            QToolTip.hideText()
            return True
        return super().event(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Files dropped here are for the window to open."""
        return not source.hasUrls() and super().canInsertFromMimeData(source)

    def _offer_completion(self, typed: bool, *, always: bool) -> None:
        prefix = self._prefix()
        popup = self._popup()
        if not always and (not typed or len(prefix) < _MIN_PREFIX):
            popup.hide()
            return
        self.completer.setCompletionPrefix(prefix)
        count = self.completer.completionCount()
        only_itself = count == 1 and self.completer.currentCompletion() == prefix
        if count == 0 or only_itself:
            popup.hide()
            return
        popup.setCurrentIndex(self.completer.completionModel().index(0, 0))
        self._moved = False
        rect = self.cursorRect()
        rect.translate(self.viewport().pos())
        rect.setWidth(popup.sizeHintForColumn(0) + popup.verticalScrollBar().sizeHint().width() + 24)
        self.completer.complete(rect)

    def _takes_suggestion(self, event: QKeyEvent) -> bool:
        """Tab takes the suggestion; Return only where a person has moved in the list, else it begins a line, as it does in
        text that is pasted or typed without looking."""
        if event.key() == Qt.Key.Key_Tab:
            return True
        return self._moved and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Whether a person goes through the suggestions, whose list has the keys while it is open."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and watched is self._popup():
            self._moved = self._moved or event.key() in _MOVES
        return super().eventFilter(watched, event)

    def _popup(self) -> QAbstractItemView:
        popup = self.completer.popup()
        assert popup is not None
        return popup

    def _prefix(self) -> str:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        if "#" in before:
            return ""
        found = re.search(r"[^\W\d]\w*$", before)
        return found.group() if found else ""

    def _complete(self, word: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._prefix()))
        self._popup().hide()
        is_call = word in self._words.functions or word in self._words.networks
        cursor.insertText(f"{word}(" if is_call else word)
        self.setTextCursor(cursor)

    def _on_text(self) -> None:
        text = self.toPlainText()
        if text != self._text:  # recolouring is announced as a change, too
            self._text = text
            self.edited.emit(text)

    # --- gutter ----------------------------------------------------------------------------------------------------

    def gutter_width(self) -> int:
        return 20 + self.fontMetrics().horizontalAdvance("9") * len(str(max(10, self.blockCount())))

    def paint_gutter(self, gutter: QWidget, event: QPaintEvent) -> None:
        c = colours()
        doubtful = {problem.line: c.warning for problem in self._problems if problem.kind == "unit"}
        marked = doubtful | {problem.line: c.error for problem in self._problems if problem.kind != "unit"}
        painter = QPainter(gutter)
        painter.setFont(self.font())
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            if block.isVisible():
                number = block.blockNumber() + 1
                painter.setPen(QColor(marked.get(number, c.muted)))
                line = QRect(0, round(top), gutter.width() - 10, self.fontMetrics().height())
                painter.drawText(line, Qt.AlignmentFlag.AlignRight, str(number))
            block, top = block.next(), top + height
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_gutter()

    def _place_gutter(self) -> None:
        area = self.contentsRect()
        self._gutter.setGeometry(QRect(area.left(), area.top() + 1, self.gutter_width(), area.height() - 2))

    def _fit_gutter(self) -> None:
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)
        self._place_gutter()

    def _on_update(self, rect: QRect, dy: int) -> None:
        if dy:
            self._gutter.scroll(0, dy)
        else:
            self._gutter.update(0, rect.y(), self._gutter.width(), rect.height())

    def _cursor_at(self, problem: TextProblem) -> QTextCursor | None:
        block = self.document().findBlockByNumber(problem.line - 1)
        if not block.isValid():
            return None
        start = min(problem.column - 1, max(0, block.length() - 1))
        end = min(start + problem.length, block.length() - 1)
        if end <= start:  # at the end of a line the last character is marked
            start, end = max(0, end - 1), max(1, end) if block.length() > 1 else 0
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + start)
        cursor.setPosition(block.position() + end, QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def _restyle(self) -> None:
        self._highlighter.use(self._words, colours())
        self.show_problems(self._problems)


def _completions(words: Words) -> list[str]:
    everything: Callable[..., dict[str, None]] = dict.fromkeys
    found = everything(
        (
            *words.states,
            *words.measured,
            *words.outputs,
            *words.inputs,
            *words.networks,
            *words.parameters,
            *words.functions,
        )
    )
    return [*found, "pi", "t"]


def _is_undo(event: QKeyEvent) -> bool:
    control = Qt.KeyboardModifier.ControlModifier
    return bool(event.modifiers() & control) and event.key() in (Qt.Key.Key_Z, Qt.Key.Key_Y)


def _format(colour: str, *, bold: bool = False, italic: bool = False) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setForeground(QColor(colour))
    if bold:
        form.setFontWeight(QFont.Weight.Medium)
    form.setFontItalic(italic)
    return form
