"""What the tables of the window have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

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
        for section in stretch:
            header.setSectionResizeMode(section, QHeaderView.ResizeMode.Stretch)

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
