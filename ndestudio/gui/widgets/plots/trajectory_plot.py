"""Simulated trajectories against the data, one panel per measured column, then one per input; residuals on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.figures.input_paths import input_panel, moving_inputs
from ndestudio.figures.noise_band import NoiseBand
from ndestudio.figures.plot_data import Path, PlotData
from ndestudio.figures.trajectories import trajectory_panel
from ndestudio.gui.building import combo, discard, flow, label, quiet
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.gui.widgets.plots.plot import Plot

_MOST = 8
_HEIGHT = 112
_FIRST, _AHEAD = 4, 1
"""Panels that are made in any case, and rows of panels below those in view that are ready."""


class TrajectoryPanel(Plot):
    """One measured column, or after them an input."""

    room = 14
    lowest = False
    """Only the lowest panel of a column of panels names the time."""

    def __init__(self, dataset: Dataset, position: int) -> None:
        places = _columns(dataset)
        column, what = (
            (dataset.measured[position], "data and model")
            if position < len(dataset.measured)
            else (dataset.inputs[places[position]], "input")
        )
        super().__init__(f"{column.name}: {what}", "", column.title, low=True)
        self.setMinimumHeight(_HEIGHT)
        self._position = position
        self._drawn: tuple[Dataset, tuple[int, ...]] | None = None

    def draw(
        self,
        dataset: Dataset,
        trajectories: list[tuple[int, Trajectory]],
        paths: Mapping[str, Path],
        before: Mapping[str, Path],
        residuals: bool,
        dashed: str = "before",
        bands: Mapping[str, NoiseBand] | None = None,
    ) -> None:
        """Draw trajectories (colour number, data) with their simulations."""
        if self._position >= len(dataset.measured):
            drawn = (dataset, tuple(number for number, _ in trajectories))
            if self._drawn != drawn:  # inputs stay as they are while a model moves
                self._drawn = drawn
                self.show_panel(input_panel(dataset, _columns(dataset)[self._position], trajectories))
            return
        panel = trajectory_panel(
            dataset, self._position, trajectories, paths, before, residuals=residuals, dashed=dashed, bands=bands
        )
        self.show_panel(panel)

    def titles(self, x: str, y: str) -> None:
        super().titles(x if self.lowest else "", y)


class TrajectoryPlot(QWidget):
    """All measured columns. ``show_model`` may be called many times a second: only data change, nothing is rebuilt.

    A panel takes some 20 ms to be made and is made when it comes into view; those out of view are not drawn anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._plot_data: PlotData | None = None
        self._before: PlotData | None = None
        self._dashed = "before"
        self._bands: Mapping[str, NoiseBand] = {}
        self.panels: dict[int, TrajectoryPanel] = {}
        """Position of a measured column (of inputs: after them) -> its panel, once it is made."""
        self._stale: set[int] = set()
        self.chooser: QComboBox = combo((), "Trajectory", "Which trajectory is shown")
        self.chooser.setMinimumWidth(140)
        self.residuals = QCheckBox("Residuals")
        self.residuals.setToolTip("Measured minus simulated, in the unit of the column")
        self._parts: list[tuple[str, str]] = []
        self._hint = label("", "muted")
        self._hint.setTextFormat(Qt.TextFormat.RichText)
        self._hint.setToolTip(
            "Held-out rows, shaded for validation and test, are not used in fitting; the colour tells trajectories apart"
        )
        self._grid = QGridLayout()
        self._grid.setSpacing(GRID)
        self._grid.setContentsMargins(0, 0, 0, 0)
        inner = QWidget()
        inner.setLayout(self._grid)
        self._inner = inner
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addWidget(flow(self.chooser, self.residuals, self._hint, spacing=2 * GRID))
        layout.addWidget(self._area, 1)
        self.chooser.currentIndexChanged.connect(self._redraw)
        self.chooser.currentIndexChanged.connect(lambda _: self._show_hint())
        follow(self, self._show_hint)
        self.residuals.toggled.connect(self._on_residuals)
        bar = self._area.verticalScrollBar()
        bar.valueChanged.connect(lambda _: self._draw_in_view())
        bar.rangeChanged.connect(lambda *_: self._draw_in_view())

    def show_model(
        self,
        dataset: Dataset,
        plot_data: PlotData | None,
        before: PlotData | None = None,
        dashed: str = "before",
        bands: Mapping[str, NoiseBand] | None = None,
    ) -> None:
        """Draw a data set and simulations of it; the same ones again cost nothing.

        Parameters
        ----------
        before
            Another simulation, drawn dashed.
        dashed
            What it is, for the legend.
        bands
            Measured column -> where its measurements are expected, shown of a single trajectory.
        """
        bands = bands or {}
        parts = [("●", "training"), ("○", "held out")] + ([("—", "model")] if plot_data else [])
        parts += [("┄", dashed)] if before else []
        parts += [("▾", "dose")] if any(one.doses for one in dataset.trajectories) else []
        if parts != self._parts:
            self._parts = parts
            self._show_hint()
        same = dataset is self._dataset and plot_data is self._plot_data and before is self._before
        if same and bands == self._bands:
            return
        if dataset is not self._dataset:
            self._rebuild(dataset)
        renewed = dataset is not self._dataset
        self._dataset, self._plot_data, self._before, self._dashed = dataset, plot_data, before, dashed
        if renewed:
            self._show_hint()
        self._bands = bands
        self._redraw()

    def _show_hint(self) -> None:
        """The marks in the ink they are drawn with; a single trajectory has colours of its own."""
        c = colours()
        names = [one.name for one in self._dataset.trajectories] if self._dataset is not None else []
        number = (
            0 if len(names) == 1 else names.index(chosen) if (chosen := self.chooser.currentData()) in names else None
        )
        curve = c.text if number is None else c.curves[number % len(c.curves)]
        inks = {"●": c.data, "○": c.data, "—": curve}
        words = (
            f'<span style="color: {inks.get(mark, c.text)}">{mark}</span> {escape(name)}' for mark, name in self._parts
        )
        self._hint.setText("&nbsp; ".join(words))

    def _rebuild(self, dataset: Dataset) -> None:
        old = self._dataset
        titles = lambda one: (one.measured, one.time, tuple(one.inputs[k] for k in moving_inputs(one)))  # noqa: E731
        if old is None or titles(old) != titles(dataset):
            for panel in self.panels.values():
                self._grid.removeWidget(panel)
                discard(panel)
            self.panels, self._stale = {}, set()
            count, wide = len(_columns(dataset)), _wide(dataset)
            rows = -(-count // wide)
            for number in range(max(rows, self._grid.rowCount())):
                self._grid.setRowMinimumHeight(number, _HEIGHT if number < rows else 0)
                self._grid.setRowStretch(number, 1 if number < rows else 0)
            self._inner.setMinimumHeight(rows * (_HEIGHT + GRID) - GRID)
        names = [one.name for one in dataset.trajectories]
        chosen = self.chooser.currentData()
        with quiet(self.chooser):
            self.chooser.clear()
            if len(names) > 1:
                self.chooser.addItem("All trajectories" if len(names) <= _MOST else f"First {_MOST} trajectories", None)
            for name in names:
                self.chooser.addItem(name or "trajectory", name)
            self.chooser.setCurrentIndex(max(0, self.chooser.findData(chosen)) if chosen else 0)
        self.chooser.setVisible(len(names) > 1)

    def _on_residuals(self) -> None:
        self._redraw()
        self._draw(sorted(self._stale))
        for panel in self.panels.values():
            panel.fit()

    def _redraw(self) -> None:
        self._stale = set(self.panels)
        self._draw_in_view()

    def _draw_in_view(self) -> None:
        if self._dataset is not None:
            self._draw([one for one in self._in_view(self._dataset) if one not in self.panels or one in self._stale])

    def _in_view(self, dataset: Dataset) -> range:
        """Positions of the columns whose panels are in view, or nearly."""
        wide, height = _wide(dataset), self._area.viewport().height()
        count = len(_columns(dataset))
        pitch = max(_HEIGHT + GRID, (height + GRID) // max(1, -(-count // wide)))
        top = self._area.verticalScrollBar().value()
        last = max(((top + height) // pitch + 1 + _AHEAD) * wide, _FIRST)
        return range(min(top // pitch * wide, count), min(last, count))

    def _draw(self, positions: Sequence[int]) -> None:
        if self._dataset is None or not positions:
            return
        wanted = self.chooser.currentData()
        numbered = list(enumerate(self._dataset.trajectories))
        shown = [(n, one) for n, one in numbered if wanted is None or one.name == wanted][:_MOST]
        paths = dict(self._plot_data.paths) if self._plot_data else {}
        before = dict(self._before.paths) if self._before else {}
        for position in positions:
            panel = self.panels.get(position) or self._make(self._dataset, position)
            panel.draw(self._dataset, shown, paths, before, self.residuals.isChecked(), self._dashed, self._bands)
            self._stale.discard(position)

    def _make(self, dataset: Dataset, position: int) -> TrajectoryPanel:
        panel, wide = TrajectoryPanel(dataset, position), _wide(dataset)
        self._grid.addWidget(panel, position // wide, position % wide)
        first = next(iter(self.panels.values()), None)
        if first is not None:
            panel.setXLink(first)
        panel.lowest = position + wide >= len(_columns(dataset))
        self.panels[position] = panel
        return panel


def _wide(dataset: Dataset) -> int:
    """Panels beside each other."""
    return 1 if len(_columns(dataset)) <= 3 else 2


def _columns(dataset: Dataset) -> tuple[int, ...]:
    """What has a panel: places of the measured columns, then of inputs that change."""
    return (*range(len(dataset.measured)), *moving_inputs(dataset))
