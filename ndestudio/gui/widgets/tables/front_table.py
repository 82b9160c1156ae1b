"""The formulas of a front as rows."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView

from ndestudio.gui.building import quiet
from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.distillation.state import FrontRow

_TITLES = (
    ("Size", "Complexity: weighted number of operators, variables and constants"),
    ("Term", "Relative error on the samples of the neural term, in %"),
    ("Simulated", "Mean NRMSE of the whole model with this formula, simulated on held-out data, in % of the spread"),
    ("Formula", "★ suggested, ● in use, ◆ pinned"),
)


class FrontTable(Table):
    """Signals: chosen(index)."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Formulas", _TITLES, widths={0: 48, 1: 68, 2: 84}, stretch=(3,), row_height=26)
        self._rows: tuple[FrontRow, ...] = ()
        self._selected = -1
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.currentCellChanged.connect(self._on_moved)

    def show_rows(self, rows: tuple[FrontRow, ...], selected: int) -> None:
        ordered = tuple(sorted(rows, key=lambda row: (row.complexity, row.loss)))
        if ordered == self._rows and selected == self._selected:
            return
        with quiet(self):
            if ordered != self._rows:
                self._rows = ordered
                self._fill()
            self._selected = selected
            numbers = [n for n, row in enumerate(self._rows) if row.index == selected]
            if numbers and self.currentRow() != numbers[0]:
                self.setCurrentCell(numbers[0], 3)

    def _fill(self) -> None:
        self.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            mark = "● " if row.accepted else "★ " if row.chosen else ""
            mark += "◆ " if row.pinned else ""
            simulated = "" if row.trajectory_error is None else _percent(row.trajectory_error)
            texts = (str(row.complexity), _percent(math.sqrt(max(row.loss, 0.0))), simulated, mark + row.text)
            for section, text in enumerate(texts):
                cell = self.cell(number, section)
                if cell.text() != text:
                    cell.setText(text)
                    cell.setToolTip(row.text if section == 3 else row.note)
                    cell.setFont(monospace(9))
                    cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)

    def _on_moved(self, number: int, *_: int) -> None:
        if 0 <= number < len(self._rows):
            self.chosen.emit(self._rows[number].index)


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return "failed"
    return f"{100 * value:.3g}%" if value < 10 else "> 1000%"
