"""The future of one run from its history, with bands, and under another dose."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from ndestudio.figures.description import Figure
from ndestudio.gui.building import button, combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.column_plots import ColumnPlots
from ndestudio.session.training.futures import FuturesState


class FuturePlot(QWidget):
    """Signals: asked(): it is looked at. chosen(run). what_if(time, amount): another dose, two empty texts for none."""

    asked = Signal()
    chosen = Signal(str)
    what_if = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._figure: Figure | None = None
        self.run_box = combo((), "Run", "Which run is predicted; those that were held out come first")
        self.run_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.run_box.setMinimumWidth(96)
        self.time, self.amount = QLineEdit(), QLineEdit()
        for edit, name, tip in (
            (self.time, "time", "When another dose is given, after the history"),
            (self.amount, "amount", "How much is given instead of the doses of the data"),
        ):
            edit.setPlaceholderText(name)
            edit.setAccessibleName(f"What if: {name} of another dose")
            edit.setToolTip(tip)
            edit.setMaximumWidth(72)
            edit.returnPressed.connect(self._say)
        self.try_button = button("What if", self._say, tip="Predict the run under this dose after its history as well")
        self.clear_button = button("As given", self._clear, tip="Back to the doses of the data alone")
        self.sentence = label("", wrap=True, selectable=True)
        self.panels = ColumnPlots()
        self.panels.setAccessibleName("Predicted columns and hidden states over the time")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.run_box, 1, self.time, self.amount, self.try_button, self.clear_button))
        layout.addWidget(self.sentence)
        layout.addWidget(self.panels, 1)
        self.run_box.currentIndexChanged.connect(lambda _: self.chosen.emit(self.run_box.currentData() or ""))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.asked.emit()

    def show_futures(self, state: FuturesState) -> None:
        """Draw them; the same ones again cost nothing."""
        names = list(state.runs)
        with quiet(self.run_box):
            if [self.run_box.itemData(i) for i in range(self.run_box.count())] != names:
                self.run_box.clear()
                for name in names:
                    self.run_box.addItem(name, name)
            self.run_box.setCurrentIndex(names.index(state.chosen) if state.chosen in names else -1)
        for one in (self.time, self.amount, self.try_button):
            one.setVisible(state.dosed)
        self.clear_button.setVisible(state.dosed and bool(state.time or state.amount))
        self.sentence.setText(_words(state))
        if state.figure is not None and state.figure is not self._figure:
            self._figure = state.figure
            self.panels.show_panels(state.figure.panels)

    def _say(self) -> None:
        self.what_if.emit(self.time.text(), self.amount.text())

    def _clear(self) -> None:
        self.time.clear()
        self.amount.clear()
        self.what_if.emit("", "")


def _words(state: FuturesState) -> str:
    if state.problem:
        return state.problem
    if state.figure is None:
        return "Predicting …" if state.doing else ""
    dashed = " Dashed: under the other dose." if state.time and state.amount else ""
    return f"Predicted from the history (shaded, up to {state.history_end:.4g}).{dashed} {state.sentence}"
