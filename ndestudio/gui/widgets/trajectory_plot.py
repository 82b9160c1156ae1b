"""Simulated trajectories against the data, one panel per measured column; residuals on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.gui.building import combo, discard, label, quiet, row
from ndestudio.gui.theme import GRID, Colours
from ndestudio.gui.widgets.plot import Plot, thinned
from ndestudio.session.pictures import Path, Picture

_MOST = 8
_DOTS = 3000
"""Measured values drawn in a panel, over all trajectories."""

_HEIGHT = 112
_INK = 0.5
"""Opacity of measurements: a model that follows many of them closely is still seen."""


@dataclass
class _Items:
    """What is drawn of one trajectory: measured (training, held out), simulated, simulated before."""

    train: pg.PlotDataItem
    held_out: pg.PlotDataItem
    model: pg.PlotDataItem
    before: pg.PlotDataItem


class TrajectoryPanel(Plot):
    """One measured column."""

    def __init__(self, column: Column, time: Column, position: int) -> None:
        super().__init__(f"{column.name}: data and model", "", column.title)
        self.setMinimumHeight(_HEIGHT)
        self._column = column
        self._time = time
        self._position = position
        self._items: list[_Items] = []
        self._zero = pg.InfiniteLine(angle=0)
        self.item.addItem(self._zero, ignoreBounds=True)
        self.styled(lambda c: self._zero.setPen(pg.mkPen(c.border)))

    def draw(
        self,
        trajectories: list[tuple[int, Trajectory]],
        paths: dict[str, Path],
        before: dict[str, Path],
        residuals: bool,
    ) -> None:
        """Draw trajectories (colour number, data) with their simulations; items are reused."""
        numbers = [number for number, _ in trajectories]
        while len(self._items) < len(trajectories):
            self._items.append(self._make(len(self._items), numbers))
        self._numbers = numbers
        self._zero.setVisible(residuals)
        title = f"residual of {self._column.title}" if residuals else self._column.title
        if len(title) > 14:
            title = title.replace(" [", "\n[")
        self.titles(self._time.title if self.lowest else "", title)
        dots = max(100, _DOTS // max(1, len(trajectories)))
        for items, (_, one) in zip(self._items, trajectories, strict=False):
            self._draw_one(items, one, paths.get(one.name), before.get(one.name), residuals, dots)
        for items in self._items[len(trajectories) :]:
            for item in (items.train, items.held_out, items.model, items.before):
                item.setData([], [])
        shown = [one for _, one in trajectories]
        simulated = [made[one.name] for made in (paths, before) for one in shown if one.name in made]
        self._keep_in_view(shown, simulated, residuals)

    def _keep_in_view(self, trajectories: list[Trajectory], paths: list[Path], residuals: bool) -> None:
        """Measurements stay legible beside a simulation that runs away: it is cut off a span outside them."""
        measured = _range([one.measured[:, self._position] for one in trajectories])
        simulated = _range([path.measured[:, self._position] for path in paths])
        limits = None
        if measured is not None and simulated is not None and not residuals:
            span = (measured[1] - measured[0]) or abs(measured[1]) or 1.0
            low, high = measured[0] - span, measured[1] + span
            if simulated[0] < low or simulated[1] > high:
                limits = (max(low, min(simulated[0], measured[0])), min(high, max(simulated[1], measured[1])))
        if limits != self._limits:
            self._limits = limits
            self._use_limits()

    def _use_limits(self) -> None:
        if self._limits is None:
            self.item.enableAutoRange(axis="y")
        else:
            self.item.setYRange(*self._limits)

    def fit(self) -> None:
        super().fit()
        self._use_limits()

    _limits: tuple[float, float] | None = None
    _numbers: list[int]
    lowest = False
    """Only the lowest panel of a column of panels names the time."""

    def _draw_one(
        self, items: _Items, one: Trajectory, path: Path | None, before: Path | None, residuals: bool, dots: int
    ) -> None:
        values = one.measured[:, self._position]
        if residuals:
            values = values - _at(path, one, self._position)
        known = np.isfinite(values)
        train = known & (one.part == Part.TRAIN)
        items.train.setData(*thinned(one.t[train], values[train], dots))
        items.held_out.setData(*thinned(one.t[known & ~train], values[known & ~train], dots))
        for item, shown in ((items.model, path), (items.before, before)):
            if shown is None or residuals:
                item.setData([], [])
            else:
                item.setData(*thinned(shown.t, shown.measured[:, self._position]), connect="finite")

    def _make(self, index: int, numbers: list[int]) -> _Items:
        def colour(c: Colours) -> str:
            number = self._numbers[index] if index < len(getattr(self, "_numbers", ())) else numbers[index]
            return c.curves[number % len(c.curves)]

        before = self.curve(lambda c: c.muted, dash=True)
        model = self.curve(colour)
        model.setZValue(2)
        return _Items(self._dots(colour, False), self._dots(colour, True), model, before)

    def _dots(self, colour: Callable[[Colours], str], hollow: bool) -> pg.PlotDataItem:
        dots = pg.PlotDataItem([], [], pen=None, symbol="o", symbolSize=5)
        self.addItem(dots)

        def restyle(c: Colours) -> None:
            ink, fill = QColor(colour(c)), QColor(c.surface if hollow else colour(c))
            ink.setAlphaF(_INK)
            fill.setAlphaF(1.0 if hollow else _INK)
            dots.setSymbolPen(pg.mkPen(ink, width=1))
            dots.setSymbolBrush(pg.mkBrush(fill))

        self.styled(restyle)
        return dots


class TrajectoryPlot(QWidget):
    """All measured columns. ``show_model`` may be called many times a second: only data change, nothing is rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._picture: Picture | None = None
        self._before: Picture | None = None
        self.panels: list[TrajectoryPanel] = []
        self.chooser: QComboBox = combo((), "Trajectory", "Which trajectory is shown")
        self.chooser.setMinimumWidth(140)
        self.residuals = QCheckBox("Residuals")
        self.residuals.setToolTip("Measured minus simulated, in the unit of the column")
        self._hint = label("", "muted")
        self._hint.setToolTip("Held-out rows are not used in fitting; the colour tells trajectories apart")
        self._grid = QGridLayout()
        self._grid.setSpacing(GRID)
        self._grid.setContentsMargins(0, 0, 0, 0)
        inner = QWidget()
        inner.setLayout(self._grid)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.chooser, self.residuals, 1, self._hint))
        layout.addWidget(self._area, 1)
        self.chooser.currentIndexChanged.connect(self._redraw)
        self.residuals.toggled.connect(self._on_residuals)

    def show_model(
        self, dataset: Dataset, picture: Picture | None, before: Picture | None = None, dashed: str = "before"
    ) -> None:
        """Draw a data set and simulations of it; the same ones again cost nothing.

        Arguments:
            before: another simulation, drawn dashed. dashed: what it is, for the legend.
        """
        hint = "● training  ○ held out" + ("  — model" if picture else "") + (f"  ┄ {dashed}" if before else "")
        if self._hint.text() != hint:
            self._hint.setText(hint)
        if dataset is self._dataset and picture is self._picture and before is self._before:
            return
        if dataset is not self._dataset:
            self._rebuild(dataset)
        self._dataset, self._picture, self._before = dataset, picture, before
        self._redraw()

    def _rebuild(self, dataset: Dataset) -> None:
        old = self._dataset
        if old is None or old.measured != dataset.measured or old.time != dataset.time:
            for panel in self.panels:
                self._grid.removeWidget(panel)
                discard(panel)
            self.panels = []
            wide = 1 if len(dataset.measured) <= 3 else 2
            for position, column in enumerate(dataset.measured):
                panel = TrajectoryPanel(column, dataset.time, position)
                self._grid.addWidget(panel, position // wide, position % wide)
                if self.panels:
                    panel.setXLink(self.panels[0])
                panel.lowest = position + wide >= len(dataset.measured)
                self.panels.append(panel)
        names = [one.name for one in dataset.trajectories]
        chosen = self.chooser.currentData()
        with quiet(self.chooser):
            self.chooser.clear()
            if len(names) > 1:
                self.chooser.addItem("All trajectories" if len(names) <= _MOST else f"First {_MOST} trajectories", None)
            for name in names:
                self.chooser.addItem(name or "trajectory", name)
            self.chooser.setCurrentIndex(max(0, self.chooser.findData(chosen)) if chosen else 0)
        self.chooser.setVisible(len(names) > 1)

    def _on_residuals(self) -> None:
        self._redraw()
        for panel in self.panels:
            panel.fit()

    def _redraw(self) -> None:
        if self._dataset is None:
            return
        wanted = self.chooser.currentData()
        numbered = list(enumerate(self._dataset.trajectories))
        shown = [(n, one) for n, one in numbered if wanted is None or one.name == wanted][:_MOST]
        paths = dict(self._picture.paths) if self._picture else {}
        before = dict(self._before.paths) if self._before else {}
        for panel in self.panels:
            panel.draw(shown, paths, before, self.residuals.isChecked())


def _range(values: list[np.ndarray]) -> tuple[float, float] | None:
    """Smallest and largest finite value, None without any."""
    known = [one[np.isfinite(one)] for one in values]
    known = [one for one in known if len(one)]
    return (min(float(one.min()) for one in known), max(float(one.max()) for one in known)) if known else None


def _at(path: Path | None, one: Trajectory, position: int) -> np.ndarray:
    """The simulation at the measured times; NaN without one."""
    if path is None or not len(path.t):
        return np.full(len(one.t), np.nan)
    return np.interp(one.t, path.t, path.measured[:, position])
