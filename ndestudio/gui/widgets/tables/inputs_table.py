"""How inputs go between and beyond their samples, and whose rate of change is an input, too; each editable in place."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QComboBox, QTableWidgetItem, QWidget

from ndestudio.gui.building import choose, combo, quiet
from ndestudio.gui.building import row as rows_of
from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.data.state import ColumnRow

PATHS = (
    ("As guessed", ""),
    ("Linear", "linear"),
    ("Hold", "hold"),
    ("Hermite", "hermite"),
    ("Rectilinear", "rectilinear"),
    ("Cubic, not causal", "cubic"),
)
_PATH_TIP = (
    "How an input goes between its samples. Linear: straight lines. Hold: its value stays until the next sample. Hermite: cubic, with "
    "slopes from earlier samples. Rectilinear: held, then moved to the next value while the time stands still (for d(u)/dt; "
    "else the same as hold). Cubic: natural spline, which depends on later samples and is none for forecasts."
)
_PERIOD_TIP = "Time after which it repeats itself before its first and after its last sample; empty: its value stays"
_RATE_TIP = "Its rate of change is an input, too, called {0}_rate. Equations that read d({0})/dt add it by themselves."
_NAME, _PATH, _PERIOD, _RATE = range(4)


class InputsTable(Table):
    """Signals: path_chosen(label, kind), period_edited(label, text), rate_toggled(label, wanted)."""

    path_chosen = Signal(str, str)
    period_edited = Signal(str, str)
    rate_toggled = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__(
            "Inputs and their paths",
            (
                ("Input", "Name in equations"),
                ("Between samples", _PATH_TIP),
                ("Period", _PERIOD_TIP),
                ("d/dt", "Whether its rate of change is an input, too"),
            ),
            widths={_PATH: 150, _PERIOD: 72, _RATE: 44},
            stretch=(_NAME,),
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._rows: tuple[ColumnRow, ...] = ()
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[ColumnRow, ...]) -> None:
        """Show the inputs among the columns of a file."""
        rows = tuple(row for row in rows if row.role == "input")
        blocked = self.blockSignals(True)
        if [row.label for row in rows] != [row.label for row in self._rows]:
            self._rebuild(rows)
        for number, row in enumerate(rows):
            name = self.cell(number, _NAME)
            name.setText(row.alias)
            name.setToolTip(f"{row.label}: {row.detail}")
            choose(self.control(number, _PATH, QComboBox), row.path)
            self.cell(number, _PERIOD).setText(row.period)
            box = self.control(number, _RATE, QCheckBox)
            with quiet(box):
                box.setChecked(row.rate)
        self._rows = rows
        self.blockSignals(blocked)
        wanted = self.horizontalHeader().height() + 36 * max(1, len(rows)) + 4
        self.setMinimumHeight(min(wanted, 200))
        self.setMaximumHeight(wanted)

    def path_box(self, label: str) -> QComboBox:
        """How an input goes between its samples, as a widget."""
        return self.control(self._place(label), _PATH, QComboBox)

    def rate_box(self, label: str) -> QCheckBox:
        """Whether the rate of an input is one, too, as a widget."""
        return self.control(self._place(label), _RATE, QCheckBox)

    def period_cell(self, label: str) -> QTableWidgetItem:
        return self.cell(self._place(label), _PERIOD)

    def _place(self, label: str) -> int:
        return [row.label for row in self._rows].index(label)

    def _rebuild(self, rows: tuple[ColumnRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for section in (_NAME, _PERIOD):
                item = QTableWidgetItem()
                item.setFont(monospace(9.5))
                if section == _NAME:
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                else:
                    item.setToolTip(_PERIOD_TIP)
                self.setItem(number, section, item)
            box = combo(PATHS, f"Path of {row.label} between its samples", _PATH_TIP)
            box.currentIndexChanged.connect(
                lambda _, box=box, label=row.label: self.path_chosen.emit(label, box.currentData())
            )
            self.setCellWidget(number, _PATH, box)
            check = QCheckBox()
            check.setAccessibleName(f"Rate of {row.label}")
            check.setToolTip(_RATE_TIP.format(row.alias))
            check.toggled.connect(lambda wanted, label=row.label: self.rate_toggled.emit(label, wanted))
            holder = QWidget()
            holder.setLayout(rows_of(check))
            self.setCellWidget(number, _RATE, holder)

    def _on_cell(self, number: int, section: int) -> None:
        text = self.cell(number, section).text().strip()
        if section == _PERIOD and text != self._rows[number].period:
            self.period_edited.emit(self._rows[number].label, text)
