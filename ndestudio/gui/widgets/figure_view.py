"""Finished figures, as they are exported: one is looked at, copied, or saved as SVG, PDF or PNG."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QPageSize, QPainter, QPaintEvent, QPdfWriter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.export.figure import Figure
from ndestudio.export.raster import svg_to_png
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID

_POINTS = 72.0
FILTER = "SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"


class FigureView(QWidget):
    """A choice of figures and the chosen one. Signals: chosen(name)."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = combo((), "Figure", "Which figure is shown, copied and saved")
        self.caption = label("", "muted", wrap=True, selectable=True)
        self.sheet = _Sheet()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addLayout(row(self.box, 1))
        layout.addWidget(self.sheet, 1)
        layout.addWidget(self.caption)
        self.box.currentIndexChanged.connect(lambda _: self.chosen.emit(self.box.currentData()))

    def show_figures(self, figures: tuple[Figure, ...], shown: Figure | None) -> None:
        names = [figure.name for figure in figures]
        if [self.box.itemData(position) for position in range(self.box.count())] != names:
            with quiet(self.box):
                self.box.clear()
                for name in names:
                    self.box.addItem(name.replace("-", " ").replace("_", " "), name)
        if shown is not None:
            choose(self.box, shown.name)
            self.caption.setText(shown.caption)
            self.sheet.show_figure(shown)


class _Sheet(QWidget):
    """Shows one figure as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("The figure")
        self.setMinimumSize(200, 160)
        self._shown: Figure | None = None
        self._picture = QImage()

    def show_figure(self, figure: Figure) -> None:
        if figure is not self._shown:
            self._shown = figure
            self._picture = picture(figure)
            self.setAccessibleDescription(figure.caption)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._shown is None:
            return
        size = QSizeF(self._picture.size()).scaled(QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF((self.width() - size.width()) / 2, 0.0, size.width(), size.height()), self._picture)
        painter.end()


def picture(figure: Figure) -> QImage:
    """The figure as pixels, twice as many as its own size; Qt's own reader of SVG knows no clipping."""
    return QImage.fromData(QByteArray(svg_to_png(figure.svg)))


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the figure in the form that the ending of ``path`` names; without one, as SVG.

    Raises:
        OSError: the file cannot be written, or its ending is none of svg, pdf and png.
    """
    path = path if path.suffix else path.with_suffix(".svg")
    match path.suffix.lower():
        case ".svg":
            path.write_text(figure.svg, encoding="utf-8")
        case ".pdf":
            path.touch()
            _write_pdf(figure, path)
        case ".png":
            path.touch()
            if not picture(figure).save(str(path)):
                raise OSError(None, "the picture could not be written")
        case ending:
            raise OSError(None, f"figures are written as .svg, .pdf or .png, not {ending}")
    return path


def _write_pdf(figure: Figure, path: Path) -> None:
    renderer = _renderer(figure)
    size = QSizeF(renderer.defaultSize()) * 0.75  # points per pixel of 1/96 inch
    writer = QPdfWriter(str(path))
    writer.setResolution(round(_POINTS * 10))
    writer.setPageSize(QPageSize(size, QPageSize.Unit.Point, "figure"))
    writer.setPageMargins(writer.pageLayout().margins() * 0)
    painter = QPainter(writer)
    renderer.render(painter, QRectF(0, 0, writer.width(), writer.height()))
    painter.end()


def _renderer(figure: Figure) -> QSvgRenderer:
    made = QSvgRenderer(QByteArray(figure.svg.encode()))
    if made.defaultSize().isEmpty():
        made.setViewBox(QRectF(0, 0, *QSize(720, 480).toTuple()))
    return made
