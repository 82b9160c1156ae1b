"""Every measured column and input over time, one panel each, trajectories by colour, held-out rows hollow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QInputDialog, QMenu, QScrollArea, QVBoxLayout, QWidget

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.figures.description import Axis, Figure, Panel
from ndestudio.figures.input_paths import input_path
from ndestudio.figures.trajectories import moments, series_panel
from ndestudio.gui.building import discard, label
from ndestudio.gui.theme import LIGHT, Colours, colours
from ndestudio.gui.widgets.panel_items import PanelItems
from ndestudio.gui.widgets.plots.plot import Plot, Series
from ndestudio.gui.widgets.redraw import Redraw

_DOTS_UP_TO = 3000
"""More rows than this, over all trajectories, are drawn as lines alone."""

_POINTS = 16_000
_FEWEST = 200
"""Points drawn in a panel, over all trajectories, and of one of them at least."""

_HEIGHT = 176
_REACH = 12.0
"""Pixels around the pointer in which a point is meant."""

MOST_PANELS = 48
"""More columns are not drawn: a plot takes some 20 ms to be made, and nobody looks at hundreds."""


class SeriesPanel(Plot):
    """One column over time. Signals: value_changed(run, column, time, value), the value None to leave it out; trimmed(low, high), one
    of them None."""

    value_changed = Signal(str, str, float, object)
    trimmed = Signal(object, object)
    room = 18

    def __init__(self, column: Column, time: Column) -> None:
        super().__init__(f"{column.name} over time", time.title, column.title)
        self.setMinimumHeight(_HEIGHT)
        self._column, self._time = column, time
        self._series: list[tuple[int, Trajectory, np.ndarray]] = []
        self._lines: list[Series] | None = None
        self._items: list[pg.PlotDataItem] = []
        self._moments = PanelItems(self)
        self.editable = False
        self._at = QPointF()
        self._log_y = False
        self._read: Panel | None = None

    @property
    def scalable(self) -> tuple[str, ...]:
        return ("y",)

    def is_log(self, axis: str) -> bool:
        return axis == "y" and self._log_y

    def choose_log(self, axis: str, on: bool) -> None:
        self._log_y = on
        self.item.setLogMode(x=False, y=on)
        self.fit()

    @property
    def cursor_panel(self) -> Panel | None:
        if self._read is None:
            self._read = series_panel(self._column, self._time, self._series, self._lines)
        return self._read

    def mousePressEvent(self, ev: QMouseEvent) -> None:
        self._at = ev.position()
        super().mousePressEvent(ev)

    def menu(self) -> QMenu:
        """With what can be done to the point at the pointer."""
        menu = super().menu()
        nearest = self.nearest(self._at) if self.editable else None
        if nearest is None:
            return menu
        run, time, value = nearest
        menu.addSeparator()
        words = f"{self._column.name} = {value:.4g} at {time:.4g}" + (f" of {run}" if len(self._series) > 1 else "")
        for text, act in (
            (f"Leave out {words}", lambda: self.value_changed.emit(run, self._column.name, time, None)),
            (f"Change {words}…", lambda: self._ask_value(run, time, value)),
            (f"Take rows from {time:.4g} on", lambda: self.trimmed.emit(time, None)),
            (f"Take rows up to {time:.4g}", lambda: self.trimmed.emit(None, time)),
        ):
            action = menu.addAction(text)
            action.triggered.connect(lambda _=False, act=act: act())
        return menu

    def nearest(self, at: QPointF) -> tuple[str, float, float] | None:
        """Run, time and value of the point within a few pixels of a place in the widget."""
        box, found, least = self.item.getViewBox(), None, _REACH
        for _, one, values in self._series:
            shown = np.flatnonzero(np.isfinite(values))
            if not len(shown):
                continue
            middle = box.mapSceneToView(self.mapToScene(at.toPoint()))
            unit_x, unit_y = box.viewPixelSize()
            with np.errstate(all="ignore"):
                heights = np.log10(values[shown]) if self._log_y else values[shown]
            away = np.hypot((one.t[shown] - middle.x()) / unit_x, (heights - middle.y()) / unit_y)
            away = np.where(np.isfinite(away), away, np.inf)
            row = int(np.argmin(away))
            if away[row] < least:
                least, found = float(away[row]), (one.name, float(one.t[shown[row]]), float(values[shown[row]]))
        return found

    def _ask_value(self, run: str, time: float, value: float) -> None:
        made, good = QInputDialog.getDouble(
            self, "Change a value", f"{self._column.name} at {time:.6g} of {run}", value, decimals=8
        )
        if good:
            self.value_changed.emit(run, self._column.name, time, made)

    def show_series(
        self, trajectories: list[tuple[int, Trajectory, np.ndarray]], lines: list[Series] | None = None
    ) -> None:
        """Draw one column of each trajectory: (colour number, trajectory, values), joined by straight lines or by ``lines``."""
        self._series, self._lines, self._read = trajectories, lines, None
        for item in self._items:
            self.forget(item)
        self._items.clear()
        self._restylers.clear()
        rows = sum(len(one.t) for _, one, _ in trajectories)
        dots = rows <= _DOTS_UP_TO
        budget = max(_FEWEST, _POINTS // max(1, len(trajectories)))
        by_colour: dict[int, list[Series]] = {}
        for place, (number, one, values) in enumerate(trajectories):
            line = (one.t, values) if lines is None else lines[place]
            by_colour.setdefault(number % len(LIGHT.curves), []).append(line)
        for number, parts in by_colour.items():  # one item per colour: hundreds of items would take a second
            drawn = self.curve(_colour(number), faint=dots, antialias=dots)
            self.long_series(drawn, parts, budget)
            self._items.append(drawn)
        if dots:
            for number, one, values in trajectories:
                held_out = one.part != Part.TRAIN
                for part, hollow in ((~held_out, False), (held_out, True)):
                    shown = part & np.isfinite(values)
                    if shown.any():
                        self._dots(one.t[shown], values[shown], _colour(number), hollow)
        self._mark_doses(trajectories)
        self.styled(self._cursor.restyle)
        if self.receivers("2panel_shown(PyObject)"):
            self.described()
            self.panel_shown.emit(self._panel)
        self.fit()

    def _mark_doses(self, trajectories: list[tuple[int, Trajectory, np.ndarray]]) -> None:
        known = [values[np.isfinite(values)] for _, _, values in trajectories]
        known = [one for one in known if len(one)]
        ends = (min(float(one.min()) for one in known), max(float(one.max()) for one in known)) if known else None
        marks = moments([one for _, one, _ in trajectories], {})
        self._moments.show(Panel(Axis(), Axis(limits=ends), tuple(marks)))
        self._moments.follow_scheme()

    def described(self) -> Figure:
        panel = series_panel(self._column, self._time, self._series, self._lines)
        self._panel = replace(panel, y=replace(panel.y, log=self._log_y))
        return super().described()

    def _dots(self, x: np.ndarray, y: np.ndarray, colour: Callable[[Colours], str], hollow: bool) -> None:
        dots = pg.PlotDataItem(x, y, pen=None, symbol="o", symbolSize=6)

        def restyle(c: Colours) -> None:
            dots.setSymbolPen(pg.mkPen(colour(c), width=1))
            dots.setSymbolBrush(pg.mkBrush(c.surface if hollow else colour(c)))

        self.addItem(dots)
        self.styled(restyle)
        self._items.append(dots)


def _colour(number: int) -> Callable[[Colours], str]:
    return lambda c: c.curves[number % len(c.curves)]


class SeriesPlots(QScrollArea):
    """All columns of a data set below or beside each other, with linked time axes. Signals: as those of a panel."""

    value_changed = Signal(str, str, float, object)
    trimmed = Signal(object, object)

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
        self.rest = label("", "muted")
        self.rest.hide()
        outer.addWidget(self.rest)
        self.setWidget(inner)
        self.panels: list[SeriesPanel] = []
        self.redraw = Redraw(self)
        """Each panel in a turn of its own: with many long columns all of them would hold the window up."""
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
        self.redraw.ask()

    def _draw(self, position: int) -> None:
        if self._dataset is not None:
            self._make(self._dataset, position)
            numbered = enumerate(self._dataset.trajectories)
            shown = [(number, one, _column(one, position)) for number, one in numbered if one.name not in self._hidden]
            place = position - len(self._dataset.measured)
            lines = None if place < 0 else [input_path(one, place) for _, one, _ in shown]
            self.panels[position].show_series(shown, lines)

    def _rebuild(self, dataset: Dataset | None, columns: tuple[Column, ...]) -> None:
        for panel in self.panels:
            self._grid.removeWidget(panel)
            discard(panel)
        self.panels = []
        self.redraw.close()
        shown = min(len(columns), MOST_PANELS)
        self.redraw = Redraw(self, *(partial(self._draw, position) for position in range(shown)))
        self.rest.setText(f"{len(columns) - shown} more columns are not drawn.")
        self.rest.setVisible(len(columns) > shown)
        self.verticalScrollBar().setSingleStep(24)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _make(self, dataset: Dataset, position: int) -> None:
        """Make panels up to a position, in the turn in which they are drawn first."""
        columns = (*dataset.measured, *dataset.inputs)
        wide = 1 if len(columns) <= 2 else 2
        for place in range(len(self.panels), position + 1):
            panel = SeriesPanel(columns[place], dataset.time)
            panel.editable = place < len(dataset.measured)
            panel.value_changed.connect(self.value_changed)
            panel.trimmed.connect(self.trimmed)
            self._grid.addWidget(panel, place // wide, place % wide)
            if self.panels:
                panel.setXLink(self.panels[0])
            self.panels.append(panel)


def _column(trajectory: Trajectory, position: int) -> np.ndarray:
    """Values of the measured columns, then of the inputs, by position."""
    measured = trajectory.measured.shape[1]
    if position < measured:
        return trajectory.measured[:, position]
    return trajectory.inputs[:, position - measured]


def swatch(number: int) -> QColor:
    """Colour of a trajectory by its position."""
    curves = colours().curves
    return QColor(curves[number % len(curves)])
