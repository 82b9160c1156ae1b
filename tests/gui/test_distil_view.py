import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from ndestudio.distil.result import Distillation
from ndestudio.figures.description import Curve, Points
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.distil_view import DistilView, _reason
from ndestudio.progress import CandidateScored, FrontUpdate, Phase
from ndestudio.session.distillation import controller as distil_controller
from ndestudio.session.session import Session
from ndestudio.symbolic.front import Front
from tests.session import results

Settle = Callable[[], None]


@pytest.fixture
def searching(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of known events; it holds with a growing front until it is stopped."""

    def distil(fit, dataset, config, train, next_run, *, reporter) -> Distillation:  # type: ignore[no-untyped-def]
        whole = results.front()
        reporter.emit(Phase("search", "Searching formulas for f", 1, 3))
        for size in (1, 2, 3):
            reporter.emit(FrontUpdate("f", Front(whole.candidates[:size], size, 100 * size, 0.1 * size, 0)))
            time.sleep(0.05)
        reporter.emit(Phase("refit", "Refitting the candidates", 2, 3))
        reporter.emit(CandidateScored("f", 0, results.scored(fit.model, 1)))
        while not reporter.should_stop():
            time.sleep(0.01)
        return results.distillation(fit.model)

    monkeypatch.setattr(distil_controller, "_distil", distil)


@pytest.fixture
def view(window: MainWindow, session: Session, searching: None, settle: Settle) -> Iterator[DistilView]:
    session.workspace.open(results.project(distilled=True), None)
    window.go("distil")
    settle()
    shown = window.views["distil"]
    assert isinstance(shown, DistilView)
    shown.redraw.now()
    yield shown
    session.tasks.stop("distil")


def press(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible(), f"{button.text()} is hidden"
    assert button.isEnabled(), f"{button.text()} is disabled"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_front_grows_while_searching_and_stop_keeps_it(
    view: DistilView, session: Session, qtbot: QtBot, settle: Settle
):
    session.workspace.open(results.project(), None)
    settle()
    press(qtbot, view.start_button)
    qtbot.waitUntil(lambda: view.table.rowCount() == 3, timeout=10_000)
    qtbot.waitUntil(lambda: any(r.trajectory_error is not None for r in view.pareto._rows), timeout=10_000)
    qtbot.waitUntil(lambda: view.fit._fit is not None, timeout=20_000)
    assert view.counted.text().startswith("300 formulas")
    assert not view.candidate.accept_button.isEnabled(), "nothing is substituted while the search runs"
    press(qtbot, view.stop_button)
    settle()
    assert view.summary.text() == "One neural term replaced."
    assert len(session.project.runs) == 1


def test_pressing_a_point_shows_its_formula(view: DistilView, qtbot: QtBot, settle: Settle):
    point = next(place for place in view.pareto.points() if place[0] == 0)
    scene = view.pareto.item.vb.mapViewToScene(QPointF(point[1], point[2]))
    qtbot.mouseClick(view.pareto.viewport(), Qt.MouseButton.LeftButton, pos=view.pareto.mapFromScene(scene))
    settle()
    assert view.candidate._state is not None
    assert view.candidate._state.row.complexity == 3
    assert view.candidate.math.formula is not None
    view.redraw.now()
    assert view.table.currentRow() == 0


def test_arrow_keys_go_along_the_front(view: DistilView, qtbot: QtBot):
    view.pareto.setFocus()
    qtbot.keyClick(view.pareto, Qt.Key.Key_Right)
    assert view.candidate._state is not None
    assert view.candidate._state.row.complexity == 9
    qtbot.keyClick(view.pareto, Qt.Key.Key_Left)
    assert view.candidate._state.row.complexity == 5


def test_put_in_and_take_back(view: DistilView, session: Session, qtbot: QtBot, settle: Settle):
    assert view.neural_term_bar.tabText(0) == "f(x, y) ✓"
    press(qtbot, view.candidate.revert_button)
    assert session.project.accepted == {}
    assert view.neural_term_bar.tabText(0) == "f(x, y)"
    press(qtbot, view.candidate.accept_button)
    assert session.project.accepted == {"f": 1}
    assert view.candidate.badge.text() == "in use"


def test_the_keyboard_reverts(view: DistilView, session: Session, qtbot: QtBot):
    view.table.setFocus()
    qtbot.keyClick(view.table, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ControlModifier)
    assert session.project.accepted == {}


def test_a_formula_that_was_not_simulated_is_refitted_for_real(
    view: DistilView, session: Session, qtbot: QtBot, settle: Settle
):
    session.distil.select("f", 2)
    assert view.candidate.badge.text() == "not simulated yet"
    press(qtbot, view.candidate.accept_button)
    settle()
    assert session.project.accepted == {"f": 2}
    assert "train" in view.candidate.errors.text()
    view.lower_tabs.setCurrentIndex(2)
    view.redraw.now()
    assert [view.changes.cell(row, 0).text() for row in range(view.changes.rowCount())] == ["a", "b", "f_1", "f_2"]


def test_pinned_formulas_stand_beside_each_other(view: DistilView, session: Session, qtbot: QtBot, settle: Settle):
    qtbot.mouseClick(view.candidate.pin_button, Qt.MouseButton.LeftButton)
    assert not view.second_card.isVisible(), "a formula is not compared with itself"
    session.distil.select("f", 0)
    settle()
    assert view.second_card.isVisible()
    assert view.second._state is not None
    assert view.second._state.row.complexity == 5
    view.lower_tabs.setCurrentIndex(1)
    settle()
    view.redraw.now()
    assert view.trajectories._before is view.second._state.plot_data
    qtbot.mouseClick(view.second.pin_button, Qt.MouseButton.LeftButton)
    assert not view.second_card.isVisible()


def test_both_fronts_one_or_the_other(view: DistilView):
    assert len(view.pareto.points()) == 5
    view.errors_box.setCurrentIndex(1)
    view.redraw.now()
    assert len(view.pareto.points()) == 3
    view.errors_box.setCurrentIndex(2)
    view.redraw.now()
    assert len(view.pareto.points()) == 2


def test_presets_operators_and_costs_reach_the_project(view: DistilView, session: Session):
    view.preset.setCurrentIndex(2)
    assert session.project.spec.distil.operators == "trigonometric"
    assert view.chooser.boxes["sin"].isChecked()
    view.chooser.boxes["exp"].setChecked(True)
    assert view.preset.currentText() == "Own choice"
    view.chooser.costs["exp"].setValue(4)
    view.chooser.seconds.setValue(7)
    config = session.project.spec.distil
    assert "exp" in config.operators
    assert (config.complexity, config.seconds) == ({"exp": 4}, 7.0)


def test_the_neural_term_along_each_argument_and_what_is_left(view: DistilView):
    choices = [view.fit.box.itemData(i) for i in range(view.fit.box.count())]
    assert choices == ["along x", "along y", "parity", "residual x", "residual y"]
    for position in range(len(choices)):
        view.fit.box.setCurrentIndex(position)
        items = view.fit.plot.drawn(Curve if choices[position].startswith("along") else Points)
        assert len(items[-1].getData()[0]) > 30
    fit = view.fit._fit
    assert fit is not None
    assert fit.formula_y == pytest.approx(fit.y)


def test_without_a_trained_model_the_way_is_shown(view: DistilView, session: Session, qtbot: QtBot):
    session.workspace.open(results.project(fitted=False), None)
    assert "train in Train first" in view.empty.sentence.text()
    press(qtbot, view.back_button)
    assert session.stage == "train"


def test_a_model_without_networks_goes_on_to_the_export(view: DistilView, session: Session):
    project = results.project(fitted=True)
    assert project.fit is not None
    known = replace(project.fit, model=replace(project.fit.model, networks={}))
    session.workspace.open(replace(project, fit=known), None)
    assert "nothing to distil" in view.empty.sentence.text()
    assert view.continue_button.isVisible()
    assert not view.back_button.isVisible()
    assert not view.start_button.isVisible()


def test_everything_fits_into_the_smallest_screen(view: DistilView, session: Session):
    session.distil.pin("f", 0)
    hint = view.minimumSizeHint()
    assert (hint.width() <= 1280 - 88, hint.height() <= 800 - 58) == (True, True), hint


def test_units_and_a_known_form_are_set_beside_the_operators(view: DistilView, session: Session, settle: Settle):
    box = view.chooser.constraints
    assert box.units.isEnabled() and not box.units.isChecked()
    assert "f(x [mg], y [mg])" in box.about.text()
    box.units.click()
    assert session.project.spec.distil.units
    assert box.form_label.text() == "Known form of f(x, y)"
    box.form.setText("k*x*y - g(x)")
    box.form.editingFinished.emit()
    assert session.project.spec.distil.templates == {"f": "k*x*y - g(x)"}
    assert box.problem.isHidden()
    box.form.setText("k*x*y")  # nothing unknown in it: its parameters are fitted
    box.form.editingFinished.emit()
    assert box.problem.isHidden()
    box.form.setText("k*x - g(z)")
    box.form.editingFinished.emit()
    assert "`z` in the arguments of `g` is no column" in box.problem.text() and not box.problem.isHidden()
    session.undo()  # settings changed in a row are one step
    assert (box.form.text(), box.problem.isHidden(), box.units.isChecked()) == ("", True, False)


def test_what_to_measure_next_is_asked_for_and_shown(view: DistilView, session: Session, qtbot: QtBot, settle: Settle):
    view.lower_tabs.setCurrentIndex(4)
    view.redraw.now()
    panel = view.next_run
    assert panel.sentence.text().startswith("Press Suggest")
    assert [panel.table.cell(row, 0).text() for row in range(2)] == ["x", "y"]
    panel.table.cell(0, 2).setText("6.5")
    assert session.project.spec.next_run.starts["x"][1] == 6.5
    view.redraw.now()
    panel.table.cell(0, 2).setText("much")
    assert panel.table.cell(0, 2).text() == "6.5", "what is no number is not taken"
    press(qtbot, panel.suggest_button)
    settle()
    view.redraw.now()
    assert session.project.distillation is not None
    found = session.project.distillation.next_run
    assert found is not None and panel.sentence.text() == found.sentence
    panel.table.cell(0, 1).setText("")
    assert session.project.spec.next_run.starts == {}, "an emptied cell is the default again"


def test_a_front_of_one_says_why(view: DistilView):
    state = view._state
    assert state is not None
    (term,) = state.neural_terms
    only = replace(term, front=(replace(term.front[1], loss=1e-20),))
    assert "follows the values of the network as exactly as numbers can" in _reason(
        replace(state, neural_terms=(only,)), only
    )
    poor = replace(term, front=(term.front[1],))
    assert "Search settings" in _reason(replace(state, neural_terms=(poor,)), poor)
    assert "only formula" not in _reason(state, term)
