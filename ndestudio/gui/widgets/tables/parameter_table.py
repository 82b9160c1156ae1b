"""The parameters: value with a slider, bounds, unit, fixed, logarithmic; fitted value and interval after a training."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSlider, QTableWidgetItem, QWidget

from ndestudio.gui.building import choose, combo
from ndestudio.gui.theme import monospace
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.model.state import ParameterRow

_STEPS = 1000
_NAME, _VALUE, _SLIDER, _LOWER, _UPPER, _UNIT, _FIXED, _LOG, _FITTED, _VALUES, _SPREAD = range(11)
_TITLES = (
    ("Name", "Name in the equations; edit it to rename the parameter everywhere"),
    ("Value", "Value, or the start of the fit"),
    ("", "Drag to see what the parameter does"),
    ("Lower", "Lower bound; empty for none"),
    ("Upper", "Upper bound; empty for none"),
    ("Unit", "Unit, for tables and exports"),
    ("Fixed", "Not fitted"),
    ("Log", "Fitted on a logarithmic scale"),
    ("Fitted", "Value after training, with the 95% confidence limits"),
    (
        "Values",
        "One value for all runs, one for each run or group of them, or drawn from a population whose mean and spread are estimated",
    ),
    (
        "Spread",
        "Of a population: standard deviation that its estimate starts from, such as 0.3 (of a log-normal one about 30%); before it the kind "
        "(log-normal, normal, logit-normal) if it is another, after it `known` if it is not to be estimated; empty: the default",
    ),
)


def slider_range(row: ParameterRow) -> tuple[float, float]:
    """What the slider of a parameter spans: its bounds where they are near, else about its value."""
    size = abs(row.value) or 1.0
    low = row.lower if row.lower is not None else (0.0 if row.value >= 0 else row.value - 2 * size)
    high = row.upper if row.upper is not None and row.upper <= 20 * size else max(row.value, 0.0) + 2 * size
    return (low, high) if high > low else (low, low + 1.0)


def text_of(value: float | None) -> str:
    """A number as it is typed; "" for none."""
    return "" if value is None else f"{value:.6g}"


def number_of(text: str) -> float | None:
    """The number that was typed; None for an empty cell.

    Raises
    ------
    ValueError
        For anything else.
    """
    text = text.strip().replace(",", ".")
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


class ParameterTable(Table):
    """Signals: edited(name, field, value), values_chosen(name, way), spread_edited(name, text), renamed(old, new),
    refused(sentence)."""

    edited = Signal(str, str, object)
    values_chosen = Signal(str, str)
    spread_edited = Signal(str, str)
    renamed = Signal(str, str)
    refused = Signal(str)

    def __init__(self) -> None:
        widths = {
            _NAME: 72,
            _VALUE: 64,
            _LOWER: 56,
            _UPPER: 56,
            _UNIT: 56,
            _FIXED: 52,
            _LOG: 44,
            _FITTED: 212,
            _VALUES: 108,
            _SPREAD: 64,
        }
        super().__init__("Parameters", _TITLES, widths=widths, stretch=(_SLIDER,), row_height=32)
        self._rows: tuple[ParameterRow, ...] = ()
        self._ranges: dict[str, tuple[float, float]] = {}
        self.cellChanged.connect(self._on_cell)

    def show_rows(self, rows: tuple[ParameterRow, ...]) -> None:
        if rows == self._rows:
            return
        blocked = self.blockSignals(True)
        if [(row.name, row.choices) for row in rows] != [(row.name, row.choices) for row in self._rows]:
            self._rebuild(rows)
        self._rows = rows
        for number, row in enumerate(rows):
            self._show_row(number, row)
        self.setColumnHidden(_FITTED, all(row.fitted is None and not row.fitted_words for row in rows))
        self.setColumnHidden(_VALUES, not any(row.choices for row in rows))
        self.setColumnHidden(_SPREAD, all(row.spread is None for row in rows))
        self.blockSignals(blocked)

    def reshow(self) -> None:
        """Put back what is true after something refused was typed."""
        rows, self._rows = self._rows, ()
        self.show_rows(rows)

    def slider(self, name: str) -> QSlider:
        number = [row.name for row in self._rows].index(name)
        return self.control(number, _SLIDER, QSlider)

    def _rebuild(self, rows: tuple[ParameterRow, ...]) -> None:
        self.clearContents()
        self._ranges.clear()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for section in (_NAME, _VALUE, _LOWER, _UPPER, _UNIT, _FITTED, _SPREAD):
                item = QTableWidgetItem()
                if section != _UNIT:
                    item.setFont(monospace(9.5))
                self.setItem(number, section, item)
            self.cell(number, _FITTED).setFlags(Qt.ItemFlag.ItemIsEnabled)
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, _STEPS)
            slider.setMinimumSize(64, 24)
            slider.setAccessibleName(f"Value of {row.name}")
            slider.valueChanged.connect(lambda position, name=row.name: self._on_slider(name, position))
            slider.sliderReleased.connect(lambda name=row.name: self._ranges.pop(name, None))
            self.setCellWidget(number, _SLIDER, _padded(slider))
            for section, field, words in (
                (_FIXED, "fixed", "is fixed"),
                (_LOG, "log", "is fitted on a logarithmic scale"),
            ):
                box = QCheckBox()
                box.setAccessibleName(f"{row.name} {words}")
                box.toggled.connect(lambda on, name=row.name, field=field: self.edited.emit(name, field, on))
                self.setCellWidget(number, section, _padded(box))
            ways = combo(row.choices or (("One value", ""),), f"Values of {row.name}", _TITLES[_VALUES][1])
            ways.currentIndexChanged.connect(
                lambda _, box=ways, name=row.name: self.values_chosen.emit(name, box.currentData())
            )
            self.setCellWidget(number, _VALUES, ways)

    def _show_row(self, number: int, row: ParameterRow) -> None:
        texts = {
            _NAME: row.name,
            _VALUE: text_of(row.value),
            _LOWER: text_of(row.lower),
            _UPPER: text_of(row.upper),
            _UNIT: row.unit,
            _SPREAD: row.spread or "",
        }
        spread = Qt.ItemFlag.ItemIsEnabled
        if row.spread is not None:
            spread |= Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable
        self.cell(number, _SPREAD).setFlags(spread)
        self.cell(number, _SPREAD).setToolTip(_TITLES[_SPREAD][1])
        for section, text in texts.items():
            item = self.cell(number, section)
            if item.text() != text:
                item.setText(text)
        tip = f"{row.name} [{row.unit}]" if row.unit else row.name
        prior = f"Prior: {row.prior}" if row.prior else ""
        self.cell(number, _NAME).setToolTip("\n".join(line for line in (tip, prior, row.note) if line))
        self.cell(number, _FITTED).setText(_fitted(row))
        slider = self.slider(row.name)
        if not slider.isSliderDown():
            low, high = slider_range(row)
            blocked = slider.blockSignals(True)
            slider.setValue(round(_STEPS * (row.value - low) / (high - low)))
            slider.blockSignals(blocked)
            slider.setToolTip(f"{tip}: {row.value:.6g}, from {low:.4g} to {high:.4g}")
        choose(self.control(number, _VALUES, QComboBox), row.values)
        for section, on in ((_FIXED, row.fixed), (_LOG, row.log)):
            box = self.control(number, section, QCheckBox)
            blocked = box.blockSignals(True)
            box.setChecked(on)
            box.blockSignals(blocked)

    def _on_slider(self, name: str, position: int) -> None:
        row = next(row for row in self._rows if row.name == name)
        low, high = self._ranges.setdefault(name, slider_range(row))
        value = float(f"{low + (high - low) * position / _STEPS:.4g}")
        if not self.slider(name).isSliderDown():
            self._ranges.pop(name, None)
        if value != row.value:
            self.edited.emit(name, "value", value)

    def _on_cell(self, number: int, section: int) -> None:
        row, text = self._rows[number], self.cell(number, section).text().strip()
        if section == _NAME:
            if text != row.name:
                self.renamed.emit(row.name, text)
        elif section == _SPREAD:
            if text != (row.spread or ""):
                self.spread_edited.emit(row.name, text)
        elif section == _UNIT:
            if text != row.unit:
                self.edited.emit(row.name, "unit", text)
        else:
            self._on_number(row, section, text)

    def _on_number(self, row: ParameterRow, section: int, text: str) -> None:
        field = {_VALUE: "value", _LOWER: "lower", _UPPER: "upper"}[section]
        try:
            value = number_of(text)
        except ValueError:
            self.refused.emit(f"`{text}` is no number for {row.name}; type one such as 0.25 or 1e-3.")
            self.reshow()
            return
        if value is None and field == "value":
            self.reshow()
        elif value != getattr(row, field):
            self.edited.emit(row.name, field, value)


def _padded(widget: QWidget) -> QWidget:
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(8, 0, 8, 0)
    layout.addWidget(widget)
    return holder


def _fitted(row: ParameterRow) -> str:
    if row.fitted is None:
        return row.fitted_words
    limits = f"  ({row.low:.3g} to {row.high:.3g})" if row.low is not None and row.high is not None else ""
    return f"{row.fitted:.5g}{limits}"
