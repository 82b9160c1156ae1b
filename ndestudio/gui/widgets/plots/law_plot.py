"""The law of a stochastic model: drift, diffusion, potential, density, memory, first passages, probabilities of the data."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Figure, Panel
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.training.diagnostics import DiagnosticsState

MOST = 7
_HEIGHT, _WIDE = 168, 520
"""Least height of a panel, and the width from which two stand beside each other."""


class LawPlot(QWidget):
    """Signals: asked(state): the law is looked at, of a state ("": any)."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._figure: Figure | None = None
        self.state_box = combo((), "State", "Whose drift, diffusion, density and memory are shown")
        self.state_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.state_box.setMinimumWidth(96)
        self.sentence = label("", "muted", wrap=True)
        self.plots = [Plot(f"Law, panel {k + 1}") for k in range(MOST)]
        grid = self.grid = QGridLayout()
        grid.setSpacing(GRID)
        grid.setContentsMargins(0, 0, 0, 0)
        self._columns = 0
        for plot in self.plots:
            plot.setMinimumHeight(_HEIGHT)
            plot.show_legend()
            plot.hide()
        inner = QWidget()
        inner.setLayout(grid)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        area.setAccessibleName("Panels of the law")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.state_box, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(area, 1)
        self.state_box.currentIndexChanged.connect(lambda _: self.asked.emit(self.state_box.currentData() or ""))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(2 if event.size().width() >= _WIDE else 1)

    def _place(self, columns: int) -> None:
        """Panels in one column where there is little room, else in two."""
        if columns != self._columns:
            self._columns = columns
            for k, plot in enumerate(self.plots):
                self.grid.addWidget(plot, k // columns, k % columns)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.asked.emit("")

    def show_law(self, state: DiagnosticsState) -> None:
        """Draw it; the same one again costs nothing."""
        if [self.state_box.itemData(k) for k in range(self.state_box.count())] != list(state.law_states):
            with quiet(self.state_box):
                self.state_box.clear()
                for name in state.law_states:
                    self.state_box.addItem(name, name)
        choose(self.state_box, state.law_state)
        self.state_box.setVisible(len(state.law_states) > 1)
        if state.law is None:
            self.sentence.setText(
                "Simulating …" if state.looking else "The law is shown of a trained model whose states are measured."
            )
        self.sentence.setVisible(state.law is None)
        if state.law is self._figure:
            return
        self._figure = state.law
        panels = state.law.panels if state.law is not None else ()
        for k, plot in enumerate(self.plots):
            shown = k < len(panels)
            plot.setVisible(shown)
            plot.show_panel(panels[k] if shown else Panel(Axis(), Axis()))
            if shown:
                plot.setAccessibleName(panels[k].y.title)
                plot.fit()
