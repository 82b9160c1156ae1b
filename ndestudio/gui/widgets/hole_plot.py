"""What a hole has learned: a curve over one argument, a map over two; where no data support it, it is veiled."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QStackedWidget, QVBoxLayout, QWidget

from ndestudio.gui.building import combo, quiet, row
from ndestudio.gui.theme import GRID, Colours, colours
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.phase_plot import ShadeItem
from ndestudio.gui.widgets.plot import Plot, forget_forms
from ndestudio.session.pictures import HolePicture, Picture

_DOTS = 400
_VEIL = 150


class HolePlot(QWidget):
    """Signals: arguments_chosen(hole, positions)."""

    arguments_chosen = Signal(str, tuple)

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._hole: HolePicture | None = None
        self.hole_box = combo((), "Unknown function", "Which unknown function is shown")
        self.arguments_box = combo((), "Arguments shown", "Arguments the function is drawn over")
        self.caption = ElidedLabel()
        self.curve_plot = Plot("Unknown function")
        self._lowest = self.curve_plot.curve(lambda c: c.curves[0], faint=True)
        self._highest = self.curve_plot.curve(lambda c: c.curves[0], faint=True)
        self._band = pg.FillBetweenItem(self._lowest, self._highest)
        self.curve_plot.item.addItem(self._band, ignoreBounds=True)
        self._line = self.curve_plot.curve(lambda c: c.curves[0])
        self._beyond = self.curve_plot.curve(lambda c: c.curves[0], dash=True, faint=True)
        self._rug = pg.PlotDataItem([], [], pen=None, symbol="t1", symbolSize=6)
        self.curve_plot.item.addItem(self._rug, ignoreBounds=True)
        self.map_plot = Plot("Unknown function over two arguments")
        self._image = pg.ImageItem()
        self._image.setColorMap("viridis")
        self._shade = ShadeItem()
        self._dots = pg.PlotDataItem([], [], pen=None, symbol="o", symbolSize=4, symbolPen=None)
        for item in (self._image, self._shade, self._dots):
            self.map_plot.addItem(item)
        self.bar = pg.ColorBarItem(colorMap=pg.colormap.get("viridis"), interactive=False, width=12, colorMapMenu=False)
        forget_forms(self.bar)
        self.bar.setImageItem(self._image, insert_in=self.map_plot.item)
        self.map_plot.item.showGrid(x=False, y=False)
        self.map_plot.item.vb.setDefaultPadding(0.0)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.curve_plot)
        self.stack.addWidget(self.map_plot)
        for box in (self.hole_box, self.arguments_box):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMinimumWidth(96)
        self._choosers = row(self.hole_box, self.arguments_box, self.caption)
        self._choosers.setStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(self._choosers)
        layout.addWidget(self.stack, 1)
        self.hole_box.currentIndexChanged.connect(self._draw)
        self.arguments_box.currentIndexChanged.connect(self._on_arguments)
        self.curve_plot.styled(lambda c: self._restyle(c))
        self.map_plot.styled(lambda c: self._restyle(c))

    def show_picture(self, picture: Picture | None) -> None:
        """Draw a hole of a picture; the same one again costs nothing."""
        if picture is self._picture:
            return
        self._picture = picture
        names = [hole.name for hole in picture.holes] if picture else []
        if [self.hole_box.itemData(i) for i in range(self.hole_box.count())] != names:
            with quiet(self.hole_box):
                chosen = self.hole_box.currentData()
                self.hole_box.clear()
                for name in names:
                    self.hole_box.addItem(name, name)
                self.hole_box.setCurrentIndex(max(0, names.index(chosen) if chosen in names else 0))
        self._draw()

    def _draw(self) -> None:
        holes = self._picture.holes if self._picture else ()
        hole = next((one for one in holes if one.name == self.hole_box.currentData()), None)
        self._hole = hole
        if self._picture is None or hole is None:
            self._line.setData([], [])
            self._beyond.setData([], [])
            self._draw_band(None)
            return
        network = self._picture.model.networks[hole.name]
        self._show_arguments(hole, network.arguments)
        unit = f" [{network.config.unit}]" if network.config.unit else ""
        if len(hole.axes) == 1:
            self._draw_curve(hole, f"{hole.name}{unit}")
        else:
            self._draw_map(hole)
        held = ", ".join(f"{name} = {value:.4g}" for name, value in hole.held.items())
        words = (
            f"at {held}" if held else f"{unit.strip()} veiled: no data" if len(hole.axes) == 2 else "dashed: no data"
        )
        self.caption.show_text(f"{words}; {spread}" if (spread := _spread(hole)) else words, "muted")

    def _draw_curve(self, hole: HolePicture, title: str) -> None:
        self.stack.setCurrentWidget(self.curve_plot)
        self.curve_plot.titles(hole.arguments[0], title)
        x, y = hole.axes[0], hole.values
        self._line.setData(x, np.where(hole.trusted, y, np.nan), connect="finite")
        self._beyond.setData(x, y)
        self._draw_band(hole)
        support = hole.support[:: max(1, len(hole.support) // _DOTS), 0]
        low = float(np.nanmin(y)) if np.isfinite(y).any() else 0.0
        self._rug.setData(support, np.full(len(support), low))

    def _draw_band(self, hole: HolePicture | None) -> None:
        """How far the networks of all seeds spread."""
        nothing = np.zeros(0)
        x, low, high = nothing, nothing, nothing
        if hole is not None and hole.lowest is not None and hole.highest is not None:
            x, low, high = hole.axes[0], hole.lowest, hole.highest
        self._lowest.setData(x, low)
        self._highest.setData(x, high)
        self._band.setVisible(len(x) > 0)

    def _draw_map(self, hole: HolePicture) -> None:
        self.stack.setCurrentWidget(self.map_plot)
        x, y = hole.axes
        self.map_plot.titles(hole.arguments[0], hole.arguments[1])
        finite = hole.values[np.isfinite(hole.values)]
        trusted = hole.values[hole.trusted & np.isfinite(hole.values)]
        shown = trusted if len(trusted) > 1 else finite
        low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
        if high <= low:
            high = low + 1e-9 + abs(low) * 1e-6
        self._image.setImage(hole.values.T, levels=(low, high))
        dx, dy = (x[-1] - x[0]) / (len(x) - 1), (y[-1] - y[0]) / (len(y) - 1)
        self._image.setRect(QRectF(x[0] - dx / 2, y[0] - dy / 2, dx * len(x), dy * len(y)))
        self.bar.setLevels((low, high))
        self._shade.show_mask(hole.trusted, x, y, colours().surface, _VEIL)
        support = hole.support[:: max(1, len(hole.support) // _DOTS)]
        self._dots.setData(support[:, 0], support[:, 1])

    def _show_arguments(self, hole: HolePicture, arguments: tuple[str, ...]) -> None:
        choices: list[tuple[int, ...]] = [(i,) for i in range(len(arguments))]
        choices += [(i, j) for i in range(len(arguments)) for j in range(i + 1, len(arguments))]
        self.arguments_box.setVisible(len(arguments) > 1)
        if [self.arguments_box.itemData(i) for i in range(self.arguments_box.count())] != choices:
            with quiet(self.arguments_box):
                self.arguments_box.clear()
                for positions in choices:
                    self.arguments_box.addItem("over " + ", ".join(arguments[i] for i in positions), positions)
        shown = tuple(arguments.index(name) for name in hole.arguments)
        with quiet(self.arguments_box):
            self.arguments_box.setCurrentIndex(choices.index(shown) if shown in choices else 0)

    def _on_arguments(self) -> None:
        if self._hole is not None and self.arguments_box.currentData() is not None:
            self.arguments_chosen.emit(self._hole.name, tuple(self.arguments_box.currentData()))

    def _restyle(self, c: Colours) -> None:
        faint = QColor(c.curves[0])
        faint.setAlphaF(0.18)
        self._band.setBrush(pg.mkBrush(faint))
        self._rug.setSymbolPen(None)
        self._rug.setSymbolBrush(pg.mkBrush(c.muted))
        self._dots.setSymbolBrush(pg.mkBrush("#ffffff"))
        self._dots.setSymbolPen(pg.mkPen("#00000088", width=1))
        self.bar.axis.setPen(pg.mkPen(c.border))
        self.bar.axis.setTextPen(pg.mkPen(c.muted))
        if self._hole is not None and len(self._hole.axes) == 2:
            self._shade.show_mask(self._hole.trusted, *self._hole.axes, c.surface, _VEIL)


def _spread(hole: HolePicture) -> str:
    """How far the seeds are apart where data support the hole, in words."""
    if hole.lowest is None or hole.highest is None or not hole.trusted.any():
        return ""
    apart = float(np.nanmax((hole.highest - hole.lowest)[hole.trusted]))
    return f"seeds differ by up to {apart:.3g}"
