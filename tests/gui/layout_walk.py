"""What is cut off or overlaps on a page, found by walking the tree of its widgets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QGraphicsView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSplitterHandle,
    QTabBar,
    QTableView,
    QTabWidget,
    QToolButton,
    QWidget,
)

from ndestudio.gui.overlays import DropOverlay
from ndestudio.gui.toasts import ToastCard
from ndestudio.gui.tour import TourCard
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.tables.table import Table

SLACK = 2
"""Pixels by which neighbours may touch and texts may be short of their hint."""
OVER = (ToastCard, DropOverlay, TourCard, QSplitterHandle)
"""Meant to lie over others."""
COMPOSITE = (QAbstractScrollArea, QComboBox, QAbstractSpinBox, QTabBar, QTabWidget, QLineEdit)
"""Controls whose parts Qt places."""


def faults(root: QWidget) -> list[str]:
    """Sentences on two widgets that overlap, and on texts that are cut off without a tooltip that has the whole."""
    found: list[str] = []
    for widget in _shown(root):
        if not isinstance(widget, COMPOSITE):
            found += _overlaps(widget)
        found += _cut(widget)
    return found


def _shown(root: QWidget) -> Iterator[QWidget]:
    yield root
    for child in root.children():
        if isinstance(child, QWidget) and child.isVisible() and not child.isWindow() and not isinstance(child, OVER):
            if isinstance(child, QGraphicsView):
                yield child
            else:
                yield from _shown(child)


def _overlaps(parent: QWidget) -> Iterator[str]:
    children = [
        one
        for one in parent.children()
        if isinstance(one, QWidget) and one.isVisible() and not one.isWindow() and not isinstance(one, OVER)
    ]
    for one, other in combinations(children, 2):
        common = one.geometry().intersected(other.geometry())
        if common.width() > SLACK and common.height() > SLACK:
            yield f"{_name(one)} and {_name(other)} overlap by {common.width()} x {common.height()} in {_name(parent)}"


def _cut(widget: QWidget) -> Iterator[str]:
    if not _in_sight(widget):
        return
    match widget:
        case pg.PlotWidget():
            item: Any = widget.getPlotItem()
            wide = max(item.layout.minimumSize().width(), item.size().width()) - widget.viewport().width()
            if wide > SLACK:
                yield f"{_name(widget)} is {wide:.0f} wider than its frame"
        case QScrollArea() if widget.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
            inner = widget.widget()
            if inner is not None and inner.width() > widget.viewport().width() + SLACK:
                yield f"what {_name(widget)} holds is {inner.width() - widget.viewport().width()} wider than it"
        case QLabel() if widget.text() and widget.pixmap().isNull():
            yield from _cut_label(widget)
        case QToolButton():
            pass
        case QCheckBox() | QAbstractButton() if widget.text():
            short = widget.sizeHint().width() - widget.width()
            if short > SLACK and widget.text().replace("&", "") not in widget.toolTip():
                yield f"{_name(widget)} is {short} short of its text"
        case QTabBar():
            for tab in range(widget.count()):
                text = widget.tabText(tab)
                hidden = not widget.rect().adjusted(-SLACK, 0, SLACK, 0).contains(widget.tabRect(tab))
                if widget.isTabVisible(tab) and hidden:
                    yield f"the tab {text} is out of sight in {_name(widget)}"
                need = widget.fontMetrics().horizontalAdvance(text)
                if (
                    widget.isTabVisible(tab)
                    and need > widget.tabRect(tab).width()
                    and text not in widget.tabToolTip(tab)
                ):
                    yield f"the tab {text} is cut off without a tooltip that has its name"
        case QComboBox() if widget.currentText():
            need = widget.fontMetrics().horizontalAdvance(widget.currentText())
            if need > widget.width() - 24 and not widget.toolTip():
                yield f"{_name(widget)} is cut off without a tooltip"
        case QTableView():
            yield from _cut_cells(widget)
        case _:
            pass


def _cut_label(label: QLabel) -> Iterator[str]:
    tip, text = label.toolTip(), label.text()
    if label.wordWrap():
        short = label.heightForWidth(label.width()) - label.height()
        if short > SLACK:
            yield f"`{text[:60]}` is {short} short of its height in {_name(label)}"
        return
    if label.textFormat() == Qt.TextFormat.RichText:
        if label.sizeHint().width() > label.width() + SLACK:
            yield f"`{text[:60]}` is cut off"
        return
    need = max(label.fontMetrics().horizontalAdvance(line) for line in text.split("\n"))
    if need > label.contentsRect().width() + SLACK and text not in tip:
        kind = "ends in dots" if isinstance(label, ElidedLabel) else "is cut off"
        yield f"`{text[:60]}` {kind} without a tooltip that has the whole"


def _cut_cells(table: QTableView) -> Iterator[str]:
    model, view = table.model(), table.viewport().rect()
    for section in range(model.columnCount()):
        if table.isColumnHidden(section):
            continue
        title = str(model.headerData(section, Qt.Orientation.Horizontal) or "")
        header = table.horizontalHeader()
        need = max((header.fontMetrics().horizontalAdvance(line) for line in title.split("\n")), default=0)
        tip = str(model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) or "")
        if header.isVisible() and need > table.columnWidth(section) - 8 and not tip:
            yield f"the title {title!r} of {_name(table)} is cut off without a tooltip"
        for row in range(min(model.rowCount(), 40)):
            index = model.index(row, section)
            if not view.intersects(table.visualRect(index)) or table.indexWidget(index) is not None:
                continue
            yield from _cut_cell(table, index)


def _cut_cell(table: QTableView, index: QModelIndex) -> Iterator[str]:
    text = str(index.data() or "")
    font = index.data(Qt.ItemDataRole.FontRole) or table.font()
    need = QFontMetrics(font).horizontalAdvance(text)
    tip = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
    if isinstance(table, Table) and (item := table.item(index.row(), index.column())) is not None:
        tip = table.whole_text(item)
    if need > table.columnWidth(index.column()) - 6 and text not in tip:
        yield f"{text[:40]!r} in {_name(table)}, column {index.column()}, is cut off without a tooltip that has it"


def _in_sight(widget: QWidget) -> bool:
    """Whether it is within every area around it, so that nothing of it is scrolled away."""
    if widget.visibleRegion().isEmpty():
        return False
    rect, around = widget.rect(), widget.parentWidget()
    while around is not None:
        inside = QRect(widget.mapTo(around, QPoint(0, 0)), rect.size())
        if isinstance(around.parentWidget(), QAbstractScrollArea) and not around.rect().contains(inside):
            return False
        around = None if around.isWindow() else around.parentWidget()
    return True


def _name(widget: QWidget) -> str:
    words = widget.accessibleName() or (widget.text() if isinstance(widget, (QLabel, QAbstractButton)) else "")  # type: ignore[attr-defined]
    return f"{type(widget).__name__}({words[:40]})" if words else type(widget).__name__
