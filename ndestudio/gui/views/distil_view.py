"""The Distil stage: search, the live Pareto front, the formula looked at, compare, substitute, revert."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QFrame, QScrollArea, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from ndestudio.gui.building import (
    EmptyState,
    button,
    card,
    choose,
    column,
    combo,
    holder,
    keep_in_sight,
    label,
    quiet,
    row,
    splitter,
    tab_widget,
    tool_button,
    trigger,
)
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.candidate_panel import CandidatePanel
from ndestudio.gui.widgets.editors.operator_chooser import OperatorChooser
from ndestudio.gui.widgets.elided import KINDS, ElidedLabel
from ndestudio.gui.widgets.math_view import MathList
from ndestudio.gui.widgets.next_run_panel import NextRunPanel
from ndestudio.gui.widgets.page_header import PageHeader
from ndestudio.gui.widgets.plots.dose_response_plot import DoseResponsePlot
from ndestudio.gui.widgets.plots.formula_fit_plot import FormulaFitPlot
from ndestudio.gui.widgets.plots.pareto_plot import ParetoPlot
from ndestudio.gui.widgets.plots.trajectory_plot import TrajectoryPlot
from ndestudio.gui.widgets.redraw import Redraw
from ndestudio.gui.widgets.stage_strip import StageStrip
from ndestudio.gui.widgets.tables.change_table import ChangeTable
from ndestudio.gui.widgets.tables.front_table import FrontTable
from ndestudio.gui.widgets.tube_panel import TubePanel
from ndestudio.session.distillation.state import DistilState, NeuralTermRow
from ndestudio.session.session import Session

_EXACT = 1e-12
"""Loss below which a formula is what the network has learned."""
_ERRORS = (("Both errors", "both"), ("Error on the neural term", "neural_term"), ("Simulated error", "simulated"))


class DistilView(QWidget):
    """Signals say what a person wants; see ``connect``."""

    start = Signal()
    pause = Signal()
    resume = Signal()
    stop = Signal()
    proceed = Signal()
    back = Signal()
    settings_changed = Signal(dict)
    preset_chosen = Signal(str)
    neural_term_chosen = Signal(str)
    selected = Signal(str, int)
    pinned = Signal(str, int)
    accepted = Signal(str, int)
    reverted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._state: DistilState | None = None
        self._make_controls()
        self.strip = StageStrip()
        self.pareto = ParetoPlot()
        self.table = FrontTable()
        self.chooser = OperatorChooser()
        self.candidate = CandidatePanel()
        self.second = CandidatePanel(second=True)
        self.fit = FormulaFitPlot()
        self.trajectories = TrajectoryPlot()
        self.steady_states = DoseResponsePlot()
        self.simulated = QStackedWidget()
        self.simulated.addWidget(self.trajectories)
        self.simulated.addWidget(self.steady_states)
        self.changes = ChangeTable()
        self.equations = MathList("Equations with the formulas in use", scale=1.1)
        self.next_run = NextRunPanel()
        self.tube = TubePanel()
        self.notes = label("", wrap=True, selectable=True)
        self.redraw = Redraw(self, self._draw_front, self._draw_table, self._draw_lower)
        self._lay_out()
        self._connect()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: DistilState) -> None:
        self._state = state
        words, kind = _status_words(state)
        self.summary.show_text(words, kind)
        self._show_buttons(state)
        choose(self.preset, state.preset)
        self._show_engines(state)
        self.chooser.show_state(state)
        self.strip.show_stages(state.stages, state.elapsed, state.fraction, state.rest, state.status != "idle")
        known = state.status != "idle" or any(stage.state == "done" for stage in state.stages)
        self.strip.setVisible(len(state.stages) > 1 and known)
        self._show_neural_terms(state)
        self._show_pages(state)
        self._show_candidates(state)
        self.redraw.ask()

    def _show_pages(self, state: DistilState) -> None:
        """Before the first search there are its settings; without a trained model there is only what is missing."""
        searched = any(neural_term.front for neural_term in state.neural_terms) or state.status != "idle"
        self.content.setCurrentIndex(1 if searched or not state.obstacle else 0)
        if self.front_card.isHidden() == searched:
            self.front_card.setVisible(searched)
            self.left_tabs.setCurrentWidget(self.table if searched else self.chooser)
        for position in (0, 2):
            self.left_tabs.setTabVisible(position, searched)
        self.results.setCurrentIndex(1 if searched else 0)

    # Each part looks itself whether it shows the same already.

    def _draw_front(self) -> None:
        if (state := self._state) is not None:
            neural_term = _neural_term(state)
            index = state.candidate.row.index if state.candidate else -1
            self.pareto.show_front(neural_term.front if neural_term else (), index, self.errors_box.currentData())

    def _draw_table(self) -> None:
        if (state := self._state) is not None:
            neural_term = _neural_term(state)
            self.table.show_rows(
                neural_term.front if neural_term else (), state.candidate.row.index if state.candidate else -1
            )
            self.notes.setText("\n\n".join(state.notes) or "Warnings of the search appear here.")

    def _draw_lower(self) -> None:
        if (state := self._state) is None:
            return
        candidate, second = state.candidate, state.compared
        match self.lower_tabs.currentIndex():
            case 0:
                self.fit.show_fit(candidate.fit if candidate else None, second.fit if second else None)
            case 1 if state.dataset is not None:
                before = second.plot_data if second else candidate.before if candidate else None
                dashed = "with the pinned formula" if second else "with the network"
                self.trajectories.show_model(state.dataset, candidate.plot_data if candidate else None, before, dashed)
                curves = candidate.plot_data.dose_responses if candidate and candidate.plot_data else ()
                alone = bool(curves) and all(one.is_steady_state for one in state.dataset.trajectories)
                self.steady_states.show_curves(state.dataset, curves)
                self.simulated.setCurrentIndex(int(alone))
            case 2:
                self.changes.show_changes(candidate.changes if candidate else ())
            case 3:
                self.equations.show_formulas(state.equations)
            case 4:
                self.next_run.show_next_run(state.next_run)
            case 5:
                self.tube.show_tube(state.tube)

    def _show_candidates(self, state: DistilState) -> None:
        idle = state.status == "idle"
        same = state.candidate and state.compared and state.candidate.row.index == state.compared.row.index
        self.candidate.show_candidate(state.candidate, idle)
        self.second_card.setVisible(state.compared is not None and not same)
        self.second.show_candidate(state.compared, idle)
        neural_term = _neural_term(state)
        self.reason.setText(_reason(state, neural_term))
        self.reason.setVisible(bool(self.reason.text()) and self.second_card.isHidden())

    def _show_neural_terms(self, state: DistilState) -> None:
        titles = [_neural_term_title(neural_term) for neural_term in state.neural_terms]
        names = [neural_term.name for neural_term in state.neural_terms]
        with quiet(self.neural_term_bar):
            if [self.neural_term_bar.tabData(i) for i in range(self.neural_term_bar.count())] != names:
                while self.neural_term_bar.count():
                    self.neural_term_bar.removeTab(0)
                for name in names:
                    self.neural_term_bar.setTabData(self.neural_term_bar.addTab(name), name)
            for position, title in enumerate(titles):
                if self.neural_term_bar.tabText(position) != title:
                    self.neural_term_bar.setTabText(position, title)
            if state.neural_term in names:
                self.neural_term_bar.setCurrentIndex(names.index(state.neural_term))
        neural_term = _neural_term(state)
        rate = (
            f"{neural_term.evaluations:,} formulas in {neural_term.seconds:.1f} s"
            if neural_term and neural_term.evaluations
            else ""
        )
        self.counted.setText(rate)

    def _show_engines(self, state: DistilState) -> None:
        if self.engine.count() != len(state.engines):
            with quiet(self.engine):
                self.engine.clear()
                for row_ in state.engines:
                    self.engine.addItem(row_.title, row_.name)
        choose(self.engine, state.config.engine)

    def _show_buttons(self, state: DistilState) -> None:
        running = state.status != "idle"
        done = any(neural_term.front for neural_term in state.neural_terms) and not running
        self.start_button.setVisible(not running and not done and not state.complete)
        self.start_button.setEnabled(state.ready)
        self.again_button.setVisible(done)
        self.again_button.setEnabled(state.ready)
        self.pause_button.setVisible(state.status == "running")
        self.resume_button.setVisible(state.status == "paused")
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(state.status != "stopping")
        self.continue_button.setVisible(done or (state.complete and not running))
        self.back_button.setVisible(bool(state.obstacle) and not state.complete and not running)
        self.empty.sentence.setText(state.obstacle)

    # --- construction ----------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.summary = ElidedLabel()
        self.preset: QComboBox = combo(
            (
                ("Polynomials", "polynomial"),
                ("Rational functions", "rational"),
                ("Trigonometric", "trigonometric"),
                ("Kinetics", "kinetics"),
                ("Own choice", ""),
            ),
            "Operators",
            "Building blocks of the formulas; single operators and their costs are under Search settings",
        )
        self.engine: QComboBox = combo((), "Engine", "What searches; PySR needs the extra `pysr` and Julia")
        tip = "Search formulas for every neural term"
        self.start_button = button("Start search", self.start.emit, icon_name="play", kind="primary", tip=tip)
        self.again_button = button("Search again", self.start.emit, icon_name="redo", tip=tip)
        self.pause_button = button("Pause", self.pause.emit, icon_name="pause", tip="Hold the search")
        self.resume_button = button("Resume", self.resume.emit, icon_name="play", kind="primary", tip="Go on searching")
        self.stop_button = button(
            "Stop", self.stop.emit, icon_name="stop", tip="End within a second; what was found is kept"
        )
        self.continue_button = button(
            "Continue to Export", self.proceed.emit, kind="primary", tip="Equations as LaTeX, code, report (Ctrl+5)"
        )
        self.back_button = button("Go to Train", self.back.emit, tip="Train the model first (Ctrl+3)")
        self.recovery_button = tool_button(
            "check",
            "Recovery test: would these settings, on data like these, find a known ground truth?",
            lambda: trigger(self, "recovery"),
        )
        self.neural_term_bar = QTabBar()
        self.neural_term_bar.setDrawBase(False)
        self.neural_term_bar.setExpanding(False)
        keep_in_sight(self.neural_term_bar)
        self.neural_term_bar.setAccessibleName("Unknown functions")
        self.neural_term_bar.setToolTip("The unknown functions; ✓ where a formula is in use")
        self.errors_box: QComboBox = combo(
            _ERRORS,
            "Errors shown",
            "On the neural term: against samples of the network. Simulated: the whole model with the formula, on held-out data",
        )
        self.counted = label("", "muted")
        self.reason = label("", "muted", wrap=True, selectable=True)
        self.reason.setAccessibleName("Why this formula is suggested")

    def _lay_out(self) -> None:
        header = PageHeader(
            "Distil",
            self.summary,
            self.back_button,
            self.recovery_button,
            self.preset,
            self.engine,
            self.start_button,
            self.again_button,
            self.pause_button,
            self.resume_button,
            self.stop_button,
            self.continue_button,
        )
        self.left_tabs = tab_widget(
            (self.table, "Formulas", "The front as rows"),
            (self.chooser, "Search settings", "Operators, costs, limits"),
            (holder(column(self.notes, 1, margins=GRID)), "Notes", "Warnings of the search"),
        )
        title = row(label("Pareto front", "heading"), self.counted, 1, self.errors_box)
        self.front_card = card(title, self.pareto, margins=GRID)
        self.left = splitter(Qt.Orientation.Vertical, self.front_card, card(self.left_tabs, margins=GRID))
        self.lower_tabs = tab_widget(
            (self.fit, "Fit", "The neural term: network and formula where data support them"),
            (
                self.simulated,
                "Trajectories",
                "Solid: the whole model with the formula; dashed: with the network, or with the pinned formula",
            ),
            (self.changes, "Constants", "What refitting through the solver did to the parameters"),
            (self.equations, "Whole model", "All equations with the formulas in use"),
            (self.next_run, "Next run", "What to measure next: the run that tells the laws apart which the data leave"),
            (self.tube, "Reach tube", "Where the states can be, if the start is anywhere in a ball"),
        )
        self.lower_tabs.currentChanged.connect(lambda _: self.redraw.ask())
        self.second_card = card(self.second, margins=GRID)
        self.second_card.hide()
        self.cards = row(card(self.candidate, self.reason, margins=GRID), self.second_card, spacing=GRID + GRID // 2)
        self.cards.setStretch(0, 1)
        self.cards.setStretch(1, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder(self.cards))
        area.setAccessibleName("The formula looked at")
        self.right = splitter(Qt.Orientation.Vertical, area, card(self.lower_tabs, margins=GRID))
        self.right.setStretchFactor(1, 1)
        self.results = QStackedWidget()
        self.results.addWidget(
            card(EmptyState("distil", "Search formulas for the trained networks.", "Start search", self.start.emit))
        )
        self.results.addWidget(self.right)
        self.splitter = splitter(Qt.Orientation.Horizontal, self.left, self.results)
        self.splitter.setStretchFactor(1, 1)
        self.empty = EmptyState("distil", "")
        self.content = QStackedWidget()
        self.content.addWidget(card(self.empty))
        self.content.addWidget(self.splitter)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        outer.setSpacing(GRID + GRID // 2)
        outer.addWidget(header)
        outer.addWidget(self.strip)
        outer.addWidget(self.neural_term_bar)
        outer.addWidget(self.content, 1)
        self.reset_layout()

    def reset_layout(self) -> None:
        self.splitter.setSizes([480, 680])
        self.left.setSizes([300, 260])
        self.right.setSizes([250, 330])

    def _connect(self) -> None:
        self.preset.currentIndexChanged.connect(lambda _: self._on_preset())
        self.engine.currentIndexChanged.connect(
            lambda _: self.settings_changed.emit({"engine": self.engine.currentData()})
        )
        self.neural_term_bar.currentChanged.connect(
            lambda i: self.neural_term_chosen.emit(self.neural_term_bar.tabData(i) or "")
        )
        self.errors_box.currentIndexChanged.connect(lambda _: self.redraw.ask())
        self.pareto.chosen.connect(self._select)
        self.table.chosen.connect(self._select)
        for panel in (self.candidate, self.second):
            panel.accepted.connect(self.accepted)
            panel.reverted.connect(self.reverted)
            panel.pinned.connect(self.pinned)
        for keys, act in (
            ("Ctrl+Return", self.candidate.accept_button.click),
            ("Ctrl+Backspace", self._revert),
            ("P", self.candidate.pin_button.click),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)

    def _on_preset(self) -> None:
        if self.preset.currentData():
            self.preset_chosen.emit(self.preset.currentData())
        else:
            self.left_tabs.setCurrentWidget(self.chooser)

    def _select(self, index: int) -> None:
        if self._state is not None:
            self.selected.emit(self._state.neural_term, index)

    def _revert(self) -> None:
        if self._state is not None and self._state.neural_term:
            self.reverted.emit(self._state.neural_term)


def connect(view: DistilView, session: Session) -> None:
    """The view's signals become intents of the session."""
    distil = session.distil
    view.start.connect(distil.start)
    view.pause.connect(distil.pause)
    view.resume.connect(distil.resume)
    view.stop.connect(distil.stop)
    view.proceed.connect(lambda: session.show_stage("export"))
    view.back.connect(lambda: session.show_stage("train"))
    view.settings_changed.connect(lambda changes: distil.change_settings(**changes))
    view.chooser.changed.connect(lambda changes: distil.change_settings(**changes))
    view.chooser.operator_used.connect(distil.use_operator)
    view.chooser.cost_set.connect(distil.set_cost)
    view.chooser.constraints.units_used.connect(distil.constraints.use_units)
    view.chooser.constraints.form_known.connect(distil.constraints.know_form)
    view.preset_chosen.connect(distil.choose_preset)
    view.neural_term_chosen.connect(distil.choose_neural_term)
    view.selected.connect(distil.select)
    view.pinned.connect(distil.pin)
    view.tube.asked.connect(distil.tubes.make)
    view.next_run.asked.connect(distil.next_runs.suggest)
    view.next_run.limited.connect(distil.next_runs.limit)
    view.next_run.freed.connect(distil.next_runs.free)
    view.accepted.connect(distil.accept)
    view.reverted.connect(distil.revert)


def _neural_term(state: DistilState) -> NeuralTermRow | None:
    return next((neural_term for neural_term in state.neural_terms if neural_term.name == state.neural_term), None)


def _reason(state: DistilState, neural_term: NeuralTermRow | None) -> str:
    """Why the suggested formula is, also where another one is looked at."""
    if neural_term is None or not neural_term.reason:
        return ""
    return " ".join(part for part in (_why(state, neural_term), _alone(state, neural_term)) if part)


def _alone(state: DistilState, neural_term: NeuralTermRow) -> str:
    """Why there is nothing to choose from, and what gives more."""
    if state.status != "idle" or len(neural_term.front) != 1:
        return ""
    (only,) = neural_term.front
    if only.loss < _EXACT:
        return (
            "It is the only formula: it follows the values of the network as exactly as numbers can, so that the search ended "
            "at once and longer ones gain nothing."
        )
    return (
        "It is the only formula: no other described the values of the network better. Other operators, a larger size or more "
        "time, in Search settings, give others a chance."
    )


def _why(state: DistilState, neural_term: NeuralTermRow) -> str:
    suggested = next((row_ for row_ in neural_term.front if row_.chosen), None)
    if suggested is None or state.candidate is None or state.candidate.row.index == suggested.index:
        return f"Why: {neural_term.reason}."
    reason = neural_term.reason[:1].lower() + neural_term.reason[1:]
    return f"Suggested is the formula of complexity {suggested.complexity} instead: {reason}."


def _neural_term_title(neural_term: NeuralTermRow) -> str:
    mark = " ✓" if neural_term.accepted >= 0 else ""
    return f"{neural_term.name}({', '.join(neural_term.arguments)}){mark}"


def _status_words(state: DistilState) -> tuple[str, str]:
    match state.status:
        case "running":
            return state.doing or "Starting …", "muted"
        case "paused":
            return "Paused", "warning"
        case "stopping":
            return "Stopping …", "muted"
    if state.obstacle:
        return state.obstacle, "muted" if state.complete else "error"
    return state.sentence, KINDS[state.level]
