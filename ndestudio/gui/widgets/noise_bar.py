"""Noise in the equations: in whose sense it is meant, and what it is not."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from ndestudio.gui.building import choose, combo, flow, label, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.session.model.noise import CALCULI, Fan, NoiseState


class NoiseBar(QWidget):
    """Shown where the equations have noise. Signals: calculus_chosen(name)."""

    calculus_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = combo(
            CALCULI,
            "Calculus",
            "In whose sense a noise that is multiplied by something of the state is meant: Itô takes it at the begin of each "
            "step, Stratonovich in its middle (the limit of smooth noises)",
        )
        self.sentence = label("", "muted", wrap=True)
        self.other = ElidedLabel("muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        layout.addLayout(row(label("Noise in the sense of"), self.box, 1))
        layout.addWidget(self.sentence)
        layout.addWidget(self.other)
        self.box.currentIndexChanged.connect(lambda _: self.calculus_chosen.emit(self.box.currentData()))
        self.hide()

    def show_noise(self, state: NoiseState) -> None:
        self.setVisible(bool(state.calculus))
        choose(self.box, state.calculus or "ito")
        if self.sentence.text() != state.sentence:
            self.sentence.setText(state.sentence)
        self.other.show_text(state.other, "muted")


class FanBar(QWidget):
    """How many paths are simulated, and the seed of their noise. Signals: changed(paths, seed)."""

    changed = Signal(int, int)

    def __init__(self, most: int = 5000) -> None:
        super().__init__()
        self.paths, self.seed = QSpinBox(), QSpinBox()
        for box, low, high, name, tip in (
            (self.paths, 10, most, "Paths", "Simulated paths; their quantiles are the bands"),
            (self.seed, 0, 2**31 - 1, "Seed", "Of the noise: the same seed gives the same paths"),
        ):
            box.setRange(low, high)
            box.setKeyboardTracking(False)
            box.setAccessibleName(name)
            box.setToolTip(tip)
            box.valueChanged.connect(lambda _: self.changed.emit(self.paths.value(), self.seed.value()))
        self.paths.setSingleStep(100)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(flow(label("Paths"), self.paths, label("Seed"), self.seed))
        self.hide()

    def show_fan(self, fan: Fan) -> None:
        with quiet(self.paths, self.seed):
            self.paths.setValue(fan.paths)
            self.seed.setValue(fan.seed)
