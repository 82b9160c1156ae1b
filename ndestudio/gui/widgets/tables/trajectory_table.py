"""The trajectories: shown or hidden, part of the data they belong to, weight in the loss.

Cells are edited through a delegate: a data set may have thousands of trajectories, and a control in each row would
take seconds to make.
"""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidgetItem,
    QWidget,
)

from ndestudio.data.dataset import Part
from ndestudio.gui.building import combo
from ndestudio.gui.theme import follow
from ndestudio.gui.widgets.plots.series_plot import swatch
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.data.state import TrajectoryRow

_Index = QModelIndex | QPersistentModelIndex
_PARTS = (("training", int(Part.TRAIN)), ("validation", int(Part.VALIDATION)), ("test", int(Part.TEST)))
_WORDS = {part: words for words, part in _PARTS}
_NAME, _ROWS, _SPAN, _PART, _WEIGHT = range(5)
_PART_TIP = "Training fits, validation chooses, test judges; click to change"
_EDIT = Qt.ItemDataRole.EditRole


class TrajectoryTable(Table):
    """Signals: part_chosen(name, part), weight_edited(name, weight), hidden_changed(set of names)."""

    part_chosen = Signal(str, int)
    weight_edited = Signal(str, float)
    hidden_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__(
            "Trajectories",
            (
                ("Trajectory", "Ticked trajectories are plotted"),
                ("Rows", "Measured times"),
                ("Time", "First and last time, in the unit of the file"),
                ("Used for", _PART_TIP),
                ("Weight", "Factor in the loss; click to change"),
            ),
            widths={_ROWS: 72, _PART: 136, _WEIGHT: 104},
            stretch=(_NAME, _SPAN),
            row_height=32,
        )
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.CurrentChanged
            | QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setItemDelegateForColumn(_PART, _PartDelegate(self))
        self.setItemDelegateForColumn(_WEIGHT, _WeightDelegate(self))
        self._rows: tuple[TrajectoryRow, ...] = ()
        self.itemChanged.connect(self._on_item)
        follow(self, self._restyle)

    @property
    def hidden(self) -> frozenset[str]:
        """Trajectories that are unticked."""
        return frozenset(
            row.name
            for number, row in enumerate(self._rows)
            if self.cell(number, _NAME).checkState() == Qt.CheckState.Unchecked
        )

    def show_rows(self, rows: tuple[TrajectoryRow, ...]) -> None:
        if rows == self._rows:
            return
        blocked = self.blockSignals(True)
        if [row.name for row in rows] != [row.name for row in self._rows]:
            self._rebuild(rows)
        self._rows = rows
        for number, row in enumerate(rows):
            self.cell(number, _ROWS).setText(f"{row.rows:,}")
            self.cell(number, _SPAN).setText(f"{row.start:.6g} to {row.end:.6g}")
            part = self.cell(number, _PART)
            part.setText("by time" if row.part is None else _WORDS[int(row.part)])
            self.cell(number, _WEIGHT).setData(_EDIT, row.weight)
        self.blockSignals(blocked)
        self.viewport().update()

    def _rebuild(self, rows: tuple[TrajectoryRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            name = QTableWidgetItem(row.name)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            name.setCheckState(Qt.CheckState.Checked)
            name.setToolTip("Ticked trajectories are plotted")
            self.setItem(number, _NAME, name)
            for section in (_ROWS, _SPAN):
                self.cell(number, section).setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.cell(number, _PART).setToolTip(_PART_TIP)
            self.cell(number, _WEIGHT).setToolTip("Factor of this trajectory in the loss; click to change")
        self._restyle()

    def _on_item(self, item: QTableWidgetItem) -> None:
        row = self._rows[item.row()]
        match item.column():
            case 0:
                self.hidden_changed.emit(self.hidden)
            case 3:
                part = dict(_PARTS).get(item.text())
                if part is not None and part != row.part:
                    self.part_chosen.emit(row.name, part)
            case 4:
                weight = float(item.data(_EDIT))
                if weight != row.weight:
                    self.weight_edited.emit(row.name, weight)

    def _restyle(self) -> None:
        blocked = self.blockSignals(True)
        for number in range(self.rowCount()):
            patch = QPixmap(10, 10)
            patch.fill(swatch(number))
            self.cell(number, _NAME).setIcon(patch)
        self.blockSignals(blocked)


class _PartDelegate(QStyledItemDelegate):
    """Chooses among the parts."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        box = combo(_PARTS, "Part of the data this trajectory belongs to", _PART_TIP)
        box.setParent(parent)
        box.activated.connect(lambda: self._choose(box))
        return box

    def _choose(self, box: QComboBox) -> None:
        box.setProperty("chosen", True)
        self.commitData.emit(box)
        self.closeEditor.emit(box)

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        assert isinstance(editor, QComboBox)
        editor.setCurrentText(str(index.data()))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        assert isinstance(editor, QComboBox)
        if editor.property("chosen"):  # opening and leaving it decides nothing
            model.setData(index, editor.currentText())


class _WeightDelegate(QStyledItemDelegate):
    """Types a weight."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        box = QDoubleSpinBox(parent)
        box.setRange(0.0, 1000.0)
        box.setSingleStep(0.5)
        box.setAccessibleName("Weight of this trajectory in the loss")
        return box

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        assert isinstance(editor, QDoubleSpinBox)
        editor.setValue(float(index.data(_EDIT)))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        assert isinstance(editor, QDoubleSpinBox)
        model.setData(index, editor.value())
