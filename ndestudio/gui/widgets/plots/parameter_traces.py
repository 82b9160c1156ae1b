"""Parameters while they are fitted: each relative to its newest value, so that all fit into one picture."""

from __future__ import annotations

from ndestudio.figures.parameter_traces import MOST, moving, traces_panel
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.training.state import Traces


class ParameterTraces(Plot):
    """At most eight parameters, those that moved most."""

    def __init__(self) -> None:
        super().__init__("Parameters during training", "step", "relative to the newest value")
        self._traces: Traces | None = None
        self._names: list[str] = []
        self.show_legend()

    def show_traces(self, traces: Traces) -> None:
        """Draw them; the same ones again cost nothing."""
        if traces is self._traces:
            return
        self._traces = traces
        if set(self._names) != set(traces.values) or len(traces.values) > MOST:
            self._names = moving(traces.values)
        self.show_panel(traces_panel(traces.values, self._names))
