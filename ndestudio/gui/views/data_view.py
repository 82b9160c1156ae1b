"""The Data stage: table preview with roles, plots of the columns, problems in place, split."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ndestudio.data.dataset import Part
from ndestudio.gui.building import EmptyState, button, card, column, holder, label, row, tab_widget
from ndestudio.gui.theme import GRID
from ndestudio.gui.views import experiment_panel
from ndestudio.gui.views.data_panels import FilesPanel, ReadingPanel, SplitPanel
from ndestudio.gui.views.experiment_panel import ExperimentPanel
from ndestudio.gui.views.import_settings import ImportOffer, ImportSettingsButton, ImportSettingsDialog
from ndestudio.gui.views.time_panel import TimePanel
from ndestudio.gui.widgets.decision_chips import DecisionChips
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.page_header import PageHeader
from ndestudio.gui.widgets.plots.column_plots import ColumnPlots
from ndestudio.gui.widgets.plots.series_plot import SeriesPlots
from ndestudio.gui.widgets.problem_list import ProblemList
from ndestudio.gui.widgets.tables.columns_table import ColumnsTable
from ndestudio.gui.widgets.tables.data_table import PreviewTable
from ndestudio.gui.widgets.tables.inputs_table import InputsTable
from ndestudio.gui.widgets.tables.read_table import ReadTable
from ndestudio.gui.widgets.tables.trajectory_table import TrajectoryTable
from ndestudio.session.data.state import DataState
from ndestudio.session.files import data_filter, formats_text
from ndestudio.session.session import Session

_SIDE = 432


class DataView(QWidget):
    """Signals say what a person wants; see ``connect``."""

    browse = Signal()
    add_files = Signal(list)
    proceed = Signal()
    retry = Signal()
    answered = Signal(object, int)

    def __init__(self) -> None:
        super().__init__()
        self._state: DataState | None = None
        self.summary = ElidedLabel()
        self.continue_button = button(
            "Continue to Model", self.proceed.emit, kind="primary", tip="Write what is known of the system (Ctrl+2)"
        )
        self.add_button = button(
            "Add files…", self._ask_files, icon_name="add", tip="Further files with the same columns"
        )
        self.problems = ProblemList("Problems of the data")
        self.retry_button = button("Read again", self.retry.emit, tip="After the file was put right")
        beside = row(self.problems, self.retry_button)
        beside.setStretch(0, 1)
        beside.setAlignment(self.retry_button, Qt.AlignmentFlag.AlignBottom)
        self.problem_card = card(beside)
        self.offer = ImportOffer()
        self.imports = ImportSettingsButton()
        self.chips = DecisionChips()
        self.files = FilesPanel()
        self.time = TimePanel()
        self.columns = ColumnsTable()
        self.inputs = InputsTable()
        self.inputs_card = card(self.inputs, heading="Inputs")
        self.split = SplitPanel()
        self.reading = ReadingPanel()
        self.notes = label("", "muted", wrap=True, selectable=True)
        self.plots = SeriesPlots()
        self.column_plots = ColumnPlots()
        self.read = ReadTable()
        self.table = PreviewTable()
        self.trajectories = TrajectoryTable()
        self.experiments = ExperimentPanel()
        self.stack = QStackedWidget()
        self._lay_out()
        self.problems.chosen.connect(self._go_to_problem)
        self.problems.acted.connect(self._on_acted)
        self.trajectories.hidden_changed.connect(self._on_hidden)
        self.chips.answered.connect(self.answered)

    def show_state(self, state: DataState) -> None:
        self._state = state
        empty = not state.files
        self.stack.setCurrentIndex(0 if empty else 1)
        self.continue_button.setEnabled(state.dataset is not None)
        self.add_button.setEnabled(not empty)
        words = state.busy + " …" if state.busy else state.summary
        self.summary.show_text(words, "muted")
        self.problems.show_problems(
            [
                (problem.place, problem.sentence, "question" if problem.question else "error", problem.answers)
                for problem in state.problems
            ]
        )
        self.problem_card.setVisible(bool(state.problems))
        self.offer.show_offers(state.offers)
        self.chips.show_decisions(state.decisions)
        stem = PurePath(state.files[0].name).stem if state.files else ""
        self.imports.show_names(state.import_settings, stem, readable=bool(state.columns))
        self.imports.setVisible(not empty)
        self.time.show_state(state)
        self.files.show_state(state)
        self.columns.show_rows(state.columns)
        self.inputs.show_rows(state.columns)
        self.inputs_card.setVisible(self.inputs.rowCount() > 0)
        self.split.show_state(state)
        self.reading.show_state(state)
        self.notes.setText("\n".join(f"• {note}" for note in state.notes))
        self.notes_card.setVisible(bool(state.notes))
        self.table.show_state(state)
        self._show_hint()
        self.trajectories.show_rows(state.trajectories)
        self.experiments.show_experiments(state.experiments)
        loaded = None if state.stale and state.problems else state.dataset
        self.read.show_dataset(loaded)
        self.read_stack.setCurrentIndex(0 if loaded is None else 1)
        self.plots.show_dataset(state.dataset, self.trajectories.hidden)
        panels = () if loaded is not None or state.busy else state.panels
        if panels:  # plots cost time: they are not made for the moment until the file is loaded
            self.column_plots.show_panels(panels)
        self.plot_stack.setCurrentIndex(2 if loaded is not None else 1 if panels else 0)

    def reset_layout(self) -> None:
        self.splitter.setSizes([_SIDE, 900])
        self.right.setSizes([420, 260])

    def _lay_out(self) -> None:
        controls = (self.imports, self.add_button, self.continue_button)
        header = PageHeader("Data", self.summary, *controls, spacing=2 * GRID)
        self.notes_card = card(self.notes, heading="Notes")
        content = column(
            self.files,
            self.time,
            card(self.columns, heading="Columns"),
            self.inputs_card,
            self.split,
            self.reading,
            self.notes_card,
            1,
            spacing=2 * GRID,
        )
        content.setContentsMargins(0, 0, GRID, 0)
        side = holder(content)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(side)
        area.setMinimumWidth(_SIDE)
        self.read_stack = QStackedWidget()
        self.read_stack.addWidget(EmptyState("table", "The rows appear here as they were read, once they can be."))
        self.read_stack.addWidget(self.read)
        self.rows_hint = label("Press the number of a row to say what it holds", "muted", wrap=True)
        tabs = tab_widget(
            (holder(column(self.table, self.rows_hint, spacing=GRID // 2)), "File", "The rows as they are in the file"),
            (self.read_stack, "As read", "The values as they were understood"),
            (self.trajectories, "Trajectories", "What each run is used for"),
            (self.experiments, "Experiments", "Conditions, inputs and starts of the runs"),
            (self.experiments.dosing, "Doses", "What is given to the runs, and when"),
        )
        tabs.currentChanged.connect(lambda _: self._show_hint())
        self.tabs = tabs
        self.plot_stack = QStackedWidget()
        self.plot_stack.addWidget(EmptyState("data", "The plots appear when the data can be read."))
        self.plot_stack.addWidget(self.column_plots)
        self.plot_stack.addWidget(self.plots)
        self.right = QSplitter(Qt.Orientation.Vertical)
        self.right.addWidget(card(self.plot_stack, margins=GRID))
        self.right.addWidget(card(tabs, margins=GRID))
        self.right.setChildrenCollapsible(False)
        self.right.setHandleWidth(2 * GRID)
        self.splitter = QSplitter()
        self.splitter.addWidget(area)
        self.splitter.addWidget(self.right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(2 * GRID)
        content = holder(
            column(
                header,
                self.offer,
                self.problem_card,
                self.chips,
                self.splitter,
                spacing=2 * GRID,
                margins=2 * GRID,
            )
        )
        content.layout().setStretch(4, 1)  # type: ignore[attr-defined]
        empty = EmptyState(
            "data",
            f"Drop data files, or a folder of them, here: {formats_text()}.",
            "Open files…",
            self.browse.emit,
        )
        self.stack.addWidget(empty)
        self.stack.addWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        self.reset_layout()

    def _show_hint(self) -> None:
        self.rows_hint.setVisible(
            self.tabs.currentIndex() == 0 and self._state is not None and self._state.raw is not None
        )

    def _ask_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Add files with the same columns", "", data_filter())
        if paths:
            self.add_files.emit(paths)

    def _go_to_problem(self, position: int) -> None:
        if self._state is not None and position < len(self._state.problems):
            line = self._state.problems[position].row
            if line is not None:
                self.tabs.setCurrentIndex(0)
                self.table.go_to(line)

    def _on_acted(self, position: int, number: int) -> None:
        if self._state is not None and position < len(self._state.problems):
            decision = self._state.problems[position].decision
            if decision is not None:
                self.answered.emit(decision, number)

    def _on_hidden(self, hidden: Any) -> None:
        if self._state is not None:
            self.plots.show_dataset(self._state.dataset, hidden)


def connect(view: DataView, session: Session) -> None:
    """The view's signals become intents of the session."""
    data = session.data
    view.browse.connect(lambda: _browse(view))
    view.add_files.connect(data.append_files)
    view.proceed.connect(lambda: session.show_stage("model"))
    view.retry.connect(data.retry)
    view.answered.connect(data.answer)
    view.time.columns_chosen.connect(data.set_time_columns)
    view.time.format_chosen.connect(data.set_time_format)
    view.table.rows_told.connect(lambda changes: data.set_rows(**changes))
    view.imports.save_wanted.connect(data.imports.save)
    view.imports.chosen.connect(data.imports.use)
    view.imports.manage_wanted.connect(lambda: _manage(view, session))
    view.offer.accepted.connect(data.imports.use)
    view.offer.declined.connect(data.imports.dismiss)
    view.columns.role_chosen.connect(data.set_role)
    view.plots.value_changed.connect(data.change_value)
    view.plots.trimmed.connect(data.trim)
    view.columns.alias_edited.connect(data.set_alias)
    view.columns.unit_edited.connect(data.set_unit)
    view.inputs.path_chosen.connect(data.set_path)
    view.inputs.period_edited.connect(data.set_period)
    view.inputs.rate_toggled.connect(data.set_rate)
    view.files.chosen.connect(data.show_file)
    view.files.removed.connect(data.remove_file)
    view.split.changed.connect(lambda changes: data.set_split(**changes))
    view.reading.changed.connect(lambda changes: data.set_reading(**changes))
    view.trajectories.part_chosen.connect(lambda name, part: data.set_part(name, Part(part)))
    view.trajectories.weight_edited.connect(data.set_weight)
    experiment_panel.connect(view.experiments, session)


def _manage(view: DataView, session: Session) -> None:
    imports = session.data.imports
    ImportSettingsDialog(lambda: imports.names, imports.rename, imports.delete, view.window()).open()


def _browse(view: QWidget) -> None:
    window = view.window()
    browse = getattr(window, "browse", None)
    if browse is not None:
        browse()
