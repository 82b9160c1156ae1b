"""Every fit and search that was kept: restore, rename, delete, compare two of them."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTableWidgetItem, QVBoxLayout, QWidget

from ndestudio.gui.building import button, quiet, row
from ndestudio.gui.comparison_dialog import ComparisonDialog
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.stage_strip import seconds
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.training.state import RunComparison, RunRow
from ndestudio.wording import percent

_TITLES = (
    ("Run", "Double-click to rename; ● is the one in use"),
    (
        "Error",
        "Mean NRMSE of whole simulated trajectories on held-out data (training data without such), in % of the spread",
    ),
    ("Time", "Seconds it took"),
    ("Settings", "Preset or engine, and seed"),
)


class RunsTable(QWidget):
    """Signals: restored(index), renamed(index, name), deleted(index), compared(index, index or -1 for now; -1 for none)."""

    restored = Signal(int)
    renamed = Signal(int, str)
    deleted = Signal(int)
    compared = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunRow, ...] = ()
        self.table = Table("Runs", _TITLES, widths={1: 62, 2: 76, 3: 116}, stretch=(0,), row_height=28)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.itemChanged.connect(self._on_edited)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.restore_button = button(
            "Restore", self._restore, tip="Take this run's model and settings (one step to undo)"
        )
        self.delete_button = button(
            "Delete", self._delete, tip="Remove this run from the table (Del, one step to undo)"
        )
        self.compare_button = button(
            "Compare…",
            self._compare,
            tip="Settings and results beside those of now; select two runs (Ctrl+click) to compare them with each other",
        )
        self.dialog: ComparisonDialog | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.table, 3)
        layout.addLayout(row(self.restore_button, self.compare_button, 1, self.delete_button))
        shortcut = QShortcut(QKeySequence.StandardKey.Delete, self.table)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self._delete)
        self._on_selected()

    def show_runs(self, rows: tuple[RunRow, ...], comparison: RunComparison | None) -> None:
        if rows != self._rows:
            self._rows = rows
            self._fill()
        if comparison is None:
            if self.dialog is not None:
                self.dialog.close()
            return
        if self.dialog is None:
            self.dialog = ComparisonDialog(self.window())
            self.dialog.finished.connect(self._on_closed)
        self.dialog.show_comparison(comparison)
        self.dialog.show()

    def selected(self) -> RunRow | None:
        """The run that is selected, the upper one of several."""
        chosen = self._chosen()
        return chosen[0] if chosen else None

    def _chosen(self) -> list[RunRow]:
        numbers = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return [self._rows[len(self._rows) - 1 - number] for number in numbers if number < len(self._rows)]

    def _fill(self) -> None:
        with quiet(self.table):
            self.table.setRowCount(len(self._rows))
            for number, run in enumerate(reversed(self._rows)):
                error = "–" if run.error is None else percent(run.error)
                texts = (f"● {run.name}" if run.current else run.name, error, seconds(run.seconds), run.settings)
                for section, text in enumerate(texts):
                    cell = self.table.cell(number, section)
                    cell.setText(text)
                    cell.setToolTip(f"{run.summary}\n{_when(run.created)}" if section < 3 else run.settings)
                    flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                    cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if section == 0 else flags)
                    if section in (1, 2):
                        cell.setFont(monospace(9))
        self._on_selected()

    def _on_selected(self) -> None:
        chosen = self._chosen()
        self.restore_button.setEnabled(len(chosen) == 1 and not chosen[0].current)
        self.delete_button.setEnabled(len(chosen) == 1)
        self.compare_button.setEnabled(len(chosen) in (1, 2))

    def _on_edited(self, cell: QTableWidgetItem) -> None:
        run = self._rows[len(self._rows) - 1 - cell.row()]
        name = cell.text().removeprefix("●").strip()
        if name != run.name:
            self.renamed.emit(run.index, name)
        self._fill()

    def _menu(self, point: QPoint) -> None:
        run = self.selected()
        if run is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Restore").triggered.connect(self._restore)
        menu.addAction("Rename").triggered.connect(
            lambda: self.table.editItem(self.table.cell(self.table.currentRow(), 0))
        )
        menu.addAction("Compare…").triggered.connect(self._compare)
        menu.addSeparator()
        menu.addAction("Delete").triggered.connect(self._delete)
        menu.popup(self.table.viewport().mapToGlobal(point))

    def _restore(self) -> None:
        if run := self.selected():
            self.restored.emit(run.index)

    def _delete(self) -> None:
        if run := self.selected():
            self.deleted.emit(run.index)

    def _compare(self) -> None:
        """Two selected runs, the older one first; a single one with what is now."""
        chosen = sorted(run.index for run in self._chosen())
        if chosen:
            self.compared.emit(chosen[0], chosen[1] if len(chosen) == 2 else -1)

    def _on_closed(self) -> None:
        self.dialog = None
        self.compared.emit(-1, -1)


def _when(created: str) -> str:
    try:
        return datetime.fromisoformat(created).strftime("%d %b %Y, %H:%M")
    except ValueError:
        return created
