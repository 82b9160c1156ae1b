"""The library of terms and systems: search, read, insert by double-click, Enter or drag."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTreeView, QVBoxLayout, QWidget

from ndestudio.gui.theme import GRID, monospace
from ndestudio.session.model.state import LibraryEntry

_ENTRY = Qt.ItemDataRole.UserRole + 1
_KINDS = (("term", "Terms"), ("system", "Systems to start from"))


class _LibraryModel(QStandardItemModel):
    """Entries as rows; dragged ones travel as the text of the term."""

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override]
        data = QMimeData()
        entries = [index.siblingAtColumn(0).data(_ENTRY) for index in indexes]
        texts = [entry.text for entry in entries if isinstance(entry, LibraryEntry)]
        data.setText(texts[0] if texts else "")
        return data


class LibraryTree(QWidget):
    """Signals: chosen(kind, key)."""

    chosen = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[LibraryEntry, ...] = ()
        self._model = _LibraryModel(0, 2)
        self._model.setParent(self)
        self._filter = QSortFilterProxyModel(self)
        self._filter.setSourceModel(self._model)
        self._filter.setRecursiveFilteringEnabled(True)
        self._filter.setAutoAcceptChildRows(True)
        self._filter.setFilterKeyColumn(-1)
        self._filter.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Find a term or a system")
        self.line.setAccessibleName("Find in the library")
        self.line.setToolTip("Letters of a name, of a formula or of what it describes")
        self.line.setClearButtonEnabled(True)
        self.tree = QTreeView()
        self.tree.setModel(self._filter)
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName("Library of terms and systems")
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setDragEnabled(True)
        self.tree.setIndentation(16)
        self.tree.setExpandsOnDoubleClick(True)
        self.tree.activated.connect(self._on_activated)
        self.line.textChanged.connect(self._on_filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(self.line)
        layout.addWidget(self.tree)

    def show_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        if entries is self._entries or entries == self._entries:
            return
        self._entries = entries
        self._model.clear()
        for kind, title in _KINDS:
            top = _folder(title)
            groups: dict[str, QStandardItem] = {}
            for entry in entries:
                if entry.kind != kind:
                    continue
                group = groups.get(entry.group)
                if group is None:
                    group = groups[entry.group] = _folder(entry.group)
                    top.appendRow([group, _blank()])
                group.appendRow(_row(entry))
            self._model.appendRow([top, _blank()])
        header = self.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.expandToDepth(0)

    def _on_activated(self, index: QModelIndex) -> None:
        entry = index.siblingAtColumn(0).data(_ENTRY)
        if isinstance(entry, LibraryEntry):
            self.chosen.emit(entry.kind, entry.key)

    def _on_filter(self, text: str) -> None:
        self._filter.setFilterFixedString(text.strip())
        if text.strip():
            self.tree.expandAll()
        else:
            self.tree.collapseAll()
            self.tree.expandToDepth(0)


def _folder(title: str) -> QStandardItem:
    item = QStandardItem(title)
    item.setDragEnabled(False)
    return item


def _blank() -> QStandardItem:
    item = QStandardItem("")
    item.setDragEnabled(False)
    return item


def _row(entry: LibraryEntry) -> list[QStandardItem]:
    name, text = QStandardItem(entry.title), QStandardItem(" ; ".join(entry.text.split("\n")).strip(" ;"))
    text.setFont(monospace(9))
    for item in (name, text):
        item.setData(entry, _ENTRY)
        item.setToolTip(entry.detail)
    return [name, text]
