"""The Train stage: start and stop, the stages, live plots, parameters, settings, time travel, runs."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from ndestudio.gui.building import (
    EmptyState,
    button,
    card,
    choose,
    column,
    discard,
    flow,
    holder,
    label,
    row,
    splitter,
    tab_widget,
)
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.editors.train_settings import TrainSettings, preset_box
from ndestudio.gui.widgets.elided import KINDS, ElidedLabel
from ndestudio.gui.widgets.explain_panel import ExplainPanel
from ndestudio.gui.widgets.page_header import PageHeader
from ndestudio.gui.widgets.plots.dose_response_plot import DoseResponsePlot
from ndestudio.gui.widgets.plots.future_plot import FuturePlot
from ndestudio.gui.widgets.plots.law_plot import LawPlot
from ndestudio.gui.widgets.plots.loss_plot import LossPlot
from ndestudio.gui.widgets.plots.neural_term_plot import NeuralTermPlot
from ndestudio.gui.widgets.plots.parameter_traces import ParameterTraces
from ndestudio.gui.widgets.plots.phase_plot import PhasePlot
from ndestudio.gui.widgets.plots.profile_plot import ProfilePlot
from ndestudio.gui.widgets.plots.residuals_plot import ResidualsPlot
from ndestudio.gui.widgets.plots.trajectory_plot import TrajectoryPlot
from ndestudio.gui.widgets.redraw import Redraw
from ndestudio.gui.widgets.stage_strip import StageStrip
from ndestudio.gui.widgets.tables.comparison_table import ComparisonTable
from ndestudio.gui.widgets.tables.fitted_table import FittedTable
from ndestudio.gui.widgets.tables.noise_table import NoisePanel
from ndestudio.gui.widgets.tables.runs_table import RunsTable
from ndestudio.gui.widgets.time_slider import TimeSlider
from ndestudio.session.session import Session
from ndestudio.session.training.controller import TrainController
from ndestudio.session.training.next_steps import NextStep
from ndestudio.session.training.state import TrainState

_PROFILE, _STEADY, _LAW, _FUTURES, _EXPLAIN = 2, 3, 4, 5, 6
"""Places of the tabs of profiles, of steady states, of the law of a stochastic model and of futures."""
_FUNCTIONS = 1
"""Place of the tab of what networks have learned."""


class TrainView(QWidget):
    """Signals say what a person wants; see ``connect``."""

    start = Signal()
    go_on = Signal()
    pause = Signal()
    resume = Signal()
    stop = Signal()
    discard = Signal()
    settings_changed = Signal(dict)
    proceed = Signal()
    edit_model = Signal()
    step_taken = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._state: TrainState | None = None
        self._make_controls()
        self.strip = StageStrip()
        self.trajectories = TrajectoryPlot()
        self.steady_states = DoseResponsePlot()
        self.futures = FuturePlot()
        self.loss = LossPlot()
        self.phase = PhasePlot()
        self.neural_terms = NeuralTermPlot()
        self.table = FittedTable()
        self.traces = ParameterTraces()
        self.residuals = ResidualsPlot()
        self.profile = ProfilePlot()
        self.law = LawPlot()
        self.comparison = ComparisonTable()
        self.settings = TrainSettings()
        self.noise = NoisePanel()
        self.runs = RunsTable()
        self.notes = label("", wrap=True, selectable=True)
        self.explain = ExplainPanel()
        self.slider = TimeSlider()
        self.redraw = Redraw(self, self._draw_loss, self._draw_left, self._draw_lower, self._draw_table)
        self._lay_out()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: TrainState) -> None:
        before, self._state = self._state, state
        self._show_status(state)
        self._show_buttons(state)
        self.strip.show_stages(state.stages, state.elapsed, state.fraction, state.rest, state.status != "idle")
        choose(self.preset, state.config.preset)
        self.settings.show_config(state.config, stochastic=state.stochastic, black_boxes=state.black_boxes)
        self.noise.show_state(state.noise, stochastic=state.stochastic)
        if state.stochastic != self.left_tabs.isTabVisible(_LAW):
            self.left_tabs.setTabVisible(_LAW, state.stochastic)
            self.left_tabs.setTabVisible(_PROFILE, not state.stochastic)
            if state.stochastic and state.dataset is not None and len(state.dataset.measured) < 2:
                self.lower_tabs.setCurrentIndex(_FUNCTIONS)
        self.slider.show_moments(state.checkpoints, state.checkpoint, state.status)
        self.runs.show_runs(state.runs, state.comparison)
        self.comparison.show_diagnostics(state.diagnostics)
        if before is None or (before.notes, before.sentence) != (state.notes, state.sentence):
            told = tuple(one for one in (state.sentence, *state.notes) if one)
            self.notes.setText("\n\n".join(told) or "Recoveries and warnings of the training appear here.")
            self.right_tabs.setTabText(3, f"Notes ({len(state.notes)})" if state.notes else "Notes")
        self.explain.show_statements(state.explanation)
        if before is None or before.steps != state.steps:
            self._show_steps(state.steps)
        trained = bool(state.curves) or state.plot_data is not None
        self.content.setCurrentIndex(1 if trained or state.status != "idle" else 0)
        self.redraw.ask()

    # Each part looks itself whether it shows the same already.

    def _draw_loss(self) -> None:
        if (state := self._state) is not None:
            self.loss.show_curves(state.curves)
            looking = 0 <= state.checkpoint < len(state.checkpoints)
            self.loss.show_moment(state.checkpoints[state.checkpoint] if looking else None)

    def _draw_left(self) -> None:
        if (state := self._state) is None or state.dataset is None:
            return
        curves = state.plot_data.dose_responses if state.plot_data is not None else ()
        if state.futures.there != self.left_tabs.isTabVisible(_FUTURES):
            self.left_tabs.setTabVisible(_FUTURES, state.futures.there)
        self._show_steady_tab(bool(curves), all(one.is_steady_state for one in state.dataset.trajectories))
        match self.left_tabs.currentIndex():
            case 0:
                self.trajectories.show_model(state.dataset, state.plot_data, state.reference, "newest", state.bands)
            case 1:
                title = state.dataset.time.title
                self.residuals.show_residuals(state.diagnostics.residuals, title, examining=state.diagnostics.examining)
            case 2:
                self.profile.show_diagnostics(state.diagnostics)
            case 5:
                self.futures.show_futures(state.futures)
            case 3:
                self.steady_states.show_curves(state.dataset, curves)
            case 4:
                self.law.show_law(state.diagnostics)

    def _show_steady_tab(self, shown: bool, alone: bool) -> None:
        """The tab of steady states where there are curves; in front where there is nothing but steady states."""
        if shown == self.left_tabs.isTabVisible(_STEADY):
            return
        self.left_tabs.setTabVisible(_STEADY, shown)
        if shown and alone and self.left_tabs.currentIndex() == 0:
            self.left_tabs.setCurrentIndex(_STEADY)

    def _draw_lower(self) -> None:
        if (state := self._state) is None:
            return
        if state.plot_data is not None:
            self.lower_tabs.setTabVisible(_FUNCTIONS, bool(state.plot_data.neural_terms))
        match self.lower_tabs.currentIndex():
            case 0:
                self.phase.show_plot_data(state.dataset, state.plot_data)
            case 1:
                self.neural_terms.show_plot_data(state.plot_data)
            case _:
                self.traces.show_traces(state.traces)

    def _draw_table(self) -> None:
        if (state := self._state) is None:
            return
        self.table.show_rows(state.parameters)
        warnings = state.plot_data.warnings if state.plot_data else ()
        self.warning.show_text(" ".join(warnings), "warning")
        self.warning.setVisible(bool(warnings) and state.status == "idle")

    def _show_status(self, state: TrainState) -> None:
        words, kind = _status_words(state)
        self.summary.show_text(words, kind)
        self.changed_banner.setVisible(state.changed)

    def _show_steps(self, steps: tuple[NextStep, ...]) -> None:
        """A button for each step after a training that ended with doubts."""
        while (item := self._steps.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                discard(old)
        if steps:
            self._steps.addWidget(label("What next?", "muted"))
        for step in steps:
            self._steps.addWidget(button(step.words, partial(self.step_taken.emit, step), tip=step.tip))
        self.steps.setVisible(bool(steps))

    def _show_buttons(self, state: TrainState) -> None:
        running = state.status != "idle"
        self.start_button.setVisible(not running and state.metrics is None)
        self.again_button.setVisible(not running and state.metrics is not None)
        for one in (self.start_button, self.again_button):
            one.setEnabled(state.ready)
        self.go_on_button.setVisible(not running and state.can_continue)
        self.pause_button.setVisible(state.status == "running")
        self.resume_button.setVisible(state.status == "paused")
        self.resume_button.setText("Resume with changes" if state.changed else "Resume")
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(state.status != "stopping")
        self.discard_button.setVisible(state.status == "stopping")
        self.continue_button.setVisible(not running and state.metrics is not None)
        self.empty.button.setVisible(state.ready)
        self.empty.sentence.setText(state.obstacle or "Fit the networks and parameters of the model to the data.")
        self.model_button.setVisible(bool(state.obstacle) and not running)

    # --- construction ----------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.summary = ElidedLabel()
        self.preset = preset_box()
        self.preset.currentIndexChanged.connect(
            lambda _: self.settings_changed.emit({"preset": self.preset.currentData()})
        )
        self.start_button = button(
            "Start training", self.start.emit, icon_name="play", kind="primary", tip="Train from fresh networks (F5)"
        )
        self.again_button = button(
            "Train again",
            self.start.emit,
            icon_name="redo",
            tip="Train from fresh networks, with the settings of now (F5)",
        )
        self.go_on_button = button(
            "Train on",
            self.go_on.emit,
            tip="Go on from the model shown, with the settings of now; weights that fit are kept",
        )
        self.pause_button = button(
            "Pause", self.pause.emit, icon_name="pause", tip="Hold; settings and model can then be edited"
        )
        self.resume_button = button(
            "Resume",
            self.resume.emit,
            icon_name="play",
            kind="primary",
            tip="Go on; edits are taken in, weights that fit are kept",
        )
        self.stop_button = button(
            "Stop", self.stop.emit, icon_name="stop", tip="End within a second and keep the best model so far"
        )
        self.discard_button = button(
            "Discard", self.discard.emit, tip="Do not wait for the answer; nothing of this training is kept"
        )
        self.continue_button = button(
            "Continue to Distil",
            self.proceed.emit,
            kind="primary",
            tip="Turn the trained networks into formulas (Ctrl+4)",
        )
        self.model_button = button("Go to Model", self.edit_model.emit, tip="See what is missing (Ctrl+2)")

    def _lay_out(self) -> None:
        header = PageHeader(
            "Train",
            self.summary,
            self.model_button,
            label("Preset", "muted"),
            self.preset,
            self.start_button,
            self.again_button,
            self.go_on_button,
            self.pause_button,
            self.resume_button,
            self.stop_button,
            self.discard_button,
            self.continue_button,
        )
        self.changed_banner = self._make_banner()
        self.warning = ElidedLabel("warning")
        self.warning.setAccessibleName("Where the simulation leaves the data")
        self.warning.hide()
        self.left_tabs = tab_widget(
            (
                holder(column(self.trajectories, self.warning)),
                "Trajectories",
                "The model beside the data",
            ),
            (
                self.residuals,
                "Diagnostics",
                "What the model leaves of the data: residuals, their distribution and correlation",
            ),
            (self.profile, "Profile", "How far a parameter can go before the data object"),
            (
                self.steady_states,
                "Steady states",
                "Dose-response curves: where the model comes to rest, beside the data",
            ),
        )
        self.left_tabs.addTab(self.law, "Law")
        self.left_tabs.setTabToolTip(
            _LAW, "Drift and squared diffusion where data are, potential, stationary density, memory, first passages"
        )
        self.left_tabs.addTab(self.futures, "Futures")
        self.left_tabs.setTabToolTip(
            _FUTURES, "What becomes of one run, from its history alone; and under another dose"
        )
        self.left_tabs.addTab(self.explain, "Explain")
        self.left_tabs.setTabToolTip(_EXPLAIN, "What the fit means, in plain words, with the figures behind it")
        self.left_tabs.setTabVisible(_STEADY, False)
        self.left_tabs.setTabVisible(_LAW, False)
        self.left_tabs.setTabVisible(_FUTURES, False)
        self.left_tabs.currentChanged.connect(lambda _: self.redraw.ask())
        self.lower_tabs = tab_widget(
            (
                self.phase,
                "Phases",
                "Phase portrait: streamlines of the learned equations; veiled where no trajectory comes near",
            ),
            (self.neural_terms, "Functions", "What the networks have learned, over their arguments"),
            (self.traces, "Traces", "Parameters along the training"),
        )
        self.lower_tabs.currentChanged.connect(lambda _: self.redraw.ask())
        self.middle = splitter(
            Qt.Orientation.Vertical, card(self.loss, heading="Loss", margins=GRID), card(self.lower_tabs, margins=GRID)
        )
        self.right_tabs = tab_widget(
            (self.settings, "Settings", "The details behind the preset"),
            (self.runs, "Runs", "Every training and search that was kept"),
            (self.comparison, "Compare", "The model beside its mechanistic part and a plain neural ODE"),
            (self._make_notes(), "Notes", "Recoveries, warnings, identifiability"),
            (self.noise, "Noise", "How each measured column scatters, and limits of detection"),
        )
        self.right = splitter(
            Qt.Orientation.Vertical,
            card(self.table, heading="Parameters", margins=GRID),
            card(self.right_tabs, margins=GRID),
        )
        self.right.setMinimumWidth(304)
        self.empty = EmptyState("train", "", "Start training", self.start.emit)
        self.content = QStackedWidget()
        self.content.addWidget(card(self.empty))
        self.plots = splitter(Qt.Orientation.Horizontal, card(self.left_tabs, margins=GRID), self.middle)
        self.content.addWidget(self.plots)
        self.splitter = splitter(Qt.Orientation.Horizontal, self.content, self.right)
        for part, share in ((0, 2), (1, 1)):
            self.splitter.setStretchFactor(part, share)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        outer.setSpacing(GRID + GRID // 2)
        outer.addWidget(header)
        self.steps = flow()
        self.steps.setAccessibleName("What can be done next")
        layout = self.steps.layout()
        assert layout is not None
        self._steps = layout
        self.steps.hide()
        outer.addWidget(self.steps)
        outer.addWidget(self.changed_banner)
        outer.addWidget(self.strip)
        outer.addWidget(self.splitter, 1)
        outer.addWidget(self.slider)
        self.reset_layout()

    def reset_layout(self) -> None:
        self.splitter.setSizes([784, 372])
        self.plots.setSizes([410, 374])
        self.middle.setSizes([240, 330])
        self.right.setSizes([200, 370])

    def _make_banner(self) -> QFrame:
        banner = QFrame()
        banner.setProperty("kind", "banner")
        words = label(
            "Model or settings were edited. Resume takes the changes in and keeps all weights that still fit."
        )
        banner.setLayout(row(words, 1, margins=GRID))
        banner.hide()
        return banner

    def _make_notes(self) -> QWidget:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder(column(self.notes, 1, margins=GRID)))
        return area


def connect(view: TrainView, session: Session) -> None:
    """The view's signals become intents of the session."""
    train = session.train
    view.start.connect(train.start)
    view.step_taken.connect(train.take_step)
    view.go_on.connect(train.go_on)
    view.pause.connect(train.pause)
    view.resume.connect(train.resume)
    view.stop.connect(train.stop)
    view.discard.connect(train.discard)
    view.proceed.connect(lambda: session.show_stage("distil"))
    view.edit_model.connect(lambda: session.show_stage("model" if session.project.dataset else "data"))
    view.settings_changed.connect(lambda changes: train.change_settings(**changes))
    view.settings.changed.connect(lambda changes: train.change_settings(**changes))
    view.noise.table.kind_chosen.connect(train.noise.choose_kind)
    view.noise.table.number_edited.connect(lambda *edit: _number_edited(view, train, *edit))
    view.phase.axes_chosen.connect(train.choose_axes)
    view.neural_terms.arguments_chosen.connect(train.choose_arguments)
    view.slider.looked_at.connect(train.look_at_checkpoint)
    view.slider.branch.connect(train.branch_from_checkpoint)
    view.runs.restored.connect(train.restore_run)
    view.runs.renamed.connect(train.rename_run)
    view.runs.deleted.connect(train.delete_run)
    view.runs.compared.connect(train.compare_runs)
    view.residuals.asked.connect(train.diagnostics.examine)
    view.law.asked.connect(train.diagnostics.look_at_law)
    view.futures.asked.connect(train.futures.look)
    view.futures.chosen.connect(train.futures.choose)
    view.futures.what_if.connect(train.futures.what_if)
    view.profile.chosen.connect(train.diagnostics.choose)
    view.profile.asked.connect(train.diagnostics.profile)
    view.comparison.asked.connect(train.diagnostics.compare)


def _number_edited(view: TrainView, train: TrainController, column: str, name: str, text: str) -> None:
    """A number of the noise; what is refused is put back."""
    train.noise.set_number(column, name, text)
    view.noise.table.reshow()


def _status_words(state: TrainState) -> tuple[str, str]:
    match state.status:
        case "running":
            return (state.doing[:1].upper() + state.doing[1:] if state.doing else "Starting …"), "muted"
        case "paused":
            return "Paused. Settings and model can be edited; time travel shows any moment.", "warning"
        case "stopping":
            return "Stopping …", "muted"
    if state.obstacle:
        return state.obstacle, "error"
    if state.sentence:
        return state.sentence, KINDS[state.level]
    return "", "muted"
