"""What is left of the data once the model is taken away: over time, against a normal distribution, against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.gui.building import combo, label, quiet, row
from ndestudio.gui.theme import GRID, Colours
from ndestudio.gui.widgets.plot import Plot

if TYPE_CHECKING:
    from ndestudio.model.residuals import ColumnResiduals, Residuals

_MOST = 4000


class ResidualsPlot(QWidget):
    """Signals: asked(): it is looked at."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._residuals: Residuals | None = None
        self.column_box = combo((), "Column", "Which measured column is shown")
        self.column_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.column_box.setMinimumWidth(96)
        self.sentence = label("", wrap=True, selectable=True)
        self.time = Plot("Residuals over time", "", "measured − model")
        self._training = self.time.curve(lambda c: c.curves[0], "training", points=True)
        self._held = self.time.curve(lambda c: c.curves[1], "held out", points=True)
        self._zero = pg.InfiniteLine(0.0, angle=0)
        self.time.addItem(self._zero)
        self.time.show_legend()
        self.quantiles = Plot("Normal quantiles of residuals", "normal quantile", "residual")
        self._diagonal = self.quantiles.curve(lambda c: c.muted, dash=True)
        self._ordered = self.quantiles.curve(lambda c: c.curves[0], points=True)
        self.correlation = Plot("Autocorrelation of residuals", "lag", "autocorrelation")
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.4)
        self.correlation.addItem(self._bars)
        self._limits = [pg.InfiniteLine(0.0, angle=0) for _ in range(2)]
        for one in self._limits:
            self.correlation.addItem(one)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        head = row(self.column_box, self.sentence)
        head.setStretch(1, 1)
        layout.addLayout(head)
        layout.addWidget(self.time, 1)
        layout.addLayout(row(self.quantiles, self.correlation), 1)
        self.column_box.currentIndexChanged.connect(self._draw)
        self.time.styled(self._restyle)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.asked.emit()

    def show_residuals(self, residuals: Residuals | None, time_title: str, *, examining: bool) -> None:
        """Draw them; the same ones again cost nothing."""
        if residuals is None:
            self.sentence.setText("Simulating …" if examining else "Train a model to see what it leaves unexplained.")
        self.time.titles(time_title, "measured − model")
        if residuals is self._residuals:
            return
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
            for item in (self._training, self._held, self._diagonal, self._ordered):
                item.setData([], [])
            self._bars.setOpts(x=[], height=[])
            return
        self.sentence.setText(" ".join((column.sentence, *(self._residuals.notes if self._residuals else ()))))
        self._draw_column(column)

    def _draw_column(self, column: ColumnResiduals) -> None:
        thin = slice(None, None, max(1, -(-len(column.t) // _MOST)))
        t, e, trains = column.t[thin], column.residual[thin], column.part[thin] == 0
        self._training.setData(t[trains], e[trains])
        self._held.setData(t[~trains], e[~trains])
        thin = slice(None, None, max(1, -(-len(column.ordered) // _MOST)))
        expected = column.expected[thin]
        self._ordered.setData(expected, column.ordered[thin])
        ends = np.array([expected[0], expected[-1]]) if len(expected) else np.zeros(0)
        self._diagonal.setData(ends, ends)
        lags = np.arange(1, len(column.correlation))
        self._bars.setOpts(x=lags, height=column.correlation[1:])
        for line, sign in zip(self._limits, (-1.0, 1.0), strict=True):
            line.setValue(sign * column.band)
        for plot in (self.time, self.quantiles, self.correlation):
            plot.fit()

    def _restyle(self, c: Colours) -> None:
        self._zero.setPen(pg.mkPen(c.border))
        self._bars.setOpts(brush=pg.mkBrush(c.curves[0]), pen=pg.mkPen(c.curves[0]))
        for line in self._limits:
            line.setPen(pg.mkPen(c.muted, style=pg.QtCore.Qt.PenStyle.DashLine))
