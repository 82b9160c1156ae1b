"""A sweep over settings: what is varied, who computes, how far it is, and its results. It lies beside the window and blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
)

from ndestudio.figures.description import Axis, Panel
from ndestudio.gui.building import (
    EmptyState,
    button,
    choose,
    column,
    combo,
    holder,
    in_front,
    label,
    quiet,
    row,
    set_kind,
    splitter,
)
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.gui.window import StudioWindow
from ndestudio.session.session import Session
from ndestudio.session.sweep import WORKS, SweepController, SweepState

_ROW = 28
_PLACES = ("local", "local:1", "local:2", "dask", "dask:tcp://HOST:8786")


class SweepDialog(QDialog):
    """Shows a ``SweepState``."""

    def __init__(self, controller: SweepController, parent: StudioWindow) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Sweep")
        self._controller = controller
        self.vary = QPlainTextEdit()
        self.vary.setAccessibleName("Settings that are varied")
        self.vary.setToolTip(
            "A line for each setting: train.seed=0..7, model.networks.f.width=8,16,32. All combinations are computed"
        )
        self.vary.setFont(monospace(9.5))
        self.vary.setFixedHeight(88)
        self.executor = QComboBox()
        self.executor.setEditable(True)
        self.executor.addItems(_PLACES)
        self.executor.setAccessibleName("Who computes")
        self.executor.setToolTip("Processes of this machine (local:N), or a Dask cluster by its address")
        self.work = combo([(title, work) for work, title, _ in WORKS], "What is done with each variant")
        for place, (_, _, tip) in enumerate(WORKS):
            self.work.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.keep = QCheckBox("Keep the projects")
        self.keep.setToolTip("So that the results can be opened as runs")
        self.folder = label("", "muted", wrap=True)
        self.folder_button = button(
            "Folder…", self._browse, icon_name="open", tip="Where results are kept; one with a sweep goes on with it"
        )
        self.start_button = button("Start", controller.start, icon_name="play", kind="primary")
        self.stop_button = button("Stop", controller.stop, icon_name="stop", tip="End it; what was computed is kept")
        self.bar = QProgressBar()
        self.load = label("", "muted", wrap=True)
        self.words = label("", "muted", wrap=True, selectable=True)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Show rows that hold these words")
        self.search.setAccessibleName("Filter of the results")
        self.runs_button = button(
            "Open as runs",
            lambda: controller.open_runs(parent.open_files),
            tip="Results whose projects were kept, best first",
        )
        self.table = Table("Results", (("", ""),), row_height=_ROW)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.plots = [Plot("Error against complexity"), Plot("Settings and error")]
        for plot in self.plots:
            plot.show_legend()
            plot.setMinimumHeight(232)
        self.empty = EmptyState("search", "")
        self._shown: object = None
        self._lay_out()
        self._connect()
        self.resize(1160, 760)
        controller.attach(self)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: SweepState) -> None:
        running = state.status != "idle"
        if not self.vary.hasFocus() or running:
            with quiet(self.vary):
                if self.vary.toPlainText() != state.vary:
                    self.vary.setPlainText(state.vary)
        with quiet(self.executor):
            if self.executor.currentText() != state.executor:
                self.executor.setEditText(state.executor)
        choose(self.work, state.work)
        with quiet(self.keep):
            self.keep.setChecked(state.keep)
        for widget in (self.vary, self.executor, self.work, self.keep, self.folder_button):
            widget.setEnabled(not running)
        self.folder.setText(state.folder or "No folder is chosen yet.")
        self.start_button.setVisible(not running)
        self.start_button.setEnabled(not state.obstacle)
        self.start_button.setToolTip(state.obstacle or "Compute what the folder has no result of")
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(state.status == "running")
        self.bar.setVisible(running)
        self.bar.setValue(round(100 * state.fraction))
        self.load.setText(state.load)
        self.load.setVisible(bool(state.load))
        self.words.setText(state.problem or state.words)
        self.words.setVisible(bool(state.problem or state.words))
        set_kind(self.words, "error" if state.problem else "muted")
        self.runs_button.setVisible(state.opens)
        self.results.setVisible(state.total > 0)
        self.empty.setVisible(state.total == 0)
        self.empty.sentence.setText(
            state.obstacle
            or "Start computes every combination of these settings. Each result is kept as it comes; the same folder goes on later."
        )
        self._show_table(state)
        self._show_figure(state)

    def _show_table(self, state: SweepState) -> None:
        if self._shown == (state.header, state.rows):
            return
        self._shown = (state.header, state.rows)
        with quiet(self.table):
            self.table.setColumnCount(len(state.header))
            self.table.setHorizontalHeaderLabels(list(state.header))
            self.table.setRowCount(len(state.rows))
            for number, cells in enumerate(state.rows):
                for section, text in enumerate(cells):
                    cell = self.table.cell(number, section)
                    cell.setText(text)
                    cell.setToolTip(text if section == len(cells) - 1 else "")
                    cell.setFont(monospace(9.5))
            self.table.resizeColumnsToContents()

    def _show_figure(self, state: SweepState) -> None:
        panels = state.figure.panels if state.figure is not None else ()
        for number, plot in enumerate(self.plots):
            plot.setVisible(number < len(panels))
            plot.show_panel(panels[number] if number < len(panels) else Panel(Axis(), Axis()))
            plot.fit()

    def done(self, result: int) -> None:
        self._controller.detach()
        super().done(result)

    # --- putting together ------------------------------------------------------------------------------------------

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder of the sweep")
        if found:
            self._controller.open_folder(found)

    def _connect(self) -> None:
        controller = self._controller
        self.vary.textChanged.connect(lambda: controller.set_vary(self.vary.toPlainText()))
        self.executor.editTextChanged.connect(controller.set_executor)
        self.work.currentIndexChanged.connect(lambda _: controller.set_work(self.work.currentData()))
        self.keep.toggled.connect(controller.set_keep)
        self.search.textChanged.connect(controller.search)

    def _lay_out(self) -> None:
        self.bar.setRange(0, 100)
        self.bar.setTextVisible(False)
        left = holder(
            column(
                label("Settings that are varied"),
                self.vary,
                label("Who computes"),
                self.executor,
                label("What is done"),
                self.work,
                self.keep,
                row(self.folder_button, 1),
                self.folder,
                row(1, self.stop_button, self.start_button),
                self.bar,
                self.load,
                self.words,
                1,
            )
        )
        left.setMinimumWidth(320)
        self.results = holder(column(row(self.search, self.runs_button), self.table, row(self.plots[0], self.plots[1])))
        right = holder(column(self.results, self.empty))
        parts = splitter(Qt.Orientation.Horizontal, left, right)
        parts.setStretchFactor(1, 1)
        parts.setSizes([340, 820])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(parts)
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)


def open_sweep(session: Session, parent: StudioWindow) -> SweepDialog:
    """The window, in front; there is one."""
    return in_front(parent, SweepDialog, lambda: SweepDialog(session.sweep, parent))
