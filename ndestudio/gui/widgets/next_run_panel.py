"""What to measure next: the sentence, the limits of starts and inputs, and what each law predicts for the suggested run."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.next_run import next_run_panel
from ndestudio.gui.building import button, column, combo, holder, label, quiet, row, splitter
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.distillation.next_run import LimitRow, NextRunState

_NAME, _LOW, _HIGH, _SUGGESTED = range(4)
_TITLES = (
    ("Of", "The start of a state, or the level of an input throughout the run"),
    ("From", "Lowest value that is allowed; empty: the measured range widened by half"),
    ("To", "Highest value that is allowed; empty: the measured range widened by half"),
    ("Suggested", "Value in the run that tells the laws apart"),
)


class NextRunPanel(QWidget):
    """Signals: asked(): look for a run; limited(name, low, high); freed(name)."""

    asked = Signal()
    limited = Signal(str, float, float)
    freed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._state = NextRunState()
        self.sentence = label("", wrap=True, selectable=True)
        self.sentence.setAccessibleName("What to measure next")
        self.table = _Limits()
        self.suggest_button = button(
            "Suggest", self.asked.emit, tip="Look for the start from which the laws that the data leave differ most"
        )
        self.column_box: QComboBox = combo((), "Column", "Which measured column is shown")
        self.plot = Plot("Predictions of the suggested run", low=True)
        self.plot.show_legend()
        left = holder(column(self.table, row(self.suggest_button, 1)))
        right = holder(column(row(self.column_box, 1), self.plot))
        self.parts = splitter(Qt.Orientation.Horizontal, left, right)
        self.parts.setStretchFactor(1, 1)
        self.parts.setSizes([300, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addWidget(self.sentence)
        layout.addWidget(self.parts, 1)
        self.column_box.currentIndexChanged.connect(lambda _: self._draw())
        self.table.limited.connect(self.limited)
        self.table.freed.connect(self.freed)

    def show_next_run(self, state: NextRunState) -> None:
        """Show it; the same again costs nothing."""
        before, self._state = self._state, state
        self.sentence.setText("Looking for a run …" if state.searching else state.sentence)
        self.parts.setVisible(bool(state.rows))
        self.suggest_button.setEnabled(state.ready)
        self.table.show_rows(state.rows)
        if state.dataset is not before.dataset:
            with quiet(self.column_box):
                self.column_box.clear()
                for position, one in enumerate(state.dataset.measured if state.dataset else ()):
                    self.column_box.addItem(one.name, position)
            self.column_box.setVisible(self.column_box.count() > 1)
        if state.found is not before.found or state.dataset is not before.dataset:
            if state.found is not before.found:
                self._look_at_the_difference()
            self._draw()

    def _look_at_the_difference(self) -> None:
        """Choose the column in which the laws part most."""
        found, dataset = self._state.found, self._state.dataset
        if found is not None and found.pair is not None and dataset is not None:
            with quiet(self.column_box):
                self.column_box.setCurrentIndex(dataset.measured_names.index(found.pair.column))

    def _draw(self) -> None:
        found, dataset, position = self._state.found, self._state.dataset, self.column_box.currentData()
        if found is None or not found.runs or dataset is None or position is None:
            self.plot.show_panel(Panel(Axis(), Axis()))
            return
        self.plot.show_panel(next_run_panel(found, found.runs[0], dataset, position, named=True))
        self.plot.fit()


class _Limits(Table):
    """Signals: limited(name, low, high); freed(name)."""

    limited = Signal(str, float, float)
    freed = Signal(str)

    def __init__(self) -> None:
        super().__init__(
            "Limits of the next run",
            _TITLES,
            widths={_LOW: 64, _HIGH: 64, _SUGGESTED: 84},
            stretch=(_NAME,),
            row_height=26,
        )
        self._rows: tuple[LimitRow, ...] = ()
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[LimitRow, ...], *, again: bool = False) -> None:
        if rows == self._rows and not again:
            return
        self._rows = rows
        blocked = self.blockSignals(True)
        self.setRowCount(len(rows))
        for number, one in enumerate(rows):
            value = "–" if one.suggested is None else f"{one.suggested:.4g}"
            texts = (
                one.name if one.kind == "start" else f"{one.name} (level)",
                f"{one.low:.4g}",
                f"{one.high:.4g}",
                value,
            )
            for section, text in enumerate(texts):
                cell = self.cell(number, section)
                cell.setText(text)
                flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if section in (_LOW, _HIGH) else flags)
                if section:
                    font = monospace(9.5)
                    font.setBold(one.own and section != _SUGGESTED)
                    cell.setFont(font)
        self.blockSignals(blocked)

    def _on_cell(self, number: int, section: int) -> None:
        """Take what was typed; what is no number gives way to what stood there."""
        one, text = self._rows[number], self.cell(number, section).text().strip()
        value = _number(text)
        if not text and one.own:
            self.freed.emit(one.name)
        elif value is None:
            self.show_rows(self._rows, again=True)
        elif section == _LOW:
            self.limited.emit(one.name, value, max(value, one.high))
        else:
            self.limited.emit(one.name, min(value, one.low), value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
