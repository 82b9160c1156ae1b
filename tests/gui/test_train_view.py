import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from ndestudio.data import dataset_from_arrays
from ndestudio.figures.description import Band, Curve, Level, Points, Span, Stretch
from ndestudio.figures.loss import LossCurve
from ndestudio.figures.noise_band import NoiseBand
from ndestudio.figures.plot_data import Path, PlotData
from ndestudio.figures.text import short_number
from ndestudio.fitting.comparison_result import Compared, Comparison
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.uncertainty.profile_likelihood import Profile
from ndestudio.gui.building import choose
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.train_view import TrainView
from ndestudio.gui.widgets.plots.log_axis import LogAxis
from ndestudio.gui.widgets.plots.loss_plot import LossPlot
from ndestudio.gui.widgets.plots.trajectory_plot import TrajectoryPlot
from ndestudio.problem.noise_law import NoiseLaw
from ndestudio.progress import FitSnapshot, Phase, Progress, TrainStep
from ndestudio.session import commands
from ndestudio.session.session import Session
from ndestudio.session.training import controller as train_controller
from tests.session import results

Settle = Callable[[], None]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A training of known events; it ends when the event is set, or when it is stopped."""
    go = threading.Event()

    def fit(model, dataset, config, start, *, reporter) -> Fit:  # type: ignore[no-untyped-def]
        reporter.emit(Phase("preparing", "smoothing"))
        reporter.emit(Phase("final_refinement", "fitting whole trajectories"))
        step = 0
        while not go.is_set() and not reporter.should_stop():
            reporter.emit(
                TrainStep("final_refinement", step, 10.0 ** (-step / 10), 0.5, {"a": 0.5 + step, "b": 1.0}, step / 10)
            )
            reporter.emit(FitSnapshot("final_refinement", step, results.model(step), {}))
            reporter.emit(Progress(min(0.99, step / 20)))
            step += 1
            time.sleep(0.01)
        return results.fit(config.seed)

    monkeypatch.setattr(train_controller, "_fit", fit)
    return go


@pytest.fixture
def view(window: MainWindow, session: Session, training: threading.Event, settle: Settle) -> Iterator[TrainView]:
    session.workspace.open(results.project(fitted=False), None)
    window.go("train")
    settle()
    shown = window.views["train"]
    assert isinstance(shown, TrainView)
    yield shown
    training.set()


def press(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible(), f"{button.text()} is hidden"
    assert button.isEnabled(), f"{button.text()} is disabled"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_start_pause_resume_stop(view: TrainView, session: Session, qtbot: QtBot, settle: Settle):
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: len(view.loss._curves) > 0 and len(view.loss._curves[0].loss) > 3, timeout=20_000)
    assert not view.start_button.isVisible()
    press(qtbot, view.pause_button)
    assert view.summary.text().startswith("Paused")
    steps = [-1]

    def still() -> bool:
        steps.append(len(session.train.live.curves[0].loss))  # type: ignore[union-attr]
        qtbot.wait(300)
        return steps[-2] == steps[-1]

    qtbot.waitUntil(still, timeout=60_000)  # once what was said before the pause has arrived
    press(qtbot, view.resume_button)
    press(qtbot, view.stop_button)
    settle()  # it fails if the training goes on
    assert view.summary.text() == "Converged."
    assert view.continue_button.isVisible()


def test_leaving_while_it_trains_is_asked_about_and_keeps_the_best_so_far(
    view: TrainView, window: MainWindow, session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    buttons = QMessageBox.StandardButton
    answers = {
        "Training is still running.": buttons.Cancel,
        "The project has changes that are not saved.": buttons.Cancel,
    }
    asked: list[str] = []

    def answer(box: QMessageBox) -> QMessageBox.StandardButton:
        asked.append(box.text())
        return answers[box.text()]

    monkeypatch.setattr(QMessageBox, "exec", answer)
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.stop_button.isVisible(), timeout=20_000)
    assert not session.workspace.modified
    window.close()
    assert window.isVisible()
    assert session.tasks.running("fit")
    answers["Training is still running."] = buttons.Yes
    window.close()
    assert session.project.fit is not None
    assert window.isVisible()
    assert asked == ["Training is still running.", "Training is still running.", list(answers)[1]]


def test_live_plots_and_the_table_follow(view: TrainView, training: threading.Event, qtbot: QtBot, settle: Settle):
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.trajectories._plot_data is not None, timeout=20_000)
    qtbot.waitUntil(lambda: view.table.rowCount() == 2, timeout=20_000)
    qtbot.waitUntil(lambda: view.phase._portrait is not None, timeout=20_000)
    assert view.redraw.count > 1
    training.set()
    settle()
    view.redraw.now()
    assert view.table.cell(0, 2).text() == "0.4 … 0.6"
    assert view.strip.steps._stages[-1].state == "done", "Check is not shown where its time is not known"


def test_drawing_again_keeps_every_item(view: TrainView, training: threading.Event, qtbot: QtBot, settle: Settle):
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.phase._portrait is not None, timeout=20_000)
    view.lower_tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: view.neural_terms._neural_term is not None, timeout=20_000)
    before = [len(plot.item.items) for plot in (view.loss, view.phase.plot, view.neural_terms.map_plot)]
    count = view.redraw.count
    qtbot.waitUntil(lambda: view.redraw.count > count + 5, timeout=20_000)
    assert [len(plot.item.items) for plot in (view.loss, view.phase.plot, view.neural_terms.map_plot)] == before
    training.set()
    settle()


def test_the_slider_looks_back_and_can_go_back(view: TrainView, session: Session, settle: Settle, qtbot: QtBot):
    session.workspace.open(results.project(), None)
    settle()
    fit = session.project.fit
    assert fit is not None
    view.slider.slider.setValue(0)
    settle()
    assert view.slider.words.text().startswith("Warm-up, step 4")
    assert view.trajectories._plot_data is not None
    assert view.trajectories._plot_data.model is fit.checkpoints[0].model
    assert view.trajectories._before is not None, "the trained model is overlaid"
    press(qtbot, view.slider.branch_button)
    assert session.project.fit is not None
    assert session.project.fit.model is fit.checkpoints[0].model


def test_settings_reach_the_project_and_bad_ones_are_refused_in_place(view: TrainView, session: Session, qtbot: QtBot):
    view.preset.setCurrentIndex(2)
    view.settings.seed.setValue(5)
    view.settings.time_limit.setText("12")
    view.settings.time_limit.editingFinished.emit()
    config = session.project.spec.train
    assert (config.preset, config.seed, config.time_limit) == ("thorough", 5, 12.0)
    view.settings.huber.setText("fast")
    view.settings.huber.editingFinished.emit()
    assert "`fast` is no positive number" in view.settings.problem.text()
    assert session.project.spec.train.huber_delta == config.huber_delta
    choose(view.settings.noise, "proportional")
    view.settings.noise.currentIndexChanged.emit(2)
    view.settings.log_states.setText("x, y")
    view.settings.log_states.editingFinished.emit()
    assert session.project.spec.train.noise == "proportional"
    assert session.project.spec.train.log_states == ("x", "y")
    view.settings.own_stages.setChecked(True)
    view.settings.stages["shooting"].setChecked(False)
    assert session.project.spec.train.stages == ("collocation", "trajectory", "final_refinement")
    session.undo()
    assert view.settings.seed.value() == session.project.spec.train.seed


def test_edits_while_paused_are_offered(view: TrainView, session: Session, qtbot: QtBot, settle: Settle):
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.pause_button.isVisible(), timeout=20_000)
    press(qtbot, view.pause_button)
    assert not view.changed_banner.isVisible()
    view.settings.seed.setValue(9)
    assert view.changed_banner.isVisible()
    assert view.resume_button.text() == "Resume with changes"
    press(qtbot, view.resume_button)
    assert not view.changed_banner.isVisible()
    press(qtbot, view.stop_button)
    settle()
    assert session.project.runs[-1].spec.train.seed == 9


def test_runs_can_be_renamed_restored_and_deleted(view: TrainView, session: Session, qtbot: QtBot, settle: Settle):
    for _ in range(2):
        session.train.start()
        session.train.stop()
        settle()
    view.right_tabs.setCurrentIndex(1)
    table = view.runs.table
    assert [table.cell(row, 0).text() for row in range(2)] == ["● Fit 2", "Fit 1"]
    table.cell(1, 0).setText("a first look")
    assert session.project.runs[0].name == "a first look"
    table.selectRow(1)
    press(qtbot, view.runs.restore_button)
    assert [table.cell(row, 0).text() for row in range(2)] == ["Fit 2", "● a first look"]
    table.selectRow(0)
    press(qtbot, view.runs.delete_button)
    assert [run.name for run in session.project.runs] == ["a first look"]


def test_without_a_model_the_obstacle_and_the_way_out_are_shown(
    window: MainWindow, view: TrainView, session: Session, qtbot: QtBot
):
    session.workspace.edit("", replace(session.project, dataset=None))
    assert "open a file" in view.empty.sentence.text()
    assert not view.start_button.isEnabled()
    press(qtbot, view.model_button)
    assert session.stage == "data"


def test_everything_fits_into_the_smallest_screen(
    window: MainWindow, view: TrainView, training: threading.Event, qtbot: QtBot, settle: Settle
):
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.content.currentIndex() == 1, timeout=20_000)
    hint = view.minimumSizeHint()
    assert (hint.width() <= 1280 - 88, hint.height() <= 800 - 58) == (True, True), hint
    training.set()
    settle()
    hint = view.minimumSizeHint()
    assert (hint.width() <= 1280 - 88, hint.height() <= 800 - 58) == (True, True), hint


def test_every_control_has_a_name(view: TrainView):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSlider, QSpinBox

    for kind in (QAbstractButton, QComboBox, QSpinBox, QSlider):
        for control in view.findChildren(kind):
            if control.objectName().startswith("qt_") or isinstance(control.parent(), QComboBox):
                continue
            named = control.accessibleName() or getattr(control, "text", lambda: "")()
            inner = type(control.parent()).__name__ in (
                "QTabBar",
                "QHeaderView",
                "QTableWidget",
                "Table",
                "FittedTable",
            )
            assert named or inner, f"{type(control).__name__} in {type(control.parent()).__name__} has no name"
    assert all(
        edit.accessibleName() for edit in view.settings.widget().findChildren(QLineEdit) if edit.objectName() == ""
    )


class TestLossPlot:
    def test_stages_stand_side_by_side(self, qtbot: QtBot, light):  # type: ignore[no-untyped-def]
        plot = LossPlot()
        qtbot.addWidget(plot)
        steps = np.arange(11.0)
        curves = tuple(
            LossCurve(stage, steps, 10.0**-steps, np.full(11, np.nan)) for stage in ("collocation", "final_refinement")
        )
        plot.show_curves(curves)
        first, second = (items.getData()[0] for items in plot.drawn(Curve)[::2])
        assert (first[0], first[-1]) == (0, 10)
        assert second[0] > 10
        assert plot.drawn(Stretch)[1].value() == second[0]

    def test_values_that_have_no_logarithm_are_gaps(self, qtbot: QtBot, light):  # type: ignore[no-untyped-def]
        plot = LossPlot()
        qtbot.addWidget(plot)
        values = np.array([1.0, np.inf, np.nan, 0.0, 0.1])
        plot.show_curves((LossCurve("final_refinement", np.arange(5.0), values, values),))
        shown = plot.drawn(Curve)[0].getData()[1]
        assert np.isfinite(shown).tolist() == [True, False, False, True, True]

    def test_a_loss_that_stays_is_drawn_flat(self, qtbot: QtBot, light):  # type: ignore[no-untyped-def]
        plot = LossPlot()
        qtbot.addWidget(plot)
        plot.resize(400, 300)
        plot.show()
        qtbot.waitExposed(plot)
        losses = 1.6278e-4 * np.array([1.0, 1.0 - 1e-15])
        plot.show_curves((LossCurve("final_refinement", np.array([0.0, 3.0]), losses, losses),))
        box = plot.item.getViewBox()
        box.updateAutoRange()
        low, high = box.viewRange()[1]
        assert high - low > 0.25
        assert low < np.log10(losses).min() < high


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-6.0, 0.0, ["10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]),
        (-1.2, 0.1, ["0.1", "0.2", "0.5", "1"]),
        (0.30, 0.31, None),
    ],
)
def test_log_axis_has_few_round_labels(low: float, high: float, labels: list[str] | None, qtbot: QtBot):
    axis = LogAxis("left")
    spacing, values = axis.tickValues(low, high, 300.0)[0]
    shown = axis.tickStrings(values, 1.0, spacing)
    assert len(shown) >= 2
    if labels is not None:
        assert shown == labels


def test_numbers_of_the_log_axis():
    assert [short_number(v) for v in (1e-12, 2e-5, 0.05, 1.0, 1e6)] == ["10⁻¹²", "2.0·10⁻⁵", "0.05", "1", "10⁶"]


def test_two_runs_are_compared_in_two_columns(view: TrainView, session: Session, qtbot: QtBot, settle: Settle):
    from PySide6.QtCore import QItemSelectionModel

    changed = commands.with_train(session.project, seed=3)
    session.workspace.edit("again", commands.with_fit(changed, results.fit(1), "2026-01-01T10:00:00"))
    session.workspace.edit("once more", commands.with_fit(session.project, results.fit(2), "2026-01-01T11:00:00"))
    settle()
    flags = QItemSelectionModel.SelectionFlag
    table = view.runs.table
    for line in (0, 1):
        index = table.model().index(line, 0)
        table.selectionModel().select(index, flags.Select | flags.Rows)
    assert not view.runs.restore_button.isEnabled(), "one of two is restored by nobody"
    view.runs.compare_button.click()
    dialog = view.runs.dialog
    assert dialog is not None
    assert dialog.isVisible()
    headers = [dialog.results.horizontalHeaderItem(k).text() for k in (1, 2)]  # type: ignore[union-attr]
    assert headers == [run.name for run in session.project.runs[-2:]]
    assert "same settings" in dialog.words.text()
    dialog.reject()
    assert session.train.state().comparison is None
    table.clearSelection()
    table.selectRow(1)
    session.train.change_settings(seed=7)
    view.runs.compare_button.click()
    dialog = view.runs.dialog
    assert dialog is not None
    assert [dialog.settings.cell(0, k).text() for k in range(3)] == ["train.seed", "3", "7"]
    dialog.reject()


def test_diagnostics_profile_and_comparison_are_shown(
    window: MainWindow, session: Session, settle: Settle, qtbot: QtBot
) -> None:
    session.workspace.open(results.project(), None)
    window.go("train")
    view = window.views["train"]
    assert isinstance(view, TrainView)
    view.left_tabs.setCurrentWidget(view.residuals)
    settle()
    qtbot.waitUntil(lambda: session.train.state().diagnostics.residuals is not None, timeout=20000)
    settle()
    assert view.residuals.column_box.count() == 2
    assert "Residuals of `x`" in view.residuals.sentence.text()
    training, held = (item.getData()[0] for item in view.residuals.time.drawn(Points))
    assert len(training) == 13 and len(held) == 13
    choose(view.residuals.column_box, "y")
    view.residuals._draw()
    assert "Residuals of `y`" in view.residuals.sentence.text()
    view.left_tabs.setCurrentWidget(view.profile)
    settle()
    assert [view.profile.parameter_box.itemData(k) for k in range(2)] == ["a", "b"]
    values = np.array([0.4, 0.5, 0.6])
    rise = np.array([5.0, 0.0, 5.0])
    session.train.diagnostics._on_profile(
        Profile("a", "1/h", values, rise, rise, 3.9, 0.5, 0.42, 0.58, (0.4, 0.6), "`a` is identifiable.", 0.1)
    )
    session.refresh()
    settle()
    assert view.profile.sentence.text() == "`a` is identifiable."
    plot = view.profile.plot
    assert plot.drawn(Level)[0].value() == 3.9 and plot.drawn(Span)[0].getRegion() == (0.4, 0.6)
    fit = session.project.fit
    assert fit is not None
    models = tuple(
        Compared(name, "as written", results.MODEL, fit, None, 0.1, error)
        for name, error in (("hybrid", 0.031), ("neural only", float("inf")))
    )
    session.train.diagnostics._on_comparison(
        Comparison(models, "test", "hybrid", "The data support `hybrid`.", ("A note.",))
    )
    view.right_tabs.setCurrentWidget(view.comparison)
    session.refresh()
    settle()
    assert view.comparison.sentence.text() == "The data support `hybrid`. A note."
    cells = [[view.comparison.table.cell(k, section).text() for section in (0, 1)] for k in range(2)]
    assert cells == [["● hybrid", "3.10%"], ["neural only", "failed"]]


def test_panels_are_made_when_they_come_into_view(qtbot: QtBot):
    plot = TrajectoryPlot()
    qtbot.addWidget(plot)
    plot.resize(500, 400)
    plot.show()
    count = 60
    plot.show_model(dataset_from_arrays([0.0, 1.0, 2.0], np.zeros((3, count)), [f"x{n}" for n in range(count)]), None)
    qtbot.waitUntil(lambda: plot._area.verticalScrollBar().maximum() > 0)
    assert 8 <= len(plot.panels) <= 12
    bar = plot._area.verticalScrollBar()
    bar.setValue(bar.maximum())
    assert 59 in plot.panels and 30 not in plot.panels
    assert plot.panels[59].lowest and not plot.panels[57].lowest
    last = plot.panels[59]
    plot.show_model(dataset_from_arrays([0.0, 1.0, 2.0], np.ones((3, count)), [f"x{n}" for n in range(count)]), None)
    assert plot.panels[59] is last and last.drawn(Points)[0].getData()[1].tolist() == [1, 1, 1]
    assert plot.panels[0].drawn(Points)[0].getData()[1].tolist() == [0, 0, 0], "out of view it waits"
    bar.setValue(0)
    assert plot.panels[0].drawn(Points)[0].getData()[1].tolist() == [1, 1, 1]


def test_measurements_stay_legible_beside_a_simulation_that_runs_away(qtbot: QtBot):
    plot = TrajectoryPlot()
    qtbot.addWidget(plot)
    data, made = results.dataset(), results.model()
    t = np.linspace(0.0, 6.0, 50)
    for factor, clipped in ((1.0, False), (1e4, True), (1.0, False)):
        values = np.full((50, 2), 2.0) * factor
        plot.show_model(data, PlotData(made, {one.name: Path(t, values, values) for one in data.trajectories}))
        (low, high), auto = plot.panels[0].viewRange()[1], plot.panels[0].item.getViewBox().autoRangeEnabled()[1]
        assert bool(auto) is not clipped
        assert not clipped or (low < 1.0 and 3.0 < high < 8.0)


def test_the_noise_of_a_column_is_chosen_and_typed(window: MainWindow, view: TrainView, session: Session) -> None:
    table = view.noise.table
    name = table.cell(0, 0).text()
    box = table.cellWidget(0, 1)
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(box.findData("student"))
    table.cell(0, 4).setText("3")
    settings = session.project.spec.train.column_noise[name]
    assert (settings.kind, settings.freedom) == ("student", 3.0)
    assert not table.cell(0, 6).flags() & Qt.ItemFlag.ItemIsEditable
    table.cell(0, 4).setText("many")
    assert table.cell(0, 4).text() == "3"
    session.workspace.undo()
    session.tick()
    assert table.cell(0, 4).text() == ""
    box.setCurrentIndex(box.findData("poisson"))
    assert "counts" in view.noise.problem.text()


def test_the_band_of_the_noise_is_filled(qtbot: QtBot) -> None:
    plot = TrajectoryPlot()
    qtbot.addWidget(plot)
    t, values = np.linspace(0.0, 2.0, 5), np.linspace(1.0, 2.0, 5)[:, None]
    data = dataset_from_arrays([0.0, 1.0, 2.0], np.ones((3, 1)), ["x"])
    bands = {"x": NoiseBand(NoiseLaw("constant", 0.5))}
    plot.show_model(data, PlotData(results.model(0), {"1": Path(t, np.zeros((5, 1)), values)}), bands=bands)
    (item,) = plot.panels[0].drawn(Band)
    assert item.path().boundingRect().height() == pytest.approx(1.0 + 2 * 0.979982)


def test_doubts_come_with_buttons_and_notes_keep_the_sentence(
    view: TrainView, session: Session, training: threading.Event, settle: Settle, qtbot: QtBot
):
    made = results.project()
    assert made.fit is not None
    fit = replace(made.fit, outcome=Outcome.DOUBTFUL, sentence="Training ended, with doubts (error 40%).")
    session.workspace.open(replace(made, fit=fit), None)
    settle()
    assert view.notes.text().startswith("Training ended, with doubts")
    buttons = {one.text(): one for one in view.steps.findChildren(QPushButton) if one.isVisible()}
    assert "Preset balanced" in buttons
    training.set()
    qtbot.mouseClick(buttons["Preset balanced"], Qt.MouseButton.LeftButton)
    assert session.project.spec.train.preset == "balanced"
    settle()
    assert not view.steps.isVisible(), "the next training converged"
