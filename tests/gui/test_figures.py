"""Figures look the same in all forms they are written in."""

import re
from pathlib import Path

import numpy as np
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ndestudio.export.raster import svg_to_png
from ndestudio.export.svg import Panel, drawing
from ndestudio.export.ticks import axis
from ndestudio.gui.theme import Theme
from ndestudio.gui.widgets.plot import Plot


def test_the_pdf_and_the_png_show_nothing_outside_either(qapp: QApplication) -> None:
    unit = np.array([0.0, 1.0])
    panel = Panel(40, 30, 100, 80, axis(unit, "", margin=0), axis(unit, "", margin=0))
    panel.line(np.array([0.0, 1.0]), np.array([-1.0, 2.0]), "#ff0000", width=4)
    svg = drawing(200, 150, [panel.svg()], "x")
    by_qt = QImage(200, 150, QImage.Format.Format_RGB32)  # what writes the PDF
    painter = QPainter(by_qt)
    QSvgRenderer(svg.encode()).render(painter)
    painter.end()
    for image in (by_qt, QImage.fromData(svg_to_png(svg, zoom=1.0))):
        red = [(x, y) for x in range(200) for y in range(150) if image.pixelColor(x, y).name() == "#ff0000"]
        assert red and min(y for _, y in red) >= 27 and max(y for _, y in red) <= 113


def test_a_plot_is_saved_as_it_is_shown(qtbot: QtBot, light: Theme, tmp_path: Path) -> None:
    plot = Plot("hare", "year", "hare")
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.show()
    x = np.linspace(0, 10, 200)
    plot.curve(lambda c: "#ff0000", antialias=False).setData(x, 30 * np.sin(x))
    plot.setXRange(2, 8)
    plot.setYRange(-5, 5)
    QApplication.processEvents()
    for ending in ("svg", "pdf", "png"):
        plot.save_figure(tmp_path / f"one.{ending}")
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert svg.count("<text") > 10  # numbers at the axes
    by_svg = QImage.fromData(svg_to_png(svg, zoom=2.0))
    by_png = QImage(str(tmp_path / "one.png"))
    assert by_svg.size() == by_png.size()
    inside = plot.item.vb.sceneBoundingRect()
    places = []
    for image in (by_svg, by_png):
        colours = [(a, b, image.pixelColor(a, b)) for a in range(0, 800, 2) for b in range(0, 600, 2)]
        red = np.array([(a / 2, b / 2) for a, b, c in colours if c.red() > 200 and c.green() < 120 and c.blue() < 120])
        assert len(red) and red[:, 1].max() <= inside.bottom() + 2 and red[:, 0].min() >= inside.left() - 2
        places.append(red.mean(axis=0))
    assert np.abs(places[0] - places[1]).max() < 8
    box = re.search(rb"/MediaBox \[\s*([\d. ]+)\]", (tmp_path / "one.pdf").read_bytes())
    width, height = np.array(box.group(1).split(), float)[2:] if box else (0, 0)
    assert width / height == 4 / 3 and width == 400 * 72 / plot.logicalDpiX()
