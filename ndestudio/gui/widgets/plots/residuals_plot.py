"""What is left of the data once the model is taken away: over time, against a normal distribution, against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.residuals import correlation_panel, quantile_panel, time_panel
from ndestudio.gui.building import combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot

if TYPE_CHECKING:
    from ndestudio.fitting.residuals import Residuals


class ResidualsPlot(QWidget):
    """Signals: asked(): it is looked at."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._residuals: Residuals | None = None
        self._time_title = ""
        self.column_box = combo((), "Column", "Which measured column is shown")
        self.column_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.column_box.setMinimumWidth(96)
        self.sentence = label("", wrap=True, selectable=True)
        self.time = Plot("Residuals over time", "", "measured − model", low=True)
        self.time.show_legend()
        self.quantiles = Plot("Normal quantiles of residuals", "normal quantile", "residual / deviation")
        self.correlation = Plot("Autocorrelation of residuals", "lag (samples)", "autocorrelation")
        for plot in (self.time, self.quantiles, self.correlation):
            plot.setMinimumHeight(72)  # the sentence above them has precedence
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.column_box, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(self.time, 1)
        layout.addLayout(row(self.quantiles, self.correlation), 1)
        self.column_box.currentIndexChanged.connect(self._draw)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.asked.emit()

    def show_residuals(self, residuals: Residuals | None, time_title: str, *, examining: bool) -> None:
        """Draw them; the same ones again cost nothing."""
        if residuals is None:
            self.sentence.setText("Simulating …" if examining else "Train a model to see what it leaves unexplained.")
        if residuals is self._residuals:
            return
        self._time_title = time_title
        self._residuals = residuals
        names = [column.name for column in residuals.columns] if residuals else []
        with quiet(self.column_box):
            chosen = self.column_box.currentData()
            self.column_box.clear()
            for name in names:
                self.column_box.addItem(name, name)
            self.column_box.setCurrentIndex(names.index(chosen) if chosen in names else 0 if names else -1)
        self._draw()

    def _draw(self) -> None:
        columns = self._residuals.columns if self._residuals else ()
        column = next((one for one in columns if one.name == self.column_box.currentData()), None)
        if column is None:
            for plot in (self.time, self.quantiles, self.correlation):
                plot.show_panel(Panel(Axis(), Axis()))
            return
        self.sentence.setText(" ".join((column.sentence, *(self._residuals.notes if self._residuals else ()))))
        self.time.show_panel(time_panel(column, self._time_title))
        self.quantiles.show_panel(quantile_panel(column))
        self.correlation.show_panel(correlation_panel(column))
        for plot in (self.time, self.quantiles, self.correlation):
            plot.fit()
