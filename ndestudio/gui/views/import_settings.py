"""Import settings in the Data stage: a menu to keep and use them, an offer for a file that they fit, a dialog to manage them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import button, label, row
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID


class ImportSettingsButton(QPushButton):
    """Signals: save_wanted(name), chosen(name), manage_wanted()."""

    save_wanted = Signal(str)
    chosen = Signal(str)
    manage_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Import settings")
        self.setToolTip("Keep how this file is read, for the next files of its kind")
        self.names: tuple[str, ...] = ()
        self.suggested = ""
        self.readable = False
        self.setProperty("kind", "choice")
        self.filled = QMenu(self)
        self.filled.aboutToShow.connect(self.menu_now)
        self.clicked.connect(lambda: self.filled.popup(self.mapToGlobal(QPoint(0, self.height()))))

    def show_names(self, names: tuple[str, ...], suggested: str, *, readable: bool) -> None:
        """``suggested``: name for new ones; ``readable``: there is something to keep."""
        self.names, self.suggested, self.readable = names, suggested, readable

    def menu_now(self) -> QMenu:
        """What can be done now."""
        menu = self.filled
        menu.clear()
        for name in self.names:
            use = menu.addAction(f"Read with {name}".replace("&", "&&"))
            use.triggered.connect(lambda _=False, name=name: self.chosen.emit(name))
        if self.names:
            menu.addSeparator()
        keep = menu.addAction("Keep how this file is read…")
        keep.setEnabled(self.readable)
        keep.triggered.connect(lambda _=False: self._ask_name())
        manage = menu.addAction("Manage…")
        manage.setEnabled(bool(self.names))
        manage.triggered.connect(lambda _=False: self.manage_wanted.emit())
        return menu

    def _ask_name(self) -> None:
        name, good = QInputDialog.getText(
            self, "Keep how this file is read", "Name of the import settings", text=self.suggested
        )
        if good and name.strip():
            self.save_wanted.emit(name)


class ImportOffer(QFrame):
    """Says that settings fit the file. Signals: accepted(name), declined(name)."""

    accepted = Signal(str)
    declined = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "offer")
        self.words = label("", wrap=True)
        self.use_button = button("Read like this", lambda: self.accepted.emit(self._name), kind="primary")
        self.no_button = button("Not now", lambda: self.declined.emit(self._name))
        layout = row(self.words, self.use_button, self.no_button, spacing=GRID)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self._name = ""
        self.hide()

    def show_offers(self, names: tuple[str, ...]) -> None:
        """Offer the nearest; nothing without any."""
        self.setVisible(bool(names))
        if names:
            self._name = names[0]
            self.words.setText(f"The columns are those of the import settings “{names[0]}”.")


class ImportSettingsDialog(QDialog):
    """Renames and deletes import settings.

    Parameters
    ----------
    names
        Asks for those that there are.
    rename, delete
        (old name, new name); name.
    """

    def __init__(
        self,
        names: Callable[[], tuple[str, ...]],
        rename: Callable[[str, str], None],
        delete: Callable[[str], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Import settings")
        self._names, self._rename, self._delete = names, rename, delete
        self.list = QListWidget()
        self.list.setAccessibleName("Import settings")
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Name of the chosen import settings")
        self.rename_button = button("Rename", self._on_rename)
        self.delete_button = button("Delete", self._on_delete, icon_name="trash")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        layout.setSpacing(2 * GRID)
        layout.addWidget(self.list)
        layout.addLayout(row(self.edit, self.rename_button, self.delete_button))
        layout.addWidget(box)
        self.setMinimumWidth(460)
        self.list.currentTextChanged.connect(self._on_chosen)
        self._fill("")

    def _fill(self, chosen: str) -> None:
        names = self._names()
        self.list.clear()
        self.list.addItems(list(names))
        if names:
            self.list.setCurrentRow(names.index(chosen) if chosen in names else 0)
        self._on_chosen(self._chosen)

    @property
    def _chosen(self) -> str:
        item = self.list.currentItem()
        return item.text() if item is not None else ""

    def _on_chosen(self, name: str) -> None:
        self.edit.setText(name)
        for one in (self.edit, self.rename_button, self.delete_button):
            one.setEnabled(bool(name))

    def _on_rename(self) -> None:
        new = self.edit.text().strip()
        self._rename(self._chosen, new)
        self._fill(new)

    def _on_delete(self) -> None:
        self._delete(self._chosen)
        self._fill("")
