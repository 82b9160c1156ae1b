"""The model beside its relatives: what each part of it is worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.gui.building import button, label, row
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.training.diagnostics import DiagnosticsState
from ndestudio.wording import percent

if TYPE_CHECKING:
    from ndestudio.fitting.comparison_result import Compared, Comparison

_TITLES = (
    ("Model", "● is the one that the data support"),
    ("Held out", "Mean NRMSE on held-out rows, initial values of held-out trajectories fitted"),
    ("k", "Effective number of parameters, weights, initial values and noise levels"),
    ("AICc", "Akaike's criterion with its correction for few values; smaller is better"),
)

_INVITATION = "Fit the mechanistic part alone and a plain neural ODE to the same data, to see what each part of the model is worth."
_WHERE = (
    "Is the noise in the law or in the instrument? Fit the drift alone with errors of measurement, and the law with such errors, to the "
    "same data."
)


class ComparisonTable(QWidget):
    """Signals: asked(): compare, or end what goes on."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self.table = Table("Models compared", _TITLES, widths={1: 64, 2: 34, 3: 72}, stretch=(0,), row_height=28)
        self.sentence = label(_INVITATION, wrap=True, selectable=True)
        self.run_button = button(
            "Compare models", self.asked.emit, tip="Train the relatives of this model with the settings of now"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addLayout(row(self.run_button, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(self.table, 1)
        self.table.hide()

    def show_diagnostics(self, diagnostics: DiagnosticsState) -> None:
        busy = bool(diagnostics.comparing)
        self.run_button.setText("Stop comparing" if busy else "Compare models")
        self.run_button.setEnabled(busy or diagnostics.can)
        found = diagnostics.comparison
        words = (
            f"Fitting: {diagnostics.comparing} …"
            if busy
            else _words(found)
            if found
            else _WHERE
            if diagnostics.law_states
            else _INVITATION
        )
        self.sentence.setText(words)
        if found is self._comparison:
            return
        self._comparison = found
        models = found.models if found else ()
        self.table.setVisible(bool(models))
        self.table.setRowCount(len(models))
        for number, one in enumerate(models):
            self._fill(number, one, chosen=found is not None and one.name == found.chosen)

    def _fill(self, number: int, one: Compared, *, chosen: bool) -> None:
        i = one.information
        texts = (
            f"● {one.name}" if chosen else one.name,
            _percent(one.held_out),
            _figure(i.parameters if i else None, 0),
            _figure(i.aicc if i else None, 1),
        )
        criteria = f"AIC {_figure(i.aic, 1)}, BIC {_figure(i.bic, 1)}; " if i else ""
        tip = f"{criteria}training error {_percent(one.train_error)}\n{one.words}\n\n{one.config.equations}"
        for section, text in enumerate(texts):
            cell = self.table.cell(number, section)
            cell.setText(text)
            cell.setToolTip(tip)
            cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            if section:
                cell.setFont(monospace(9))


def _words(found: Comparison) -> str:
    return " ".join((found.sentence, *found.notes))


def _percent(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
