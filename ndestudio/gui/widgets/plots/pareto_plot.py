"""The Pareto front: error against complexity. Two errors: on the samples of the neural term, and of the whole model
simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent

from ndestudio.figures.front import Shown, front_panel, front_places
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.distillation.state import FrontRow

_REACH = 24.0


class ParetoPlot(Plot):
    """Errors are relative root-mean-square errors: sqrt(NMSE) of the neural term, NRMSE of the simulated trajectories.

    Signals: chosen(index of a row).
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Pareto front", "complexity", "relative error")
        self._rows: tuple[FrontRow, ...] = ()
        self._selected = -1
        self._shown: Shown = "both"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Press a point to see its formula; ← and → go along the front")
        self.show_legend()
        self.show_panel(front_panel(()))
        scene: Any = self.scene()
        scene.sigMouseClicked.connect(self._on_clicked)

    def show_front(self, rows: tuple[FrontRow, ...], selected: int, shown: Shown) -> None:
        """Arguments: selected: index of the row looked at, -1 for none."""
        if rows == self._rows and selected == self._selected and shown == self._shown:
            return
        first = not self._rows
        self._rows, self._selected, self._shown = rows, selected, shown
        self._draw()
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
        self._draw()
        self.chosen.emit(self._selected)

    def points(self) -> list[tuple[int, float, float]]:
        """(index, complexity, log10 of the error) of every point that is drawn."""
        places = front_places(self._rows, self._shown)
        return [(self._rows[one.index].index, one.complexity, math.log10(one.error)) for one in places]

    def _draw(self) -> None:
        marked = self._where(lambda row: row.accepted)
        words = "in use"
        if marked < 0:
            marked, words = self._where(lambda row: row.chosen), "suggested"
        panel = front_panel(
            self._rows,
            self._shown,
            selected=self._where(lambda row: row.index == self._selected),
            pinned=self._where(lambda row: row.pinned),
            marked=marked,
            words=words if marked >= 0 else "",
        )
        self.show_panel(panel)

    def _where(self, wanted: Callable[[FrontRow], bool]) -> int:
        return next((position for position, row in enumerate(self._rows) if wanted(row)), -1)

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
