from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from ndestudio.figures.description import Curve
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.model_view import ModelView
from ndestudio.gui.widgets.tables.parameter_table import number_of, slider_range
from ndestudio.session.model.state import ParameterRow
from ndestudio.session.session import Session

Settle = Callable[[], None]


@pytest.fixture
def view(window: MainWindow, csv: Path, settle: Settle) -> ModelView:
    window.open_files([str(csv)])
    settle()
    window.go("model")
    settle()
    shown = window.views["model"]
    assert isinstance(shown, ModelView)
    return shown


def write(view: ModelView, text: str) -> None:
    view.editor.setPlainText(text)


def test_typing_reaches_the_project_and_comes_back_typeset(
    view: ModelView, session: Session, settle: Settle, qtbot: QtBot
):
    view.editor.selectAll()
    qtbot.keyClicks(view.editor, "d(hare)/dt = a*hare ")
    settle()
    assert session.project.spec.model.equations == "d(hare)/dt = a*hare "
    assert len(view.math.views) == 1
    assert view.math.views[0].formula is not None
    assert [view.parameters.cell(0, 0).text()] == ["a"]


def test_undo_changes_the_text_without_an_echo(view: ModelView, session: Session):
    before = view.editor.toPlainText()
    write(view, "d(hare)/dt = 1")
    session.undo()
    assert view.editor.toPlainText() == before
    assert session.workspace.redo_text == "Edit equations"


def test_errors_are_underlined_with_the_sentence_beside(view: ModelView):
    write(view, "d(hare)/dt = ) a\nd(lynx)/dt = 0")
    marks = view.editor.extraSelections()
    assert len(marks) == 1
    assert marks[0].cursor.selectedText() == ")"  # type: ignore[attr-defined]
    assert any("without a value before it" in sentence for sentence in view.problems.sentences)
    assert not view.continue_button.isEnabled()


def test_an_unknown_function_is_declared_with_one_click(view: ModelView, session: Session, qtbot: QtBot):
    write(view, "d(hare)/dt = g(hare)\nd(lynx)/dt = 0")
    row = view.problems.rows[0]
    assert row.button.text() == "Declare g as network"
    qtbot.mouseClick(row.button, Qt.MouseButton.LeftButton)
    assert "g" in session.project.spec.model.networks
    assert view.continue_button.isEnabled()


def test_completion_offers_what_the_model_knows(view: ModelView, qtbot: QtBot):
    write(view, "d(hare)/dt = ")
    view.editor.moveCursor(QTextCursor.MoveOperation.End)
    qtbot.keyClicks(view.editor, "ly")
    assert view.editor._popup().isVisible()
    qtbot.keyClick(view.editor, Qt.Key.Key_Tab)
    assert view.editor.toPlainText() == "d(hare)/dt = lynx"
    assert not view.editor._popup().isVisible()


def test_return_begins_a_line_while_suggestions_are_open(view: ModelView, qtbot: QtBot):
    """Text typed without looking at the suggestions keeps its lines."""
    view.editor.selectAll()
    qtbot.keyClicks(view.editor, "d(hare)/dt = ha")
    popup = view.editor.completer.popup()
    assert popup is not None
    assert popup.isVisible()
    qtbot.keyClick(view.editor, Qt.Key.Key_Return)
    assert not popup.isVisible()
    qtbot.keyClicks(view.editor, "d(lynx)/dt = ha")
    qtbot.keyClick(view.editor, Qt.Key.Key_Tab)
    assert view.editor.toPlainText() == "d(hare)/dt = ha\nd(lynx)/dt = hare"


def test_return_takes_the_suggestion_that_was_moved_to(view: ModelView, qtbot: QtBot):
    view.editor.selectAll()
    qtbot.keyClicks(view.editor, "d(hare)/dt = s")
    popup = view.editor.completer.popup()
    assert popup is not None
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    chosen = str(popup.currentIndex().data())
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert view.editor.toPlainText() == f"d(hare)/dt = {chosen}("


def test_a_function_is_completed_with_its_bracket(view: ModelView, qtbot: QtBot):
    write(view, "d(hare)/dt = ")
    view.editor.moveCursor(QTextCursor.MoveOperation.End)
    qtbot.keyClicks(view.editor, "tan")
    view.editor._complete("tanh")
    assert view.editor.toPlainText() == "d(hare)/dt = tanh("


def test_a_double_click_in_the_library_inserts(view: ModelView, session: Session):
    write(view, "d(hare)/dt = \nd(lynx)/dt = 0")
    cursor = view.editor.textCursor()
    cursor.setPosition(len("d(hare)/dt = "))
    view.editor.setTextCursor(cursor)
    view.library.line.setText("logistic growth")
    tree = view.library.tree
    index = tree.model().index(0, 0)
    while tree.model().hasChildren(index):
        index = tree.model().index(0, 0, index)
    tree.activated.emit(index)
    assert "hare*(1 - hare/K)" in session.project.spec.model.equations


def test_parameters_are_edited_in_place(view: ModelView, session: Session):
    write(view, "d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    view.parameters.cell(0, 1).setText("0.25")
    view.parameters.cell(0, 4).setText("2")
    config = session.project.spec.model.parameters["a"]
    assert (config.value, config.upper) == (0.25, 2.0)
    view.parameters.cell(0, 4).setText("")
    assert session.project.spec.model.parameters["a"].upper is None


def test_what_is_no_number_is_put_back_with_a_sentence(view: ModelView, window: MainWindow, session: Session):
    write(view, "d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    view.parameters.cell(0, 1).setText("lots")
    assert view.parameters.cell(0, 1).text() == "1"
    assert any("`lots` is no number" in text for text in window.toasts.texts)


def test_a_slider_simulates(view: ModelView, session: Session, settle: Settle):
    write(view, "d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    view.right_tabs.setCurrentIndex(1)
    settle()
    view.parameters.slider("a").setValue(100)
    settle()
    assert session.project.spec.model.parameters["a"].value == pytest.approx(0.3)
    model = view.simulation.panels[0].drawn(Curve)[-1]
    x, y = model.getData()
    assert y[-1] == pytest.approx(30 * 2.718281828459045 ** (0.3 * 9), rel=1e-3)
    assert x[-1] == 1909


def test_networks_are_edited_in_place(view: ModelView, session: Session):
    from PySide6.QtWidgets import QComboBox, QSpinBox

    view.networks.control(0, 1, QSpinBox).setValue(8)
    box = view.networks.control(0, 4, QComboBox)
    box.setCurrentIndex(box.findData("negative"))
    config = session.project.spec.model.networks["f_hare"]
    assert (config.width, config.sign) == (8, "negative")


def test_a_hidden_state_is_one_click_and_one_step(view: ModelView, session: Session):
    before = session.project.spec.model.equations
    view.hidden_button.click()
    model = session.project.spec.model
    assert "d(h)/dt = h_rate(hare, lynx, h)" in model.equations and "f_hare(hare, lynx, h)" in model.equations
    assert session.model.ready and "h" in [row.state for row in session.model.state().initial]
    session.undo()
    assert session.project.spec.model.equations == before


def test_what_is_known_of_a_network(view: ModelView, session: Session):
    from ndestudio.gui.widgets.tables.network_table import NetworkDialog

    dialog = NetworkDialog(view.networks._rows[0], view)
    dialog.chosen.connect(lambda changes: view.networks.edited.emit("f_hare", changes))
    dialog.low.setText("3")
    dialog.accept()
    assert "both bounds" in dialog.problem.text()
    dialog.high.setText("9")
    dialog.factors["lynx"].setChecked(True)
    dialog.monotone["hare"].setCurrentIndex(1)
    dialog.accept()
    config = session.project.spec.model.networks["f_hare"]
    assert (config.lower, config.upper, config.factor, config.monotone) == (3.0, 9.0, ("lynx",), {"hare": "increasing"})


def test_a_network_can_vary_along_a_basis(view: ModelView, session: Session):
    from ndestudio.gui.widgets.tables.network_table import NetworkDialog
    from ndestudio.model.config import BasisConfig

    dialog = NetworkDialog(view.networks._rows[0], view)
    dialog.chosen.connect(lambda changes: view.networks.edited.emit("f_hare", changes))
    dialog.varies.setCurrentIndex(2)
    dialog.kind.setCurrentIndex(1)
    dialog.terms.setValue(5)
    dialog.monotone["hare"].setCurrentIndex(1)
    dialog.accept()
    assert "monotone and vary" in dialog.problem.text()
    dialog.monotone["hare"].setCurrentIndex(0)
    dialog.accept()
    found = session.project.spec.model.networks["f_hare"].basis
    assert found == {dialog.varies.currentData(): BasisConfig(kind="polynomial", terms=5)}
    again = NetworkDialog(view.networks._rows[0], view)
    assert (again.kind.currentData(), again.terms.value()) == ("polynomial", 5)
    again.close()


@pytest.mark.parametrize(("text", "value"), [("1,5", 1.5), (" 2e-3 ", 0.002), ("", None)])
def test_numbers_as_they_are_typed(text: str, value: float | None):
    assert number_of(text) == value


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1 2"])
def test_what_is_no_number(text: str):
    with pytest.raises(ValueError):
        number_of(text)


@pytest.mark.parametrize(
    ("value", "lower", "upper"), [(1, None, None), (0, None, None), (-3, None, None), (1, 0, 5), (1, 0, 1e9), (5, 5, 5)]
)
def test_a_slider_spans_the_value(value: float, lower: float | None, upper: float | None):
    low, high = slider_range(ParameterRow("a", value, lower, upper, "", False, False, ""))
    assert low < high
    assert low <= value <= high


def test_runs_begin_at_a_dose_before_the_first_row_once_there_are_equations(
    window: MainWindow, session: Session, settle: Settle, tmp_path: Path
):
    path = tmp_path / "doses.csv"
    path.write_text("ID,TIME,AMT,DV\n1,0,100,.\n1,1,.,4\n1,2,.,3\n1,4,.,2\n", encoding="utf-8")
    window.open_files([str(path)])
    settle()
    window.go("model")
    view = window.views["model"]
    assert isinstance(view, ModelView)
    write(view, "d(DV)/dt = -k*DV")
    view.right_tabs.setCurrentIndex(1)
    settle()
    assert session.project.dataset is not None and session.project.dataset.trajectories[0].t[0] == 0.0
    assert "comes before its first row" not in view.simulation_note.text()


def test_what_delayed_values_read_before_the_start_is_asked_for(view: ModelView, session: Session, settle: Settle):
    past = 4
    assert view.initial.isColumnHidden(past)
    write(view, "d(hare)/dt = a*hare - b*hare*lynx\nd(lynx)/dt = c*hare(t - tau) - e*lynx")
    settle()
    assert not view.initial.isColumnHidden(past)
    view.initial.cell(0, past).setText("20 + g*t")
    settle()
    config = session.project.spec.model.initial["hare"]
    assert (config.past, config.value) == ("20 + g*t", None)
    view.initial.cell(0, past).setText("")
    settle()
    assert session.project.spec.model.initial["hare"].past is None
