"""A line at the pointer, in all plots of a window that have the same x axis, with what their curves are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QColor
from shiboken6 import isValid

from ndestudio.figures.description import Curve, Panel
from ndestudio.gui.theme import Colours, colours

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_REST_MS = 30
"""Between two places of the line: plots need not be drawn for each of a mouse's reports."""
_MOST = 3
"""Curves whose values are said."""


class Pointed(Protocol):
    """A plot with a cursor. `x_axis` is the title of its x axis, "" where plots without one are not linked."""

    item: Any
    cursor_panel: Panel | None

    @property
    def x_axis(self) -> str: ...
    def isVisible(self) -> bool: ...
    def window(self) -> QWidget: ...


class Cursor:
    """The cursor of one plot; it is drawn when the pointer first comes."""

    _all: WeakSet[Cursor] = WeakSet()

    def __init__(self, plot: Any) -> None:
        self._plot = plot
        self._line: pg.InfiniteLine | None = None
        self._words: pg.TextItem | None = None
        self._at: QPointF | None = None
        self._rest = QTimer(plot)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._move)
        Cursor._all.add(self)

    def leave(self) -> None:
        """The pointer has gone."""
        self._rest.stop()
        for one in self._linked():
            one.hide()

    def show_at(self, x: float, y: float | None = None) -> None:
        """Draw the line at a place of the view, which on a logarithmic axis is the logarithm; y: of the pointer, where it is here."""
        if self._line is None:
            self._line = pg.InfiniteLine(angle=90)
            self._words = pg.TextItem("", anchor=(0, 0))
            for one in (self._line, self._words):
                one.setZValue(50)
                self._plot.item.addItem(one, ignoreBounds=True)
            self.restyle(colours())
        assert self._words is not None
        self._line.setValue(x)
        (left, _), (_, top) = self._plot.item.getViewBox().viewRange()
        self._words.setPos(left, top)
        self._words.setText(self.words(x, y))
        self._line.show()
        self._words.show()

    def hide(self) -> None:
        if self._line is not None and self._words is not None:
            self._line.hide()
            self._words.hide()

    def words(self, x: float, y: float | None = None) -> str:
        """Where the line is, and what the curves are there."""
        panel: Panel | None = self._plot.cursor_panel
        here = 10.0**x if panel is not None and panel.x.log else x
        name = (self._plot.x_axis.split(" [")[0] or "x").split("\n")[0]
        parts = [f"{name} = {here:.4g}"]
        curves = [
            one for one in (panel.marks if panel is not None else ()) if isinstance(one, Curve) and len(one.x) > 1
        ]
        for one in curves[:_MOST]:
            value = _value(one, here)
            if value is not None:
                parts.append(f"{one.name} {value:.4g}".strip())
        if y is not None and len(parts) == 1:
            parts.append(f"y = {10.0**y if panel is not None and panel.y.log else y:.4g}")
        return "   ".join(parts)

    def restyle(self, c: Colours) -> None:
        if self._line is not None and self._words is not None:
            self._line.setPen(pg.mkPen(c.muted, width=1, style=Qt.PenStyle.DotLine))
            shade = QColor(c.surface)
            shade.setAlphaF(0.8)
            self._words.setColor(QColor(c.muted))
            self._words.fill = pg.mkBrush(shade)

    def follow(self, at: QPointF) -> None:
        """The pointer is at a place of the scene."""
        self._at = at
        if not self._rest.isActive():
            self._rest.start()

    def _move(self) -> None:
        box = self._plot.item.getViewBox()
        if self._at is None or not box.sceneBoundingRect().contains(self._at):
            for one in self._linked():
                one.hide()
            return
        at = box.mapSceneToView(self._at)
        for one in self._linked():
            one.show_at(at.x(), at.y() if one is self else None)

    def _linked(self) -> Iterator[Cursor]:
        """This one, and those of plots in sight with the same x axis."""
        for one in list(Cursor._all):
            if one is self or (isValid(one._plot) and self._same_axis(one._plot)):
                yield one

    def _same_axis(self, plot: Pointed) -> bool:
        mine: Pointed = self._plot
        return (
            bool(mine.x_axis)
            and plot.x_axis == mine.x_axis
            and plot.isVisible()
            and (plot.cursor_panel is not None and plot.cursor_panel.x.log)
            == (mine.cursor_panel is not None and mine.cursor_panel.x.log)
        )


def _value(curve: Curve, x: float) -> float | None:
    """A curve at a place, linear between its points; None outside, or where it is no function of x."""
    known = np.isfinite(curve.x) & np.isfinite(curve.y)
    xs, ys = curve.x[known], curve.y[known]
    if len(xs) < 2 or not xs[0] <= x <= xs[-1] or bool((np.diff(xs) < 0).any()):
        return None
    return float(np.interp(x, xs, ys))
