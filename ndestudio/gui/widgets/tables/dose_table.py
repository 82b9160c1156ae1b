"""The doses of one run: shown, changed, added and deleted."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.data.config import GivenDoseConfig
from ndestudio.gui.building import button, combo, flow, label, quiet
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.data.experiments import ExperimentRow

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("time", "Time", "When it begins"),
    ("amount", "Amount", "How much in all"),
    ("rate", "Rate", "Rate of an infusion; empty: none is given. -1 or -2: the model says how long it lasts"),
    ("duration", "Duration", "Of an infusion; empty: a dose given at once"),
    ("compartment", "Into", "The compartment: a state, or its number in the equations; empty: where the equations say"),
    ("additional", "Further", "How many equal doses follow (ADDL)"),
    ("interval", "Interval", "Time between doses (II)"),
    (
        "steady_state",
        "SS",
        "Steady state. 1: repeated for ever before, which replaces what was there; 2: which adds to it",
    ),
    ("reset", "Reset", "All compartments are emptied before"),
)
_EDIT = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable
_CHECK = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
_RESET = len(_COLUMNS) - 1


class DosePanel(QWidget):
    """Signals: edited(run, row, field, text), added(run), removed(run, row), reread(run)."""

    edited = Signal(str, int, str, str)
    added = Signal(str)
    removed = Signal(str, int)
    reread = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        heads = [(title, tip) for _, title, tip in _COLUMNS]
        self.table = Table("Doses of the run", heads, stretch=tuple(range(len(heads))), row_height=28)
        self.table.cellChanged.connect(self._on_cell)
        self.chooser = combo((), "Run whose doses are shown", "Run whose doses are shown")
        self.chooser.setMinimumWidth(18 * GRID)
        self.chooser.currentIndexChanged.connect(lambda _: self._show())
        self.note = label("", "muted")
        self.add = button("Add dose", self._on_add, tip="A further dose like the last one, one interval later")
        self.remove = button("Delete dose", self._on_remove, tip="Take the chosen row of the table away")
        self.again = button("As in the file", self._on_again, tip="The doses that the data file has for this run")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(flow(label("Run", "muted"), self.chooser, self.note, self.add, self.remove, self.again))
        layout.addWidget(self.table, 1)
        self._row: ExperimentRow | None = None
        self._rows: tuple[ExperimentRow, ...] = ()
        self._show()

    def show_rows(self, rows: tuple[ExperimentRow, ...]) -> None:
        """The runs, of which the chosen one is shown."""
        if rows == self._rows:
            return
        self._rows = rows
        if [self.chooser.itemText(k) for k in range(self.chooser.count())] != [one.name for one in rows]:
            before = self.chooser.currentText()
            with quiet(self.chooser):
                self.chooser.clear()
                self.chooser.addItems([one.name for one in rows])
                self.chooser.setCurrentIndex(max(self.chooser.findText(before), 0))
        self._show()

    def choose(self, name: str) -> None:
        """Show the doses of a run."""
        self.chooser.setCurrentIndex(max(self.chooser.findText(name), 0))

    def _show(self) -> None:
        chosen = self.chooser.currentIndex()
        shown = self._rows[chosen] if 0 <= chosen < len(self._rows) else None
        self.add.setEnabled(shown is not None)
        self.remove.setEnabled(shown is not None and bool(shown.given))
        self.again.setEnabled(shown is not None and shown.own_doses)
        if shown == self._row:
            return
        self._row = shown
        if shown is None:
            self.table.setRowCount(0)
            self.note.setText("")
            return
        self.note.setText("changed here" if shown.own_doses else "" if shown.given else "none in the data")
        blocked = self.table.blockSignals(True)
        self.table.setRowCount(len(shown.given))
        for number, given in enumerate(shown.given):
            for section, text in enumerate(_texts(given)):
                item = self.table.cell(number, section)
                item.setToolTip(_COLUMNS[section][2])
                if section == _RESET:
                    item.setFlags(_CHECK)
                    item.setCheckState(Qt.CheckState.Checked if given.reset else Qt.CheckState.Unchecked)
                    continue
                item.setFlags(_EDIT)
                item.setText(text)
                item.setFont(monospace(9.5))
        self.table.blockSignals(blocked)

    def reshow(self) -> None:
        """Put back what is true after something refused was typed."""
        self._row = None
        self._show()

    def _on_cell(self, number: int, section: int) -> None:
        if self._row is None or number >= len(self._row.given):
            return
        item, given = self.table.cell(number, section), self._row.given[number]
        if section == _RESET:
            checked = item.checkState() == Qt.CheckState.Checked
            if checked != given.reset:
                self.edited.emit(self._row.name, number, "reset", str(checked))
        elif item.text().strip() != _texts(given)[section]:
            self.edited.emit(self._row.name, number, _COLUMNS[section][0], item.text())

    def _on_add(self) -> None:
        if self._row is not None:
            self.added.emit(self._row.name)

    def _on_remove(self) -> None:
        if self._row is not None and self._row.given:
            chosen = self.table.currentRow()
            self.removed.emit(
                self._row.name, chosen if 0 <= chosen < len(self._row.given) else len(self._row.given) - 1
            )

    def _on_again(self) -> None:
        if self._row is not None:
            self.reread.emit(self._row.name)


def _texts(given: GivenDoseConfig) -> tuple[str, ...]:
    numbers = (given.rate, given.duration)
    rate, duration = ("" if one == 0 else f"{one:.12g}" for one in numbers)
    return (
        f"{given.time:.12g}",
        f"{given.amount:.12g}",
        rate,
        duration,
        given.compartment,
        str(given.additional or ""),
        f"{given.interval:.12g}" if given.interval else "",
        str(given.steady_state or ""),
        "",
    )
