"""The trajectories: shown or hidden, part of the data they belong to, weight in the loss."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QDoubleSpinBox, QTableWidgetItem

from ndestudio.data.dataset import Part
from ndestudio.gui.building import choose, combo
from ndestudio.gui.theme import follow
from ndestudio.gui.widgets.series_plot import swatch
from ndestudio.gui.widgets.table import Table
from ndestudio.session.data_state import TrajectoryRow

_MIXED = -1
_PARTS = (
    ("by time", _MIXED),
    ("training", int(Part.TRAIN)),
    ("validation", int(Part.VALIDATION)),
    ("test", int(Part.TEST)),
)
_NAME, _ROWS, _SPAN, _PART, _WEIGHT = range(5)


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
                ("Used for", "Training fits, validation chooses, test judges"),
                ("Weight", "Factor in the loss"),
            ),
            widths={_ROWS: 72, _PART: 136, _WEIGHT: 104},
            stretch=(_NAME, _SPAN),
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
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
            part = self.control(number, _PART, QComboBox)
            weight = self.control(number, _WEIGHT, QDoubleSpinBox)
            choose(part, _MIXED if row.part is None else int(row.part))
            quiet = weight.blockSignals(True)
            weight.setValue(row.weight)
            weight.blockSignals(quiet)
        self.blockSignals(blocked)

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
                item = QTableWidgetItem()
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.setItem(number, section, item)
            part = combo(
                _PARTS, f"Part of the data {row.name} belongs to", "Training fits, validation chooses, test judges"
            )
            part.currentIndexChanged.connect(lambda _, box=part, name=row.name: self._on_part(name, box.currentData()))
            self.setCellWidget(number, _PART, part)
            weight = QDoubleSpinBox()
            weight.setRange(0.0, 1000.0)
            weight.setSingleStep(0.5)
            weight.setKeyboardTracking(False)
            weight.setAccessibleName(f"Weight of {row.name}")
            weight.setToolTip("Factor of this trajectory in the loss")
            weight.valueChanged.connect(lambda value, name=row.name: self.weight_edited.emit(name, value))
            self.setCellWidget(number, _WEIGHT, weight)
        self._restyle()

    def _on_part(self, name: str, part: int) -> None:
        if part != _MIXED:
            self.part_chosen.emit(name, part)

    def _on_item(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            self.hidden_changed.emit(self.hidden)

    def _restyle(self) -> None:
        blocked = self.blockSignals(True)
        for number in range(self.rowCount()):
            patch = QPixmap(10, 10)
            patch.fill(swatch(number))
            self.cell(number, _NAME).setIcon(patch)
        self.blockSignals(blocked)
