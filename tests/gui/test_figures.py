"""Figures look the same in all forms they are written in."""

import numpy as np
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from ndestudio.export.raster import svg_to_png
from ndestudio.export.svg import Panel, drawing
from ndestudio.export.ticks import axis


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
