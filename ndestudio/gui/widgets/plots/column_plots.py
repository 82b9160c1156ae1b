"""The columns of a file over the time, small multiples of described panels: shown while the file is not loaded."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.figures.description import Panel
from ndestudio.gui.building import discard
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.redraw import Redraw

_HEIGHT = 168


class ColumnPlots(QScrollArea):
    """Panels below or beside each other, with linked axes of time."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Columns of the file over the time")
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
        self.plots: list[Plot] = []
        self._panels: tuple[Panel, ...] = ()
        self.redraw = Redraw(self)
        """Each panel in a turn of its own, so that many columns do not hold the window up."""

    def show_panels(self, panels: tuple[Panel, ...]) -> None:
        """Show described panels; plots are made anew where their number or titles differ."""
        if panels is self._panels:
            return
        titles = [(panel.x.title, panel.y.title) for panel in panels]
        if titles != [(panel.x.title, panel.y.title) for panel in self._panels]:
            self._rebuild(panels)
        self._panels = panels
        self.redraw.ask()

    def _rebuild(self, panels: tuple[Panel, ...]) -> None:
        for plot in self.plots:
            self._grid.removeWidget(plot)
            discard(plot)
        self.plots = []
        self.redraw.close()
        self.redraw = Redraw(self, *(partial(self._draw, position) for position in range(len(panels))))
        wide = 1 if len(panels) <= 2 else 2
        for position, panel in enumerate(panels):
            plot = Plot(f"{panel.y.title} over {panel.x.title}", panel.x.title, panel.y.title)
            plot.setMinimumHeight(_HEIGHT)
            self._grid.addWidget(plot, position // wide, position % wide)
            if self.plots:
                plot.setXLink(self.plots[0])
            self.plots.append(plot)

    def _draw(self, position: int) -> None:
        if position < len(self._panels):
            self.plots[position].show_panel(self._panels[position])
