"""The noise of each measured column: its kind, numbers that are known, limits of detection."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QTableWidgetItem, QVBoxLayout, QWidget

from ndestudio.gui.building import choose, combo, label
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.training.column_noise import KINDS, NUMBERS, ColumnNoiseState, NoiseRow

_COLUMN, _KIND, _FIRST = range(3)
_TITLES = (
    ("Column", "Measured column"),
    ("Noise", "How its measurements scatter around the model"),
    ("Constant", "Standard deviation (scale of the t distribution; of logarithms: of the logarithm); empty: estimated"),
    ("Relative", "Part of the value that adds to the standard deviation, such as 0.1; empty: estimated"),
    ("Freedom", "Degrees of freedom of the t distribution; empty: estimated"),
    ("Dispersion", "Variance = mean + dispersion * mean^2; empty: estimated"),
    ("Below", "Limit of detection: values at or below it are known to lie there, no more; empty: none for the column"),
    ("Above", "Upper limit: values at or above it are known to lie there, no more; empty: none for the column"),
    ("Rounded to", "Values are rounded to multiples of it; empty: not"),
)
_EDIT = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable


class NoisePanel(QWidget):
    """The table, and what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = NoiseTable()
        self.problem = label("", "error", wrap=True)
        self.two = label(
            "Noise in the equations moves the state and is part of the law. This table is about another thing: errors of single "
            "readings, which leave no trace in the next. As all columns: none, or as the setting Noise says.",
            "muted",
            wrap=True,
        )
        self.two.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.two)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.problem)

    def show_state(self, state: ColumnNoiseState, *, stochastic: bool = False) -> None:
        """``stochastic``: the equations have noise as well, which is something else."""
        self.two.setVisible(stochastic)
        self.table.show_rows(state.rows)
        if self.problem.text() != state.problem:
            self.problem.setText(state.problem)
        self.problem.setVisible(bool(state.problem))


class NoiseTable(Table):
    """Signals: kind_chosen(column, kind), number_edited(column, setting, text)."""

    kind_chosen = Signal(str, str)
    number_edited = Signal(str, str, str)

    def __init__(self) -> None:
        widths = {_COLUMN: 84, _KIND: 170} | {_FIRST + k: 78 for k in range(len(NUMBERS))}
        super().__init__("Noise of the measured columns", _TITLES, widths=widths)
        self._rows: tuple[NoiseRow, ...] = ()
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[NoiseRow, ...]) -> None:
        if rows == self._rows and self.rowCount() == len(rows):
            return
        blocked = self.blockSignals(True)
        if [row.column for row in rows] != [row.column for row in self._rows]:
            self._rebuild(rows)
        self._rows = rows
        for k, name in enumerate(NUMBERS):
            self.setColumnHidden(_FIRST + k, not any(name in row.usable for row in rows))
        for number, row in enumerate(rows):
            title = self.cell(number, _COLUMN)
            title.setText(row.column)
            title.setToolTip(_about(row))
            choose(self.control(number, _KIND, QComboBox), row.kind)
            for k, name in enumerate(NUMBERS):
                cell = self.cell(number, _FIRST + k)
                usable = name in row.usable
                cell.setText(f"{row.numbers[name]:g}" if name in row.numbers else "")
                cell.setFlags(_EDIT if usable else Qt.ItemFlag.NoItemFlags)
                cell.setToolTip(_TITLES[_FIRST + k][1] if usable else "This kind of noise has no such number")
        self.blockSignals(blocked)

    def reshow(self) -> None:
        """Put back what is true after something refused was typed."""
        rows, self._rows = self._rows, ()
        self.show_rows(rows)

    def _rebuild(self, rows: tuple[NoiseRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            title = QTableWidgetItem()
            title.setFlags(Qt.ItemFlag.ItemIsEnabled)
            title.setFont(monospace(9.5))
            self.setItem(number, _COLUMN, title)
            box = combo(tuple((words, kind) for kind, words in KINDS), f"Noise of {row.column}", _TITLES[_KIND][1])
            box.currentIndexChanged.connect(
                lambda _, box=box, column=row.column: self.kind_chosen.emit(column, box.currentData())
            )
            self.setCellWidget(number, _KIND, box)

    def _on_cell(self, number: int, section: int) -> None:
        if section < _FIRST or number >= len(self._rows):
            return
        row, name = self._rows[number], NUMBERS[section - _FIRST]
        text = self.cell(number, section).text().strip()
        shown = f"{row.numbers[name]:g}" if name in row.numbers else ""
        if text != shown:
            self.number_edited.emit(row.column, name, text)


def _about(row: NoiseRow) -> str:
    parts = [f"{row.column} [{row.unit}]" if row.unit else row.column]
    parts += [f"{row.limits} values are known to lie beyond a limit of their own"] if row.limits else []
    parts += [f"Found: {row.found}"] if row.found else []
    return "\n".join(parts)
