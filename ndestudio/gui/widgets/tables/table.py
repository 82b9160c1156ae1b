"""What the tables of the window have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QToolTip, QWidget

from ndestudio.gui.style_cache import forget

W = TypeVar("W", bound=QWidget)
Q = TypeVar("Q", bound=QObject)


class Table(QTableWidget):
    """A table without grid whose cells always exist.

    Parameters
    ----------
    name
        Accessible name.
    titles
        (title, tooltip) of each section.
    widths
        Fixed widths of sections; ``stretch`` names those that share the rest.
    row_height
        36 where cells hold controls.
    """

    def __init__(
        self,
        name: str,
        titles: Sequence[tuple[str, str]],
        *,
        widths: Mapping[int, int] | None = None,
        stretch: Sequence[int] = (),
        row_height: int = 36,
    ) -> None:
        super().__init__(0, len(titles))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels([title for title, _ in titles])
        for section, (_, tip) in enumerate(titles):
            item = self.horizontalHeaderItem(section)
            if item is not None:
                item.setToolTip(tip)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(36)
        header.setHighlightSections(False)
        for section, width in (widths or {}).items():
            self.setColumnWidth(section, width)
        self._stretch = tuple(stretch)
        for section in stretch:
            header.setSectionResizeMode(section, QHeaderView.ResizeMode.Stretch)

    least = 96
    """Pixels that a section which takes the rest keeps where there is no rest; the table then scrolls sideways."""

    def resizeEvent(self, e: QResizeEvent) -> None:
        super().resizeEvent(e)
        self._share()

    def setColumnHidden(self, column: int, hide: bool) -> None:
        if hide != self.isColumnHidden(column):
            super().setColumnHidden(column, hide)
            self._share()

    def _share(self) -> None:
        """Sections that take the rest shrink no further than ``least``."""
        header = self.horizontalHeader()
        shown = [one for one in range(self.columnCount()) if not self.isColumnHidden(one)]
        taken = sum(self.columnWidth(one) for one in shown if one not in self._stretch)
        sharing = [one for one in shown if one in self._stretch]
        short = bool(sharing) and self.viewport().width() - taken < self.least * len(sharing)
        mode = QHeaderView.ResizeMode.Interactive if short else QHeaderView.ResizeMode.Stretch
        for section in sharing:
            if header.sectionResizeMode(section) != mode:
                header.setSectionResizeMode(section, mode)
            if short and self.columnWidth(section) != self.least:
                self.setColumnWidth(section, self.least)

    def viewportEvent(self, event: QEvent) -> bool:
        """A text that is cut off is told whole, before what else there is to tell of the cell."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            item = self.itemAt(event.pos())
            if item is not None and (words := self.whole_text(item)) not in ("", item.toolTip()):
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().viewportEvent(event)

    def whole_text(self, item: QTableWidgetItem) -> str:
        """The tooltip of a cell, its text before it where that is cut off."""
        text, tip = item.text(), item.toolTip()
        need = QFontMetrics(item.font()).horizontalAdvance(text) + 8
        return f"{text}\n{tip}".strip() if need > self.columnWidth(item.column()) and text not in tip else tip

    def cell(self, row: int, section: int) -> QTableWidgetItem:
        """The cell, made if it is not there yet."""
        item = self.item(row, section)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, section, item)
        return item

    def setCellWidget(self, row: int, column: int, widget: QWidget) -> None:
        """Put a control into a cell, which then takes no typed text; what has no tooltip says that of its section."""
        item = self.cell(row, column)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        title = self.horizontalHeaderItem(column)
        for one in (widget, *widget.findChildren(QWidget)):
            if title is not None and not one.toolTip():
                one.setToolTip(title.toolTip())
        forget(widget)  # the table deletes it
        super().setCellWidget(row, column, widget)

    def control(self, row: int, section: int, kind: type[W]) -> W:
        """The control in a cell, or within what holds it there."""
        widget = self.cellWidget(row, section)
        found = widget if isinstance(widget, kind) else widget.findChild(kind) if widget is not None else None
        assert isinstance(found, kind), f"no {kind.__name__} in row {row}, section {section}"
        return found
