"""The marks of a panel as items of pyqtgraph: made once, after that only their data change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from ndestudio.figures.decimate import SHOWN_POINTS, fewer
from ndestudio.figures.description import (
    Band,
    Bars,
    Colour,
    Curve,
    Field,
    Level,
    Mark,
    Moments,
    Note,
    Panel,
    Points,
    Span,
    Stretch,
    Veil,
    limits,
)
from ndestudio.gui.style_cache import forget
from ndestudio.gui.theme import Colours, colours

_DOTS = 3000
_FEWEST_DOTS = 100
"""Points drawn in a panel, over all its marks, and of one of them at least."""

_SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "d",
    "triangle": "t1",
    "ring": "o",
    "frame": "s",
    "below": "t",
    "above": "t1",
}
_SIZES = {"circle": 5, "square": 5, "diamond": 8, "triangle": 6, "ring": 18, "frame": 18, "below": 8, "above": 8}
_SOFT = 0.5
"""Opacity of measurements: a model that follows many of them closely is still seen."""

_FAR = 20.0
"""Heights of a panel that the lines of moments reach beyond it."""
_NARROW = 0.16
"""Stretches that take less of the axis have no title."""
_LOW = 80
"""Nor have those of plots that are lower than this many pixels: there it would lie on the curve."""


def ink(colour: Colour, c: Colours) -> str:
    """A colour of a description in a scheme."""
    if isinstance(colour, int):
        return c.curves[colour % len(c.curves)]
    return {"data": c.data, "muted": c.muted, "accent": c.accent}[colour]


class Canvas(Protocol):
    """What items need of the plot that they are drawn in.

    Attributes
    ----------
    item
        The ``PlotItem`` that holds them.
    legend
        Its legend; None while there is none.
    """

    item: Any
    legend: Any

    def styled(self, restyle: Callable[[Colours], None]) -> None:
        """Call ``restyle`` now and at each change of the scheme."""
        ...

    def name_items(self, named: Sequence[tuple[str, Any]]) -> None:
        """Items that the legend names, with their names."""
        ...


class PanelItems:
    """Shows panels in a plot, one after the other; each mark has the item of the mark of its type that stood in its place."""

    def __init__(self, plot: Canvas) -> None:
        self._plot = plot
        self._pools: dict[tuple[type, bool], list[_MarkItem]] = defaultdict(list)
        self._names: list[tuple[str, int]] = []

    def show(self, panel: Panel) -> None:
        used: dict[tuple[type, bool], int] = defaultdict(int)
        dots = sum(isinstance(mark, Points) and len(mark.x) > 0 for mark in panel.marks)
        budget = max(_FEWEST_DOTS, _DOTS // max(1, dots))
        named: list[tuple[str, Any]] = []
        for number, mark in enumerate(panel.marks):
            key = type(mark), bool(getattr(mark, "guest", False))
            pool = self._pools[key]
            if used[key] == len(pool):
                pool.append(_KINDS[key[0]](self._plot, key[1]))
            holder = pool[used[key]]
            used[key] += 1
            holder.show(mark, panel, number, budget)
            name = getattr(mark, "name", "")
            if name and isinstance(mark, Curve | Points | Bars):
                named.append((name, holder.item))
        for key, pool in self._pools.items():
            for holder in pool[used[key] :]:
                holder.hide()
        self._show_legend(named)

    def follow_scheme(self) -> None:
        """Follow changes of the scheme again, after the plot forgot what does."""
        for pool in self._pools.values():
            for holder in pool:
                self._plot.styled(holder.restyle)

    def drawn(self, kind: type) -> list[Any]:
        """Items of the marks of a type that are shown, in their order."""
        return [one.item for key, pool in self._pools.items() if key[0] is kind for one in pool if one.mark is not None]

    def _show_legend(self, named: list[tuple[str, Any]]) -> None:
        names = [(name, id(item)) for name, item in named]
        if self._plot.legend is None or names == self._names:
            return
        self._names = names
        self._plot.name_items(named)


class _MarkItem:
    """An item and the mark it shows, None while it is hidden."""

    item: Any

    def __init__(self, plot: Canvas, guest: bool) -> None:
        self.plot, self.guest = plot, guest
        self.mark: Any = None
        self.make()
        plot.styled(self.restyle)

    def make(self) -> None:
        raise NotImplementedError

    def draw(self, mark: Any, panel: Panel, budget: int) -> None:
        """Put the data of a mark into the item."""
        raise NotImplementedError

    def clear(self) -> None:
        """Show nothing."""
        self.item.hide()

    def paint(self, mark: Any, c: Colours) -> None:
        """Colours of a mark in a scheme."""

    def show(self, mark: Mark, panel: Panel, number: int, budget: int) -> None:
        before, self.mark = self.mark, mark
        self.draw(mark, panel, budget)
        if before is None or _look(before) != _look(mark):
            self.paint(mark, colours())
        height = _depth(mark) + 0.001 * number
        if self.item.zValue() != height:
            self.item.setZValue(height)

    def hide(self) -> None:
        if self.mark is not None:
            self.mark = None
            self.clear()

    def restyle(self, c: Colours) -> None:
        if self.mark is not None:
            self.paint(self.mark, c)


class _Data(_MarkItem):
    """What is drawn through x and y: data that are the same cost nothing."""

    _shown: tuple[np.ndarray, np.ndarray] | None = None

    def put(self, x: np.ndarray, y: np.ndarray) -> None:
        if self._shown is not None and all(_same(a, b) for a, b in zip(self._shown, (x, y), strict=True)):
            return
        self._shown = x, y
        self.item.setData(x, y, connect="all" if np.isfinite(x).all() and np.isfinite(y).all() else "finite")

    def clear(self) -> None:
        self.put(np.zeros(0), np.zeros(0))


class _CurveItem(_Data):
    def make(self) -> None:
        self.item = pg.PlotDataItem(antialias=True)
        self.item.curve.setSegmentedLineMode("on")
        self.plot.item.addItem(self.item, ignoreBounds=self.guest)

    def draw(self, mark: Curve, panel: Panel, budget: int) -> None:
        x, y = fewer(mark.x, mark.y, SHOWN_POINTS)
        self.put(panel.x.places(x), panel.y.places(y))

    def paint(self, mark: Curve, c: Colours) -> None:
        shade = QColor(ink(mark.colour, c))
        if mark.faint:
            shade.setAlphaF(0.35)
        self.item.setPen(pg.mkPen(shade, width=1, style=Qt.PenStyle.DashLine if mark.dash else Qt.PenStyle.SolidLine))


class _PointsItem(_Data):
    def make(self) -> None:
        self.item = pg.PlotDataItem([], [], pen=None, symbol="o", symbolSize=5)
        self.plot.item.addItem(self.item, ignoreBounds=self.guest)

    def draw(self, mark: Points, panel: Panel, budget: int) -> None:
        x, y = fewer(mark.x, mark.y, budget)
        self.put(panel.x.places(x), panel.y.places(y))

    def paint(self, mark: Points, c: Colours) -> None:
        large = mark.symbol in ("ring", "frame")
        shade, fill = QColor(ink(mark.colour, c)), QColor(c.surface if mark.hollow else ink(mark.colour, c))
        if mark.soft:
            shade.setAlphaF(_SOFT)
            fill.setAlphaF(1.0 if mark.hollow else _SOFT)
        style = Qt.PenStyle.DashLine if mark.symbol == "frame" else Qt.PenStyle.SolidLine
        self.item.setSymbol(_SYMBOLS[mark.symbol])
        self.item.setSymbolSize(_SIZES[mark.symbol])
        self.item.setSymbolPen(pg.mkPen(shade, width=2 if large else 1, style=style))
        self.item.setSymbolBrush(pg.mkBrush(None if large else fill))


class _BandItem(_MarkItem):
    def make(self) -> None:
        # a PlotDataItem without a pen keeps its curve empty, and nothing would be filled
        self._ends = (pg.PlotCurveItem(pen=None), pg.PlotCurveItem(pen=None))
        self.item = pg.FillBetweenItem(self._ends[0], self._ends[1])
        for one in (*self._ends, self.item):
            self.plot.item.addItem(one, ignoreBounds=one is self.item)

    def draw(self, mark: Band, panel: Panel, budget: int) -> None:
        for one, values in zip(self._ends, (mark.low, mark.high), strict=True):
            one.setData(panel.x.places(mark.x), panel.y.places(values))
        self.item.show()

    def clear(self) -> None:
        for one in self._ends:
            one.setData([], [])
        self.item.hide()

    def paint(self, mark: Band, c: Colours) -> None:
        self.item.setBrush(pg.mkBrush(_faint(ink(mark.colour, c), 0.18)))


class _SpanItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.LinearRegionItem([0, 0], movable=False)
        for line in self.item.lines:
            line.setPen(pg.mkPen(None))
        self.plot.item.addItem(self.item, ignoreBounds=True)

    def draw(self, mark: Span, panel: Panel, budget: int) -> None:
        self.item.setRegion(tuple(panel.x.places(np.array([mark.start, mark.stop]))))
        self.item.show()

    def paint(self, mark: Span, c: Colours) -> None:
        self.item.setBrush(pg.mkBrush(_faint(ink(mark.colour, c), 0.11)))


class _LevelItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.InfiniteLine(0.0, angle=0)
        self.plot.item.addItem(self.item, ignoreBounds=self.guest)

    def draw(self, mark: Level, panel: Panel, budget: int) -> None:
        axis, angle = (panel.x, 90) if mark.axis == "x" else (panel.y, 0)
        self.item.setAngle(angle)
        self.item.setValue(float(axis.places(np.array([mark.value]))[0]))
        self.item.show()

    def paint(self, mark: Level, c: Colours) -> None:
        shade = c.border if mark.colour == "muted" and not mark.dash else ink(mark.colour, c)
        self.item.setPen(pg.mkPen(shade, style=Qt.PenStyle.DashLine if mark.dash else Qt.PenStyle.SolidLine))


class _MomentsItem(_MarkItem):
    """Lines over far more than the height of the panel, and small triangles at its top that tell what they are."""

    def make(self) -> None:
        self.item = pg.PlotCurveItem([], [], connect="pairs")
        self._heads = pg.ScatterPlotItem(size=8, symbol="t", hoverable=True, tip=lambda x, y, data: str(data))
        for one in (self.item, self._heads):
            self.plot.item.addItem(one, ignoreBounds=True)

    def draw(self, mark: Moments, panel: Panel, budget: int) -> None:
        x, (low, high) = panel.x.places(mark.x), panel.y.places(np.array(limits(panel, "y")))
        far = _FAR * ((high - low) or 1.0)
        self.item.setData(np.repeat(x, 2), np.tile([low - far, high + far], len(x)))
        self._heads.setData(x, np.full(len(x), high), data=list(mark.words))
        self.item.show()
        self._heads.show()

    def clear(self) -> None:
        self.item.hide()
        self._heads.hide()

    def paint(self, mark: Moments, c: Colours) -> None:
        shade = ink(mark.colour, c)
        self.item.setPen(pg.mkPen(_faint(shade, 0.75), style=Qt.PenStyle.DotLine))
        self._heads.setBrush(pg.mkBrush(shade))
        self._heads.setPen(pg.mkPen(None))


class _StretchItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.InfiniteLine(angle=90)
        self._title = pg.TextItem("", anchor=(1, 0))  # above the end of the stretch: there losses are low
        for one in (self.item, self._title):
            self.plot.item.addItem(one, ignoreBounds=True)

    def draw(self, mark: Stretch, panel: Panel, budget: int) -> None:
        (low, high), top = _ends(panel)
        self.item.setPos(mark.start)
        self.item.setVisible(mark.start > low)
        self._title.setText(mark.title)
        box = self.plot.item.getViewBox()
        room = box.width() * (mark.stop - mark.start) / max(high - low, 1e-300)
        wide = mark.stop - mark.start > _NARROW * (high - low) and room > self._title.boundingRect().width()
        self._title.setVisible(wide and box.height() > _LOW)
        self._title.setPos(mark.stop, top)

    def clear(self) -> None:
        self.item.hide()
        self._title.hide()

    def paint(self, mark: Stretch, c: Colours) -> None:
        self.item.setPen(pg.mkPen(c.border, width=1))
        self._title.setColor(QColor(c.muted))


class _BarsItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.BarGraphItem(x=[], height=[], width=0.4)
        self.plot.item.addItem(self.item)

    def draw(self, mark: Bars, panel: Panel, budget: int) -> None:
        self.item.setOpts(x=mark.x, height=mark.height, width=mark.width)

    def clear(self) -> None:
        self.item.setOpts(x=[], height=[])

    def paint(self, mark: Bars, c: Colours) -> None:
        self.item.setOpts(brush=pg.mkBrush(ink(mark.colour, c)), pen=pg.mkPen(ink(mark.colour, c)))


class _FieldItem(_MarkItem):
    """A map with a bar of its colours beside the plot."""

    def make(self) -> None:
        self.item = pg.ImageItem()
        self.item.setColorMap("viridis")
        self.plot.item.addItem(self.item)
        colour_map = pg.colormap.get("viridis")
        self._bar = pg.ColorBarItem(colorMap=colour_map, interactive=False, width=12, colorMapMenu=False)
        forget_forms(self._bar)
        self._bar.setImageItem(self.item, insert_in=self.plot.item)
        self.plot.item.showGrid(x=False, y=False)
        self.plot.item.vb.setDefaultPadding(0.0)

    def draw(self, mark: Field, panel: Panel, budget: int) -> None:
        self.item.setImage(mark.values.T, levels=(mark.low, mark.high))
        self.item.setRect(_around(mark.x, mark.y))
        self._bar.setLevels((mark.low, mark.high))
        self.item.show()

    def paint(self, mark: Field, c: Colours) -> None:
        axis: Any = self._bar.axis
        axis.setPen(pg.mkPen(c.border))
        axis.setTextPen(pg.mkPen(c.muted))


class _VeilItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.ImageItem()
        self.plot.item.addItem(self.item, ignoreBounds=True)

    def draw(self, mark: Veil, panel: Panel, budget: int) -> None:
        self.paint(mark, colours())
        self.item.setRect(_around(mark.x, mark.y))
        self.item.show()

    def paint(self, mark: Veil, c: Colours) -> None:
        shade = QColor(c.surface if mark.over else c.muted)
        image = np.zeros((*mark.trusted.T.shape, 4), dtype=np.ubyte)
        image[..., :3] = shade.red(), shade.green(), shade.blue()
        image[..., 3] = np.where(mark.trusted.T, 0, 150 if mark.over else 48)
        self.item.setImage(image, autoLevels=False)


class _NoteItem(_MarkItem):
    def make(self) -> None:
        self.item = pg.TextItem("", anchor=(0.5, 1.3))
        self.plot.item.addItem(self.item, ignoreBounds=True)

    def draw(self, mark: Note, panel: Panel, budget: int) -> None:
        self.item.setText(mark.text)
        self.item.setPos(*(float(a.places(np.array([v]))[0]) for a, v in ((panel.x, mark.x), (panel.y, mark.y))))
        self.item.show()

    def paint(self, mark: Note, c: Colours) -> None:
        self.item.setColor(QColor(ink(mark.colour, c)))


_KINDS: dict[type, Callable[[Any, bool], _MarkItem]] = {
    Curve: _CurveItem,
    Points: _PointsItem,
    Band: _BandItem,
    Span: _SpanItem,
    Stretch: _StretchItem,
    Level: _LevelItem,
    Moments: _MomentsItem,
    Bars: _BarsItem,
    Field: _FieldItem,
    Veil: _VeilItem,
    Note: _NoteItem,
}
DRAWN = tuple(_KINDS)
"""The marks that can be shown."""


def forget_forms(item: Any) -> None:
    """pyqtgraph makes forms of settings for each plot, which are never shown here; have the style forget them."""
    menu = item.getViewBox().menu
    for form in (item.ctrl, *(menu.ctrl if menu is not None else ())):
        for control in vars(form).values():
            if isinstance(control, QWidget):
                forget(control)


@lru_cache(maxsize=4)
def _ends(panel: Panel) -> tuple[tuple[float, float], float]:
    """Ends of x, and the upper end of y on its scale."""
    return limits(panel, "x", 0.0), float(panel.y.places(np.array(limits(panel, "y", 0.0)))[1])


def _look(mark: Any) -> tuple[object, ...]:
    """What the colours of a mark depend on."""
    return tuple(getattr(mark, name, None) for name in ("colour", "dash", "faint", "symbol", "hollow", "soft", "over"))


def _depth(mark: Mark) -> float:
    match mark:
        case Field():
            return -30.0
        case Veil():
            return -20.0
        case Span() | Band():
            return -10.0
        case Points() if mark.soft:
            return 0.0
        case Note():
            return 10.0
        case _:
            return 1.0


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (a.shape == b.shape and np.array_equal(a, b, equal_nan=True))


def _faint(colour: str, alpha: float) -> QColor:
    shade = QColor(colour)
    shade.setAlphaF(alpha)
    return shade


def _around(x: np.ndarray, y: np.ndarray) -> QRectF:
    """The cells around grid points."""
    dx, dy = (x[-1] - x[0]) / max(1, len(x) - 1), (y[-1] - y[0]) / max(1, len(y) - 1)
    return QRectF(x[0] - dx / 2, y[0] - dy / 2, dx * len(x), dy * len(y))
