"""The networks in the neural terms: shape, activation, and what is known of the function they stand for."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.building import choose, combo, label, row, tool_button
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.tables.parameter_table import number_of, text_of
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.model.config import Activation, BasisConfig, NetworkConfig
from ndestudio.session.model.state import NetworkRow

_NAME, _WIDTH, _DEPTH, _ACTIVATION, _SIGN, _WEIGHTS, _MORE = range(7)
_TITLES = (
    ("Neural term", "Name and arguments"),
    ("Width", "Units per hidden layer"),
    ("Depth", "Hidden layers"),
    ("Activation", "Nonlinearity of the hidden layers; tanh is smooth and a good start"),
    ("Sign", "What is known of the sign of the function"),
    ("Weights", "Number of free weights and biases"),
    ("", ""),
)
_SIGNS = (("any", "any"), ("positive", "positive"), ("negative", "negative"))
_BASES = (("periodically", "fourier"), ("as a polynomial", "polynomial"), ("in pieces", "pieces"))
_MONOTONE = (("unknown", ""), ("increasing", "increasing"), ("decreasing", "decreasing"))


class NetworkTable(Table):
    """Signals: edited(name, changed fields), removed(name)."""

    edited = Signal(str, dict)
    removed = Signal(str)

    def __init__(self) -> None:
        widths = {_WIDTH: 78, _DEPTH: 64, _ACTIVATION: 92, _SIGN: 100, _WEIGHTS: 66, _MORE: 62}
        super().__init__("Networks", _TITLES, widths=widths, stretch=(_NAME,))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._rows: tuple[NetworkRow, ...] = ()

    def show_rows(self, rows: tuple[NetworkRow, ...]) -> None:
        if rows == self._rows:
            return
        if [row.name for row in rows] != [row.name for row in self._rows]:
            self._rebuild(rows)
        self._rows = rows
        for number, net in enumerate(rows):
            self._show_row(number, net)

    def _rebuild(self, rows: tuple[NetworkRow, ...]) -> None:
        self.clearContents()
        self.setRowCount(len(rows))
        for number, net in enumerate(rows):
            for section in (_NAME, _WEIGHTS):
                item = QTableWidgetItem()
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.setItem(number, section, item)
            self.cell(number, _NAME).setFont(monospace(9.5))
            for section, field, words, top in (
                (_WIDTH, "width", "Units per layer", 512),
                (_DEPTH, "depth", "Hidden layers", 8),
            ):
                box = QSpinBox()
                box.setRange(1, top)
                box.setKeyboardTracking(False)
                box.setAccessibleName(f"{words} of {net.name}")
                box.valueChanged.connect(
                    lambda value, name=net.name, field=field: self.edited.emit(name, {field: value})
                )
                self.setCellWidget(number, section, box)
            choices = [(name, name) for name in get_args(Activation)]
            for section, field, options in ((_ACTIVATION, "activation", choices), (_SIGN, "sign", _SIGNS)):
                made = combo(options, f"{field.title()} of {net.name}", _TITLES[section][1])
                made.currentIndexChanged.connect(
                    lambda _, box=made, name=net.name, field=field: self.edited.emit(name, {field: box.currentData()})
                )
                self.setCellWidget(number, section, made)
            more = tool_button("settings", f"More about {net.name}", lambda name=net.name: self._more(name))
            remove = tool_button(
                "trash", f"Remove the declaration of {net.name}", lambda name=net.name: self.removed.emit(name)
            )
            holder = QWidget()
            holder.setLayout(row(more, remove, spacing=0))
            self.setCellWidget(number, _MORE, holder)

    def _show_row(self, number: int, net: NetworkRow) -> None:
        config = net.config
        name = self.cell(number, _NAME)
        name.setText(f"{net.name}({', '.join(net.arguments)})")
        name.setToolTip(_describe(net))
        self.cell(number, _WEIGHTS).setText(f"{net.weights:,}" if net.used else "not used")
        for section, value in ((_WIDTH, config.width), (_DEPTH, config.depth)):
            box = self.control(number, section, QSpinBox)
            blocked = box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(blocked)
        for section, value in ((_ACTIVATION, config.activation), (_SIGN, config.sign)):
            choose(self.control(number, section, QComboBox), value)

    def _more(self, name: str) -> None:
        net = next(row for row in self._rows if row.name == name)
        dialog = NetworkDialog(net, self.window())
        dialog.chosen.connect(lambda changes: self.edited.emit(name, changes))
        dialog.open()


class NetworkDialog(QDialog):
    """What is known of one unknown function. Signals: chosen(changed fields)."""

    chosen = Signal(dict)

    def __init__(self, net: NetworkRow, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle(f"What is known of {net.name}")
        self._net = net
        config = net.config
        self.unit = QLineEdit(config.unit)
        self.low, self.high = QLineEdit(text_of(config.lower)), QLineEdit(text_of(config.upper))
        for edit, words in ((self.unit, "Unit"), (self.low, "Lower bound"), (self.high, "Upper bound")):
            edit.setAccessibleName(f"{words} of {net.name}")
        self.low.setPlaceholderText("none")
        self.high.setPlaceholderText("none")
        form = QFormLayout()
        form.setSpacing(GRID)
        form.addRow("Unit", self.unit)
        form.addRow("Between", row(self.low, label("and"), self.high))
        self.factors: dict[str, QCheckBox] = {}
        self.monotone: dict[str, QComboBox] = {}
        for argument in net.arguments:
            factor = QCheckBox("vanishes where it is 0")
            factor.setChecked(argument in config.factor)
            factor.setToolTip(f"The function is multiplied by {argument}")
            slope = combo(_MONOTONE, f"Slope of {net.name} in {argument}", "Whether the function only rises or falls")
            choose(slope, config.monotone.get(argument, ""))
            self.factors[argument], self.monotone[argument] = factor, slope
            form.addRow(f"In {argument}", row(slope, factor, 1))
        self._add_basis(form)
        self.problem = label("", "error", wrap=True)
        kinds = QDialogButtonBox.StandardButton
        box = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        layout.setSpacing(2 * GRID)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addWidget(box)

    def _add_basis(self, form: QFormLayout) -> None:
        """Whether the weights vary with an argument, such as the time."""
        net, (varies, basis) = self._net, next(iter(self._net.config.basis.items()), ("", BasisConfig()))
        tip = "The law changes with this argument, such as the time t; settings of the interval are part of the spec"
        self.varies = combo(
            (("nothing", ""), *((name, name) for name in net.arguments)), f"What {net.name} varies with", tip
        )
        choose(self.varies, varies)
        self.kind = combo(_BASES, f"How {net.name} varies", tip)
        choose(self.kind, basis.kind)
        self.terms = QSpinBox()
        self.terms.setRange(1, 24)
        self.terms.setValue(basis.terms)
        self.terms.setAccessibleName(f"Terms of the basis of {net.name}")
        self.terms.setToolTip("Multiples of the frequency, highest degree, or number of pieces")
        form.addRow("Varies with", row(self.varies, self.kind, self.terms, 1))

    def _basis(self) -> dict[str, BasisConfig]:
        argument = self.varies.currentData()
        if not argument:
            return {}
        before = self._net.config.basis.get(argument, BasisConfig())
        kind, terms = self.kind.currentData(), self.terms.value()
        return {argument: BasisConfig(kind=kind, terms=terms, start=before.start, end=before.end)}

    def accept(self) -> None:
        try:
            lower, upper = number_of(self.low.text()), number_of(self.high.text())
        except ValueError as error:
            self.problem.setText(f"`{error}` is no number.")
            return
        if (lower is None) != (upper is None):
            self.problem.setText("Give both bounds, or neither.")
            return
        if lower is not None and upper is not None and lower >= upper:
            self.problem.setText("The lower bound must be below the upper one.")
            return
        slopes = {name: box.currentData() for name, box in self.monotone.items() if box.currentData()}
        if slopes and self._basis():
            self.problem.setText("It cannot be monotone and vary with an argument; take away one of the two.")
            return
        changes = {
            "basis": self._basis(),
            "unit": self.unit.text().strip(),
            "lower": lower,
            "upper": upper,
            "factor": tuple(name for name, box in self.factors.items() if box.isChecked()),
            "monotone": slopes,
        }
        self.chosen.emit({name: value for name, value in changes.items() if value != getattr(self._net.config, name)})
        super().accept()


def _describe(net: NetworkRow) -> str:
    config: NetworkConfig = net.config
    parts = [f"{net.name} is learned from the data"]
    if config.unit:
        parts.append(f"unit {config.unit}")
    if config.lower is not None:
        parts.append(f"between {config.lower:g} and {config.upper:g}")
    parts += [f"varying with {name} ({basis.kind}, {basis.terms})" for name, basis in config.basis.items()]
    parts += [f"{word} in {name}" for name, word in config.monotone.items()]
    if config.factor:
        parts.append("vanishes where " + " or ".join(config.factor) + " is 0")
    return ", ".join(parts)
