"""The experiment table: one row for each run, with its condition, inputs and starts; and the table of conditions."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QTableWidgetItem

from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.data.experiments import ConditionRow, Experiments

_RUN, _CONDITION, _DOSES, _STARTS, _BEGINS, _FIRST_INPUT = range(6)
_HEADS = (
    ("Run", "Trajectory of the data"),
    ("Condition", "Under which it was; type another one, empty: what the column of the data says"),
    ("Doses", "How many doses it was given; the tab Doses shows and changes those of the chosen run"),
    ("Starts", "Initial values that are known and not estimated, such as `x = 1.5; y = 0`"),
    (
        "Begins at rest",
        "The steady state it was kept at before: `settled` under its first inputs, `S = 0` under others, or the name of a condition; "
        "empty: it does not begin at rest",
    ),
)
AT_REST = "is at rest"
"""Of a run that is a steady state itself."""
_EDIT = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable
_INPUT_TIP = "Type a number to hold the input constant in this run; empty: what the data or the condition say"


class ExperimentTable(Table):
    """Signals: condition_edited(run, condition), input_edited(run, input, text), starts_edited(run, text), begin_edited(run, text),
    run_selected(run).

    Attributes
    ----------
    chosen
        The run whose row was clicked last, "" before.
    """

    condition_edited = Signal(str, str)
    input_edited = Signal(str, str, str)
    starts_edited = Signal(str, str)
    run_selected = Signal(str)
    begin_edited = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(
            "Runs and their conditions",
            _HEADS,
            widths={_DOSES: 64, _BEGINS: 104},
            stretch=(_RUN, _STARTS),
            row_height=28,
        )
        self._shown = Experiments()
        self.chosen = ""
        self.cellChanged.connect(self._on_cell)
        self.currentCellChanged.connect(lambda number, *_: self._on_row(number))

    def show_experiments(self, shown: Experiments) -> None:
        if shown == self._shown and self.rowCount() == len(shown.rows):
            return
        blocked = self.blockSignals(True)
        if shown.inputs != self._shown.inputs:
            self.setColumnCount(_FIRST_INPUT + len(shown.inputs))
            self.setHorizontalHeaderLabels([*(title for title, _ in _HEADS), *shown.inputs])
            for k in range(len(shown.inputs)):
                head = self.horizontalHeaderItem(_FIRST_INPUT + k)
                if head is not None:
                    head.setToolTip(_INPUT_TIP)
        self._shown = shown
        self.setRowCount(len(shown.rows))
        for number, row in enumerate(shown.rows):
            self._put(number, _RUN, row.name, editable=False)
            self._put(number, _CONDITION, row.condition, tip=_HEADS[_CONDITION][1])
            self._put(number, _DOSES, str(row.doses or ""), editable=False)
            held = f"{_HEADS[_STARTS][1]}\nNow: {row.fixed or 'as the model says'}"
            self._put(number, _STARTS, row.starts, tip=held)
            begins = AT_REST if row.at_rest else row.begins
            self._put(number, _BEGINS, begins, editable=not row.at_rest, tip=_HEADS[_BEGINS][1])
            for k, cell in enumerate(row.inputs):
                item = self._put(number, _FIRST_INPUT + k, cell.text, tip=_INPUT_TIP)
                font = QFont(monospace(9.5))
                font.setBold(cell.own)
                item.setFont(font)
        self.blockSignals(blocked)

    def reshow(self) -> None:
        """Put back what is true after something refused was typed."""
        shown, self._shown = self._shown, Experiments(inputs=self._shown.inputs)
        self.show_experiments(shown)

    def _put(self, row: int, section: int, text: str, *, editable: bool = True, tip: str = "") -> QTableWidgetItem:
        item = self.cell(row, section)
        item.setText(text)
        item.setToolTip(tip or text)
        item.setFlags(_EDIT if editable else Qt.ItemFlag.ItemIsEnabled)
        return item

    def _on_row(self, number: int) -> None:
        if 0 <= number < len(self._shown.rows) and self._shown.rows[number].name != self.chosen:
            self.chosen = self._shown.rows[number].name
            self.run_selected.emit(self.chosen)

    def _on_cell(self, number: int, section: int) -> None:
        row, text = self._shown.rows[number], self.cell(number, section).text().strip()
        if section == _CONDITION and text != row.condition:
            self.condition_edited.emit(row.name, text)
        elif section == _STARTS and text != row.starts:
            self.starts_edited.emit(row.name, text)
        elif section == _BEGINS and text != (AT_REST if row.at_rest else row.begins):
            self.begin_edited.emit(row.name, text)
        elif section >= _FIRST_INPUT and text != row.inputs[section - _FIRST_INPUT].text:
            self.input_edited.emit(row.name, self._shown.inputs[section - _FIRST_INPUT], text)


_FIELDS = ("", "", "parameters", "inputs", "initial", "note", "equilibrated")
_CONDITION_HEADS = (
    ("Condition", "What runs have in common"),
    ("Runs", "How many runs are under it"),
    ("Parameters", "Values that hold under it, such as `k = 0; q = 2`; they are not fitted"),
    ("Inputs", "Constant inputs under it, such as `T = 37`"),
    ("Starts", "Known initial values under it, such as `x = 1.5`"),
    ("Note", "What the condition is"),
    (
        "Begins at rest",
        "The steady state that its runs were kept at before: `settled`, under `S = 0`, or under another condition; empty: none",
    ),
)


class ConditionTable(Table):
    """Signals: edited(condition, field, text)."""

    edited = Signal(str, str, str)

    def __init__(self) -> None:
        super().__init__("Conditions", _CONDITION_HEADS, widths={1: 56}, stretch=(0, 2, 3, 4, 5, 6), row_height=28)
        self._rows: tuple[ConditionRow, ...] = ()
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[ConditionRow, ...]) -> None:
        if rows == self._rows and self.rowCount() == len(rows):
            return
        blocked = self.blockSignals(True)
        self._rows = rows
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for section, text in enumerate(_texts(row)):
                item = self.cell(number, section)
                item.setText(text)
                item.setToolTip(_CONDITION_HEADS[section][1])
                item.setFlags(_EDIT if section > 1 else Qt.ItemFlag.ItemIsEnabled)
                if section in (2, 3, 4, 6):
                    item.setFont(monospace(9.5))
        self.blockSignals(blocked)

    def reshow(self) -> None:
        """Put back what is true after something refused was typed."""
        rows, self._rows = self._rows, ()
        self.show_rows(rows)

    def _on_cell(self, number: int, section: int) -> None:
        row, text = self._rows[number], self.cell(number, section).text().strip()
        if section > 1 and text != _texts(row)[section]:
            self.edited.emit(row.name, _FIELDS[section], text)


def _texts(row: ConditionRow) -> tuple[str, ...]:
    return (row.name, str(row.runs), row.parameters, row.inputs, row.initial, row.note, row.begins)
