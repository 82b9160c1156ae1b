import gc
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from ndestudio.figures.description import Band
from ndestudio.gui import garbage, layout, theme
from ndestudio.gui.garbage import Collector
from ndestudio.gui.icons import pixmap
from ndestudio.gui.palette import CommandPalette, match
from ndestudio.gui.status import duration
from ndestudio.gui.stylesheet import style_sheet
from ndestudio.gui.theme import DARK, LIGHT, Theme
from ndestudio.gui.widgets.editors.code_highlighter import CodeHighlighter
from ndestudio.gui.widgets.editors.equation_editor import EquationEditor
from ndestudio.gui.widgets.math_view import MathView
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.paths import resources_dir
from ndestudio.session.formulas import BOX_COLOUR, Formula


def contrast(a: str, b: str) -> float:
    """Contrast of two colours (WCAG 2.2, relative luminance)."""

    def luminance(name: str) -> float:
        colour = QColor(name)
        parts = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in (colour.redF(), colour.greenF(), colour.blueF())
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(scheme: theme.Colours):
    for back in (scheme.window, scheme.surface, scheme.raised):
        assert contrast(scheme.text, back) >= 7
        for front in (scheme.muted, scheme.error, scheme.good, scheme.warning):
            assert contrast(front, back) >= 4.5, (front, back)
    assert contrast(scheme.accent_text, scheme.accent) >= 4.5
    assert contrast(scheme.accent, scheme.surface) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_style_sheet_is_whole(scheme: theme.Colours):
    sheet = style_sheet(scheme)
    assert "$" not in sheet
    for part in sheet.split("url(")[1:]:
        assert Path(part.split(")")[0]).is_file()


def test_widgets_follow_the_scheme_while_they_live(qtbot: QtBot, light: Theme):
    seen: list[str] = []
    widget = QWidget()
    qtbot.addWidget(widget)
    theme.follow(widget, lambda: seen.append(theme.colours().name))
    light.use("dark")
    assert seen == ["light", "dark"]
    widget.close()
    widget.deleteLater()
    QApplication.sendPostedEvents(None, 52)
    light.use("light")
    assert seen == ["light", "dark"]


def test_every_icon_can_be_drawn(qapp: QApplication):
    for path in (resources_dir() / "icons").glob("*.svg"):
        image = pixmap(path.stem, "#123456", 24).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24)), path.name


@pytest.mark.parametrize(
    ("pattern", "text"), [("tr", "Train"), ("exp", "Export"), ("ko", "Keyboard shortcuts"), ("", "Any")]
)
def test_letters_in_order_match(pattern: str, text: str):
    assert match(pattern, text) is not None


def test_letters_out_of_order_do_not_match():
    assert match("nt", "Train") is None


def test_a_better_match_costs_less():
    best, other = match("sav", "Save"), match("sav", "Starts another view")
    assert best is not None and other is not None and best < other


def test_the_palette_runs_what_is_typed(window, qtbot: QtBot):  # type: ignore[no-untyped-def]
    palette = CommandPalette(window.actions_.all(), window)
    palette.show()
    qtbot.keyClicks(palette._line, "dark")
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: theme.colours() is DARK)
    window.actions_["scheme-light"].trigger()


def test_the_palette_offers_the_buttons_and_tabs_of_the_visible_stage(window, qtbot: QtBot):  # type: ignore[no-untyped-def]
    window.go("model")
    view = window.views["model"]
    palette = CommandPalette(window.actions_.all(), window, view)
    palette.show()
    qtbot.keyClicks(palette._line, "show networks")
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.left_tabs.tabText(view.left_tabs.currentIndex()) == "Networks")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (185, "3:05 min"), (3720, "1:02 h")]
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text


def test_plots_are_restyled(qtbot: QtBot, light: Theme):
    plot = Plot("hare")
    qtbot.addWidget(plot)
    curve = plot.curve(lambda c: c.curves[0])
    light.use("dark")
    assert curve.opts["pen"].color().name() == DARK.curves[0]
    assert plot.backgroundBrush().color().name() == DARK.surface
    light.use("light")


def test_a_formula_is_drawn_in_the_colours_of_the_scheme(qtbot: QtBot, light: Theme):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20">'
        f'<rect width="20" height="20" fill="#000000"/><rect x="20" width="20" height="20" fill="{BOX_COLOUR}"/></svg>'
    )
    view = MathView()
    qtbot.addWidget(view)
    view.show_formula(Formula("x", svg))
    view.resize(40, 20)
    for scheme in (LIGHT, DARK):
        light.use(scheme.name)
        image = view.grab().toImage()
        assert image.pixelColor(10, 10).name() == scheme.text
        assert image.pixelColor(30, 10).name() == scheme.curves[1]
    view.show_formula(None)
    assert view.formula is not None
    light.use("light")


def test_code_is_coloured_and_docstrings_are_calm(qtbot: QtBot, light: Theme):
    from PySide6.QtWidgets import QPlainTextEdit

    edit = QPlainTextEdit()
    qtbot.addWidget(edit)
    highlighter = CodeHighlighter(edit.document())
    highlighter.language = "python"
    edit.setPlainText('"""A model\nimport nothing"""\nimport numpy  # fast\n')
    highlighter.rehighlight()
    colours = [
        [form.format.foreground().color().name() for form in edit.document().findBlockByNumber(n).layout().formats()]  # type: ignore[attr-defined]
        for n in range(3)
    ]
    assert colours == [[LIGHT.muted], [LIGHT.muted], [LIGHT.curves[0], LIGHT.muted]]


def test_files_dropped_on_the_editor_are_for_the_window(qtbot: QtBot, light: Theme):
    editor = EquationEditor()
    qtbot.addWidget(editor)
    files, text = QMimeData(), QMimeData()
    files.setUrls([QUrl.fromLocalFile("/a.csv")])
    text.setText("k*x")
    assert not editor.canInsertFromMimeData(files)
    assert editor.canInsertFromMimeData(text)


def test_a_layout_is_remembered_and_nonsense_ignored(qtbot: QtBot):
    def make() -> QSplitter:
        splitter = QSplitter()
        splitter.addWidget(QPushButton("a"))
        splitter.addWidget(QPushButton("b"))
        splitter.resize(600, 100)
        return splitter

    first, second, third = QWidget(), QWidget(), QWidget()
    for holder in (first, second, third):
        qtbot.addWidget(holder)
        make().setParent(holder)
    moved = first.findChild(QSplitter)
    assert moved is not None
    moved.setSizes([150, 450])
    kept = layout.remembered(first, "x")
    layout.restore(second, "x", kept)
    layout.restore(third, "x", dict.fromkeys(kept, "%%%"))
    found = second.findChild(QSplitter)
    assert found is not None
    assert found.sizes() == moved.sizes()


def test_garbage_is_collected_on_this_thread_only(qtbot: QtBot):
    before = gc.isenabled()
    collector = Collector()
    assert not gc.isenabled()
    where: list[threading.Thread] = []
    gc.callbacks.append(lambda phase, info: where.append(threading.current_thread()) if phase == "start" else None)

    def allocate() -> None:
        for _ in range(2 * gc.get_threshold()[0]):
            cycle: list[object] = []
            cycle.append(cycle)

    worker = threading.Thread(target=allocate)
    worker.start()
    worker.join()
    assert where == []
    collector.collect()
    gc.callbacks.pop()
    assert where and set(where) == {threading.main_thread()}
    collector.close()
    assert gc.isenabled() == before


def test_a_cell_with_a_control_takes_no_typed_text(qtbot: QtBot, light: object):
    table = Table("t", (("a", ""), ("b", "")))
    qtbot.addWidget(table)
    table.setRowCount(1)
    table.setCellWidget(0, 1, QCheckBox())
    assert table.cell(0, 0).flags() & Qt.ItemFlag.ItemIsEditable
    assert not table.cell(0, 1).flags() & Qt.ItemFlag.ItemIsEditable


def test_free_memory_is_given_back_now_and_then(qapp: QApplication, monkeypatch: pytest.MonkeyPatch):
    given: list[int] = []
    monkeypatch.setattr(garbage, "give_back_memory", lambda: given.append(1))
    collector = Collector()
    collector.collect()
    assert given == []
    monkeypatch.setattr(garbage, "_TRIM_SECONDS", -1.0)
    collector.collect()
    assert given == [1]
    collector.close()
    gc.disable()
    garbage.give_back_memory()


def test_a_neural_term_shows_how_far_seeds_spread(window):  # type: ignore[no-untyped-def]
    from ndestudio.figures.plot_data import PlotData, neural_term_plot_data
    from ndestudio.gui.widgets.plots.neural_term_plot import NeuralTermPlot
    from tests.session import results

    model = results.model(0)
    plot = NeuralTermPlot()
    plot.setParent(window)
    plot.show_plot_data(
        PlotData(model, neural_terms=(neural_term_plot_data(model, "f", (0,), others=(results.model(1),)),))
    )
    assert plot.curve_plot.drawn(Band)[0].isVisible()
    assert "seeds differ by up to" in plot.caption.text()
    plot.show_plot_data(PlotData(model, neural_terms=(neural_term_plot_data(model, "f", (0,)),)))
    assert plot.curve_plot.drawn(Band) == []


def test_arguments_of_another_model_are_named_anew(qtbot: QtBot, light: Theme):
    from types import SimpleNamespace

    from ndestudio.gui.widgets.plots.neural_term_plot import NeuralTermPlot

    plot = NeuralTermPlot()
    qtbot.addWidget(plot)
    for names in (("S", "I"), ("x", "y")):
        plot._show_arguments(SimpleNamespace(arguments=names), names)  # type: ignore[arg-type]
        assert plot.arguments_box.currentText() == f"over {names[0]}, {names[1]}"


def test_the_legend_of_trajectories_has_the_ink_of_what_is_drawn(qtbot: QtBot, light: Theme):
    from ndestudio.figures.plot_data import PlotData
    from ndestudio.gui.theme import DARK, LIGHT
    from ndestudio.gui.widgets.plots.trajectory_plot import TrajectoryPlot
    from tests.session import results

    plot = TrajectoryPlot()
    qtbot.addWidget(plot)
    plot.show_model(results.dataset(), PlotData(results.model(0)))
    assert LIGHT.data in plot._hint.text()
    plot.chooser.setCurrentIndex(plot.chooser.findData("second"))
    assert f"{LIGHT.curves[1]}" in plot._hint.text(), "the model of a single trajectory has its colour"
    light.use("dark")
    assert f"{DARK.curves[1]}" in plot._hint.text()
    assert LIGHT.data not in plot._hint.text()
    light.use("light")


def test_recent_files_are_listed_anew_when_they_change(qtbot: QtBot, light: Theme):
    from ndestudio.gui.start_page import StartPage

    page = StartPage(())
    qtbot.addWidget(page)

    def listed() -> list[QPushButton]:
        buttons = [
            b for b in page.findChildren(QPushButton) if b.accessibleName().startswith("Open ") and not b.isHidden()
        ]
        return [b for b in buttons if b.toolTip()]

    page.show_recent(("/data/one.nde", "/data/two.nde"))
    first = listed()
    assert [b.accessibleName() for b in first] == ["Open one.nde", "Open two.nde"]
    page.show_recent(("/data/one.nde", "/data/two.nde"))
    assert listed() == first
    page.show_recent(("/data/two.nde",))
    assert [b.toolTip() for b in listed()] == ["/data/two.nde"]
    page.show_recent(())
    assert listed() == []
