"""Every fit and search that was kept: restore, rename, delete, and how its settings differ from those of now."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTableWidgetItem, QVBoxLayout, QWidget

from ndestudio.gui.building import button, label, quiet, row
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.stage_strip import seconds
from ndestudio.gui.widgets.table import Table
from ndestudio.session.train_state import Difference, RunRow

_TITLES = (
    ("Run", "Double-click to rename; ● is the one in use"),
    (
        "Error",
        "Mean NRMSE of whole simulated trajectories on held-out data (training data without such), in % of the spread",
    ),
    ("Time", "Seconds it took"),
    ("Settings", "Preset or engine, and seed"),
)
_DIFFERENCE_TITLES = (("Setting", "Where it differs"), ("Then", "In the run"), ("Now", "In the project"))


class RunsTable(QWidget):
    """Signals: restored(index), renamed(index, name), deleted(index), compared(index, -1 for none)."""

    restored = Signal(int)
    renamed = Signal(int, str)
    deleted = Signal(int)
    compared = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunRow, ...] = ()
        self.table = Table("Runs", _TITLES, widths={1: 60, 2: 56, 3: 130}, stretch=(0,), row_height=28)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
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
        self.compare_button = button("Compare settings", self._compare, tip="In which settings it differs from now")
        self.differences = Table("Different settings", _DIFFERENCE_TITLES, stretch=(0, 1, 2), row_height=26)
        self.verdict = label("", "muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.table, 3)
        layout.addLayout(row(self.restore_button, self.compare_button, 1, self.delete_button))
        layout.addWidget(self.verdict)
        layout.addWidget(self.differences, 2)
        self.differences.hide()
        shortcut = QShortcut(QKeySequence.StandardKey.Delete, self.table)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self._delete)
        self._on_selected()

    def show_runs(self, rows: tuple[RunRow, ...], compared: int, differences: tuple[Difference, ...]) -> None:
        if rows != self._rows:
            self._rows = rows
            self._fill()
        name = next((run.name for run in rows if run.index == compared), "")
        self.differences.setVisible(bool(name and differences))
        self.verdict.setVisible(bool(name))
        words = (
            f"{name} was made with other settings than those of now:"
            if differences
            else f"{name} was made with the settings of now."
        )
        self.verdict.setText(words if name else "")
        self.differences.setRowCount(len(differences))
        for number, one in enumerate(differences):
            for section, text in enumerate((one.setting, one.then, one.now)):
                cell = self.differences.cell(number, section)
                cell.setText(text)
                cell.setToolTip(text)
                cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)

    def selected(self) -> RunRow | None:
        """The run that is selected."""
        number = self.table.currentRow()
        chosen = self.table.selectionModel().hasSelection()
        return self._rows[len(self._rows) - 1 - number] if chosen and 0 <= number < len(self._rows) else None

    def _fill(self) -> None:
        with quiet(self.table):
            self.table.setRowCount(len(self._rows))
            for number, run in enumerate(reversed(self._rows)):
                error = "–" if run.error is None else f"{100 * run.error:.1f}%"
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
        run = self.selected()
        self.restore_button.setEnabled(run is not None and not run.current)
        for one in (self.delete_button, self.compare_button):
            one.setEnabled(run is not None)

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
        menu.addAction("Compare settings").triggered.connect(self._compare)
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
        if run := self.selected():
            self.compared.emit(run.index)


def _when(created: str) -> str:
    try:
        return datetime.fromisoformat(created).strftime("%d %b %Y, %H:%M")
    except ValueError:
        return created
