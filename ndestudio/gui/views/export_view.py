"""The Export stage: choose a form, see it, its proof, copy it or save it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QSpinBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import EmptyState, button, card, column, holder, label, quiet, row, set_kind
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.editors.code_highlighter import CodeHighlighter
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.math_view import MathList
from ndestudio.gui.widgets.page_header import PageHeader
from ndestudio.gui.widgets.plots.figure_view import FILTER, FigureView
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.export.state import ArtefactState, ExportState, FormatRow
from ndestudio.session.session import Session
from ndestudio.wording import percent

_NAME = Qt.ItemDataRole.UserRole
_AGREES = 1e-6
_PARAMETERS = (
    ("Parameter", "Name in the equations; those of a formula carry its name"),
    ("Value", "As fitted, in the unit beside it"),
    ("Unit", "As given in the Model stage"),
)


class ExportView(QWidget):
    """Signals say what a person wants; see ``connect``."""

    chosen = Signal(str)
    figure_chosen = Signal(str)
    style_chosen = Signal(dict)
    digits_chosen = Signal(int)
    save_wanted = Signal()
    save_all_wanted = Signal()
    train_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: ExportState | None = None
        self.summary = ElidedLabel()
        self.formats = QListWidget()
        self.formats.setAccessibleName("Forms the model can be written in")
        self.formats.setSpacing(2)
        self.formats.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.formats.setMinimumWidth(176)
        self.preview = QPlainTextEdit()
        self.preview.setReadOnly(True)
        self.preview.setFont(monospace(9.5))
        self.preview.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.preview.setAccessibleName("Preview")
        self.highlighter = CodeHighlighter(self.preview.document())
        self.figures = FigureView()
        self.figures.chosen.connect(self.figure_chosen)
        self.figures.style_chosen.connect(self.style_chosen)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.preview)
        self.pages.addWidget(self.figures)
        self.file_name = label("", "heading")
        self.proof = label("", "badge")
        self.proof_sentence = label("", "muted", wrap=True, selectable=True)
        self.copy_button = button(
            "Copy", self._copy, icon_name="copy", tip="Copy the whole text, or the figure, to the clipboard"
        )
        self.save_button = button("Save…", self.save_wanted.emit, icon_name="save", tip="Write it to a file")
        self.browser_button = button("Open", self._open, icon_name="open", tip="Look at the report in the browser")
        self.save_all_button = button(
            "Export all…", self.save_all_wanted.emit, kind="primary", tip="All forms, report and figures into a folder"
        )
        self.digits = QSpinBox()
        self.digits.setRange(2, 17)
        self.digits.setKeyboardTracking(False)
        self.digits.setAccessibleName("Significant digits")
        self.digits.setToolTip("Significant digits of numbers in displayed equations; code carries all of them")
        self.math = MathList("Equations that are exported", scale=0.9)
        self.parameters = Table(
            "Parameters that are exported", _PARAMETERS, widths={1: 92, 2: 72}, stretch=(0,), row_height=28
        )
        self.errors = label("", "muted", wrap=True)
        self.stack = QStackedWidget()
        self.empty = EmptyState("export", "", "Go to Train", self.train_wanted.emit)
        self._lay_out()
        self.formats.currentItemChanged.connect(self._on_format)
        self.digits.valueChanged.connect(self.digits_chosen)

    def show_state(self, state: ExportState) -> None:
        before, self._state = self._state, state
        self.empty.sentence.setText(state.obstacle)
        self.stack.setCurrentIndex(1 if state.ready else 0)
        self.save_all_button.setEnabled(state.ready)
        self.summary.show_text(state.summary, "muted")
        self._show_formats(state)
        self._show_artefact(state, before)
        with quiet(self.digits):
            self.digits.setValue(state.digits)
        self.math.show_formulas(state.equations)
        _fill(self.parameters, [(name, f"{value:.6g}", unit) for name, value, unit in state.parameters])
        known = ", ".join(f"{name} {percent(error)}" for name, error in state.errors)
        self.errors.setText(f"Simulated error, of the spread of the data: {known}" if known else "")
        self.errors.setToolTip("Mean NRMSE of whole simulated trajectories of this model, by part of the data")

    def reset_layout(self) -> None:
        self.splitter.setSizes([216, 610, 330])

    def _lay_out(self) -> None:
        header = PageHeader("Export", self.summary, self.save_all_button, spacing=2 * GRID)
        top = row(self.file_name, self.proof, 1, self.browser_button, self.copy_button, self.save_button)
        middle = card(top, self.proof_sentence, self.pages)
        digits = row(label("Significant digits", "muted"), self.digits, 1)
        right = card(self.math, digits, self.parameters, self.errors, heading="Model")
        right.layout().setStretch(1, 2)  # type: ignore[attr-defined]
        right.layout().setStretch(3, 1)  # type: ignore[attr-defined]
        self.splitter = QSplitter()
        self.splitter.addWidget(card(self.formats, heading="Form"))
        self.splitter.addWidget(middle)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(2 * GRID)
        content = holder(column(header, self.splitter, spacing=2 * GRID, margins=2 * GRID))
        content.layout().setStretch(1, 1)  # type: ignore[attr-defined]
        self.stack.addWidget(self.empty)
        self.stack.addWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        self.reset_layout()

    def _show_formats(self, state: ExportState) -> None:
        with quiet(self.formats):
            if self.formats.count() != len(state.formats):
                self.formats.clear()
                for form in state.formats:
                    self.formats.addItem(_format_item(form))
            for number in range(self.formats.count()):
                if self.formats.item(number).data(_NAME) == state.format:
                    self.formats.setCurrentRow(number)

    def _show_artefact(self, state: ExportState, before: ExportState | None) -> None:
        made = state.artefact
        form = next(form for form in state.formats if form.name == state.format)
        ready = made is not None
        self.copy_button.setEnabled(ready and not (made is not None and made.data))
        self.save_button.setEnabled(ready)
        self.browser_button.setVisible(made is not None and form.suffix == ".html")
        self.pages.setCurrentWidget(self.figures if state.figure else self.preview)
        self.figures.show_figures(made.figures if made else (), state.figure, state.drawing, state.style)
        self.file_name.setText(made.name if made else form.title)
        if made is None:
            self.preview.setPlainText("")
            self._show_proof("", "", state.problem or "Being written …")
            set_kind(self.proof_sentence, "error" if state.problem else "muted")
            return
        if before is None or before.artefact is None or before.artefact.text != made.text:
            self.highlighter.language = form.language
            self.preview.setPlainText(made.text or _binary(made))
        set_kind(self.proof_sentence, "muted")
        words, kind = _proof(made)
        self._show_proof(words, kind, made.proof)

    def _show_proof(self, words: str, kind: str, sentence: str) -> None:
        self.proof.setText(words)
        self.proof.setVisible(bool(words))
        set_kind(self.proof, kind or "badge")
        self.proof_sentence.setText(sentence)
        self.proof_sentence.setVisible(bool(sentence))

    def _copy(self) -> None:
        if self._state is None or self._state.artefact is None:
            return
        if self._state.figure is not None:
            if self.figures.image.isNull():
                return
            QGuiApplication.clipboard().setImage(self.figures.image)
        else:
            QGuiApplication.clipboard().setText(self._state.artefact.text)
        self.copy_button.setText("Copied")

    def _open(self) -> None:
        if self._state is not None and self._state.artefact is not None:
            path = Path(tempfile.mkdtemp(prefix="ndestudio-")) / self._state.artefact.name
            path.write_bytes(self._state.artefact.payload)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def _on_format(self, item: QListWidgetItem | None) -> None:
        self.copy_button.setText("Copy")
        if item is not None:
            self.chosen.emit(item.data(_NAME))


def connect(view: ExportView, session: Session) -> None:
    """The view's signals become intents of the session."""
    export = session.export

    def save() -> None:
        figure = export.state().figure
        path, _ = QFileDialog.getSaveFileName(view, "Save", export.suggested_name(), FILTER if figure else "")
        if path and figure is not None:
            export.save_figure(path)
        elif path:
            export.save(path)

    def save_all() -> None:
        folder = QFileDialog.getExistingDirectory(view, "Folder for all exports")
        if folder:
            export.save_all(folder)

    view.chosen.connect(export.choose)
    view.figure_chosen.connect(export.choose_figure)
    view.style_chosen.connect(lambda changes: export.choose_style(**changes))
    view.digits_chosen.connect(export.choose_digits)
    view.save_wanted.connect(save)
    view.save_all_wanted.connect(save_all)
    view.train_wanted.connect(lambda: session.show_stage("train"))


def _binary(made: ArtefactState) -> str:
    """What is shown in place of a file that is no text."""
    return f"{made.name} is no text and has {len(made.data):,} bytes; save it to a file." if made.data else ""


def _proof(made: ArtefactState) -> tuple[str, str]:
    """Words and kind of the badge."""
    if made.deviation is not None:
        agrees = made.deviation <= _AGREES
        return (
            f"{'Verified' if agrees else 'Deviates'}: {made.deviation:.1e}",
            "badge-good" if agrees else "badge-warning",
        )
    return ("", "") if made.proof else ("Checking …", "badge")


def _format_item(form: FormatRow) -> QListWidgetItem:
    item = QListWidgetItem(f"{form.title}\n{form.description}")
    item.setData(_NAME, form.name)
    item.setToolTip(form.description)
    return item


def _fill(table: Table, rows: list[tuple[str, ...]]) -> None:
    table.setRowCount(len(rows))
    for number, cells in enumerate(rows):
        for section, text in enumerate(cells):
            item = table.cell(number, section)
            if item.text() != text:
                item.setFont(monospace(9.5))
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                item.setText(text)
