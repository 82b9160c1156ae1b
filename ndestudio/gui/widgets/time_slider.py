"""Time travel: a slider over the models on the way, with what can be done from the one looked at."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from ndestudio.gui.building import button, label, quiet, row
from ndestudio.session.training.state import CheckpointRow, Status

_BRANCH_TIP = "Make this the trained model: it can then be distilled, exported or trained on (one step to undo)"
_RESUME_TIP = "Go on training from the model of this moment, with the settings and the equations of now"


class TimeSlider(QWidget):
    """Signals: looked_at(position, -1 for the newest), branch(), train_on()."""

    looked_at = Signal(int)
    branch = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[CheckpointRow, ...] = ()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Moment of the training")
        self.slider.setToolTip("Look at the model as it was at a moment of the training; the right end is the newest")
        self.words = label("", "muted")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.newest_button = button("Newest", lambda: self.looked_at.emit(-1), tip="Look at the newest model again")
        self.branch_button = button(
            "Go back to this",
            self.branch.emit,
            icon_name="undo",
            tip=_BRANCH_TIP,
        )
        self.slider.valueChanged.connect(self._on_moved)
        layout = row(label("Time travel"), self.slider, self.words, self.newest_button, self.branch_button)
        layout.setStretch(1, 3)
        layout.setStretch(2, 4)
        self.setLayout(layout)

    def show_moments(self, rows: tuple[CheckpointRow, ...], position: int, status: Status) -> None:
        """Arguments: position: of the moment looked at, -1 for the newest model. status: of the training."""
        self._rows = rows
        self.setVisible(bool(rows))
        with quiet(self.slider):
            self.slider.setRange(0, len(rows))
            self.slider.setPageStep(max(1, len(rows) // 10))
            if not self.slider.isSliderDown():
                self.slider.setValue(position if position >= 0 else len(rows))
        self.slider.setEnabled(bool(rows))
        looking = 0 <= position < len(rows)
        self.words.setText(_words(rows[position]) if looking else "the newest model" if rows else "")
        self.words.setToolTip(self.words.text())
        self.newest_button.setEnabled(looking)
        self.branch_button.setText("Resume from this" if status == "paused" else "Go back to this")
        self.branch_button.setToolTip(_RESUME_TIP if status == "paused" else _BRANCH_TIP)
        self.branch_button.setEnabled(looking and status in ("idle", "paused"))

    def _on_moved(self, value: int) -> None:
        self.looked_at.emit(value if value < len(self._rows) else -1)


def _words(row_: CheckpointRow) -> str:
    loss = f", loss {row_.loss:.3g}" if math.isfinite(row_.loss) else ""
    return f"{row_.title}, step {row_.iteration}{loss}"
