"""The phase portrait: streamlines of the learned field, simulated paths, data points; what data do not support is shaded."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.data.dataset import Dataset
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID, Colours
from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.pictures import Picture, Portrait

_PATHS = 12
_HEAD = 0.013
_VEIL = 48


class ShadeItem(pg.ImageItem):
    """A veil over the cells that are not trusted."""

    def show_mask(self, trusted: np.ndarray, x: np.ndarray, y: np.ndarray, colour: str, veil: int = _VEIL) -> None:
        """Arguments: trusted: mask [y, x]. x, y: grid lines. veil: opacity, 0 to 255."""
        shade = QColor(colour)
        image = np.zeros((*trusted.T.shape, 4), dtype=np.ubyte)
        image[..., 0], image[..., 1], image[..., 2] = shade.red(), shade.green(), shade.blue()
        image[..., 3] = np.where(trusted.T, 0, veil)
        self.setImage(image, autoLevels=False)
        dx, dy = (x[-1] - x[0]) / (len(x) - 1), (y[-1] - y[0]) / (len(y) - 1)
        self.setRect(QRectF(x[0] - dx / 2, y[0] - dy / 2, dx * len(x), dy * len(y)))


class PhasePlot(QWidget):
    """Signals: axes_chosen(x, y): names of two states."""

    axes_chosen = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._picture: Picture | None = None
        self._portrait: Portrait | None = None
        self.plot = Plot("Phase portrait")
        self.shade = ShadeItem()
        self.shade.setZValue(-10)
        self.plot.item.addItem(self.shade, ignoreBounds=True)
        self.streams = self.plot.curve(lambda c: c.muted, faint=True)
        self.heads = self.plot.curve(lambda c: c.muted, faint=True)
        self._paths = [self.plot.curve(lambda c, k=k: c.curves[k % len(c.curves)], guest=True) for k in range(_PATHS)]
        self._dots = pg.PlotDataItem([], [], pen=None, symbol="o", symbolSize=5)
        self.plot.addItem(self._dots)
        self.plot.styled(self._restyle)
        tip = "State on this axis of the phase portrait"
        self.x_box, self.y_box = combo((), "Horizontal state", tip), combo((), "Vertical state", tip)
        self.caption = label("", "muted")
        self._choosers = QWidget()
        self._choosers.setLayout(row(self.x_box, label("against"), self.y_box, 1, self.caption))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addWidget(self._choosers)
        layout.addWidget(self.plot, 1)
        for box in (self.x_box, self.y_box):
            box.currentIndexChanged.connect(self._on_chosen)
        self._choosers.hide()

    def show_picture(self, dataset: Dataset | None, picture: Picture | None) -> None:
        """Draw the portrait of a picture; the same one again costs nothing."""
        if picture is self._picture and dataset is self._dataset:
            return
        self._dataset, self._picture = dataset, picture
        portrait = picture.portrait if picture else None
        self._portrait = portrait
        if picture is None or portrait is None:
            for item in (self.streams, self.heads, self._dots, *self._paths):
                item.setData([], [])
            self.shade.clear()
            return
        self._show_choosers(picture, portrait)
        self.plot.titles(self._title(portrait.x_name), self._title(portrait.y_name))
        self.streams.setData(portrait.streams[:, 0], portrait.streams[:, 1], connect="finite")
        self.heads.setData(*_arrow_heads(portrait), connect="pairs")
        self.shade.show_mask(portrait.trusted, portrait.trusted_x, portrait.trusted_y, self._veil)
        self._draw_paths(picture, portrait)

    def _draw_paths(self, picture: Picture, portrait: Portrait) -> None:
        states = picture.model.system.states
        ix, iy = states.index(portrait.x_name), states.index(portrait.y_name)
        paths = list(picture.paths.values())[:_PATHS]
        for position, item in enumerate(self._paths):
            if position < len(paths):
                item.setData(paths[position].states[:, ix], paths[position].states[:, iy], connect="finite")
            else:
                item.setData([], [])
        names = self._dataset.measured_names if self._dataset else ()
        if self._dataset is not None and portrait.x_name in names and portrait.y_name in names:
            a, b = names.index(portrait.x_name), names.index(portrait.y_name)
            points = np.concatenate([one.measured[:, [a, b]] for one in self._dataset.trajectories])
            self._dots.setData(points[:4000, 0], points[:4000, 1])
        else:
            self._dots.setData([], [])

    def _show_choosers(self, picture: Picture, portrait: Portrait) -> None:
        states = picture.model.system.states
        self._choosers.setVisible(len(states) > 2)
        for box, chosen in ((self.x_box, portrait.x_name), (self.y_box, portrait.y_name)):
            if [box.itemText(i) for i in range(box.count())] != list(states):
                with quiet(box):
                    box.clear()
                    for state in states:
                        box.addItem(state, state)
            choose(box, chosen)
        held = ", ".join(f"{name} = {value:.4g}" for name, value in portrait.held.items())
        self.caption.setText(f"at {held}" if held else "")

    def _title(self, state: str) -> str:
        columns = self._dataset.measured if self._dataset else ()
        return next((column.title for column in columns if column.name == state), state)

    def _on_chosen(self) -> None:
        x, y = self.x_box.currentData(), self.y_box.currentData()
        if x and y and x != y:
            self.axes_chosen.emit(x, y)

    def _restyle(self, c: Colours) -> None:
        self._veil = c.muted
        self._dots.setSymbolPen(pg.mkPen(c.data, width=1))
        self._dots.setSymbolBrush(pg.mkBrush(c.surface))
        if self._portrait is not None:
            self.shade.show_mask(self._portrait.trusted, self._portrait.trusted_x, self._portrait.trusted_y, c.muted)

    _veil = "#808080"


def _arrow_heads(portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Two short strokes at the end of each streamline, as pairs of points."""
    span = np.array([np.ptp(portrait.x), np.ptp(portrait.y)])
    tip, towards = portrait.heads[:, :2], portrait.heads[:, 2:]
    length = np.linalg.norm(towards, axis=1, keepdims=True)
    towards = np.divide(towards, length, out=np.zeros_like(towards), where=length > 0)
    across = np.stack([-towards[:, 1], towards[:, 0]], axis=1)
    strokes = [tip + _HEAD * (-towards + side * 0.6 * across) * span for side in (1, -1)]
    points = np.stack([tip, strokes[0], tip, strokes[1]], axis=1).reshape(-1, 2)
    return points[:, 0], points[:, 1]
