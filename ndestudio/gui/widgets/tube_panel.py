"""The reach tube: what is asked, what it claims, and its picture over time and in the plane of two states."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.tube import kind_sentence, tube_panel, tube_portrait
from ndestudio.gui.building import button, combo, flow, holder, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.distillation.tubes import TubeState

_KINDS = (("statistical", "Statistical"), ("interval", "Interval"))


class TubePanel(QWidget):
    """Signals: asked(method, radius, unsafe sets divided by `;`)."""

    asked = Signal(str, float, str)

    def __init__(self) -> None:
        super().__init__()
        self._state = TubeState()
        self.sentence = label("", wrap=True, selectable=True)
        self.sentence.setAccessibleName("What the reach tube claims")
        self.kind_box: QComboBox = combo(
            (), "Kind of tube", "Statistical: any model, with a confidence. Interval: formulas"
        )
        for name, title in _KINDS:
            self.kind_box.addItem(title, name)
        self.radius_edit = QLineEdit("0.01")
        self.radius_edit.setAccessibleName("Radius of the ball of starts")
        self.radius_edit.setToolTip("Radius of the ball of starts, in the units of the states")
        self.radius_edit.setMaximumWidth(80)
        self.unsafe_edit = QLineEdit()
        self.unsafe_edit.setAccessibleName("Unsafe sets")
        self.unsafe_edit.setToolTip(
            "Where the states must not get: conditions joined by `and`, sets apart by semicolons"
        )
        self.unsafe_edit.setPlaceholderText("Unsafe sets, such as x > 3 and y < 1; y > 5")
        self.make_button = button("Make", self._ask, tip="Look where the states can be")
        self.view_box: QComboBox = combo((), "View", "A state over time, or two states against each other")
        self.view_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.kind_note = label("", "hint", wrap=True)
        self.plot = Plot("Reach tube", low=True)
        self.plot.show_legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        self.unsafe_edit.setMinimumWidth(160)
        radius = holder(row(label("Radius"), self.radius_edit))
        layout.addWidget(flow(self.kind_box, radius, self.unsafe_edit, self.make_button, self.view_box))
        layout.addWidget(self.sentence)
        layout.addWidget(self.kind_note)
        layout.addWidget(self.plot, 1)
        self.view_box.currentIndexChanged.connect(lambda _: self._draw())

    def show_tube(self, state: TubeState) -> None:
        """Show it; the same again costs nothing."""
        before, self._state = self._state, state
        self.sentence.setText("Looking where the states can be …" if state.making else state.sentence)
        self.kind_note.setToolTip(state.tube.sentence if state.tube is not None else "")
        self.make_button.setEnabled(state.ready)
        if state.config != before.config:
            self.kind_box.setCurrentIndex([name for name, _ in _KINDS].index(state.config.method))
            if isinstance(state.config.radius, float | int):
                self.radius_edit.setText(f"{state.config.radius:g}")
            self.unsafe_edit.setText("; ".join(state.config.unsafe))
        if state.tube is not before.tube:
            self._list_views()
            self._draw()

    def _ask(self) -> None:
        try:
            radius = float(self.radius_edit.text())
        except ValueError:
            self.sentence.setText(f"The radius `{self.radius_edit.text()}` is no number; write such as 0.05.")
            return
        self.asked.emit(self.kind_box.currentData(), radius, self.unsafe_edit.text())

    def _list_views(self) -> None:
        tube = self._state.tube
        states = list(tube.states) if tube is not None else []
        with quiet(self.view_box):
            self.view_box.clear()
            for k, name in enumerate(states):
                self.view_box.addItem(f"{name} over time", (k, -1))
            for k, name in enumerate(states[1:], start=1):
                self.view_box.addItem(f"{name} against {states[0]}", (0, k))
        self.view_box.setVisible(self.view_box.count() > 1)

    def _draw(self) -> None:
        tube, view = self._state.tube, self.view_box.currentData()
        self.kind_note.setText("" if tube is None else kind_sentence(tube))
        if tube is None or view is None:
            self.plot.show_panel(Panel(Axis(), Axis()))
            return
        first, second = view
        dataset = self._state.dataset
        shown = tube_panel(tube, first, dataset) if second < 0 else tube_portrait(tube, first, second, dataset)
        self.plot.show_panel(shown)
        self.plot.fit()
