"""A plot in a window of its own, which goes on showing what the plot shows; and a figure as a journal prints it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QMessageBox, QScrollArea, QVBoxLayout, QWidget

from ndestudio.errors import ExportError
from ndestudio.figures.description import Figure
from ndestudio.figures.style import FigureStyle
from ndestudio.gui import file_style
from ndestudio.gui.building import button, label
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.figure_view import FILTER, StyleBar

_INCH = 25.4


class UndockedPlot(QDialog):
    """A window of its own for a copy of a plot."""

    def __init__(self, copy: QWidget, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle(name)
        self.setWindowFlag(Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.plot = copy
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addWidget(copy)
        self.resize(720, 480)


class PaperDialog(QDialog):
    """A figure in the size in which a journal prints it, with the style it has in files, changed here for this figure alone."""

    def __init__(self, figure: Figure, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle(f"For a paper: {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._figure, self._name = figure, name
        self.style_used: FigureStyle = file_style.current()
        self.bar = StyleBar()
        self.bar.changed.connect(self._on_changed)
        self.words = label("", "muted")
        self.sheet = QLabel()
        self.sheet.setAccessibleName("The figure as it is printed")
        self.sheet.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sheet.setStyleSheet("background: white")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setAccessibleName("Preview")
        area.setWidget(self.sheet)
        bottom = QHBoxLayout()
        bottom.addWidget(self.words, 1)
        bottom.addWidget(
            button("Save…", self._ask, icon_name="save", kind="primary", tip="SVG, PDF, PNG, or its data as CSV")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(self.bar)
        layout.addWidget(area, 1)
        layout.addLayout(bottom)
        self.resize(860, 640)
        self._draw()

    def _on_changed(self, changes: dict) -> None:  # type: ignore[type-arg]
        import msgspec

        self.style_used = msgspec.structs.replace(self.style_used, **changes)
        self._draw()

    def _draw(self) -> None:
        import msgspec

        from ndestudio.figures.matplotlib_renderer import render

        ratio = self.devicePixelRatioF()
        inch = self.logicalDpiX()
        self.bar.show_style(self.style_used)
        style = msgspec.structs.replace(self.style_used, dpi=float(inch * ratio))
        image = QImage.fromData(render(self._figure, "png", style))
        image.setDevicePixelRatio(ratio)
        from PySide6.QtGui import QPixmap

        self.sheet.setPixmap(QPixmap.fromImage(image))
        width = self.style_used.millimetres
        self.words.setText(
            f"{width:g} mm wide, letters of {self.style_used.font_size:g} pt, shown in the size of print"
        )

    def _ask(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save figure", f"{self._name}.pdf", FILTER)
        if not path:
            return
        from ndestudio.figures.matplotlib_renderer import save

        try:
            save(self._figure, path, self.style_used)
        except ExportError as error:
            QMessageBox.warning(self, "Save figure", str(error))
