"""How a formula follows its hole: value against value, along each argument, and what is left."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.gui.building import choose, combo, quiet, row
from ndestudio.gui.theme import GRID, Colours
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.distil_state import HoleFit

_DOTS = 600


class HoleFitPlot(QWidget):
    """Up to two formulas: the one looked at, and the pinned one."""

    def __init__(self) -> None:
        super().__init__()
        self._fit: HoleFit | None = None
        self._other: HoleFit | None = None
        self.box = combo((), "What is shown", "Network and formula, along an argument or against each other")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.caption = ElidedLabel()
        self.plot = Plot("Formula and network")
        self._support = pg.PlotDataItem([], [], pen=None, symbol="t1", symbolSize=6, symbolPen=None)
        self.plot.item.addItem(self._support, ignoreBounds=True)
        self._diagonal = self.plot.curve(lambda c: c.muted, dash=True)
        self._other_dots = pg.PlotDataItem([], [], pen=None, symbol="s", symbolSize=4, symbolPen=None)
        self._dots = pg.PlotDataItem([], [], pen=None, symbol="o", symbolSize=4, symbolPen=None)
        self.plot.addItem(self._other_dots)
        self.plot.addItem(self._dots)
        self._network = self.plot.curve(lambda c: c.data)
        self._beyond = self.plot.curve(lambda c: c.data, dash=True, faint=True)
        self._formula = self.plot.curve(lambda c: c.curves[1])
        self._pinned = self.plot.curve(lambda c: c.curves[2], dash=True)
        self._legend = legend = self.plot.show_legend()
        for item, name in ((self._network, "network"), (self._formula, "formula")):
            legend.addItem(item, name)
        self.plot.styled(self._restyle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        choosers = row(self.box, self.caption)
        choosers.setStretch(1, 1)
        layout.addLayout(choosers)
        layout.addWidget(self.plot, 1)
        self.box.currentIndexChanged.connect(self._on_box)

    def show_fit(self, fit: HoleFit | None, other: HoleFit | None) -> None:
        """Draw a fit, and a second one to compare; the same ones again cost nothing."""
        if fit is self._fit and other is self._other:
            return
        if (other is None) != (self._other is None):
            self._show_pinned(other is not None)
        self._fit, self._other = fit, other
        if fit is not None:
            self._show_choices(fit)
        self._draw()

    def _show_pinned(self, on: bool) -> None:
        if on:
            self._legend.addItem(self._pinned, "pinned")
            self.plot.refresh_style()
        else:
            self._legend.removeItem(self._pinned)

    def _show_choices(self, fit: HoleFit) -> None:
        wanted = [(f"along {name}", f"along {name}") for name in fit.arguments]
        wanted += [("formula against network", "parity")]
        wanted += [(f"residuals along {name}", f"residual {name}") for name in fit.arguments]
        if [self.box.itemData(i) for i in range(self.box.count())] != [value for _, value in wanted]:
            with quiet(self.box):
                kept = self.box.currentData()
                self.box.clear()
                for text, value in wanted:
                    self.box.addItem(text, value)
                choose(self.box, kept or (wanted[0][1] if len(fit.arguments) == 1 else "parity"))

    def _on_box(self) -> None:
        self._draw()
        self.plot.fit()

    def _draw(self) -> None:
        for item in (
            self._support,
            self._diagonal,
            self._dots,
            self._other_dots,
            self._network,
            self._beyond,
            self._formula,
            self._pinned,
        ):
            item.setData([], [])
        fit, mode = self._fit, str(self.box.currentData() or "")
        self.caption.show_text("", "muted")
        self._legend.setVisible(mode.startswith("along "))
        if fit is None:
            return
        name = f"{fit.hole} [{fit.unit}]" if fit.unit else fit.hole
        if mode == "parity":
            self._draw_parity(fit, name)
        elif mode.startswith("along "):
            self._draw_slice(fit, fit.arguments.index(mode.removeprefix("along ")), name)
        elif mode.startswith("residual "):
            self._draw_residuals(fit, fit.arguments.index(mode.removeprefix("residual ")), name)

    def _draw_parity(self, fit: HoleFit, name: str) -> None:
        self.plot.titles(f"network: {name}", "formula")
        step = max(1, len(fit.y) // _DOTS)
        if fit.formula_y is not None:
            self._dots.setData(fit.y[::step], fit.formula_y[::step])
        other = self._other
        if other is not None and other.formula_y is not None and len(other.y) == len(fit.y):
            self._other_dots.setData(other.y[::step], other.formula_y[::step])
        ends = np.array([np.nanmin(fit.y), np.nanmax(fit.y)])
        self._diagonal.setData(ends, ends)

    def _draw_slice(self, fit: HoleFit, position: int, name: str) -> None:
        one = fit.slices[position]
        self.plot.titles(one.argument, name)
        self._network.setData(one.x, np.where(one.trusted, one.network, np.nan), connect="finite")
        self._beyond.setData(one.x, one.network)
        self._formula.setData(one.x, one.formula, connect="finite")
        if self._other is not None and len(self._other.slices) == len(fit.slices):
            pinned = self._other.slices[position]
            self._pinned.setData(pinned.x, pinned.formula, connect="finite")
        held = ", ".join(f"{key} = {value:.4g}" for key, value in one.held.items())
        self.caption.setText(
            f"at {held}; dashed where no data support it" if held else "dashed where no data support it"
        )
        low = np.nanmin(one.network) if np.isfinite(one.network).any() else 0.0
        places = fit.X[:: max(1, len(fit.X) // 200), position]
        self._support.setData(places, np.full(len(places), low))

    def _draw_residuals(self, fit: HoleFit, position: int, name: str) -> None:
        self.plot.titles(fit.arguments[position], f"network − formula: {name}")
        step = max(1, len(fit.y) // _DOTS)
        x = fit.X[::step, position]
        for item, one in ((self._dots, fit), (self._other_dots, self._other)):
            if one is not None and one.formula_y is not None and len(one.y) == len(fit.y):
                item.setData(x, (one.y - one.formula_y)[::step])
        self._diagonal.setData([x.min(), x.max()], [0.0, 0.0])

    def _restyle(self, c: Colours) -> None:
        self._dots.setSymbolBrush(pg.mkBrush(c.curves[1]))
        self._other_dots.setSymbolBrush(pg.mkBrush(c.curves[2]))
        self._support.setSymbolBrush(pg.mkBrush(c.muted))
