"""What was done in the project: each step with its settings, which can be changed and done again, also on other data."""

from __future__ import annotations

import tomllib
from datetime import datetime

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import (
    EmptyState,
    button,
    card,
    column,
    holder,
    in_front,
    label,
    quiet,
    row,
    splitter,
    tab_widget,
)
from ndestudio.gui.icons import icon
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, colours, follow, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.files import open_filter
from ndestudio.session.history import EQUATIONS, HistoryController, HistoryState, SettingRow, StepRow
from ndestudio.session.session import Session

_ICONS = {
    "data": "data",
    "model": "model",
    "fit": "train",
    "search": "distil",
    "choice": "check",
    "export": "export",
}
_SETTING_TITLES = (
    ("Setting", "As a spec names it"),
    ("Value", "Type another to have it when this is done again; empty takes the change back"),
)
_NUMBER_TITLES = (
    ("", "Parameter, formula or error of the results"),
    ("Before", "In the results of the project"),
    ("Now", "In the repetition"),
    ("Apart", "Relative difference"),
    ("Verdict", "Exact: to 1e-12; within tolerance: within 2%, or within the limits it had"),
)
_ROW = 28


class HistoryDialog(QDialog):
    """Shows a ``HistoryState``; lies beside the window and blocks nothing."""

    def __init__(self, controller: HistoryController, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("History")
        self._controller = controller
        self._state: HistoryState | None = None
        self.steps = _list("Steps")
        self.undo = _list("Edits of this session")
        self.title = label("", "heading", wrap=True)
        self.details = label("", "muted", wrap=True, selectable=True)
        self.details.setFont(monospace(9))
        self.settings = Table("Settings of the step", _SETTING_TITLES, widths={0: 230}, stretch=(1,), row_height=_ROW)
        self.equations = QPlainTextEdit()
        self.equations.setFont(monospace(9.5))
        self.equations.setAccessibleName("Equations of the step")
        self.equations.setFixedHeight(112)
        self.use_equations = button("Use these equations", self._on_equations, tip="When the steps are done again")
        self.more = QLineEdit()
        self.more.setAccessibleName("Another setting")
        self.more.setToolTip("SETTING = VALUE, as in a spec; Return adds it")
        self.problem = label("", "error", wrap=True)
        self.restore_button = button(
            "Make current",
            self._restore,
            icon_name="undo",
            tip="Go back to the results of this step, with its settings",
        )
        self.empty = EmptyState("clock", "")
        self.numbers = Table(
            "Before and now", _NUMBER_TITLES, widths={0: 176, 3: 88, 4: 144}, stretch=(1, 2), row_height=_ROW
        )
        self.sentence = label("", wrap=True, selectable=True)
        self.notes = label("", "warning", wrap=True, selectable=True)
        self.files = label("", "muted")
        self.files_button = button(
            "Apply to new data…", self._browse, icon_name="open", tip="Read other files as these were"
        )
        self.own_button = button(
            "The project's data", lambda: controller.choose_files(()), tip="Take its own data again"
        )
        self.run_button = button("Do it again", controller.start, icon_name="play", kind="primary")
        self.stop_button = button("Stop", controller.stop, icon_name="stop", tip="End it and keep what it has reached")
        self.take_button = button(
            "Take these results", controller.take, tip="The project goes on with them; its own stay in the runs"
        )
        self.doing = label("", "muted")
        self.bar = QProgressBar()
        self._lay_out()
        self._connect()
        self.resize(1040, 680)
        follow(self, self._restyle)
        controller.attach(self)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: HistoryState) -> None:
        before, self._state = self._state, state
        if before is None or before.steps != state.steps:
            self._show_steps(state.steps)
        if before is None or (before.undo, before.done) != (state.undo, state.done):
            self._show_undo(state)
        running = state.status != "idle"
        edits = sum(setting.value != setting.was for step in state.steps for setting in step.settings)
        self.files.setText(f"On {', '.join(state.files)}" if state.files else "")
        self.files.setVisible(bool(state.files))
        self.own_button.setVisible(bool(state.files))
        self.empty.sentence.setText(state.obstacle)
        self.empty.setVisible(bool(state.obstacle) and not state.steps)
        self.run_button.setVisible(not running)
        self.run_button.setEnabled(not state.obstacle)
        changes = {0: "", 1: "with one change"}.get(edits, f"with {edits} changes")
        self.run_button.setText(f"Do it again {changes}".strip())
        self.run_button.setToolTip(
            state.obstacle or "All trainings, the search and the choices that led to the results"
        )
        self.files_button.setEnabled(not state.obstacle and not running)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(state.status == "running")
        self.bar.setVisible(running)
        self.doing.setText(f"{state.doing or 'Starting'} … {state.elapsed:.0f} s" if running else "")
        self.doing.setVisible(running)
        self._show_numbers(state)

    def done(self, result: int) -> None:
        self._controller.detach()
        super().done(result)

    def _show_steps(self, steps: tuple[StepRow, ...]) -> None:
        at = self.steps.currentRow()
        with quiet(self.steps):
            self.steps.clear()
            for step in steps:
                item = QListWidgetItem(("Changed: " if step.edited else "") + step.title)
                item.setToolTip("\n".join((_when(step.when), *step.details)).strip())
                self.steps.addItem(item)
            self.steps.setCurrentRow(at if 0 <= at < len(steps) else len(steps) - 1)
        self._restyle()
        self._show_step()

    def _show_step(self) -> None:
        step = self._step()
        self.problem.hide()
        for widget in (self.title, self.details, self.settings, self.equations, self.more, self.restore_button):
            widget.setVisible(step is not None)
        if step is None:
            return
        when = _when(step.when)
        self.title.setText(f"{step.title}  ·  {when}" if when else step.title)
        settings = [one for one in step.settings if one.name != EQUATIONS]
        equations = next((one for one in step.settings if one.name == EQUATIONS), None)
        shown = tuple(f"{one.name.split('.')[1]} = " for one in settings)
        lines = [] if equations else [line for line in step.details if not line.startswith(shown)]
        self.details.setText("\n".join(lines))
        self.details.setVisible(bool(lines))
        editable = step.kind in ("data", "model", "fit", "search")
        self.equations.setVisible(equations is not None)
        self.use_equations.hide()
        if equations is not None:
            with quiet(self.equations):
                self.equations.setPlainText(tomllib.loads(f"v = {equations.value}")["v"].rstrip("\n"))
        self.settings.setVisible(bool(settings))
        self.more.setVisible(editable)
        self.more.setPlaceholderText(f"Another setting, as {_EXAMPLES.get(step.kind, '')}")
        self.restore_button.setVisible(step.run >= 0)
        self._show_settings(settings)

    def _show_settings(self, settings: list[SettingRow]) -> None:
        with quiet(self.settings):
            self.settings.setRowCount(len(settings))
            for number, one in enumerate(settings):
                for section, text in enumerate((one.name, one.value)):
                    cell = self.settings.cell(number, section)
                    cell.setText(text)
                    cell.setFont(monospace(9.5))
                    cell.setToolTip(f"It was {one.was or 'not set'}." if section == 1 and one.was != one.value else "")
                    cell.setForeground(QColor(colours().accent if one.was != one.value else colours().text))
                    flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                    cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if section == 1 else flags)

    def _show_undo(self, state: HistoryState) -> None:
        with quiet(self.undo):
            self.undo.clear()
            for number, text in enumerate(("As it was opened", *state.undo)):
                item = QListWidgetItem(text)
                if number > state.done:
                    item.setForeground(QColor(colours().muted))
                self.undo.addItem(item)
            self.undo.setCurrentRow(state.done)

    def _show_numbers(self, state: HistoryState) -> None:
        self.result_card.setVisible(bool(state.sentence))
        self.room.setVisible(not state.sentence and not self.settings.isVisibleTo(self))
        self.sentence.setText(state.sentence)
        self.notes.setText("\n".join(state.notes))
        self.notes.setVisible(bool(state.notes))
        self.take_button.setVisible(state.takable)
        self.numbers.setRowCount(len(state.numbers))
        for number, one in enumerate(state.numbers):
            for section, text in enumerate((one.name, one.before, one.now, one.apart, one.verdict)):
                cell = self.numbers.cell(number, section)
                cell.setText(text)
                cell.setFont(monospace(9.5))

    # --- intents ---------------------------------------------------------------------------------------------------

    def _step(self) -> StepRow | None:
        at = self.steps.currentRow()
        steps = self._state.steps if self._state is not None else ()
        return steps[at] if 0 <= at < len(steps) else None

    def _tell(self, problem: str) -> None:
        self.problem.setText(problem[:1].upper() + problem[1:])
        self.problem.setVisible(bool(problem))

    def _on_setting(self, cell: QTableWidgetItem) -> None:
        name = self.settings.cell(cell.row(), 0).text()
        problem = self._controller.change(self.steps.currentRow(), name, cell.text())
        if problem:
            self._show_step()
        self._tell(problem)

    def _on_more(self) -> None:
        name, sign, value = self.more.text().partition("=")
        if not self.more.text().strip():
            return
        if not sign or not value.strip():
            self._tell("Write SETTING = VALUE, as in a spec.")
            return
        problem = self._controller.change(self.steps.currentRow(), name, value)
        if not problem:
            self.more.clear()
        self._tell(problem)

    def _on_equations(self) -> None:
        step = self._step()
        if step is None or not self.equations.isVisible():
            return
        self._tell(self._controller.change_equations(self.steps.currentRow(), self.equations.toPlainText()))

    def _restore(self) -> None:
        self._controller.restore(self.steps.currentRow())

    def _browse(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Other data to do it again with", "", open_filter())
        if paths:
            self._controller.choose_files(tuple(paths))

    def _on_undo(self, item: QListWidgetItem) -> None:
        self._controller.go_to(self.undo.row(item))

    # --- putting together ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.steps.currentRowChanged.connect(lambda _: self._show_step())
        self.undo.itemActivated.connect(self._on_undo)
        self.undo.itemClicked.connect(self._on_undo)
        self.settings.itemChanged.connect(self._on_setting)
        self.more.returnPressed.connect(self._on_more)
        self.equations.textChanged.connect(lambda: self.use_equations.show())

    def _restyle(self) -> None:
        if self._state is not None:
            if (step := self._step()) is not None:
                self._show_settings([one for one in step.settings if one.name != EQUATIONS])
            for number, step in enumerate(self._state.steps):
                item = self.steps.item(number)
                if item is not None:
                    item.setIcon(icon(_ICONS[step.kind], colours().accent if step.edited else colours().muted))

    def _lay_out(self) -> None:
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(96)
        self.numbers.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for table in (self.numbers, self.settings):
            table.setMinimumHeight(40 + 2 * _ROW)
            table.setSizeAdjustPolicy(QAbstractItemView.SizeAdjustPolicy.AdjustToContents)
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.take_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.room = QWidget()  # so that the step stays at the top
        lists = tab_widget(
            (self.steps, "What was done", "what is kept with the project"),
            (self.undo, "Edits", "of this session; a click goes back to one"),
        )
        lists.setMinimumWidth(264)
        step = card(
            row(self.title, self.restore_button),
            self.details,
            self.equations,
            row(1, self.use_equations),
            self.settings,
            self.more,
            self.problem,
            self.empty,
            1,
        )
        self.result_card = card(row(self.sentence, self.take_button), self.notes, self.numbers)
        content = column(step, self.result_card, self.room, spacing=GRID + GRID // 2)
        content.setStretchFactor(self.room, 1)
        content.setStretchFactor(self.result_card, 2)
        content.setStretchFactor(step, 2)
        right = holder(content)
        bottom = row(
            self.files_button, self.own_button, self.files, 1, self.doing, self.bar, self.stop_button, self.run_button
        )
        parts = splitter(Qt.Orientation.Horizontal, lists, right)
        parts.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID + GRID // 2)
        layout.addWidget(parts, 1)
        layout.addWidget(holder(bottom))
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # Return ends the typing of a value and presses nothing


_EXAMPLES = {
    "data": "data.split.by = time",
    "model": "model.parameters.k.lower = 0",
    "fit": "train.time_limit = 60",
    "search": "distil.max_size = 12",
}


def _list(name: str) -> QListWidget:
    made = QListWidget()
    made.setAccessibleName(name)
    made.setIconSize(QSize(16, 16))
    made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return made


def _when(text: str) -> str:
    """A time of the history as a person reads it, in the time of this machine."""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%d %b %Y, %H:%M}" if text else ""
    except ValueError:
        return text


def open_history(session: Session, parent: QWidget) -> HistoryDialog:
    """The window, in front; there is one."""
    return in_front(parent, HistoryDialog, lambda: HistoryDialog(session.history, parent))
