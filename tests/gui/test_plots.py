"""Plots draw what descriptions say, keep their items, and are saved as they are shown."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from ndestudio.figures.description import MARKS, Axis, Curve, Panel, Points
from ndestudio.figures.registry import KINDS
from ndestudio.figures.style import FigureStyle
from ndestudio.gui import file_style
from ndestudio.gui.theme import DARK, LIGHT, Theme
from ndestudio.gui.widgets.panel_items import DRAWN
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.plots.undocked import PaperDialog, UndockedPlot
from tests.figures.examples import examples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plot(qtbot: QtBot, light: Theme) -> Plot:
    made = Plot("hare", "year", "hare")
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show_legend()
    made.show()
    return made


def test_plots_are_made_without_what_writes_files_or_computes() -> None:
    code = (
        "import sys\nfrom ndestudio.gui.widgets.plots import formula_fit_plot, neural_term_plot, loss_plot, parameter_traces, pareto_plot, phase_plot\n"
        "from ndestudio.gui.widgets.plots import figure_view, profile_plot, residuals_plot, series_plot, trajectory_plot\n"
        "print([name for name in ('matplotlib', 'scipy.stats', 'jax', 'sympy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_mark_has_an_item() -> None:
    assert set(DRAWN) == set(MARKS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_and_drawing_again_keeps_every_item(kind: str, plot: Plot) -> None:
    for panel in examples()[kind].panels:
        plot.show_panel(panel)
        QApplication.processEvents()
        count = len(plot.item.items)
        plot.show_panel(Panel(Axis(), Axis(log=panel.y.log)))
        assert all(not plot.drawn(mark) for mark in MARKS)
        plot.show_panel(panel)
        assert len(plot.item.items) == count
        for mark in MARKS:
            assert len(plot.drawn(mark)) == sum(isinstance(one, mark) for one in panel.marks)


def test_a_curve_is_drawn_where_it_is_on_a_logarithmic_axis(plot: Plot) -> None:
    values = np.array([1.0, 0.0, -1.0, 100.0])
    plot.show_panel(Panel(Axis("step"), Axis("loss", log=True), (Curve(np.arange(4.0), values, 1, "training"),)))
    x, y = plot.drawn(Curve)[0].getData()
    assert x.tolist() == [0, 1, 2, 3] and y[0] == 0.0 and np.isnan(y[1:3]).all() and y[3] == 2.0
    assert [text.text for _, text in plot.legend.items] == ["training"]


def test_data_that_stay_are_not_drawn_again(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(5.0)

    def panel(factor: float) -> Panel:
        return Panel(Axis(), Axis(), (Points(x[:], x[:]), Curve(x, factor * x)))

    plot.show_panel(panel(1.0))
    calls: list[object] = []
    monkeypatch.setattr(plot.drawn(Points)[0], "setData", lambda *_, **__: calls.append(1))
    plot.show_panel(panel(2.0))
    assert calls == []
    assert plot.drawn(Curve)[0].getData()[1][-1] == 8.0


def test_marks_follow_the_scheme(plot: Plot, light: Theme) -> None:
    plot.show_panel(Panel(Axis(), Axis(), (Curve(np.arange(2.0), np.arange(2.0)),)))
    curve = plot.drawn(Curve)[0]
    assert curve.opts["pen"].color() == QColor(LIGHT.curves[0])
    light.use("dark")
    assert curve.opts["pen"].color() == QColor(DARK.curves[0])
    light.use("light")


def test_a_plot_is_saved_as_it_is_shown_in_the_style_of_the_project(plot: Plot, tmp_path: Path) -> None:
    x = np.linspace(0, 10, 200)
    plot.show_panel(Panel(Axis("year"), Axis("hare"), (Curve(x, 30 * np.sin(x), 0, "model"),)))
    plot.item.setXRange(2, 8, padding=0)
    plot.item.setYRange(-5, 5, padding=0)
    panel = plot.described().panels[0]
    assert panel.x.limits == pytest.approx((2, 8)) and panel.y.limits == pytest.approx((-5, 5))
    file_style.ask(lambda: FigureStyle(width=100.0))
    try:
        for ending in ("svg", "pdf", "png", "csv"):
            plot.save_figure(tmp_path / f"one.{ending}")
    finally:
        file_style.ask(FigureStyle)
    root = ElementTree.fromstring((tmp_path / "one.svg").read_bytes())
    assert float(root.get("width", "").removesuffix("pt")) == pytest.approx(100 / 25.4 * 72, abs=0.01)
    words = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"year", "hare", "model"} <= set(words)
    plot.fit()
    assert plot.described().panels[0].x.limits is None


def test_what_cannot_be_saved_is_said(plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "one.bmp"), ""))
    monkeypatch.setattr(QMessageBox, "warning", lambda _, __, text: said.append(text))
    plot._ask_save()
    assert said and ".bmp" in said[0]


def test_an_axis_becomes_linear_again_where_likelihoods_are_negative(qtbot):
    from ndestudio.figures.loss import LossCurve, loss_panel
    from ndestudio.gui.widgets.plots.log_axis import LogAxis
    from ndestudio.gui.widgets.plots.loss_plot import LossPlot

    plot = LossPlot()
    qtbot.addWidget(plot)
    steps = np.arange(20.0)
    nothing = np.full(20, np.nan)
    assert isinstance(plot.item.getAxis("left"), LogAxis)
    plot.show_curves((LossCurve("likelihood", steps, -4.0 - steps / 100, nothing),))
    assert not isinstance(plot.item.getAxis("left"), LogAxis)
    panel = loss_panel((LossCurve("likelihood", steps, -4.0 - steps / 100, nothing),))
    assert panel.y.title == "−log likelihood" and not panel.y.log
    plot.show_curves((LossCurve("trajectory", steps, 10.0**-steps, nothing),))
    assert isinstance(plot.item.getAxis("left"), LogAxis)


def rising() -> Panel:
    x = np.linspace(1.0, 3.0, 5)
    return Panel(Axis("time [h]"), Axis("hare"), (Curve(x, 10.0**x, name="model"), Points(x, -x)))


def test_scales_are_chosen_and_stay(plot: Plot) -> None:
    plot.show_panel(rising())
    plot.choose_log("y", True)
    assert plot.is_log("y") and not plot.is_log("x")
    np.testing.assert_allclose(plot.drawn(Curve)[0].getData()[1], np.linspace(1.0, 3.0, 5))
    assert not np.isfinite(plot.drawn(Points)[0].yData).any(), "what is not positive has no place"
    plot.show_panel(rising())
    assert plot.described().panels[0].y.log
    plot.choose_log("y", False)
    assert not plot.is_log("y")
    assert "Logarithmic y axis" in [one.text() for one in plot.menu().actions()]


def test_a_plot_in_a_window_of_its_own_follows(plot: Plot, qtbot: QtBot) -> None:
    plot.show_panel(rising())
    plot.undock()
    (window,) = plot.window().findChildren(UndockedPlot)
    assert isinstance(window.plot, Plot)
    assert len(window.plot.drawn(Curve)[0].getData()[0]) == 5
    x = np.linspace(0.0, 1.0, 9)
    plot.show_panel(Panel(Axis("time [h]"), Axis("hare"), (Curve(x, x),)))
    assert len(window.plot.drawn(Curve)[0].getData()[0]) == 9
    window.close()


def test_the_numbers_of_a_plot_are_copied(plot: Plot, qapp: QApplication) -> None:
    plot.show_panel(rising())
    plot.copy_data()
    lines = qapp.clipboard().text().splitlines()
    assert lines[1] == "hare,curve,model,1.0,10.0,,,"
    assert len(lines) == 1 + 5 + 5


def test_cursors_of_plots_with_the_same_axis_are_linked_and_say_values(plot: Plot, qtbot: QtBot) -> None:
    other = Plot("lynx", "time [h]", "lynx")
    qtbot.addWidget(other)
    other.show()
    for one in (plot, other):
        one.show_panel(rising())
    assert other._cursor in list(plot._cursor._linked())
    other._cursor.show_at(2.0)
    assert other._cursor.words(2.0) == "time = 2   model 100"
    other.show_panel(Panel(Axis("year"), Axis("lynx"), ()))
    assert other._cursor not in list(plot._cursor._linked())


def test_a_figure_is_looked_at_in_the_width_of_a_column(
    plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot.show_panel(rising())
    plot.for_paper()
    (dialog,) = plot.window().findChildren(PaperDialog)
    wide = dialog.sheet.pixmap().width()
    dialog.bar.width_box.setCurrentIndex(dialog.bar.width_box.findData("single"))
    narrow = dialog.sheet.pixmap().width()
    assert narrow == pytest.approx(wide * 90 / 190, abs=2)
    assert "90 mm" in dialog.words.text()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "f.csv"), ""))
    dialog._ask()
    assert (tmp_path / "f.csv").read_text().startswith("panel,mark")
    dialog.close()


def test_axes_of_whole_numbers_have_whole_labels_and_their_least_range(plot: Plot) -> None:
    from ndestudio.gui.widgets.plots.log_axis import WholeAxis

    one = Points(np.array([10.0, 10.0]), np.array([0.1, 0.2]))
    plot.show_panel(Panel(Axis("complexity", whole=True, least=2.0), Axis("error"), (one,)))
    QApplication.processEvents()
    axis = plot.item.getAxis("bottom")
    assert isinstance(axis, WholeAxis)
    low, high = plot.item.getViewBox().viewRange()[0]
    assert high - low >= 2.0
    labels = [v for _, values in axis.tickValues(low, high, 300) for v in values]
    assert labels and all(v == round(v) for v in labels)
    plot.show_panel(Panel(Axis("time"), Axis("error"), (one,)))
    assert not isinstance(plot.item.getAxis("bottom"), WholeAxis)
