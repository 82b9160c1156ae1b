"""The phase portrait: streamlines of the learned field, simulated paths, data points; what data do not support is shaded."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.data.dataset import Dataset
from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.phase_portrait import phase_panel
from ndestudio.figures.plot_data import PlotData, Portrait
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot


class PhasePlot(QWidget):
    """Signals: axes_chosen(x, y): names of two states."""

    axes_chosen = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._plot_data: PlotData | None = None
        self._portrait: Portrait | None = None
        self.plot = Plot("Phase portrait")
        self.plot.show_legend()
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

    def show_plot_data(self, dataset: Dataset | None, plot_data: PlotData | None) -> None:
        """Draw the portrait of plot data; the same one again costs nothing."""
        if plot_data is self._plot_data and dataset is self._dataset:
            return
        self._dataset, self._plot_data = dataset, plot_data
        portrait = plot_data.portrait if plot_data else None
        self._portrait = portrait
        if plot_data is None or portrait is None:
            self.plot.show_panel(Panel(Axis(), Axis()))
            return
        self._show_choosers(plot_data, portrait)
        self.plot.show_panel(phase_panel(dataset, plot_data, portrait))

    def _show_choosers(self, plot_data: PlotData, portrait: Portrait) -> None:
        states = plot_data.model.system.states
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

    def _on_chosen(self) -> None:
        x, y = self.x_box.currentData(), self.y_box.currentData()
        if x and y and x != y:
            self.axes_chosen.emit(x, y)
