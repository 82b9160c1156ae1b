"""Parameters before and after a formula took the place of its neural term."""

from __future__ import annotations

from PySide6.QtCore import Qt

from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.distillation.state import Change

_TITLES = (
    ("Parameter", "Constants of the formula are numbered after the neural term"),
    ("Network", "Value with the trained network in place"),
    ("Formula", "Value refitted through the solver"),
    ("Unit", "As given in the Model stage"),
)


class ChangeTable(Table):
    """Read only; while constants are refitted they move here."""

    def __init__(self) -> None:
        super().__init__(
            "Constants before and after", _TITLES, widths={1: 110, 2: 110, 3: 80}, stretch=(0,), row_height=26
        )
        self._rows: tuple[Change, ...] = ()

    def show_changes(self, rows: tuple[Change, ...]) -> None:
        if rows == self._rows:
            return
        self._rows = rows
        self.setRowCount(len(rows))
        for number, change in enumerate(rows):
            for section, text in enumerate((change.name, _text(change.before), _text(change.after), change.unit)):
                cell = self.cell(number, section)
                if cell.text() != text:
                    cell.setText(text)
                    cell.setFont(monospace(9.5))
                    cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.5g}"
