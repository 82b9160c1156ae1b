"""The first rows of a file as they are written, coloured by the role of each column; rows with a problem are marked."""

from __future__ import annotations

from typing import Any, get_args

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from ndestudio.gui.theme import colours, follow, monospace
from ndestudio.session.commands import Role
from ndestudio.session.data.state import ColumnRow, DataState

_Index = QModelIndex | QPersistentModelIndex
_ROLE_WORDS = {role: role for role in get_args(Role)} | {"ignore": "ignored"}


class PreviewModel(QAbstractTableModel):
    """Cells of the preview, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[ColumnRow, ...] = ()
        self.head: tuple[tuple[str, ...], ...] = ()
        self.numbers: tuple[int, ...] = ()
        self.bad: dict[int, list[tuple[str | None, str]]] = {}

    def show(self, state: DataState) -> None:
        self.beginResetModel()
        self.columns, self.head, self.numbers = state.columns, state.head, state.row_numbers
        self.bad = {}
        shown = next((number for number, file in enumerate(state.files) if file.shown), 0)
        for problem in state.problems:
            if problem.row is not None and problem.file in (-1, shown):
                self.bad.setdefault(problem.row, []).append((problem.column, problem.sentence))
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.head)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        cells, column = self.head[index.row()], self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cells[index.column()] if index.column() < len(cells) else ""
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column.numeric else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(colours().error if self._problem(index) else self._ink(column)))
            case Qt.ItemDataRole.BackgroundRole:
                return QBrush(QColor(colours().accent_soft)) if self.numbers[index.row()] in self.bad else None
            case Qt.ItemDataRole.ToolTipRole:
                return self._problem(index)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return str(self.numbers[section]) if role == Qt.ItemDataRole.DisplayRole else None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                unit = f" [{column.unit}]" if column.unit else ""
                return f"{column.label}{unit}\n{_ROLE_WORDS[column.role]}"
            case Qt.ItemDataRole.ToolTipRole:
                return f"{column.label}: {column.detail}"
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column.numeric else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(self._ink(column)))
            case Qt.ItemDataRole.FontRole:
                font = QFont()
                font.setPointSizeF(9)
                return font
        return None

    def _problem(self, index: _Index) -> str | None:
        column = self.columns[index.column()].label
        for where, sentence in self.bad.get(self.numbers[index.row()], ()):
            if where is None or where == column:
                return sentence
        return None

    @staticmethod
    def _ink(column: ColumnRow) -> str:
        c = colours()
        return c.muted if column.role == "ignore" else c.accent if column.role in ("time", "trajectory") else c.text


class PreviewTable(QTableView):
    """Shows the first rows of a file."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("First rows of the file")
        self.rows = PreviewModel()
        self.setModel(self.rows)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setFont(monospace(9))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().setDefaultSectionSize(24)
        self.verticalHeader().setToolTip("Line in the file")
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setMinimumSectionSize(72)
        self.horizontalHeader().setResizeContentsPrecision(20)
        self.horizontalHeader().setFixedHeight(44)
        follow(self, self.viewport().update)

    def show_state(self, state: DataState) -> None:
        before = [self.columnWidth(i) for i in range(self.rows.columnCount())]
        labels = [column.label for column in self.rows.columns]
        bad = set(self.rows.bad)
        self.rows.show(state)
        if self.rows.bad and set(self.rows.bad) != bad:
            self.go_to(min(self.rows.bad))
        if labels != [column.label for column in state.columns]:
            for i in range(self.rows.columnCount()):
                wanted = max(self.sizeHintForColumn(i), self.horizontalHeader().sectionSizeHint(i)) + 24
                self.setColumnWidth(i, min(max(wanted, 96), 240))
        else:
            for i, width in enumerate(before):
                self.setColumnWidth(i, width)

    def go_to(self, line: int) -> None:
        """Make a line of the file visible, if it is among the first rows."""
        if line in self.rows.numbers:
            self.selectRow(self.rows.numbers.index(line))
            self.scrollTo(self.rows.index(self.rows.numbers.index(line), 0))
