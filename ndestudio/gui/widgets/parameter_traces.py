"""Parameters while they are fitted: each relative to its newest value, so that all fit into one picture."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.train_state import Traces

_MOST = 8


class ParameterTraces(Plot):
    """At most eight parameters, those that moved most."""

    def __init__(self) -> None:
        super().__init__("Parameters during training", "step", "relative to the newest value")
        self._traces: Traces | None = None
        self._names: list[str] = []
        self._items: list[pg.PlotDataItem] = []
        self.show_legend()

    def show_traces(self, traces: Traces) -> None:
        """Draw them; the same ones again cost nothing."""
        if traces is self._traces:
            return
        self._traces = traces
        names = list(traces.values)
        if set(names) != set(self._known):
            self._known = names
            self._names = names[:_MOST]
        if len(names) > _MOST:
            self._names = sorted(names, key=lambda name: -_moved(traces.values[name]))[:_MOST]
        while len(self._items) < len(self._names):
            position = len(self._items)
            item = self.curve(lambda c, k=position: c.curves[k % len(c.curves)])
            self._items.append(item)
        for position, item in enumerate(self._items):
            if position < len(self._names):
                values = traces.values[self._names[position]]
                last = values[-1] if len(values) and values[-1] else 1.0
                item.setData(np.arange(len(values)), values / last)
            else:
                item.setData([], [])
        self._name_legend()

    _known: list[str] = []

    def _name_legend(self) -> None:
        legend = self.show_legend()
        shown = [text.text for _, text in legend.items]
        if shown != self._names:
            legend.clear()
            for name, item in zip(self._names, self._items, strict=False):
                legend.addItem(item, name)
            self._restyle()


def _moved(values: np.ndarray) -> float:
    """Range relative to the newest value."""
    if not len(values):
        return 0.0
    return float(np.ptp(values) / (abs(values[-1]) or 1.0))
