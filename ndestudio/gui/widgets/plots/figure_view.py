"""Figures as they are written: one is looked at, in a style that is chosen here, copied, or saved."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QVBoxLayout, QWidget

from ndestudio.figures.description import Figure
from ndestudio.figures.style import PALETTES, WIDTHS, FigureStyle
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID, colours

FILTER = "SVG (*.svg);;PDF (*.pdf);;PNG (*.png);;CSV (*.csv)"


class FigureView(QWidget):
    """A choice of figures, the chosen one, and its style. Signals: chosen(name); style_chosen(settings that changed)."""

    chosen = Signal(str)
    style_chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.box = combo((), "Figure", "Which figure is shown, copied and saved")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.style_bar = StyleBar()
        self.style_bar.changed.connect(self.style_chosen)
        self.caption = label("", "muted", wrap=True, selectable=True)
        self.sheet = _Sheet()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addLayout(row(self.box, 1))
        layout.addWidget(self.style_bar)
        layout.addWidget(self.sheet, 1)
        layout.addWidget(self.caption)
        self.box.currentIndexChanged.connect(lambda _: self.chosen.emit(self.box.currentData()))

    def show_figures(
        self, figures: tuple[Figure, ...], shown: Figure | None, drawing: bytes | None, style: FigureStyle
    ) -> None:
        """Parameters: drawing: PNG file of the figure shown, None while it is being drawn."""
        names = [figure.name for figure in figures]
        if [self.box.itemData(position) for position in range(self.box.count())] != names:
            with quiet(self.box):
                self.box.clear()
                for name in names:
                    self.box.addItem(name.replace("-", " ").replace("_", " "), name)
        self.style_bar.show_style(style)
        if shown is not None:
            choose(self.box, shown.name)
            self.caption.setText(shown.caption)
            self.sheet.show_drawing(drawing, shown.caption)

    @property
    def image(self) -> QImage:
        """The figure as pixels."""
        return self.sheet.image


class StyleBar(QWidget):
    """The settings that are changed most, in a row; the others are in the spec. Signals: changed(settings that changed)."""

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        widths = [(f"{name.replace('-', ' ')}, {width:g} mm", name) for name, width in WIDTHS.items()]
        self.width_box = combo(
            widths, "Width", "Width of a figure, as columns of a journal; any other as `width` in the spec"
        )
        self.palette_box = combo([(name, name) for name in PALETTES], "Colours", "Colours of curves and points")
        self.font_size = QDoubleSpinBox()
        self.font_size.setRange(4.0, 20.0)
        self.font_size.setSingleStep(0.5)
        self.font_size.setDecimals(1)
        self.font_size.setSuffix(" pt")
        self.font_size.setKeyboardTracking(False)
        self.font_size.setAccessibleName("Size of letters")
        self.font_size.setToolTip("Size of letters in the figure as it is printed")
        self.legend = QCheckBox("Legend")
        self.titles = QCheckBox("Title")
        for box, letters in ((self.width_box, 12), (self.palette_box, 7)):
            box.setMinimumContentsLength(letters)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = row(self.width_box, self.palette_box, self.font_size, self.legend, self.titles, 1)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        for box, key in ((self.width_box, "width"), (self.palette_box, "palette")):
            box.currentIndexChanged.connect(lambda _, box=box, key=key: self._say(key, box.currentData()))
        self.font_size.valueChanged.connect(lambda value: self._say("font_size", value))
        self.legend.toggled.connect(lambda on: self._say("legend", on))
        self.titles.toggled.connect(lambda on: self._say("titles", on))

    def show_style(self, style: FigureStyle) -> None:
        with quiet(self.width_box, self.palette_box, self.font_size, self.legend, self.titles):
            self._show_width(style)
            choose(self.palette_box, style.palette)
            self.font_size.setValue(style.font_size)
            self.legend.setChecked(style.legend)
            self.titles.setChecked(style.titles)

    def _show_width(self, style: FigureStyle) -> None:
        """A width that is no column is a choice of its own while it is in use."""
        own = self.width_box.count() > len(WIDTHS)
        if isinstance(style.width, str):
            if own:
                self.width_box.removeItem(len(WIDTHS))
        else:
            if not own:
                self.width_box.addItem("")
            self.width_box.setItemText(len(WIDTHS), f"{style.width:g} mm")
            self.width_box.setItemData(len(WIDTHS), style.width)
        choose(self.width_box, style.width)

    def _say(self, key: str, value: object) -> None:
        self.changed.emit({key: value})


class _Sheet(QWidget):
    """Shows one figure as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("The figure")
        self.setMinimumSize(200, 160)
        self._shown: bytes | None = None
        self.image = QImage()

    def show_drawing(self, drawing: bytes | None, words: str) -> None:
        self.setAccessibleDescription(words)
        if drawing is not self._shown:
            self._shown = drawing
            self.image = QImage.fromData(QByteArray(drawing)) if drawing else QImage()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.image.isNull():
            painter = QPainter(self)
            painter.setPen(QColor(colours().muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, "Being drawn …")
            painter.end()
            return
        size = QSizeF(self.image.size()).scaled(QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF((self.width() - size.width()) / 2, 0.0, size.width(), size.height()), self.image)
        painter.end()
