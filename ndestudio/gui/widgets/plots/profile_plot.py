"""The profile likelihood of a parameter, with its threshold and the quadratic approximation for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.profile_likelihood import profile_panel
from ndestudio.gui.building import button, combo, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.training.diagnostics import DiagnosticsState

if TYPE_CHECKING:
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile


class ProfilePlot(QWidget):
    """Signals: chosen(parameter); asked(): make the profile, or end what goes on."""

    chosen = Signal(str)
    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None
        self.parameter_box = combo((), "Parameter", "Parameter that is held at other values while all else is fitted")
        self.parameter_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.parameter_box.setMinimumWidth(96)
        self.run_button = button(
            "Profile", self.asked.emit, tip="Fit everything else again at other values of this parameter"
        )
        self.sentence = label("", wrap=True, selectable=True)
        self.plot = Plot("Profile likelihood", "", "rise of the misfit")
        self.plot.show_legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(self.parameter_box, self.run_button, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(self.plot, 1)
        self.parameter_box.currentIndexChanged.connect(
            lambda _: self.chosen.emit(self.parameter_box.currentData() or "")
        )

    def show_diagnostics(self, diagnostics: DiagnosticsState) -> None:
        """Draw the profile of the parameter looked at; the same one again costs nothing."""
        names = list(diagnostics.parameters)
        with quiet(self.parameter_box):
            if [self.parameter_box.itemData(i) for i in range(self.parameter_box.count())] != names:
                self.parameter_box.clear()
                for name in names:
                    self.parameter_box.addItem(name, name)
            self.parameter_box.setCurrentIndex(names.index(diagnostics.chosen) if diagnostics.chosen in names else -1)
        busy = bool(diagnostics.profiling)
        self.run_button.setText("Stop" if busy else "Profile again" if diagnostics.profile else "Profile")
        self.run_button.setEnabled(busy or (diagnostics.can and bool(names)))
        self.sentence.setText(self._words(diagnostics))
        if diagnostics.profile is not self._profile:
            self._profile = diagnostics.profile
            self._draw(diagnostics.profile)

    def _words(self, diagnostics: DiagnosticsState) -> str:
        if diagnostics.profiling:
            return f"{diagnostics.profiling[:1].upper()}{diagnostics.profiling[1:]} …"
        if diagnostics.profile is not None:
            return diagnostics.profile.sentence
        if not diagnostics.parameters:
            return "The model has no parameters that are fitted."
        return "How far the parameter can go before the data object: band, 95% by the quadratic approximation."

    def _draw(self, profile: Profile | None) -> None:
        if profile is None:
            self.plot.show_panel(Panel(Axis(), Axis("rise of the misfit")))
            return
        self.plot.show_panel(profile_panel(profile))
        self.plot.item.enableAutoRange(x=True, y=False)
