"""The profile likelihood of a parameter, with its threshold and the quadratic approximation for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.gui.building import button, combo, label, quiet, row
from ndestudio.gui.theme import GRID, Colours
from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.trust import TrustState

if TYPE_CHECKING:
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile


_SHOWN = 4.0
"""Rises beyond so many thresholds lie outside the picture."""


class ProfilePlot(QWidget):
    """Signals: chosen(parameter); asked(): make the profile, or end what goes on."""

    chosen = Signal(str)
    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None
        self.parameter_box = combo((), "Parameter", "Parameter that is held at other values while all else is fitted")
        self.parameter_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.parameter_box.setMinimumWidth(96)
        self.run_button = button(
            "Profile", self.asked.emit, tip="Fit everything else again at other values of this parameter"
        )
        self.sentence = label("", wrap=True, selectable=True)
        self.plot = Plot("Profile likelihood", "", "rise of the misfit")
        self.plot.show_legend()
        self._laplace = pg.LinearRegionItem([0, 0], movable=False)
        self._laplace.setZValue(-10)
        self._laplace.hide()
        self.plot.addItem(self._laplace)
        self._line = self.plot.curve(lambda c: c.curves[0], "profile", width=1)
        self._dots = self.plot.curve(lambda c: c.curves[0], points=True)
        self._misfit = self.plot.curve(lambda c: c.curves[1], "of it by the data", dash=True)
        self._threshold = pg.InfiniteLine(0.0, angle=0)
        self._threshold.hide()
        self.plot.addItem(self._threshold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.parameter_box, self.run_button, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(self.plot, 1)
        self.parameter_box.currentIndexChanged.connect(
            lambda _: self.chosen.emit(self.parameter_box.currentData() or "")
        )
        self.plot.styled(self._restyle)

    def show_trust(self, trust: TrustState) -> None:
        """Draw the profile of the parameter looked at; the same one again costs nothing."""
        names = list(trust.parameters)
        with quiet(self.parameter_box):
            if [self.parameter_box.itemData(i) for i in range(self.parameter_box.count())] != names:
                self.parameter_box.clear()
                for name in names:
                    self.parameter_box.addItem(name, name)
            self.parameter_box.setCurrentIndex(names.index(trust.chosen) if trust.chosen in names else -1)
        busy = bool(trust.profiling)
        self.run_button.setText("Stop" if busy else "Profile again" if trust.profile else "Profile")
        self.run_button.setEnabled(busy or (trust.can and bool(names)))
        self.sentence.setText(self._words(trust))
        if trust.profile is not self._profile:
            self._profile = trust.profile
            self._draw(trust.profile)

    def _words(self, trust: TrustState) -> str:
        if trust.profiling:
            return f"{trust.profiling[:1].upper()}{trust.profiling[1:]} …"
        if trust.profile is not None:
            return trust.profile.sentence
        if not trust.parameters:
            return "The model has no parameters that are fitted."
        return "How far the parameter can go before the data object: band, 95% by the quadratic approximation."

    def _draw(self, profile: Profile | None) -> None:
        for item in (self._laplace, self._threshold):
            item.setVisible(profile is not None)
        if profile is None:
            for curve in (self._line, self._dots, self._misfit):
                curve.setData([], [])
            return
        unit = f" [{profile.unit}]" if profile.unit else ""
        self.plot.titles(f"{profile.parameter}{unit}", "rise of the misfit")
        self._line.setData(profile.values, profile.statistic)
        self._dots.setData(profile.values, profile.statistic)
        apart = np.abs(profile.misfit - profile.statistic).max() > 0.1 * profile.threshold
        self._misfit.setData(profile.values if apart else [], profile.misfit if apart else [])
        self._threshold.setValue(profile.threshold)
        self._laplace.setVisible(profile.laplace is not None)
        if profile.laplace is not None:
            self._laplace.setRegion(profile.laplace)
        self.plot.item.enableAutoRange(x=True, y=False)
        top = min(float(np.nanmax(profile.statistic)), _SHOWN * profile.threshold)
        self.plot.item.setYRange(-0.1 * top, max(top, 1.5 * profile.threshold))

    def _restyle(self, c: Colours) -> None:
        self._threshold.setPen(pg.mkPen(c.muted, style=Qt.PenStyle.DashLine))
        shade = pg.mkColor(c.curves[0])
        shade.setAlpha(28)
        self._laplace.setBrush(pg.mkBrush(shade))
        for line in self._laplace.lines:
            line.setPen(pg.mkPen(None))
