"""Chips, questions, rows that are pointed at, the time, import settings and folders in the Data stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from ndestudio.data import dataset_from_arrays
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.times.grammars import format_names
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.data_view import DataView
from ndestudio.gui.views.import_settings import ImportSettingsDialog
from ndestudio.gui.views.time_panel import FORMATS
from ndestudio.gui.widgets.decision_chips import DecisionChips, grouped
from ndestudio.gui.widgets.plots.series_plot import MOST_PANELS, SeriesPlots
from ndestudio.gui.widgets.problem_list import ProblemList
from ndestudio.gui.widgets.tables.columns_table import ColumnsTable
from ndestudio.session.data.state import ColumnRow
from ndestudio.session.session import Session
from tests.gui.helpers import drop


@pytest.fixture
def open_file(window: MainWindow, tmp_path: Path, settle: Callable[[], None]) -> Callable[[str], DataView]:
    def opened(text: str) -> DataView:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        window.open_files([str(path)])
        settle()
        shown = window.views["data"]
        assert isinstance(shown, DataView)
        return shown

    return opened


GERMAN = "mass;glucose\n0,1;20,1\n0,3;18,4\n0,9;12,9\n"


def choose(menu: QMenu, words: str) -> None:
    """Press an entry of a menu or of a menu within."""
    for action in menu.actions():
        if action.text() == words:
            action.trigger()
            return
        if action.menu() is not None:
            inner = action.menu()
            assert isinstance(inner, QMenu)
            if any(one.text() == words for one in inner.actions()):
                choose(inner, words)
                return
    raise AssertionError(f"no entry `{words}` among {[one.text() for one in menu.actions()]}")


def test_decisions_are_chips_that_can_be_changed(
    open_file: Callable[[str], DataView], session: Session, settle: Callable[[], None]
):
    view = open_file(GERMAN)
    time = view.chips.chip("time")
    assert time.text().startswith("Time: mass")
    assert time.accessibleName() == "Time: mass, guessed with little evidence"
    assert time.property("state") == "guess"
    choose(time.menu_now(), "count the rows 0, 1, 2, ...")
    settle()
    assert session.project.spec.data.time == ""
    assert view.chips.chip("time").property("state") == ""
    assert "as read" in view.tabs.tabText(view.tabs.indexOf(view.read_stack)).lower()
    assert [view.read.rows.headerData(n, Qt.Orientation.Horizontal) for n in range(3)] == [
        "row\ntime",
        "mass\nstate",
        "glucose\nstate",
    ]
    choose(view.chips.chip("format").menu_now(), "decimal point")
    settle()
    assert session.project.spec.data.decimal == "."


def test_a_chip_that_is_pressed_shows_its_answers(open_file: Callable[[str], DataView], qtbot: QtBot):
    view = open_file(GERMAN)
    chip = view.chips.chip("time")
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    menus = [menu for menu in chip.findChildren(QMenu) if menu.isVisible()]
    assert len(menus) == 1
    assert [one.text() for one in menus[0].actions() if one.isChecked()] == ["mass"]
    menus[0].close()


def _decision(topic: str, column: str | None = None, chosen: int | None = 0, certain: bool = True) -> Decision:
    return Decision(topic, "Seen.", column, (Choice("a", {}), Choice("b", {})), chosen, certain)  # type: ignore[arg-type]


def test_many_decisions_of_a_topic_share_a_chip_and_questions_stand_alone(qtbot: QtBot):
    missing = tuple(_decision("missing", f"x{n}", certain=n != 3) for n in range(5))
    asked = _decision("time", "when", chosen=None)
    groups = grouped((*missing, asked))
    assert [len(group) for group in groups] == [1, 5]
    chips = DecisionChips()
    qtbot.addWidget(chips)
    said = []
    chips.answered.connect(lambda decision, position: said.append((decision.column, position)))
    chips.show_decisions((*missing, asked))
    assert [chip.accessibleName() for chip in chips.chips] == [
        "Time: when, ?, a question that is open",
        "Missing: 5 columns, guessed with little evidence",
    ]
    menu = chips.chips[1].menu_now()
    inner = menu.actions()[2].menu()
    assert isinstance(inner, QMenu)
    choose(inner, "b")
    choose(chips.chips[0].menu_now(), "a")
    assert said == [("x2", 1), ("when", 0)]


def test_chips_take_as_many_rows_as_they_need(qtbot: QtBot):
    chips = DecisionChips()
    qtbot.addWidget(chips)
    chips.show_decisions(tuple(_decision(topic) for topic in ("table", "header", "time", "unit", "shape", "dose")))
    layout = chips.layout()
    assert layout is not None
    assert layout.heightForWidth(2000) < layout.heightForWidth(300) < layout.heightForWidth(120)


def test_a_question_has_a_button_for_each_answer(qtbot: QtBot):
    problems = ProblemList("Problems")
    qtbot.addWidget(problems)
    acted = []
    problems.acted.connect(lambda position, number: acted.append((position, number)))
    problems.show_problems([("", "first", "error", ()), ("column when", "which?", "question", ("`a` & b", "c"))])
    assert [one.text() for one in problems.rows[1].buttons] == ["a && b", "C"]
    qtbot.mouseClick(problems.rows[1].buttons[1], Qt.MouseButton.LeftButton)
    assert acted == [(1, 1)]


def test_the_file_is_shown_as_it_is_written(open_file: Callable[[str], DataView]):
    view = open_file("Logger 7, made in a long line that says who and when\nt,x\n0,1\n1,2\n2,3\n")
    rows = view.table.rows
    assert [rows.numbers[n] for n in range(3)] == [1, 2, 3]
    assert rows.data(rows.index(1, 1)) == "x"


def test_a_row_can_be_said_to_be_anything(
    open_file: Callable[[str], DataView], session: Session, settle: Callable[[], None], qtbot: QtBot
):
    view = open_file("t,x\n0,1\n1,2\n2,3\n")
    assert [view.table.rows.kind(n) for n in range(2)] == ["names", "table"]
    for words, field in (
        ("Row 1 holds the names", "header_row"),
        ("Row 1 holds the units", "units_row"),
        ("Row 1 is the first of the table", "first_row"),
        ("Row 1 is the last of the table", "last_row"),
    ):
        choose(view.table.menu(0), words)
        assert getattr(session.project.spec.data, field) == 1
    choose(view.table.menu(0), "Find the table again")
    settle()
    assert session.project.spec.data.header_row is None
    view.table.verticalHeader().sectionClicked.emit(1)
    menus = [menu for menu in view.table.findChildren(QMenu) if menu.isVisible()]
    assert menus and menus[0].actions()[0].text() == "Row 2 holds the names"
    menus[0].close()


def test_the_time_is_told_and_chosen(
    open_file: Callable[[str], DataView], session: Session, settle: Callable[[], None]
):
    view = open_file("day,hour,x\n1,0,1\n1,12,2\n2,0,3\n")
    assert view.time.columns.text() == "day, hour"
    assert "day" in view.time.words.text() and "from 24 to 48 in steps of 12" in view.time.words.text()
    choose(view.time.menu_now(), "hour")
    settle()
    assert session.project.spec.data.time == "day"
    choose(view.time.menu_now(), "Count the rows: 0, 1, 2, …")
    settle()
    assert view.time.columns.text() == "The rows are counted"
    assert view.time.words.text() == "row, no unit given, from 0 to 2 in steps of 1"
    place = view.time.form.findData("day first")
    view.time.form.setCurrentIndex(place)
    view.time.form.activated.emit(place)
    assert session.project.spec.data.time_format == "day first"
    settle()
    line = view.time.form.lineEdit()
    assert line is not None
    line.setText("%d.%m.%Y")
    line.editingFinished.emit()
    assert session.project.spec.data.time_format == "%d.%m.%Y"
    settle()
    assert line.text() == "%d.%m.%Y"


def test_columns_are_drawn_while_the_file_cannot_be_read(open_file: Callable[[str], DataView]):
    view = open_file("x,y\n3,1\n1,7\n2,3\n")
    assert view.problem_card.isVisible()
    assert view.plot_stack.currentWidget() is view.column_plots
    assert [plot.accessibleName() for plot in view.column_plots.plots] == ["x over row", "y over row"]
    assert view.column_plots.plots[0]._panel is not None


def test_import_settings_are_kept_offered_and_managed(
    open_file: Callable[[str], DataView], session: Session, settle: Callable[[], None], qtbot: QtBot
):
    view = open_file(GERMAN)
    assert not view.offer.isVisible()
    choose(view.chips.chip("time").menu_now(), "count the rows 0, 1, 2, ...")
    settle()
    view.imports.save_wanted.emit("Balance")
    settle()
    view = open_file(GERMAN)
    assert view.offer.isVisible() and "“Balance”" in view.offer.words.text()
    qtbot.mouseClick(view.offer.use_button, Qt.MouseButton.LeftButton)
    settle()
    assert session.project.spec.data.time == "" and not view.offer.isVisible()
    assert "Read with Balance" in [action.text() for action in view.imports.menu_now().actions()]
    view.imports.manage_wanted.emit()
    dialog = view.window().findChild(ImportSettingsDialog)
    assert dialog is not None
    dialog.edit.setText("Scale")
    qtbot.mouseClick(dialog.rename_button, Qt.MouseButton.LeftButton)
    assert session.data.imports.names == ("Scale",)
    qtbot.mouseClick(dialog.delete_button, Qt.MouseButton.LeftButton)
    assert session.data.imports.names == () and not dialog.edit.isEnabled()
    dialog.close()
    settle()


def test_a_dropped_folder_opens_its_data_files(
    window: MainWindow, session: Session, tmp_path: Path, settle: Callable[[], None]
):
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in (2, 11):
        (folder / f"run{number}.csv").write_text("t,x\n0,1\n1,2\n2,3\n", encoding="utf-8")
    drop(window, [folder])
    settle()
    assert [Path(file).name for file in session.project.spec.data.files] == ["run2.csv", "run11.csv"]


def test_every_format_of_times_can_be_chosen():
    assert {value for _, value in FORMATS if value} == set(format_names())


def test_choosers_of_a_wide_table_are_made_as_they_come_into_view(qtbot: QtBot):
    table = ColumnsTable()
    qtbot.addWidget(table)
    table.resize(400, 200)
    table.show_rows(tuple(ColumnRow(f"x{n}", f"x{n}", "", "state", True, 0, "numbers") for n in range(300)))
    table.show()
    assert sum(table.cellWidget(number, 1) is not None for number in range(300)) < 60
    table.verticalScrollBar().setValue(table.verticalScrollBar().maximum())
    assert table.cellWidget(299, 1) is not None
    assert table.role_box("x150").currentData() == "state"


def test_long_names_are_told_apart_by_their_ends(
    open_file: Callable[[str], DataView], settle: Callable[[], None], qtbot: QtBot
):
    names = [f"absorbance_of_the_culture_in_well_{n}" for n in range(2)]
    view = open_file(f"t,{','.join(names)}\n0,1,2\n1,2,3\n2,3,1\n")
    qtbot.waitUntil(lambda: len(view.plots.panels) == 2)
    titles = [panel.item.getAxis("left").labelText for panel in view.plots.panels]
    heads = [view.table.rows.headerData(n, Qt.Orientation.Horizontal).split("\n")[0] for n in (1, 2)]
    for shown in (titles, heads):
        assert [one[-6:] for one in shown] == ["well_0", "well_1"] and max(map(len, shown)) <= 28
        assert all("…" in one for one in shown)


def test_more_columns_than_anybody_looks_at_are_not_drawn(qtbot: QtBot):
    plots = SeriesPlots()
    qtbot.addWidget(plots)
    count = MOST_PANELS + 2
    names = [f"x{n}" for n in range(count)]
    plots.show_dataset(dataset_from_arrays([0.0, 1.0, 2.0], np.zeros((3, count)), names))
    plots.redraw.now()
    assert len(plots.panels) == MOST_PANELS
    assert plots.rest.text() == "2 more columns are not drawn."
