"""Settings of training: the preset, and the details behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ndestudio.fitting.config import Stage, TrainConfig
from ndestudio.gui.building import choose, combo, label, line, narrow, quiet
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.editors.solver_settings import SolverSettings
from ndestudio.session.stage_progress import TRAINING

PRESETS = (("Quick look", "quick"), ("Balanced", "balanced"), ("Thorough", "thorough"))
PRESET_TIP = "Quick look: some 10 s. Balanced: up to 40 s, the default. Thorough: up to 3 min, for the last digit"


class TrainSettings(QScrollArea):
    """Signals: changed(dict of fields of ``TrainConfig``)."""

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._config: TrainConfig | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Training settings")
        self._make_controls()
        form = self.form = QFormLayout()
        form.setSpacing(GRID)
        form.setContentsMargins(GRID, GRID, GRID, GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Seed", self.seed)
        form.addRow("Networks", self.seeds)
        form.addRow("Time limit", self.time_limit)
        form.addRow("Device", self.device)
        form.addRow("Density", self.density)
        form.setRowVisible(self.density, False)
        self._stochastic = False
        rule, second = line(), line()
        form.addRow(rule)
        form.addRow("Stages", self.own_stages)
        for box in self.stages.values():
            form.addRow("", box)
        form.addRow(second)
        form.addRow("Loss", self.loss)
        form.addRow("Huber delta", self.huber)
        form.addRow("Noise", self.noise)
        form.addRow("Logarithms of", self.log_states)
        form.addRow("Weight penalty", self.l2)
        form.addRow("Segment", self.segment)
        form.addRow(self.solver)
        form.addRow("Initial values", self.fit_initial)
        self._squares: tuple[QWidget, ...] = (
            *(self.seeds, rule, self.own_stages, *self.stages.values(), second, self.loss, self.huber),
            *(self.log_states, self.segment, self.solver, self.fit_initial),
        )
        form.addRow(self.problem)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addStretch(1)
        self.setWidget(inner)

    def show_config(self, config: TrainConfig, *, stochastic: bool = False, black_boxes: bool = False) -> None:
        """``stochastic``: the equations have noise, so that settings of a fit by squared errors have no effect and are not shown."""
        if stochastic != self._stochastic:
            self._stochastic = stochastic
            for part in self._squares:
                self.form.setRowVisible(part, not stochastic)
            self.form.setRowVisible(self.density, stochastic)
        if config == self._config:
            return
        self._config = config
        for box, value in ((self.seed, config.seed), (self.seeds, config.seeds), (self.segment, config.segment)):
            with quiet(box):
                box.setValue(value)
        self.time_limit.setText("" if config.time_limit is None else f"{config.time_limit:g}")
        self.huber.setText(f"{config.huber_delta:g}")
        self.log_states.setText(", ".join(config.log_states))
        self.l2.setText("" if config.l2 is None else f"{config.l2:g}")
        self.solver.show_config(config, black_boxes=black_boxes)
        self.huber.setEnabled(config.loss == "huber")
        for box, value in (
            (self.device, config.device),
            (self.loss, config.loss),
            (self.noise, config.noise),
            (self.density, config.density),
            (self.fit_initial, config.fit_initial),
        ):
            choose(box, value)
        with quiet(self.own_stages, *self.stages.values()):
            self.own_stages.setChecked(config.stages is not None)
            for name, box in self.stages.items():
                box.setChecked(config.stages is None or name in config.stages)
                box.setEnabled(config.stages is not None)

    def _make_controls(self) -> None:
        self.seed = _spin(
            "Seed", 0, 2**31 - 1, "Of initial weights; the same seed gives the same result on one machine"
        )
        self.seeds = _spin(
            "Number of networks", 1, 16, "Networks trained from different seeds; their spread shows what is uncertain"
        )
        self.segment = _spin("Points per segment", 2, 1000, "Points per segment of multiple shooting")
        self.time_limit = _edit(
            "Time limit in seconds", "preset", "Seconds of training, compilation included; empty: the preset's"
        )
        self.huber = _edit("Huber delta", "", "Residuals beyond this many noise levels count less")
        self.l2 = _edit(
            "Weight penalty", "chosen", "Strength of the penalty on network weights; empty: chosen on held-out data"
        )
        self.device = combo(
            (("Automatic", "auto"), ("Processor (CPU)", "cpu"), ("Graphics card (GPU)", "gpu")),
            "Device",
            "What computes",
        )
        self.loss = combo(
            (("Least squares", "squares"), ("Huber (robust)", "huber")), "Loss", "Huber: outliers count less"
        )
        self.noise = combo(
            (
                ("As the spread", "spread"),
                ("Estimated, constant", "constant"),
                ("Estimated, growing with the value", "proportional"),
            ),
            "Noise",
            "What errors are measured by: the spread of their column, or its noise, estimated together with the model",
        )
        self.density = combo(
            (
                ("Automatic", "auto"),
                ("Grid of states", "grid"),
                ("Moment equations", "moments"),
                ("Local linearisation", "linear"),
                ("Milstein", "milstein"),
                ("Euler-Maruyama", "euler"),
            ),
            "Density of transitions",
            "How the probability of a transition is approximated; Automatic: as closely as makes a difference",
        )
        self.log_states = _edit(
            "Columns compared by logarithm",
            "none",
            "Measured columns over decades, comma between; positive values only",
        )
        self.solver = SolverSettings()
        self.solver.changed.connect(self.changed)
        self.fit_initial = combo(
            (("Automatic", None), ("Estimated", True), ("As measured", False)),
            "Initial values",
            "Measured starts carry noise",
        )
        narrow(self.density, self.device, self.loss, self.noise, self.fit_initial)
        self.own_stages = QCheckBox("only those ticked")
        self.own_stages.setAccessibleName("Choose the stages")
        self.own_stages.setToolTip("Without this the recipe skips what is not needed")
        self.stages: dict[str, QCheckBox] = {}
        for name in get_args(Stage):
            title, tip = TRAINING[name]
            box = QCheckBox(title)
            box.setToolTip(tip[:1].upper() + tip[1:])
            box.setAccessibleName(f"Stage {title}")
            box.toggled.connect(lambda _: self._on_stages())
            self.stages[name] = box
        self.problem = label("", "error", wrap=True)
        self.own_stages.toggled.connect(lambda _: self._on_stages())
        for spin, field in ((self.seed, "seed"), (self.seeds, "seeds"), (self.segment, "segment")):
            spin.valueChanged.connect(lambda value, field=field: self.changed.emit({field: value}))
        for box, field in (
            (self.device, "device"),
            (self.loss, "loss"),
            (self.noise, "noise"),
            (self.density, "density"),
            (self.fit_initial, "fit_initial"),
        ):
            box.currentIndexChanged.connect(
                lambda _, box=box, field=field: self.changed.emit({field: box.currentData()})
            )
        self.log_states.editingFinished.connect(self._on_log_states)
        for edit, field, empty in (
            (self.time_limit, "time_limit", True),
            (self.huber, "huber_delta", False),
            (self.l2, "l2", True),
        ):
            edit.editingFinished.connect(self._number_taker(edit, field, empty))

    def _on_log_states(self) -> None:
        names = tuple(name.strip() for name in self.log_states.text().split(",") if name.strip())
        if self._config is None or names != self._config.log_states:
            self.changed.emit({"log_states": names})

    def _number_taker(self, edit: QLineEdit, field: str, may_be_empty: bool) -> Callable[[], None]:
        def take() -> None:
            text = edit.text().strip()
            if not text and may_be_empty:
                value: float | None = None
            else:
                try:
                    value = float(text)
                except ValueError:
                    value = float("nan")
                if not value > 0 and not (field == "l2" and value == 0):
                    self._refuse(edit, text)
                    return
            self._accept(edit)
            if self._config is None or getattr(self._config, field) != value:
                self.changed.emit({field: value})

        return take

    def _refuse(self, edit: QLineEdit, text: str) -> None:
        self.problem.setText(f"{edit.accessibleName()}: `{text}` is no positive number.")
        self._mark(edit, True)

    def _accept(self, edit: QLineEdit) -> None:
        self.problem.setText("")
        self._mark(edit, False)

    def _mark(self, edit: QLineEdit, invalid: bool) -> None:
        if bool(edit.property("invalid")) != invalid:
            edit.setProperty("invalid", invalid)
            edit.style().unpolish(edit)
            edit.style().polish(edit)

    def _on_stages(self) -> None:
        chosen: Any = None
        if self.own_stages.isChecked():
            chosen = tuple(name for name, box in self.stages.items() if box.isChecked()) or None
        self.changed.emit({"stages": chosen})


def preset_box() -> QComboBox:
    return combo(PRESETS, "Preset", PRESET_TIP)


def _spin(name: str, low: int, high: int, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setKeyboardTracking(False)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made


def _edit(name: str, placeholder: str, tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(placeholder)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made
