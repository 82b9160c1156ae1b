"""The columns of a file over the time, small multiples of described panels: shown while the file cannot be loaded."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.figures.columns import MOST_COLUMNS
from ndestudio.figures.description import Panel
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.redraw import Redraw

_HEIGHT = 168


class ColumnPlots(QScrollArea):
    """Panels below or beside each other, with linked axes of time. Plots are made when first needed, and used again."""

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
        self._made: list[Plot] = []
        self._places: dict[int, tuple[int, int]] = {}
        self._panels: tuple[Panel, ...] = ()
        self.redraw = Redraw(self, *(partial(self._draw, position) for position in range(MOST_COLUMNS)))
        """Each panel in a turn of its own, so that many columns do not hold the window up."""

    @property
    def plots(self) -> list[Plot]:
        """Those in use."""
        return self._made[: len(self._panels)]

    def show_panels(self, panels: tuple[Panel, ...]) -> None:
        """Show described panels."""
        if panels is not self._panels:
            self._panels = panels
            self.redraw.ask()

    def _draw(self, position: int) -> None:
        if position >= len(self._panels):
            if position < len(self._made):
                self._made[position].hide()
            return
        panel = self._panels[position]
        if position == len(self._made):
            self._made.append(self._new(panel))
        plot, wide = self._made[position], 1 if len(self._panels) <= 2 else 2
        plot.setAccessibleName(f"{panel.y.title} over {panel.x.title}")
        plot.show_panel(panel)
        place = (position // wide, position % wide)
        if self._places.get(position) != place:
            self._places[position] = place
            self._grid.addWidget(plot, *place)
        plot.show()

    def _new(self, panel: Panel) -> Plot:
        plot = Plot(f"{panel.y.title} over {panel.x.title}", panel.x.title, panel.y.title)
        plot.setMinimumHeight(_HEIGHT)
        if self._made:
            plot.setXLink(self._made[0])
        return plot
