"""The tab of runs and conditions of the Data stage."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from ndestudio.gui.building import button, choose, combo, flow, holder, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.tables.dose_table import DosePanel
from ndestudio.gui.widgets.tables.experiment_table import ConditionTable, ExperimentTable
from ndestudio.session.data.experiments import Experiments
from ndestudio.session.session import Session

_COLUMN_TIP = "Column that says under which condition each run was: a covariate, mostly of texts"


class ExperimentPanel(QWidget):
    """Signals: column_chosen(label or None), input_added(name, text), steady_chosen(bool).

    Attributes
    ----------
    dosing
        The doses of one run, shown elsewhere.
    """

    column_chosen = Signal(object)
    input_added = Signal(str, str)
    steady_chosen = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.conditions, self.dosing = ExperimentTable(), ConditionTable(), DosePanel()
        self.runs.run_selected.connect(self.dosing.choose)
        self.column = combo((("None", None),), "Column of the conditions", _COLUMN_TIP)
        self.column.currentIndexChanged.connect(lambda: self.column_chosen.emit(self.column.currentData()))
        self.steady = QCheckBox("Rows are steady states")
        self.steady.setToolTip("Every row was measured when nothing changed any more: a dose-response or rate curve")
        self.steady.toggled.connect(self.steady_chosen)
        self.name, self.value = QLineEdit(), QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Name of a new input")
        self.name.setToolTip("Name of a further input, as the equations call it; runs then have a value of it each")
        self.value.setPlaceholderText("Value in all runs")
        self.value.setAccessibleName("Value of the new input in all runs")
        self.value.setToolTip("Its value, in all runs at first; change it for single runs in the table above")
        self.name.setMaximumWidth(14 * GRID)
        self.value.setMaximumWidth(18 * GRID)
        self.add = button("Add input", self._on_add, tip="An input with one value in each run, changed in the table")
        told = holder(row(label("Condition told by", "muted"), self.column))
        new = holder(row(label("New input", "muted"), self.name, self.value, self.add))
        head = flow(told, self.steady, new)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(head)
        layout.addWidget(self.runs, 3)
        layout.addWidget(self.conditions, 2)

    def show_experiments(self, shown: Experiments) -> None:
        with quiet(self.column, self.steady):
            self.steady.setChecked(shown.steady)
            if [self.column.itemData(k) for k in range(1, self.column.count())] != list(shown.columns):
                self.column.clear()
                self.column.addItem("None", None)
                for name in shown.columns:
                    self.column.addItem(name, name)
            choose(self.column, shown.column or None)
        self.runs.show_experiments(shown)
        self.dosing.show_rows(shown.rows)
        self.conditions.show_rows(shown.conditions)
        self.conditions.setVisible(bool(shown.conditions))
        self.add.setEnabled(bool(shown.rows))

    def _on_add(self) -> None:
        self.input_added.emit(self.name.text().strip(), self.value.text().strip())


def connect(panel: ExperimentPanel, session: Session) -> None:
    """The panel's signals become intents of the session."""
    wanted = session.data.experiments
    panel.column_chosen.connect(wanted.set_column)
    panel.input_added.connect(lambda name, text: _cleared(panel) if wanted.add_input(name, text) else None)
    panel.runs.condition_edited.connect(lambda run, text: wanted.set_condition(run, text) or panel.runs.reshow())
    panel.runs.input_edited.connect(lambda run, name, text: wanted.set_input(run, name, text) or panel.runs.reshow())
    panel.steady_chosen.connect(wanted.set_steady)
    panel.runs.begin_edited.connect(lambda run, text: wanted.set_begin(run, text) or panel.runs.reshow())
    panel.runs.starts_edited.connect(lambda run, text: wanted.set_starts(run, text) or panel.runs.reshow())
    doses = panel.dosing
    doses.edited.connect(lambda run, k, field, text: wanted.set_dose(run, k, field, text) or doses.reshow())
    doses.added.connect(wanted.add_dose)
    doses.removed.connect(wanted.remove_dose)
    doses.reread.connect(wanted.doses_of_file)
    panel.conditions.edited.connect(
        lambda name, field, text: wanted.change(name, field, text) or panel.conditions.reshow()
    )


def _cleared(panel: ExperimentPanel) -> None:
    panel.name.clear()
    panel.value.clear()
