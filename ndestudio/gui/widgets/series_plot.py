"""Every measured column and input over time, one panel each, trajectories by colour, held-out rows hollow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.gui.building import discard
from ndestudio.gui.theme import Colours, colours
from ndestudio.gui.widgets.plot import Plot, thinned

_DOTS_UP_TO = 2000
_HEIGHT = 176


class SeriesPanel(Plot):
    """One column over time."""

    def __init__(self, column: Column, time: Column) -> None:
        super().__init__(f"{column.name} over time", time.title, column.title)
        self.setMinimumHeight(_HEIGHT)
        self._items: list[pg.PlotDataItem] = []

    def show_series(self, trajectories: list[tuple[int, Trajectory, np.ndarray]]) -> None:
        """Draw one column of each trajectory: (colour number, trajectory, values)."""
        for item in self._items:
            self.removeItem(item)
        self._items.clear()
        self._restylers.clear()
        for number, one, values in trajectories:
            self._draw(number, one, values)
        self.fit()

    def _draw(self, number: int, one: Trajectory, values: np.ndarray) -> None:
        def colour(c: Colours) -> str:
            return c.curves[number % len(c.curves)]

        line = self.curve(colour, faint=len(one.t) <= _DOTS_UP_TO)
        line.setData(*thinned(one.t, values), connect="finite")
        self._items.append(line)
        if len(one.t) > _DOTS_UP_TO:
            return
        held_out = one.part != Part.TRAIN
        for rows, hollow in ((~held_out, False), (held_out, True)):
            rows = rows & np.isfinite(values)
            if rows.any():
                self._dots(one.t[rows], values[rows], colour, hollow)

    def _dots(self, x: np.ndarray, y: np.ndarray, colour: Callable[[Colours], str], hollow: bool) -> None:
        dots = pg.PlotDataItem(x, y, pen=None, symbol="o", symbolSize=6)

        def restyle(c: Colours) -> None:
            dots.setSymbolPen(pg.mkPen(colour(c), width=1))
            dots.setSymbolBrush(pg.mkBrush(c.surface if hollow else colour(c)))

        self.addItem(dots)
        self.styled(restyle)
        self._items.append(dots)


class SeriesPlots(QScrollArea):
    """All columns of a data set below or beside each other, with linked time axes."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Plots of the columns")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        self._grid.setContentsMargins(0, 0, 0, 0)
        inner = QWidget()
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(self._grid)
        self.setWidget(inner)
        self.panels: list[SeriesPanel] = []
        self._dataset: Dataset | None = None
        self._hidden: frozenset[str] = frozenset()

    def show_dataset(self, dataset: Dataset | None, hidden: frozenset[str] = frozenset()) -> None:
        """Draw a data set, without the trajectories named in ``hidden``."""
        if dataset is self._dataset and hidden == self._hidden:
            return
        columns = () if dataset is None else (*dataset.measured, *dataset.inputs)
        known = () if self._dataset is None else (*self._dataset.measured, *self._dataset.inputs)
        if dataset is None or columns != known or self._dataset is None or dataset.time != self._dataset.time:
            self._rebuild(dataset, columns)
        self._dataset, self._hidden = dataset, hidden
        if dataset is None:
            return
        for position, panel in enumerate(self.panels):
            panel.show_series(
                [
                    (number, one, np.hstack([one.measured, one.inputs])[:, position])
                    for number, one in enumerate(dataset.trajectories)
                    if one.name not in hidden
                ]
            )

    def _rebuild(self, dataset: Dataset | None, columns: tuple[Column, ...]) -> None:
        for panel in self.panels:
            self._grid.removeWidget(panel)
            discard(panel)
        self.panels = []
        if dataset is None:
            return
        wide = 1 if len(columns) <= 2 else 2
        for position, column in enumerate(columns):
            panel = SeriesPanel(column, dataset.time)
            self._grid.addWidget(panel, position // wide, position % wide)
            if self.panels:
                panel.setXLink(self.panels[0])
            self.panels.append(panel)
        self.verticalScrollBar().setSingleStep(24)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)


def swatch(number: int) -> QColor:
    """Colour of a trajectory by its position."""
    curves = colours().curves
    return QColor(curves[number % len(curves)])
