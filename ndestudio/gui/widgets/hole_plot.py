"""What a hole has learned: a curve over one argument, a map over two; where no data support it, it is veiled."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QStackedWidget, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.plot_data import HolePicture, Picture
from ndestudio.figures.response import response_curve, response_levels, response_map
from ndestudio.gui.building import combo, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.plot import Plot


class HolePlot(QWidget):
    """Signals: arguments_chosen(hole, positions)."""

    arguments_chosen = Signal(str, tuple)

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._hole: HolePicture | None = None
        self.hole_box = combo((), "Unknown function", "Which unknown function is shown")
        self.arguments_box = combo((), "Arguments shown", "Arguments the function is drawn over")
        self.caption = ElidedLabel()
        self.curve_plot = Plot("Unknown function")
        self.curve_plot.show_legend()
        self.map_plot = Plot("Unknown function over two arguments")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.curve_plot)
        self.stack.addWidget(self.map_plot)
        for box in (self.hole_box, self.arguments_box):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMinimumWidth(96)
        self._choosers = row(self.hole_box, self.arguments_box, self.caption)
        self._choosers.setStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(self._choosers)
        layout.addWidget(self.stack, 1)
        self.hole_box.currentIndexChanged.connect(self._draw)
        self.arguments_box.currentIndexChanged.connect(self._on_arguments)

    def show_picture(self, picture: Picture | None) -> None:
        """Draw a hole of a picture; the same one again costs nothing."""
        if picture is self._picture:
            return
        self._picture = picture
        names = [hole.name for hole in picture.holes] if picture else []
        if [self.hole_box.itemData(i) for i in range(self.hole_box.count())] != names:
            with quiet(self.hole_box):
                chosen = self.hole_box.currentData()
                self.hole_box.clear()
                for name in names:
                    self.hole_box.addItem(name, name)
                self.hole_box.setCurrentIndex(max(0, names.index(chosen) if chosen in names else 0))
        self._draw()

    def _draw(self) -> None:
        holes = self._picture.holes if self._picture else ()
        hole = next((one for one in holes if one.name == self.hole_box.currentData()), None)
        self._hole = hole
        if self._picture is None or hole is None:
            self.curve_plot.show_panel(Panel(Axis(), Axis()))
            return
        network = self._picture.model.networks[hole.name]
        self._show_arguments(hole, network.arguments)
        unit = f" [{network.config.unit}]" if network.config.unit else ""
        if len(hole.axes) == 1:
            self.stack.setCurrentWidget(self.curve_plot)
            self.curve_plot.show_panel(response_curve(hole, unit=network.config.unit))
        else:
            self.stack.setCurrentWidget(self.map_plot)
            self.map_plot.show_panel(response_map(hole, response_levels(hole), unit=network.config.unit))
        held = ", ".join(f"{name} = {value:.4g}" for name, value in hole.held.items())
        words = (
            f"at {held}" if held else f"{unit.strip()} veiled: no data" if len(hole.axes) == 2 else "dashed: no data"
        )
        self.caption.show_text(f"{words}; {spread}" if (spread := _spread(hole)) else words, "muted")

    def _show_arguments(self, hole: HolePicture, arguments: tuple[str, ...]) -> None:
        choices: list[tuple[int, ...]] = [(i,) for i in range(len(arguments))]
        choices += [(i, j) for i in range(len(arguments)) for j in range(i + 1, len(arguments))]
        self.arguments_box.setVisible(len(arguments) > 1)
        if [self.arguments_box.itemData(i) for i in range(self.arguments_box.count())] != choices:
            with quiet(self.arguments_box):
                self.arguments_box.clear()
                for positions in choices:
                    self.arguments_box.addItem("over " + ", ".join(arguments[i] for i in positions), positions)
        shown = tuple(arguments.index(name) for name in hole.arguments)
        with quiet(self.arguments_box):
            self.arguments_box.setCurrentIndex(choices.index(shown) if shown in choices else 0)

    def _on_arguments(self) -> None:
        if self._hole is not None and self.arguments_box.currentData() is not None:
            self.arguments_chosen.emit(self._hole.name, tuple(self.arguments_box.currentData()))


def _spread(hole: HolePicture) -> str:
    """How far the seeds are apart where data support the hole, in words."""
    if hole.lowest is None or hole.highest is None or not hole.trusted.any():
        return ""
    apart = float(np.nanmax((hole.highest - hole.lowest)[hole.trusted]))
    return f"seeds differ by up to {apart:.3g}"
