"""The columns of the file: role, name in equations and unit, each editable in place."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QTableWidgetItem

from ndestudio.gui.building import choose, combo
from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.data.state import ColumnRow

ROLES = (
    ("Time", "time"),
    ("Trajectory", "trajectory"),
    ("State", "state"),
    ("Input", "input"),
    ("Covariate", "covariate"),
    ("Deviation", "deviation"),
    ("Observable", "observable"),
    ("Value", "value"),
    ("Dose", "dose"),
    ("Ignore", "ignore"),
)
_ROLE_TIP = (
    "Time: when a row was measured. Trajectory: which experiment it belongs to. State: measured and to be explained. "
    "Input: measured forcing. Covariate: one value for each trajectory, such as a dose. Deviation: standard deviation of the state it is named after. "
    "Observable and value: of a long table, what was measured and its value. Dose: amounts and events of doses. Ignore: not used."
)
_LABEL, _ROLE, _ALIAS, _UNIT = range(4)
_AHEAD = 12
"""Rows below those in view that are ready."""


class ColumnsTable(Table):
    """Signals: role_chosen(label, role), alias_edited(label, name), unit_edited(label, unit)."""

    role_chosen = Signal(str, str)
    alias_edited = Signal(str, str)
    unit_edited = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(
            "Columns and their roles",
            (
                ("Column", "Header in the file"),
                ("Role", _ROLE_TIP),
                ("Name", "Name in equations"),
                ("Unit", "Unit, kept in tables, plots and exports"),
            ),
            widths={_ROLE: 116},
            stretch=(_LABEL, _ALIAS, _UNIT),
        )
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # long names differ at their ends
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._rows: tuple[ColumnRow, ...] = ()
        self.cellChanged.connect(self._on_cell)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._make_boxes())

    def show_rows(self, rows: tuple[ColumnRow, ...]) -> None:
        """Show the columns as they are now."""
        blocked = self.blockSignals(True)
        if [row.label for row in rows] != [row.label for row in self._rows]:
            self._rebuild(rows)
        for number, row in enumerate(rows):
            self._show_row(number, row)
        self._rows = rows
        self.blockSignals(blocked)
        self._make_boxes()
        wanted = self.horizontalHeader().height() + 36 * max(1, len(rows)) + 4
        self.setMinimumHeight(min(wanted, 300))
        self.setMaximumHeight(max(wanted, 80))

    def role_box(self, label: str) -> QComboBox:
        """The role of a column, as a widget."""
        number = [row.label for row in self._rows].index(label)
        return self._box(number)

    def resizeEvent(self, e: QResizeEvent) -> None:
        super().resizeEvent(e)
        self._make_boxes()

    def _make_boxes(self) -> None:
        """The choosers of the rows in view: a thousand of them would take seconds."""
        if len(self._rows) != self.rowCount():
            return  # rows are being shown
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        last = last if last >= 0 else len(self._rows) - 1
        for number in range(max(first, 0), min(last + _AHEAD, len(self._rows) - 1) + 1):
            self._box(number)

    def _box(self, number: int) -> QComboBox:
        if self.cellWidget(number, _ROLE) is None:
            row, blocked = self._rows[number], self.blockSignals(True)
            box = combo(ROLES, f"Role of {row.label}", _ROLE_TIP)
            choose(box, row.role)
            box.currentIndexChanged.connect(
                lambda _, box=box, label=row.label: self.role_chosen.emit(label, box.currentData())
            )
            self.setCellWidget(number, _ROLE, box)
            self.blockSignals(blocked)
        return self.control(number, _ROLE, QComboBox)

    def _rebuild(self, rows: tuple[ColumnRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number in range(len(rows)):
            for section in (_LABEL, _ALIAS, _UNIT):
                item = QTableWidgetItem()
                if section == _LABEL:
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.setItem(number, section, item)

    def _show_row(self, number: int, row: ColumnRow) -> None:
        box = self.cellWidget(number, _ROLE)
        if isinstance(box, QComboBox):
            choose(box, row.role)
        name = self.cell(number, _LABEL)
        name.setText(row.label)
        name.setToolTip(f"{row.label}: {row.detail}")
        alias = self.cell(number, _ALIAS)
        alias.setText(row.alias if row.role != "ignore" else "")
        alias.setFont(monospace(9.5))
        alias.setToolTip(f"Name of {row.label} in equations")
        editable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable
        alias.setFlags(editable if row.role in ("state", "input", "covariate") else Qt.ItemFlag.NoItemFlags)
        unit = self.cell(number, _UNIT)
        unit.setText(row.unit)
        unit.setToolTip(f"Unit of {row.label}")
        unit.setFlags(editable)

    def _on_cell(self, number: int, section: int) -> None:
        row, text = self._rows[number], self.cell(number, section).text().strip()
        if section == _ALIAS and text and text != row.alias:
            self.alias_edited.emit(row.label, text)
        elif section == _UNIT and text != row.unit:
            self.unit_edited.emit(row.label, text)
