"""The first rows of a file as they are written: names, units, the table by the role of each column, and what is no part of it.

A press on the number of a row, or the menu of a row, says what the row is. Rows with a problem are marked.
"""

from __future__ import annotations

from typing import Any, get_args

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from ndestudio.data.roles import Role
from ndestudio.gui.theme import colours, follow, monospace
from ndestudio.gui.widgets.elided import shortened
from ndestudio.session.data.look import RowMarks
from ndestudio.session.data.state import ColumnRow, DataState

_Index = QModelIndex | QPersistentModelIndex
_ROLE_WORDS = {role: role for role in get_args(Role)} | {"ignore": "ignored"}
_LONG_LINE = 16
_LONG_NAME = 28
"""A single cell longer than this runs across the columns beside it."""


class PreviewModel(QAbstractTableModel):
    """Cells of the file, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[ColumnRow | None, ...] = ()
        self.head: tuple[tuple[str, ...], ...] = ()
        self.numbers: tuple[int, ...] = ()
        self.marks = RowMarks()
        self.bad: dict[int, list[tuple[str | None, str]]] = {}

    def show(self, state: DataState) -> None:
        self.beginResetModel()
        if state.raw is not None:
            self.head, self.numbers, self.marks = state.raw.cells, state.raw.numbers, state.marks
            self.columns = _in_place(state, state.raw.width)
        else:
            self.head, self.numbers, self.marks = state.head, state.row_numbers, RowMarks()
            self.columns = state.columns
        self.bad = {}
        shown = next((number for number, file in enumerate(state.files) if file.shown), 0)
        for problem in state.problems:
            if problem.file in (-1, shown):
                for row in problem.rows or (() if problem.row is None else (problem.row,)):
                    self.bad.setdefault(row, []).append((problem.column, problem.sentence))
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.head)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def kind(self, row: int) -> str:
        """`"names"`, `"units"`, `"table"`, or `"outside"` of it."""
        number, marks = self.numbers[row], self.marks
        if number == marks.names:
            return "names"
        if number == marks.units:
            return "units"
        before = marks.first is not None and number < marks.first
        return "outside" if before or (marks.last is not None and number > marks.last) else "table"

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        cells, column = self.head[index.row()], self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cells[index.column()] if index.column() < len(cells) else ""
            case Qt.ItemDataRole.TextAlignmentRole:
                right = column is not None and column.numeric and self.kind(index.row()) != "outside"
                side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(self._ink(index, column)))
            case Qt.ItemDataRole.BackgroundRole:
                return self._ground(index.row())
            case Qt.ItemDataRole.FontRole:
                font = monospace(9)
                font.setBold(self.kind(index.row()) == "names")
                font.setItalic(self.kind(index.row()) == "units")
                return font
            case Qt.ItemDataRole.ToolTipRole:
                return self._problem(index) or _KINDS.get(self.kind(index.row()))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return str(self.numbers[section]) if role == Qt.ItemDataRole.DisplayRole else None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                if column is None:
                    return f"{letters(section)}\n"
                unit = f" [{column.unit}]" if column.unit else ""
                return f"{shortened(column.label, _LONG_NAME)}{unit}\n{_ROLE_WORDS[column.role]}"
            case Qt.ItemDataRole.ToolTipRole:
                return f"{column.label}: {column.detail}" if column else f"column {letters(section)}"
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column and column.numeric else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(_ink_of(column)))
            case Qt.ItemDataRole.FontRole:
                font = QFont()
                font.setPointSizeF(9)
                return font
        return None

    def _problem(self, index: _Index) -> str | None:
        column = self.columns[index.column()]
        for where, sentence in self.bad.get(self.numbers[index.row()], ()):
            if where is None or (column is not None and where == column.label):
                return sentence
        return None

    def _ink(self, index: _Index, column: ColumnRow | None) -> str:
        if self._problem(index):
            return colours().error
        kind = self.kind(index.row())
        return colours().muted if kind in ("outside", "units") else _ink_of(column)

    def _ground(self, row: int) -> QBrush | None:
        c = colours()
        if self.numbers[row] in self.bad:
            return QBrush(QColor(c.accent_soft))
        return QBrush(QColor(c.raised)) if self.kind(row) in ("names", "units") else None


_KINDS = {
    "names": "This row holds the names of the columns",
    "units": "This row holds the units",
    "outside": "This row is no part of the table",
}


class PreviewTable(QTableView):
    """Shows the first rows of a file. Signals: rows_told(fields of the DataConfig that say which row is what)."""

    rows_told = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("First rows of the file")
        self.rows = PreviewModel()
        self.setModel(self.rows)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setFont(monospace(9))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().setDefaultSectionSize(24)
        self.verticalHeader().setToolTip("Line in the file; press it to say what it holds")
        self.verticalHeader().setSectionsClickable(True)
        self.verticalHeader().sectionClicked.connect(self._on_number)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setMinimumSectionSize(72)
        self.horizontalHeader().setResizeContentsPrecision(20)
        self.horizontalHeader().setFixedHeight(44)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)
        self._tells_rows = False
        follow(self, self.viewport().update)

    def show_state(self, state: DataState) -> None:
        before = [self.columnWidth(i) for i in range(self.rows.columnCount())]
        titles, bad, head = self._titles(), set(self.rows.bad), self.rows.head
        self._tells_rows = state.raw is not None
        self.rows.show(state)
        if self.rows.head != head:
            self._span_lines()
            self._show_table()
        if self.rows.bad and set(self.rows.bad) != bad:
            self.go_to(min(self.rows.bad))
        if titles != self._titles():
            for i in range(self.rows.columnCount()):
                wanted = max(self._cell_width(i), self.horizontalHeader().sectionSizeHint(i)) + 24
                self.setColumnWidth(i, min(max(wanted, 96), 240))
        else:
            for i, width in enumerate(before):
                self.setColumnWidth(i, width)

    def go_to(self, line: int) -> None:
        """Make a line of the file visible, if it is among the first rows."""
        if line in self.rows.numbers:
            self.selectRow(self.rows.numbers.index(line))
            self.scrollTo(self.rows.index(self.rows.numbers.index(line), 0))

    def _show_table(self) -> None:
        """Scroll to where the table begins, below what may be a long preface."""
        begins = self.rows.marks.names or self.rows.marks.first
        if begins in self.rows.numbers:
            place = max(0, self.rows.numbers.index(begins) - 1)
            self.scrollTo(self.rows.index(place, 0), QAbstractItemView.ScrollHint.PositionAtTop)

    def menu(self, row: int) -> QMenu:
        """What a row can be said to be."""
        number, marks = self.rows.numbers[row], self.rows.marks
        menu = QMenu(self)

        def add(words: str, **changes: int | None) -> None:
            menu.addAction(words).triggered.connect(lambda _=False: self.rows_told.emit(changes))

        add(f"Row {number} holds the names", header_row=number)
        add(f"Row {number} holds the units", units_row=number)
        add(f"Row {number} is the first of the table", first_row=number)
        add(f"Row {number} is the last of the table", last_row=number)
        menu.addSeparator()
        if marks.names is not None:
            add("No row holds names", header_row=0)
        if marks.units is not None:
            add("No row holds units", units_row=0)
        add("Find the table again", header_row=None, units_row=None, first_row=None, last_row=None)
        return menu

    def _on_number(self, row: int) -> None:
        if self._tells_rows:
            place = QPoint(self.verticalHeader().width(), self.rowViewportPosition(row) + self.rowHeight(row))
            self._popup(row, place - QPoint(self.verticalHeader().width(), 0))

    def _on_menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if self._tells_rows and index.isValid():
            self.selectRow(index.row())
            self._popup(index.row(), point)

    def _popup(self, row: int, point: QPoint) -> None:
        menu = self.menu(row)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(point))

    def _titles(self) -> list[str]:
        return [column.label if column else "" for column in self.rows.columns]

    def _cell_width(self, section: int) -> int:
        """Of the cells of the table: what stands above it runs across the columns."""
        width = self.fontMetrics().horizontalAdvance("0")
        shown = [
            len(row[section])
            for place, row in enumerate(self.rows.head[:200])
            if section < len(row) and self.rows.kind(place) != "outside"
        ]
        return width * min(max(shown, default=0), 40)

    def _span_lines(self) -> None:
        """Lines that are a single long text run across all columns."""
        self.clearSpans()
        width = self.rows.columnCount()
        if width < 2:
            return
        for place, row in enumerate(self.rows.head):
            if len(row) <= 1 or (not any(row[1:]) and len(row[0]) > _LONG_LINE):
                self.setSpan(place, 0, 1, width)


def letters(section: int) -> str:
    """A column as spreadsheets call it: A, B, ..., Z, AA, ..."""
    text = ""
    section += 1
    while section:
        section, digit = divmod(section - 1, 26)
        text = chr(65 + digit) + text
    return text


def _ink_of(column: ColumnRow | None) -> str:
    c = colours()
    if column is None or column.role == "ignore":
        return c.muted
    return c.accent if column.role in ("time", "trajectory") else c.text


def _in_place(state: DataState, width: int) -> tuple[ColumnRow | None, ...]:
    """The column that each cell of a row belongs to."""
    known = {column.label: column for column in state.columns}
    labels = state.marks.labels or tuple(column.label for column in state.columns)
    found = [known.get(label) for label in labels[:width]]
    return (*found, *(None,) * (width - len(found)))
