"""What installed packages add, and the traceback of what of it cannot be used. It blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import button, in_front, label, row
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, colours, follow, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.plug_ins import PlugInRow, PlugInsController, PlugInsState
from ndestudio.session.session import Session

_TITLES = (
    ("Kind", "What is added"),
    ("Name", "As in specs, on the command line and in lists"),
    ("Package", "The installed package that brings it, and its version"),
    ("State", "Whether it can be used"),
)
_ROW = 28


class PlugInsDialog(QDialog):
    """Lists plug-ins; those that cannot be used come first, and their tracebacks can be copied."""

    def __init__(self, controller: PlugInsController, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Plug-ins")
        self._controller = controller
        self._rows: tuple[PlugInRow, ...] = ()
        self.sentence = label("", "muted", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.table = Table("Plug-ins", _TITLES, widths={0: 88, 1: 150, 2: 170}, stretch=(3,), row_height=_ROW)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setFont(monospace(9.5))
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.report.setAccessibleName("Why plug-ins cannot be used")
        self.copy = button("Copy", self._copy, icon_name="copy", tip="Copy the text above to the clipboard")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID)
        layout.addWidget(self.sentence)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.report, 2)
        layout.addLayout(row(self.copy, 1, box))
        self.resize(760, 520)
        follow(self, self._restyle)
        controller.attach(self)
        controller.look()

    def show_state(self, state: PlugInsState) -> None:
        self._rows = state.rows
        self.sentence.setText(state.sentence)
        self.report.setPlainText(state.report)
        for widget in (self.report, self.copy):
            widget.setVisible(bool(state.report))
        self.table.setVisible(bool(state.rows))
        self._restyle()

    def done(self, result: int) -> None:
        self._controller.detach()
        super().done(result)

    def _restyle(self) -> None:
        self.table.setRowCount(len(self._rows))
        for number, one in enumerate(self._rows):
            for section, text in enumerate((one.kind, one.name, one.package, one.problem or "can be used")):
                cell: QTableWidgetItem = self.table.cell(number, section)
                cell.setText(text)
                cell.setToolTip(f"{text}\n{one.target}")
                cell.setForeground(QColor(colours().error if one.problem else colours().text))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self.copy.setText("Copied")


def open_plug_ins(session: Session, parent: QWidget) -> PlugInsDialog:
    """The dialog, in front; there is one."""
    return in_front(parent, PlugInsDialog, lambda: PlugInsDialog(session.plug_ins, parent))
