"""What a neural term has learned: a curve over one argument, a map over two; where no data support it, it is veiled."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QStackedWidget, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.plot_data import NeuralTermPlotData, PlotData
from ndestudio.figures.response import response_curve, response_levels, response_map
from ndestudio.gui.building import combo, flow, quiet
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.plots.plot import Plot


class NeuralTermPlot(QWidget):
    """Signals: arguments_chosen(neural_term, positions)."""

    arguments_chosen = Signal(str, tuple)

    def __init__(self) -> None:
        super().__init__()
        self._plot_data: PlotData | None = None
        self._neural_term: NeuralTermPlotData | None = None
        self.neural_term_box = combo((), "Unknown function", "Which unknown function is shown")
        self.arguments_box = combo((), "Arguments shown", "Arguments the function is drawn over")
        self.caption = ElidedLabel()
        self.curve_plot = Plot("Unknown function")
        self.curve_plot.show_legend()
        self.map_plot = Plot("Unknown function over two arguments")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.curve_plot)
        self.stack.addWidget(self.map_plot)
        for box in (self.neural_term_box, self.arguments_box):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMinimumWidth(96)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addWidget(flow(self.neural_term_box, self.arguments_box))
        layout.addWidget(self.caption)
        layout.addWidget(self.stack, 1)
        self.neural_term_box.currentIndexChanged.connect(self._draw)
        self.arguments_box.currentIndexChanged.connect(self._on_arguments)

    def show_plot_data(self, plot_data: PlotData | None) -> None:
        """Draw a neural term of plot data; the same one again costs nothing."""
        if plot_data is self._plot_data:
            return
        self._plot_data = plot_data
        names = [neural_term.name for neural_term in plot_data.neural_terms] if plot_data else []
        if [self.neural_term_box.itemData(i) for i in range(self.neural_term_box.count())] != names:
            with quiet(self.neural_term_box):
                chosen = self.neural_term_box.currentData()
                self.neural_term_box.clear()
                for name in names:
                    self.neural_term_box.addItem(name, name)
                self.neural_term_box.setCurrentIndex(max(0, names.index(chosen) if chosen in names else 0))
        self._draw()

    def _draw(self) -> None:
        neural_terms = self._plot_data.neural_terms if self._plot_data else ()
        neural_term = next((one for one in neural_terms if one.name == self.neural_term_box.currentData()), None)
        self._neural_term = neural_term
        if self._plot_data is None or neural_term is None:
            for plot in (self.curve_plot, self.map_plot):
                plot.show_panel(Panel(Axis(), Axis()))
            self.caption.show_text("", "muted")
            return
        network = self._plot_data.model.networks[neural_term.name]
        self._show_arguments(neural_term, network.arguments)
        unit = f" [{network.config.unit}]" if network.config.unit else ""
        if len(neural_term.axes) == 1:
            self.stack.setCurrentWidget(self.curve_plot)
            self.curve_plot.show_panel(response_curve(neural_term, unit=network.config.unit))
        else:
            self.stack.setCurrentWidget(self.map_plot)
            self.map_plot.show_panel(response_map(neural_term, response_levels(neural_term), unit=network.config.unit))
        held = ", ".join(f"{name} = {value:.4g}" for name, value in neural_term.held.items())
        words = (
            f"at {held}"
            if held
            else f"{unit.strip()} veiled: no data"
            if len(neural_term.axes) == 2
            else "dashed: no data"
        )
        self.caption.show_text(f"{words}; {spread}" if (spread := _spread(neural_term)) else words, "muted")

    def _show_arguments(self, neural_term: NeuralTermPlotData, arguments: tuple[str, ...]) -> None:
        choices: list[tuple[int, ...]] = [(i,) for i in range(len(arguments))]
        choices += [(i, j) for i in range(len(arguments)) for j in range(i + 1, len(arguments))]
        self.arguments_box.setVisible(len(arguments) > 1)
        words = ["over " + ", ".join(arguments[i] for i in positions) for positions in choices]
        if [self.arguments_box.itemText(i) for i in range(self.arguments_box.count())] != words:
            with quiet(self.arguments_box):  # another model may have as many arguments with other names
                self.arguments_box.clear()
                for text, positions in zip(words, choices, strict=True):
                    self.arguments_box.addItem(text, positions)
        shown = tuple(arguments.index(name) for name in neural_term.arguments)
        with quiet(self.arguments_box):
            self.arguments_box.setCurrentIndex(choices.index(shown) if shown in choices else 0)

    def _on_arguments(self) -> None:
        if self._neural_term is not None and self.arguments_box.currentData() is not None:
            self.arguments_chosen.emit(self._neural_term.name, tuple(self.arguments_box.currentData()))


def _spread(neural_term: NeuralTermPlotData) -> str:
    """How far the seeds are apart where data support the neural term, in words."""
    if neural_term.lowest is None or neural_term.highest is None or not neural_term.trusted.any():
        return ""
    apart = float(np.nanmax((neural_term.highest - neural_term.lowest)[neural_term.trusted]))
    return f"seeds differ by up to {apart:.3g}"
