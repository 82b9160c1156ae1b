"""Fitted parameters with their confidence limits."""

from __future__ import annotations

from PySide6.QtCore import Qt

from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.training.state import FittedParameter

_TITLES = (
    ("Name", "Name in the equations"),
    ("Value", "Fitted value, in the unit of the last column"),
    ("95% interval", "Confidence limits, where they could be had"),
    ("Unit", "As given in the Model stage"),
)


class FittedTable(Table):
    """Read only; cells are changed in place."""

    least = 116

    def __init__(self) -> None:
        super().__init__("Fitted parameters", _TITLES, widths={0: 72, 1: 80, 2: 116}, stretch=(3,), row_height=28)
        self._rows: tuple[FittedParameter, ...] = ()

    def show_rows(self, rows: tuple[FittedParameter, ...]) -> None:
        if rows == self._rows:
            return
        self._rows = rows
        if self.rowCount() != len(rows):
            self.setRowCount(len(rows))
        self.setColumnHidden(2, all(parameter.low is None for parameter in rows))
        self.setColumnHidden(3, not any(parameter.unit for parameter in rows))
        for number, parameter in enumerate(rows):
            interval = ""
            if parameter.low is not None and parameter.high is not None:
                interval = f"{parameter.low:.3g} … {parameter.high:.3g}"
            value = f"{parameter.value:.4g}" + (" (fixed)" if parameter.fixed else "")
            name = f"± {parameter.name}" if parameter.noise else parameter.name
            for section, text in enumerate((name, value, interval, parameter.unit)):
                cell = self.cell(number, section)
                cell.setToolTip("\n".join(filter(None, (text if section == 3 else "", parameter.detail))))
                if cell.text() != text:
                    cell.setText(text)
                    cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                    if section < 3:
                        cell.setFont(monospace(9))
