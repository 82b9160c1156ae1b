"""Steady states over the input that was varied: the model beside the data, one measured column at a time."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.data.dataset import Dataset
from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.dose_response import DoseResponse, dose_response_panel
from ndestudio.gui.building import choose, combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot


class DoseResponsePlot(QWidget):
    """Shows the dose-response curves of plot data."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[DoseResponse, ...] = ()
        self._dataset: Dataset | None = None
        self._noise: Mapping[str, float] | None = None
        self.plot = Plot("Steady states")
        self.plot.show_legend()
        self.column = combo((), "Measured column", "Which measured column is shown over the varied input")
        self.words = label("", "muted", wrap=True)
        self._choosers = QWidget()
        self._choosers.setLayout(row(label("Column", "muted"), self.column, 1))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addWidget(self._choosers)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.words)
        self.column.currentIndexChanged.connect(lambda _: self._draw())

    def show_curves(
        self, dataset: Dataset | None, curves: tuple[DoseResponse, ...], noise: Mapping[str, float] | None = None
    ) -> None:
        """Draw the curves; the same ones again cost nothing."""
        if curves is self._shown and dataset is self._dataset:
            return
        self._shown, self._dataset, self._noise = curves, dataset, noise
        columns = list(dict.fromkeys(one.column for one in curves))
        if [self.column.itemData(k) for k in range(self.column.count())] != columns:
            with quiet(self.column):
                self.column.clear()
                for name in columns:
                    self.column.addItem(name, name)
                if columns:
                    choose(self.column, columns[0])
        self._choosers.setVisible(len(columns) > 1)
        self._draw()

    def _draw(self) -> None:
        chosen = self.column.currentData()
        if self._dataset is None or not self._shown or chosen is None:
            self.plot.show_panel(Panel(Axis(), Axis()))
            self.words.setText("")
            return
        self.plot.show_panel(dose_response_panel(self._shown, chosen, self._dataset, self._noise))
        self.words.setText(_told([one for one in self._shown if one.column == chosen]))


def _told(curves: list[DoseResponse]) -> str:
    parts = []
    if any(len(one.others) for one in curves):
        parts.append("Hollow: further stable steady states, which other initial values lead to.")
    if any((~one.stable & (one.values == one.values)).any() for one in curves):
        parts.append("Dashed: small disturbances grow there.")
    if any((one.values != one.values).any() for one in curves):
        parts.append("Gaps: the model does not settle there.")
    return " ".join(parts)
