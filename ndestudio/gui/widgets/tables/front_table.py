"""The formulas of a front as rows."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView

from ndestudio.gui.building import quiet
from ndestudio.gui.theme import colours, follow, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.distillation.state import FrontRow
from ndestudio.wording import percent

_TITLES = (
    ("Size", "Complexity: weighted number of operators, variables and constants"),
    ("Network", "How far the formula, as the search found it, is from values of the network: relative error"),
    (
        "Alone",
        "Error of whole trajectories with this formula alone in the place of its network, simulated on held-out data, in % of "
        "the spread; of the formula in use where it is the only one: of the model in use",
    ),
    (
        "Formula",
        "★ suggested, ● in use, ◆ pinned. Constants: as in use; else refitted through the solver; else (grey) as found on "
        "values of the network",
    ),
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
        follow(self, self._restyle)

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
            simulated = "" if row.trajectory_error is None else percent(row.trajectory_error)
            texts = (str(row.complexity), percent(math.sqrt(max(row.loss, 0.0))), simulated, mark + row.text)
            for section, text in enumerate(texts):
                cell = self.cell(number, section)
                cell.setForeground(_shade(row, section))
                if cell.text() != text:
                    cell.setText(text)
                    cell.setToolTip(row.text if section == 3 else row.note)
                    cell.setFont(monospace(9))
                    cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)

    def _restyle(self) -> None:
        for number, row in enumerate(self._rows):
            for section in range(len(_TITLES)):
                self.cell(number, section).setForeground(_shade(row, section))

    def _on_moved(self, number: int, *_: int) -> None:
        if 0 <= number < len(self._rows):
            self.chosen.emit(self._rows[number].index)


def _shade(row: FrontRow, section: int) -> QBrush:
    """Constants that nothing was simulated with are grey."""
    provisional = section == 3 and row.source == "search"
    return QBrush(QColor(colours().muted if provisional else colours().text))
