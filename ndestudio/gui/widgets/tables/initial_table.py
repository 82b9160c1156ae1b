"""Initial values of the states."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QCheckBox, QComboBox, QStyledItemDelegate, QStyleOptionViewItem, QTableWidgetItem

from ndestudio.gui.building import choose, combo
from ndestudio.gui.theme import colours, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.model.state import InitialRow

_STATE, _VALUE, _FIT, _SHARED, _PAST = range(5)
_TITLES = (
    ("State", "State of the model"),
    ("Starts at", "A number, or an expression of parameters and measured columns at the first row; empty: the default"),
    ("Estimated", "Whether the start is fitted with the parameters (measured starts carry noise)"),
    ("One for all", "One value for all trajectories"),
    (
        "Before the start",
        "A formula of t and parameters that delayed values read before the first row; empty: the state was at its start",
    ),
)
_DEFAULT = Qt.ItemDataRole.UserRole + 1
_FITS = (("automatic", None), ("yes", True), ("no", False))


class InitialTable(Table):
    """Signals: edited(state, changed fields)."""

    edited = Signal(str, dict)

    def __init__(self) -> None:
        super().__init__(
            "Initial values", _TITLES, widths={_STATE: 120, _FIT: 120, _SHARED: 100, _PAST: 140}, stretch=(_VALUE,)
        )
        self.setItemDelegateForColumn(_VALUE, _ValueDelegate(self))
        self.setItemDelegateForColumn(_PAST, _ValueDelegate(self))
        self.setColumnHidden(_PAST, True)
        self._rows: tuple[InitialRow, ...] = ()
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[InitialRow, ...]) -> None:
        if rows == self._rows:
            return
        blocked = self.blockSignals(True)
        if [row.state for row in rows] != [row.state for row in self._rows]:
            self._rebuild(rows)
        self._rows = rows
        self.setColumnHidden(_PAST, all(row.past is None for row in rows))
        for number, row in enumerate(rows):
            value = self.cell(number, _VALUE)
            value.setText(row.value)
            value.setToolTip(f"Default: {row.default}")
            value.setData(_DEFAULT, row.default)
            past = self.cell(number, _PAST)
            past.setText(row.past or "")
            past.setData(_DEFAULT, "at its start" if row.past is not None else "not read")
            fit = self.control(number, _FIT, QComboBox)
            shared = self.control(number, _SHARED, QCheckBox)
            choose(fit, row.fit)
            quiet = shared.blockSignals(True)
            shared.setChecked(row.shared)
            shared.blockSignals(quiet)
        self.blockSignals(blocked)

    def _rebuild(self, rows: tuple[InitialRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            state = QTableWidgetItem(row.state)
            state.setFlags(Qt.ItemFlag.ItemIsEnabled)
            state.setFont(monospace(9.5))
            self.setItem(number, _STATE, state)
            value = QTableWidgetItem()
            value.setFont(monospace(9.5))
            self.setItem(number, _VALUE, value)
            past = QTableWidgetItem()
            past.setFont(monospace(9.5))
            self.setItem(number, _PAST, past)
            fit = combo(_FITS, f"Whether the start of {row.state} is estimated", _TITLES[_FIT][1])
            fit.currentIndexChanged.connect(
                lambda _, box=fit, state=row.state: self.edited.emit(state, {"fit": box.currentData()})
            )
            self.setCellWidget(number, _FIT, fit)
            shared = QCheckBox()
            shared.setAccessibleName(f"One start of {row.state} for all trajectories")
            shared.toggled.connect(lambda on, state=row.state: self.edited.emit(state, {"shared": on}))
            self.setCellWidget(number, _SHARED, shared)

    def _on_cell(self, number: int, section: int) -> None:
        row = self._rows[number]
        if section == _PAST:
            past = self.cell(number, _PAST).text().strip()
            if past != (row.past or ""):
                self.edited.emit(row.state, {"past": past, "value": None} if past else {"past": None})
            return
        text = self.cell(number, _VALUE).text().strip()
        if section != _VALUE or text == row.value:
            return
        value: float | str | None = None
        if text:
            try:
                value = float(text)
            except ValueError:
                value = text
        self.edited.emit(row.state, {"value": value})


class _ValueDelegate(QStyledItemDelegate):
    """Shows what an empty cell stands for."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        if not index.data():
            option.text = str(index.data(_DEFAULT) or "")  # type: ignore[attr-defined]
            option.palette.setColor(QPalette.ColorRole.Text, QColor(colours().muted))  # type: ignore[attr-defined]
