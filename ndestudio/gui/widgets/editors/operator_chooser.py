"""Building blocks of a search: presets, single operators with their costs, and the limits of the search."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import holder, label, line, quiet, row
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.editors.constraints import ConstraintsBox
from ndestudio.session.distillation.state import DistilState, OperatorRow

_COLUMNS = 3
_WORDS = {"neg": "negation", "inv": "1/x", "square": "x²", "cube": "x³", "^": "power"}


class OperatorChooser(QScrollArea):
    """Signals: preset_chosen(name), operator_used(name, used), cost_set(name, cost), changed(dict of ``DistilConfig``)."""

    preset_chosen = Signal(str)
    operator_used = Signal(str, bool)
    cost_set = Signal(str, int)
    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Search settings")
        self.boxes: dict[str, QCheckBox] = {}
        self.costs: dict[str, QSpinBox] = {}
        self.seconds = QDoubleSpinBox()
        self.seconds.setRange(1, 3600)
        self.seconds.setDecimals(0)
        self.seconds.setSuffix(" s")
        self.seconds.setKeyboardTracking(False)
        self.size_box = _spin(3, 100)
        self.candidates = _spin(1, 50)
        self.samples = _spin(32, 20000)
        self.seed = _spin(0, 2**31 - 1)
        self.threads = _spin(0, 256)
        self.threads.setSpecialValueText("all")
        self.refit = QCheckBox("through the solver")
        form = QFormLayout()
        form.setSpacing(GRID)
        form.setContentsMargins(GRID, GRID, GRID, GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.hint = label("", "muted", wrap=True)
        self.constraints = ConstraintsBox()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(GRID // 2)
        form.addRow(self.hint)
        form.addRow(label("Operators and their costs", "heading"))
        form.addRow(holder(self._grid))
        form.addRow(line())
        form.addRow(self.constraints)
        form.addRow(line())
        for text, widget, tip in (
            ("Time per term", self.seconds, "Seconds of search for each neural term"),
            ("Largest size", self.size_box, "Largest complexity of a formula"),
            ("Simulated", self.candidates, "Formulas of each front that are refitted and simulated"),
            ("Samples", self.samples, "Points at which a neural term is sampled, where data support it"),
            ("Seed", self.seed, "Of the search"),
            ("Threads", self.threads, "Processor cores used by the search"),
            ("Refit constants", self.refit, "All constants are fitted anew to the measured trajectories"),
        ):
            widget.setToolTip(tip)
            widget.setAccessibleName(text)
            form.addRow(text, widget)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addStretch(1)
        self.setWidget(inner)
        self._connect()

    def show_state(self, state: DistilState) -> None:
        config = state.config
        for box, value in (
            (self.seconds, config.seconds or 20.0),
            (self.size_box, config.max_size),
            (self.candidates, config.candidates),
            (self.samples, config.samples),
            (self.seed, config.seed),
            (self.threads, config.threads),
        ):
            with quiet(box):
                if box.value() != value:
                    box.setValue(value)  # type: ignore[arg-type]
        self.constraints.show_state(state.constraints)
        with quiet(self.refit):
            self.refit.setChecked(config.refit)
        self.hint.setText(
            next(
                (f"Good for {row.hint}." for row in state.presets if row.name == state.preset), "A choice of your own."
            )
        )
        if not self.boxes:
            self._make_operators(state.operators)
        for operator in state.operators:
            box, cost = self.boxes[operator.name], self.costs[operator.name]
            with quiet(box, cost):
                box.setChecked(operator.used)
                cost.setValue(operator.cost)
            cost.setEnabled(operator.used)

    def _make_operators(self, operators: tuple[OperatorRow, ...]) -> None:
        half = -(-len(operators) // _COLUMNS)
        for number, operator in enumerate(operators):
            box = QCheckBox(operator.name)
            box.setFont(monospace(10))
            box.setToolTip(_WORDS.get(operator.name, operator.name))
            box.setAccessibleName(f"Use {operator.name}")
            box.toggled.connect(lambda used, name=operator.name: self.operator_used.emit(name, used))
            cost = _spin(1, 20)
            cost.setFixedWidth(52)
            cost.setToolTip(f"Complexity that {operator.name} adds to a formula")
            cost.setAccessibleName(f"Cost of {operator.name}")
            cost.valueChanged.connect(lambda value, name=operator.name: self.cost_set.emit(name, value))
            self.boxes[operator.name], self.costs[operator.name] = box, cost
            cell = QWidget()
            cell.setLayout(row(box, 1, cost))
            self._grid.addWidget(cell, number % half, number // half)

    def _connect(self) -> None:
        for box, field in (
            (self.seconds, "seconds"),
            (self.size_box, "max_size"),
            (self.candidates, "candidates"),
            (self.samples, "samples"),
            (self.seed, "seed"),
            (self.threads, "threads"),
        ):
            box.valueChanged.connect(self._teller(field))
        self.refit.toggled.connect(self._teller("refit"))

    def _teller(self, field: str) -> Callable[[object], None]:
        return lambda value: self.changed.emit({field: value})


def _spin(low: int, high: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setKeyboardTracking(False)
    return made
