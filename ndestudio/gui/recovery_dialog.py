"""The recovery test as a dialog beside the window: choose a ground truth, run, read the assessment. It blocks
nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import button, card, discard, holder, in_front, label, quiet, row, set_kind
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.distillation.recovery import GroundTruthRow, GroundTruthValue, RecoveryController, RecoveryState
from ndestudio.session.session import Session

_VALUE_TITLES = (
    ("Name", "Parameters of the model, then constants of the formulas"),
    ("True value", "What training and search have to find; they begin elsewhere"),
    ("Unit", "As given in the Model stage"),
)
_LINE_TITLES = (
    ("", "Unknown function or parameter"),
    ("Chosen", "In the ground truth the data were made from"),
    ("Found", "By training and search on these data"),
    (
        "Apart",
        "Root-mean-square difference where the data lead, relative to the spread; of parameters the relative difference",
    ),
)
_BADGES = {
    "found": ("Found", "badge-good"),
    "rough": ("Found, roughly", "badge-warning"),
    "near": ("Not to be told apart", "badge-good"),
    "missed": ("Not found", "badge-warning"),
    "failed": ("Failed", "badge-warning"),
    "stopped": ("Stopped", "badge"),
}


class GroundTruthEditor(QWidget):
    """One line for each unknown function. Signals: formula_set(neural_term, text)."""

    formula_set = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[GroundTruthRow, ...] = ()
        self.edits: dict[str, QLineEdit] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GRID)
        self._grid.setColumnStretch(1, 1)

    def show_ground_truths(self, rows: tuple[GroundTruthRow, ...]) -> None:
        if rows == self._rows:
            return
        if [(r.neural_term, r.arguments, r.choices) for r in rows] != [
            (r.neural_term, r.arguments, r.choices) for r in self._rows
        ]:
            self._rebuild(rows)
        self._rows = rows
        for ground_truth in rows:
            edit = self.edits[ground_truth.neural_term]
            if edit.text().strip() != ground_truth.formula:
                edit.setText(ground_truth.formula)

    def _rebuild(self, rows: tuple[GroundTruthRow, ...]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                discard(widget)
        self.edits = {}
        for number, ground_truth in enumerate(rows):
            call = f"{ground_truth.neural_term}({', '.join(ground_truth.arguments)})"
            name = label(f"{call} =")
            name.setFont(monospace(9.5))
            edit = QLineEdit()
            edit.setFont(monospace(9.5))
            edit.setAccessibleName(f"Ground truth of {call}")
            edit.setPlaceholderText(f"a formula of {' and '.join(ground_truth.arguments)}")
            edit.editingFinished.connect(lambda neural_term=ground_truth.neural_term: self._typed(neural_term))
            choose = QToolButton()
            choose.setText("Choose ▾")
            choose.setAccessibleName(f"Choose a ground truth for {call}")
            choose.setToolTip("Take the formula in use, or a term of the library")
            choose.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            menu = QMenu(choose)
            for title, formula in ground_truth.choices:
                action = menu.addAction(f"{title}    {formula}")
                action.triggered.connect(
                    lambda _=False, neural_term=ground_truth.neural_term, text=formula: self.formula_set.emit(
                        neural_term, text
                    )
                )
            choose.setMenu(menu)
            choose.setEnabled(bool(ground_truth.choices))
            for column, widget in enumerate((name, edit, choose)):
                self._grid.addWidget(widget, number, column)
            self.edits[ground_truth.neural_term] = edit

    def _typed(self, neural_term: str) -> None:
        text = self.edits[neural_term].text().strip()
        if text != next((row.formula for row in self._rows if row.neural_term == neural_term), ""):
            self.formula_set.emit(neural_term, text)


class ValueTable(Table):
    """Values of the ground truth. Signals: value_set(name, value)."""

    value_set = Signal(str, float)

    def __init__(self) -> None:
        super().__init__(
            "Values of the ground truth", _VALUE_TITLES, widths={1: 160, 2: 120}, stretch=(0,), row_height=28
        )
        self._rows: tuple[GroundTruthValue, ...] = ()
        self.itemChanged.connect(self._on_edited)

    def show_values(self, rows: tuple[GroundTruthValue, ...]) -> None:
        if rows == self._rows:
            return
        self._rows = rows
        self.setFixedHeight(40 + 28 * min(max(len(rows), 1), 6))
        with quiet(self):
            self.setRowCount(len(rows))
            for number, value in enumerate(rows):
                for section, text in enumerate((value.name, f"{value.value:.6g}", value.unit)):
                    cell = self.cell(number, section)
                    cell.setText(text)
                    cell.setFont(monospace(9.5))
                    flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                    cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if section == 1 else flags)

    def _on_edited(self, cell: QTableWidgetItem) -> None:
        value = self._rows[cell.row()]
        try:
            self.value_set.emit(value.name, float(cell.text()))
        except ValueError:
            with quiet(self):
                cell.setText(f"{value.value:.6g}")


class RecoveryDialog(QDialog):
    """Shows a ``RecoveryState``."""

    def __init__(self, controller: RecoveryController, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Recovery test")
        self._controller = controller
        self.ground_truths = GroundTruthEditor()
        self.values = ValueTable()
        self.problem = label("", "error", wrap=True)
        self.noise = QDoubleSpinBox()
        self.noise.setRange(-1.0, 200.0)
        self.noise.setSpecialValueText("as in the data")
        self.noise.setSuffix(" % of the spread")
        self.noise.setDecimals(1)
        self.noise.setKeyboardTracking(False)
        self.noise.setMinimumWidth(170)
        self.noise.setAccessibleName("Noise")
        self.noise.setToolTip("Standard deviation of the errors that are added, as a part of each column's spread")
        self.fit_button = button(
            "Fit values to the data",
            controller.fit_ground_truth,
            tip="Fit all constants of the ground truth to your data first, so that the test is about a system like yours",
        )
        self.run_button = button(
            "Run the test",
            controller.start,
            icon_name="play",
            kind="primary",
            tip="With the settings of Train and Distil",
        )
        self.stop_button = button("Stop", controller.stop, icon_name="stop", tip="End within a second")
        self.doing = label("", "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.badge = label("", "badge")
        self.assessment = label("", wrap=True, selectable=True)
        self.lines = Table("Chosen and found", _LINE_TITLES, widths={0: 200, 3: 72}, stretch=(1, 2), row_height=28)
        self.lines.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.details = label("", "muted", wrap=True, selectable=True)
        self._lay_out()
        self.ground_truths.formula_set.connect(controller.set_formula)
        self.values.value_set.connect(controller.set_value)
        self.noise.valueChanged.connect(self._on_noise)
        self.resize(800, 660)
        controller.attach(self)

    def show_state(self, state: RecoveryState) -> None:
        running = state.status != "idle"
        self.ground_truths.show_ground_truths(state.ground_truths)
        self.values.show_values(state.values)
        with quiet(self.noise):
            self.noise.setValue(-1.0 if state.noise is None else 100.0 * state.noise)
        sentence = state.obstacle or state.problem
        self.problem.setText(sentence[:1].upper() + sentence[1:])
        self.problem.setVisible(bool(sentence) and not running)
        set_kind(
            self.problem,
            "error" if state.obstacle or all(ground_truth.formula for ground_truth in state.ground_truths) else "muted",
        )
        for widget in (self.ground_truths, self.values, self.noise):
            widget.setEnabled(not (running or state.fitting or state.obstacle))
        for one in (self.run_button, self.fit_button):
            one.setEnabled(state.ready)
        self.run_button.setVisible(not running)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(state.status == "running")
        self.bar.setVisible(running or state.fitting)
        self.doing.setText(_doing(state))
        self._show_assessment(state, running)

    def done(self, result: int) -> None:
        self._controller.detach()
        super().done(result)

    def _show_assessment(self, state: RecoveryState, running: bool) -> None:
        self.assessment_card.setVisible(bool(state.assessment))
        self.room.setVisible(not state.assessment)
        words, kind = _BADGES.get(state.outcome, ("", "badge"))
        self.badge.setText("From before the last changes" if state.stale or running else words)
        set_kind(self.badge, "badge" if state.stale or running else kind)
        self.assessment.setText(state.assessment)
        self.details.setText(state.details)
        self.lines.setVisible(bool(state.lines))
        self.lines.setRowCount(len(state.lines))
        for number, line in enumerate(state.lines):
            for section, text in enumerate((line.name, line.chosen, line.found, line.apart)):
                cell = self.lines.cell(number, section)
                cell.setText(text)
                cell.setToolTip(text)
                cell.setFont(monospace(9.5))

    def _on_noise(self, percent: float) -> None:
        self._controller.set_noise(None if percent < 0 else percent / 100.0)

    def _lay_out(self) -> None:
        words = label(
            "Choose a ground truth for each unknown function. Data are made from it at your times, with your gaps and noise; the same "
            "training and search are then run on them. Settings that find a known ground truth can be trusted more where it is unknown.",
            "muted",
            wrap=True,
        )
        noise = row(label("Noise"), self.noise, 1, self.fit_button)
        ground_truth = card(self.ground_truths, self.values, self.problem, noise, heading="Ground truth")
        self.assessment_card = card(
            row(label("Assessment", "heading"), self.badge, 1), self.assessment, self.lines, self.details
        )
        self.room = QWidget()  # so that the ground truth stays at the top while there is no assessment
        status = row(self.doing, self.bar, 1, self.stop_button, self.run_button, button("Close", self.close))
        self.bar.setFixedWidth(120)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID + GRID // 2)
        layout.addWidget(words)
        layout.addWidget(ground_truth)
        layout.addWidget(self.assessment_card, 1)
        layout.addWidget(self.room, 1)
        layout.addWidget(holder(status))
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # Return ends the typing of a formula and presses nothing


def _doing(state: RecoveryState) -> str:
    if state.fitting:
        return "Fitting the ground truth to the data …"
    if state.status == "stopping":
        return "Stopping …"
    if state.status == "running":
        doing = state.doing or "starting"
        return f"{doing[:1].upper()}{doing[1:]} … {state.elapsed:.0f} s"
    return ""


def open_recovery(session: Session, parent: QWidget) -> RecoveryDialog:
    """The dialog, in front; there is one."""
    return in_front(parent, RecoveryDialog, lambda: RecoveryDialog(session.recovery, parent))
