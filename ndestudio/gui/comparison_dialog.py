"""Two runs beside each other: the settings that differ, and what came out."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QDialog, QDialogButtonBox, QTableWidgetItem, QVBoxLayout, QWidget

from ndestudio.gui.building import label
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, colours, follow, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.training.state import Difference, RunComparison

_ROW = 28


class ComparisonDialog(QDialog):
    """Lies beside the window and blocks nothing; results that are the same are muted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Compare runs")
        self.words = label("", "muted", wrap=True)
        self.settings = _table("Settings that differ")
        self.results = _table("Results")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID)
        for widget, stretch in (
            (label("Settings that differ", "heading"), 0),
            (self.words, 0),
            (self.settings, 1),
            (label("Results", "heading"), 0),
            (self.results, 1),
            (box, 0),
        ):
            layout.addWidget(widget, stretch)
        self.resize(760, 560)
        self._comparison: RunComparison | None = None
        follow(self, self._restyle)

    def show_comparison(self, comparison: RunComparison) -> None:
        self._comparison = comparison
        self.words.setText(f"{comparison.first} and {comparison.second} were made with the same settings.")
        self.words.setVisible(not comparison.settings)
        self.settings.setVisible(bool(comparison.settings))
        for table, rows in ((self.settings, comparison.settings), (self.results, comparison.results)):
            table.setHorizontalHeaderLabels(["", comparison.first, comparison.second])
            _fill(table, rows)

    def _restyle(self) -> None:
        if self._comparison is not None:
            self.show_comparison(self._comparison)


def _table(name: str) -> Table:
    table = Table(name, (("", ""), ("", ""), ("", "")), widths={0: 220}, stretch=(1, 2), row_height=_ROW)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    return table


def _fill(table: Table, rows: tuple[Difference, ...]) -> None:
    table.setRowCount(len(rows))
    for number, one in enumerate(rows):
        for section, text in enumerate((one.name, one.first, one.second)):
            cell: QTableWidgetItem = table.cell(number, section)
            cell.setText(text.strip() if "\n" not in text else text)
            cell.setToolTip(text)
            cell.setFont(monospace(9.5))
            cell.setForeground(QColor(colours().muted if one.same else colours().text))
            cell.setTextAlignment(
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
                if "\n" in text
                else Qt.AlignmentFlag.AlignVCenter
            )
        lines = max(one.first.strip().count("\n"), one.second.strip().count("\n")) + 1
        table.setRowHeight(number, _ROW if lines == 1 else min(12 + 18 * lines, 160))
