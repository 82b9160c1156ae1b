"""The Pareto front: error against complexity. Two errors: on the samples of the hole, and of the whole model simulated."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent

from ndestudio.gui.theme import Colours, colours
from ndestudio.gui.widgets.log_axis import LogAxis
from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.distil_state import FrontRow

Shown = Literal["both", "hole", "simulated"]
_SMALLEST = 1e-9
_REACH = 24.0


class ParetoPlot(Plot):
    """Errors are relative root-mean-square errors: sqrt(NMSE) of the hole, NRMSE of the simulated trajectories.

    Signals: chosen(index of a row).
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Pareto front", "complexity", "relative error")
        self.use_axis("left", LogAxis("left"))
        self._rows: tuple[FrontRow, ...] = ()
        self._selected = -1
        self._shown: Shown = "both"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Press a point to see its formula; ← and → go along the front")
        self._steps = self.curve(lambda c: c.curves[0], faint=True)
        self._hole_dots = self._dots("o", 8)
        self._simulated = self.curve(lambda c: c.curves[1], faint=True)
        self._simulated_dots = self._dots("d", 10)
        self._ring = self._dots("o", 18)
        self._pin = self._dots("s", 18)
        self._link = self.curve(lambda c: c.accent, dash=True)
        self._mark = pg.TextItem("", anchor=(0.5, 1.3))
        self.item.addItem(self._mark, ignoreBounds=True)
        self.styled(self._restyle_dots)
        legend = self.show_legend()
        legend.addItem(self._hole_dots, "hole")
        legend.addItem(self._simulated_dots, "simulated")
        scene: Any = self.scene()
        scene.sigMouseClicked.connect(self._on_clicked)

    def show_front(self, rows: tuple[FrontRow, ...], selected: int, shown: Shown) -> None:
        """Arguments: selected: index of the row looked at, -1 for none."""
        if rows == self._rows and selected == self._selected and shown == self._shown:
            return
        first = not self._rows
        self._rows, self._selected, self._shown = rows, selected, shown
        front = [row for row in rows if row.on_front] if shown != "simulated" else []
        x = np.array([row.complexity for row in front], float)
        y = np.array([_hole_error(row) for row in front], float)
        self._steps.setData(*_staircase(x, y))
        extra = [row for row in rows if not row.on_front] if shown != "simulated" else []
        self._hole_dots.setData([*x, *(row.complexity for row in extra)], [*y, *(_hole_error(row) for row in extra)])
        known = [row for row in rows if _simulated_error(row) is not None] if shown != "hole" else []
        known.sort(key=lambda row: row.complexity)
        sx = np.array([row.complexity for row in known], float)
        sy = np.array([_simulated_error(row) for row in known], float)
        self._simulated.setData(*_staircase(*_best_so_far(sx, sy)))
        self._simulated_dots.setData(sx, sy)
        self._show_marks()
        if first:
            self.fit()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        order = [row.index for row in sorted(self._rows, key=lambda row: (row.complexity, row.loss))]
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(ev.key()))
        if step is None or not order:
            super().keyPressEvent(ev)
            return
        at = order.index(self._selected) if self._selected in order else 0
        self._selected = order[max(0, min(len(order) - 1, at + step))]  # the next key may come before the next drawing
        self._show_marks()
        self.chosen.emit(self._selected)

    def points(self) -> list[tuple[int, float, float]]:
        """(index, complexity, log10 of the error) of every point that is drawn."""
        found = []
        for row in self._rows:
            if self._shown != "simulated":
                found.append((row.index, float(row.complexity), _hole_error(row)))
            error = _simulated_error(row)
            if error is not None and self._shown != "hole":
                found.append((row.index, float(row.complexity), error))
        return found

    def _show_marks(self) -> None:
        row = next((row for row in self._rows if row.index == self._selected), None)
        pinned = next((row for row in self._rows if row.pinned), None)
        for item, one in ((self._ring, row), (self._pin, pinned)):
            places = [(i, x, y) for i, x, y in self.points() if one is not None and i == one.index]
            item.setData([x for _, x, _ in places], [y for _, _, y in places])
        places = [(x, y) for i, x, y in self.points() if row is not None and i == row.index]
        self._link.setData(
            [x for x, _ in places] if len(places) == 2 else [], [y for _, y in places] if len(places) == 2 else []
        )
        marked = next((row for row in self._rows if row.accepted), None) or next(
            (row for row in self._rows if row.chosen), None
        )
        place = next(((x, y) for i, x, y in reversed(self.points()) if marked is not None and i == marked.index), None)
        self._mark.setVisible(place is not None)
        if place is not None and marked is not None:
            self._mark.setText("in use" if marked.accepted else "suggested")
            self._mark.setPos(*place)

    def _on_clicked(self, event) -> None:  # type: ignore[no-untyped-def]
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        nearest, reach = -1, _REACH
        for index, x, y in self.points():
            place = self.item.vb.mapViewToScene(QPointF(x, y))
            distance = math.hypot(place.x() - event.scenePos().x(), place.y() - event.scenePos().y())
            if distance < reach:
                nearest, reach = index, distance
        if nearest >= 0:
            event.accept()
            self.chosen.emit(nearest)

    def _dots(self, symbol: str, size: int) -> pg.PlotDataItem:
        dots = pg.PlotDataItem([], [], pen=None, symbol=symbol, symbolSize=size)
        self.addItem(dots)
        return dots

    def _restyle_dots(self, c: Colours) -> None:
        clear = pg.mkBrush(None)
        for dots, pen, brush in (
            (self._hole_dots, pg.mkPen(c.surface), pg.mkBrush(c.curves[0])),
            (self._simulated_dots, pg.mkPen(c.surface), pg.mkBrush(c.curves[1])),
            (self._ring, pg.mkPen(c.accent, width=2), clear),
            (self._pin, pg.mkPen(c.muted, width=2, style=Qt.PenStyle.DashLine), clear),
        ):
            dots.setSymbolPen(pen)
            dots.setSymbolBrush(brush)
        self._mark.setColor(colours().good)


def _hole_error(row: FrontRow) -> float:
    return math.log10(max(math.sqrt(max(row.loss, 0.0)), _SMALLEST)) if math.isfinite(row.loss) else math.nan


def _simulated_error(row: FrontRow) -> float | None:
    error = row.trajectory_error
    return math.log10(max(error, _SMALLEST)) if error is not None and math.isfinite(error) else None


def _best_so_far(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members that are better than every simpler one."""
    if not len(x):
        return x, y
    best = np.minimum.accumulate(y)
    keep = np.concatenate([[True], y[1:] < best[:-1]])
    return x[keep], y[keep]


def _staircase(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        return x, y
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
