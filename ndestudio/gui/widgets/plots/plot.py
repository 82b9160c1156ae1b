"""The plot every view uses: pyqtgraph in the colours of the scheme, on the GUI thread only.

Pens are one pixel wide: with antialiasing a pen of two is 10 to 20 times slower to draw. Curves are replaced with
``setData`` and never removed while something runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyqtgraph as pg
from jaxtyping import Float
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from ndestudio.errors import ExportError
from ndestudio.figures.decimate import thinned
from ndestudio.figures.description import Axis, Field, Figure, Panel, Stretch, Veil
from ndestudio.figures.text import slug
from ndestudio.gui import file_style
from ndestudio.gui.theme import Colours, colours, follow
from ndestudio.gui.widgets.elided import shortened
from ndestudio.gui.widgets.panel_items import PanelItems, forget_forms
from ndestudio.gui.widgets.plots.cursor import Cursor
from ndestudio.gui.widgets.plots.log_axis import LogAxis, WholeAxis

pg.setConfigOptions(antialias=True, useOpenGL=False)

_REFINE_MS = 40
_LEGEND_HEIGHT = 22
_LEGEND_COLUMNS = 12
_LEGEND_POINTS, _LEGEND_SAMPLE = 9.0, 36
"""Size of its letters, and pixels that it takes beside a name."""
_LEGEND_MARGIN = 8
_LEGEND_SHARE = 0.3
"""Part of a plot's height that names of curves may take."""
_SHOWN = "Shown: "
_LOWEST, _OWN = 120, 24
"""Height from which the x axis has a title, and what the y title leaves of the height, in pixels."""
_LONG_TITLE = 14

Series: TypeAlias = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


class Plot(pg.PlotWidget):
    """One set of axes. Signals: panel_shown(panel), in the scales that a person has chosen.

    Parameters
    ----------
    x, y
        Axis titles with units.
    low
        It has little height; the unit of a long y title stands on a line of its own.
    name
        Accessible name; said to screen readers and used as the file name of a saved figure.
    """

    panel_shown = Signal(object)
    legend: Any = None
    _named: tuple[tuple[str, Any], ...] = ()
    room = 0
    """Characters of the y title that have room; 0 where the plot is high."""

    def __init__(
        self, name: str, x: str = "", y: str = "", parent: QWidget | None = None, *, low: bool = False
    ) -> None:
        super().__init__(parent=parent, enableMenu=False)
        self.setAccessibleName(name)
        self.setMinimumSize(120, 96)
        self._name = name
        self._x, self._y = x, y
        self._restylers: list[Callable[[Colours], None]] = []
        self._long: list[LongSeries] = []
        self._refine = QTimer(self)
        self._refine.setSingleShot(True)
        self._refine.setInterval(_REFINE_MS)
        self._refine.timeout.connect(self._refine_now)
        self.hideButtons()
        item: Any = self.getPlotItem()
        self.item = item
        forget_forms(item)
        item.showGrid(x=True, y=True, alpha=0.12)
        item.getViewBox().setDefaultPadding(0.04)
        item.getViewBox().sigXRangeChanged.connect(self._on_range)
        self._prepare_axes()
        self._marks = PanelItems(self)
        self._panel: Panel | None = None
        self._given: Panel | None = None
        self._logs: dict[str, bool] = {}
        self._low = low
        self._cursor = Cursor(self)
        self.styled(self._cursor.restyle)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda point: self.menu().popup(self.mapToGlobal(point)))
        follow(self, self._restyle)

    def sizeHint(self) -> QSize:
        return QSize(320, 220)

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        super().mouseMoveEvent(ev)
        self._cursor.follow(self.mapToScene(ev.position().toPoint()))

    def leaveEvent(self, ev: QEvent) -> None:
        self._cursor.leave()
        super().leaveEvent(ev)

    def use_axis(self, side: str, axis: pg.AxisItem) -> None:
        """Put another axis at a side ("left" or "bottom"); it looks like the others."""
        self.item.setAxisItems({side: axis})
        self.item.showGrid(x=True, y=True, alpha=0.12)
        self._prepare_axes()
        self._restyle()

    def _prepare_axes(self) -> None:
        for side in ("left", "bottom"):
            axis = self.item.getAxis(side)
            axis.setStyle(tickTextOffset=6, tickLength=-4)
            axis.enableAutoSIPrefix(False)

    def titles(self, x: str, y: str) -> None:
        """Change the axis titles."""
        if (x, y) != (self._x, self._y):
            self._x, self._y = x, y
            self._restyle()

    def curve(
        self, colour: Callable[[Colours], str], *, faint: bool = False, antialias: bool = True
    ) -> pg.PlotDataItem:
        """A line beside those of a panel, whose colour follows the scheme.

        Parameters
        ----------
        colour
            Picks the colour from a scheme.
        antialias
            False for very many points.
        """
        item = pg.PlotDataItem(antialias=antialias)
        self.item.addItem(item)

        def restyle(c: Colours) -> None:
            shade = QColor(colour(c))
            shade.setAlphaF(0.35 if faint else 1.0)
            item.setPen(pg.mkPen(shade, width=1))

        item.curve.setSegmentedLineMode("on")
        self.styled(restyle)
        return item

    def styled(self, restyle: Callable[[Colours], None]) -> None:
        """Call ``restyle`` now and at each change of the scheme."""
        self._restylers.append(restyle)
        restyle(colours())

    def show_legend(self) -> Any:
        """A legend in a line above the axes, where it covers no curve; made once."""
        if self.legend is None:
            self.legend = pg.LegendItem(offset=None, colCount=_LEGEND_COLUMNS, horSpacing=6, labelTextSize="9pt")
            self.item.legend = self.legend
            self.item.layout.removeItem(self.item.titleLabel)
            self.legend.setParentItem(self.item)  # in no layout: there its width would be the least one of the plot
            self.item.layout.setRowFixedHeight(0, _LEGEND_HEIGHT)
            self.styled(self._restyle_legend)
        return self.legend

    def name_items(self, named: Sequence[tuple[str, Any]]) -> None:
        """Items that the legend names, with their names."""
        self._named = tuple(named)
        if self.legend is not None:
            self.legend.clear()
            for name, item in named:
                self.legend.addItem(item, name)
            self._restyle_legend(colours())
            self.fit_legend()

    def fit_legend(self) -> None:
        """As many names beside each other as there is room for; in a plot too low for their lines they are in its tooltip."""
        if self.legend is None:
            return
        font = QFont(self.font())
        font.setPointSizeF(_LEGEND_POINTS)
        advance = QFontMetricsF(font).horizontalAdvance
        widest = max((advance(name) for name, _ in self._named), default=0.0) + _LEGEND_SAMPLE
        room = self.viewport().width() - self.item.getAxis("left").width()
        columns = max(1, min(_LEGEND_COLUMNS, int(room // widest)))
        lines = -(-len(self._named) // columns)
        shown = bool(lines) and lines * _LEGEND_HEIGHT <= _LEGEND_SHARE * self.viewport().height() and widest <= room
        if self.legend.columnCount != columns:
            self.legend.setColumnCount(columns)
        self.legend.updateSize()
        self.legend.setPos(max(0.0, self.viewport().width() - self.legend.boundingRect().width() - _LEGEND_MARGIN), 0.0)
        self.legend.setVisible(shown)
        self.item.layout.setRowFixedHeight(0, lines * _LEGEND_HEIGHT if shown else 0)
        if not self.toolTip() or self.toolTip().startswith(_SHOWN):
            hidden = "" if shown or not lines else _SHOWN + ", ".join(name for name, _ in self._named)
            self.setToolTip(hidden)

    def resizeEvent(self, ev: QResizeEvent) -> None:
        super().resizeEvent(ev)
        if "item" in vars(self) and self.plotItem is not None:  # Qt also says so while the plot is made and closed
            self._show_titles()
            self.fit_legend()

    def _show_titles(self) -> None:
        """Titles of axes, where there is room for them beside the curves."""
        lines = self._y.split("\n")
        long = max(self.fontMetrics().horizontalAdvance(line[: self.room or None]) for line in lines)
        shown = {
            "left": bool(self._y) and long < self.height() - _OWN,
            "bottom": bool(self._x) and self.height() > _LOWEST,
        }
        for side, wanted in shown.items():
            axis = self.item.getAxis(side)
            if axis.label.isVisible() != wanted:
                axis.showLabel(wanted)

    def long_series(self, item: Any, parts: Sequence[Series], budget: int) -> None:
        """Show series of any length with one item: what is in view of each is drawn with at most ``budget`` points.

        Parameters
        ----------
        parts
            (x, y) of each, x increasing; a gap is left between them.
        """
        self._long = [one for one in self._long if one.item is not item]
        series = LongSeries(item, parts, budget)
        series.draw(None)
        if any(len(x) > budget for x, _ in parts):
            self._long.append(series)

    def forget(self, item: Any) -> None:
        """Take an item away."""
        self._long = [one for one in self._long if one.item is not item]
        self.removeItem(item)

    def fit(self) -> None:
        """Show everything."""
        for series in self._long:
            series.draw(None)
        self.item.enableAutoRange()
        if self._panel is not None and self._panel.y.limits is not None:
            self._use_limits()

    def _on_range(self) -> None:
        if self._long:
            self._refine.start()

    def _refine_now(self) -> None:
        if not self.item.getViewBox().autoRangeEnabled()[0]:
            for series in self._long:
                series.draw(tuple(self.item.getViewBox().viewRange()[0]))

    def menu(self) -> QMenu:
        """The context menu: show everything, scales, another window; save or copy the figure or its data."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, act in (
            ("Show everything", self.fit),
            ("Open in a window", self.undock),
            ("Copy figure", self._copy),
            ("Copy data", self.copy_data),
            ("Save figure or data…", self._ask_save),
            ("For a paper…", self.for_paper),
        ):
            action = QAction(text, menu)
            action.triggered.connect(lambda _=False, act=act: act())
            menu.addAction(action)
        menu.addSeparator()
        for axis in self.scalable:
            action = QAction(f"Logarithmic {axis} axis", menu)
            action.setCheckable(True)
            action.setChecked(self.is_log(axis))
            action.triggered.connect(lambda on, axis=axis: self.choose_log(axis, on))
            menu.addAction(action)
        return menu

    @property
    def scalable(self) -> tuple[str, ...]:
        """Axes whose scale a person may choose: not those of maps."""
        marks = self._given.marks if self._given is not None else ()
        return () if any(isinstance(one, Field | Veil | Stretch) for one in marks) else ("x", "y")

    def is_log(self, axis: str) -> bool:
        """Whether a scale is logarithmic."""
        return bool(self._panel is not None and getattr(self._panel, axis).log)

    def choose_log(self, axis: str, on: bool) -> None:
        """Another scale than the panel has; it stays while other panels are shown. What is not positive has no place on it."""
        self._logs[axis] = on
        self.show_panel(self._given or Panel(Axis(self._x), Axis(self._y)))
        self.fit()

    def _scaled(self, panel: Panel) -> Panel:
        """With the scales that a person has chosen."""
        for axis, on in self._logs.items():
            one: Axis = getattr(panel, axis)
            if one.log != on:
                limits = None if one.limits is None or min(one.limits) <= 0 else one.limits
                panel = replace(panel, **{axis: replace(one, log=on, limits=limits, least=0.0)})
        return panel

    @property
    def x_axis(self) -> str:
        """Title of the x axis, by which cursors are linked."""
        return self._panel.x.title if self._panel is not None and self._panel.x.title else self._x

    @property
    def cursor_panel(self) -> Panel | None:
        """What the cursor reads."""
        return self._panel

    def undock(self) -> None:
        """Show it in a window of its own as well, which follows."""
        from ndestudio.gui.widgets.plots.undocked import UndockedPlot

        self.described()
        copy = Plot(self._name)
        copy.show_legend()
        copy.show_panel(self._panel or Panel(Axis(self._x), Axis(self._y)))
        self.panel_shown.connect(copy.show_panel)  # after this plot is gone it keeps what was shown last
        UndockedPlot(copy, self._name, self.window()).show()

    def for_paper(self) -> None:
        """Look at it as a journal prints it, and save it so."""
        from ndestudio.gui.widgets.plots.undocked import PaperDialog

        PaperDialog(self.described(), slug(self._name), self.window()).show()

    def copy_data(self) -> None:
        """The numbers that are shown, as CSV on the clipboard."""
        from PySide6.QtGui import QGuiApplication

        from ndestudio.figures.data_table import csv_text

        QGuiApplication.clipboard().setText(csv_text(self.described()))

    def show_panel(self, panel: Panel) -> None:
        """Show a panel; items that are there already get other data."""
        self._given = panel
        panel = self._scaled(panel)
        for side, axis in (("left", panel.y), ("bottom", panel.x)):
            wanted = LogAxis if axis.log else WholeAxis if axis.whole else None
            there = self.item.getAxis(side)
            if wanted is not None and type(there) is not wanted:
                self.use_axis(side, wanted(side))
            elif wanted is None and isinstance(there, LogAxis | WholeAxis):
                self.use_axis(side, pg.AxisItem(side))
        known = self._panel or Panel(Axis(), Axis())
        if (panel.x.least, panel.y.least) != (known.x.least, known.y.least):
            self.item.getViewBox().setLimits(minXRange=panel.x.least or None, minYRange=panel.y.least or None)
        self.titles(panel.x.title, self._two_lines(panel.y.title))
        self._marks.show(panel)
        before, self._panel = self._panel, panel
        if (before.y.limits if before else None) != panel.y.limits:
            self._use_limits()
        self.panel_shown.emit(panel)

    def drawn(self, kind: type) -> list[Any]:
        """Items of the marks of a type that are shown."""
        return self._marks.drawn(kind)

    def described(self) -> Figure:
        """What is shown, as far as it is in view."""
        panel = self._panel or Panel(Axis(self._x), Axis(self._y))
        ratio = min(1.2, max(0.25, self.height() / max(1, self.width())))
        return Figure("window", slug(self._name), self._name, "", (self._in_view(panel),), ratio=ratio)

    def _in_view(self, panel: Panel) -> Panel:
        """The panel with the ends of its axes as a person has set them."""
        box = self.item.getViewBox()
        ends: list[tuple[float, float] | None] = []
        for axis, auto, (low, high) in zip((panel.x, panel.y), box.autoRangeEnabled(), box.viewRange(), strict=True):
            limited = axis.limits is not None and np.allclose(
                axis.places(np.array(axis.limits)), (low, high), rtol=1e-6
            )
            ends.append(None if auto or limited else (10.0**low, 10.0**high) if axis.log else (low, high))
        return panel.within(*ends)

    def _use_limits(self) -> None:
        """Ends of y that a panel asks for; else it follows the data."""
        if self._panel is None or self._panel.y.limits is None:
            self.item.enableAutoRange(axis="y")
        else:
            low, high = self._panel.y.places(np.array(self._panel.y.limits))
            self.item.setYRange(float(low), float(high), padding=0.04)

    def _two_lines(self, title: str) -> str:
        return title.replace(" [", "\n[") if self._low and len(title) > _LONG_TITLE else title

    def save_figure(self, path: str | Path) -> None:
        """Write what is shown as .svg, .pdf, .png or .csv, in the style of the project.

        Raises
        ------
        ExportError
            It cannot be written.
        """
        from ndestudio.figures.matplotlib_renderer import save

        save(self.described(), path, file_style.current())

    def _large_image(self):  # type: ignore[no-untyped-def]
        from PySide6.QtGui import QImage

        image = QImage(self.size() * 2, QImage.Format.Format_ARGB32)
        image.setDevicePixelRatio(2)
        image.fill(QColor(colours().surface))
        self._paint(image)
        return image

    def _paint(self, device) -> None:  # type: ignore[no-untyped-def]
        painter = QPainter(device)
        self.render(painter, QRectF(self.rect()), self.rect())
        painter.end()

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save figure", f"{self._name}.svg", "SVG (*.svg);;PDF (*.pdf);;PNG (*.png);;CSV (*.csv)"
        )
        if path:
            try:
                self.save_figure(path)
            except ExportError as error:
                QMessageBox.warning(self, "Save figure", str(error))

    def _copy(self) -> None:
        from PySide6.QtGui import QGuiApplication

        QGuiApplication.clipboard().setImage(self._large_image())

    def refresh_style(self) -> None:
        """Style what was added since."""
        self._restyle()

    def _restyle(self) -> None:
        c = colours()
        self.setBackground(c.surface)
        item = self.item
        font = QFont(self.font())
        font.setPointSizeF(8.5)
        for side, title in (("left", self._y), ("bottom", self._x)):
            axis = item.getAxis(side)
            axis.setPen(pg.mkPen(c.border, width=1))
            axis.setTextPen(pg.mkPen(c.muted))
            axis.setTickFont(font)
            if self.room and side == "left":
                title = "\n".join(shortened(line, self.room) for line in title.split("\n"))
            axis.setLabel(_escaped(title) if title else None, color=c.muted, **{"font-size": "9pt"})
        self._show_titles()
        for restyle in self._restylers:
            restyle(c)

    def _restyle_legend(self, c: Colours) -> None:
        assert self.legend is not None
        self.legend.setLabelTextColor(QColor(c.text))
        for _, text in self.legend.items:
            text.setText(text.text, color=c.text)


class LongSeries:
    """Long series and the item that shows the parts of them in view."""

    def __init__(self, item: Any, parts: Sequence[Series], budget: int) -> None:
        self.item, self._parts, self._budget = item, parts, budget

    def draw(self, view: tuple[float, float] | None) -> None:
        """Draw what is in view, and a margin for panning; None draws all."""
        xs, ys = [], []
        for x, y in self._parts:
            start, end = 0, len(x)
            if view is not None:
                margin = (view[1] - view[0]) / 2
                first, last = np.searchsorted(x, (view[0] - margin, view[1] + margin))
                start, end = max(0, int(first) - 1), min(len(x), int(last) + 1)
            a, b = thinned(x[start:end], y[start:end], self._budget)
            xs += [a, a[-1:]]
            ys += [b, np.full(min(1, len(b)), np.nan)]
        self.item.setData(np.concatenate(xs), np.concatenate(ys), connect="finite")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
