"""The first rows as they were read: trajectory, time in its unit, measured columns and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from ndestudio.data.dataset import Dataset
from ndestudio.gui.theme import colours, follow, monospace

_Index = QModelIndex | QPersistentModelIndex
_ROWS = 500


class ReadModel(QAbstractTableModel):
    """Numbers of a data set; a missing one is an empty cell."""

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._titles: list[tuple[str, str]] = []
        self._rows: list[tuple[str, np.ndarray]] = []
        self._named = False

    def show(self, dataset: Dataset | None) -> None:
        if dataset is self._dataset:
            return
        self.beginResetModel()
        self._dataset, self._rows, self._titles = dataset, [], []
        if dataset is not None:
            self._named = len(dataset.trajectories) > 1
            self._titles = [("trajectory", "")] if self._named else []
            self._titles.append((dataset.time.title, "time"))
            self._titles += [(column.title, "state") for column in dataset.measured]
            self._titles += [(column.title, "input") for column in dataset.inputs]
            self._rows = _first_rows(dataset)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._titles)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        name, values = self._rows[index.row()]
        place = index.column() - self._named
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name if place < 0 else "" if np.isnan(values[place]) else f"{values[place]:.10g}"
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignLeft if place < 0 else Qt.AlignmentFlag.AlignRight
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(colours().accent if place <= 0 else colours().text))
            case Qt.ItemDataRole.ToolTipRole:
                return "not measured" if place >= 0 and np.isnan(values[place]) else None
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None
        title, use = self._titles[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return f"{title}\n{use}"
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if use else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None


class ReadTable(QTableView):
    """Shows the first rows of every trajectory as they were read."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("First rows as they were read")
        self.rows = ReadModel()
        self.setModel(self.rows)
        self.setShowGrid(False)
        self.setFont(monospace(9))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setDefaultSectionSize(120)
        self.horizontalHeader().setFixedHeight(44)
        follow(self, self.viewport().update)

    def show_dataset(self, dataset: Dataset | None) -> None:
        self.rows.show(dataset)


def _first_rows(dataset: Dataset) -> list[tuple[str, np.ndarray]]:
    """As many of each trajectory as there is room for, all of short ones."""
    each = max(5, _ROWS // max(1, len(dataset.trajectories)))
    rows: list[tuple[str, np.ndarray]] = []
    for one in dataset.trajectories:
        table = np.column_stack([one.t[:each], one.measured[:each], one.inputs[:each]])
        rows += [(one.name, values) for values in table]
        if len(rows) >= _ROWS:
            break
    return rows
