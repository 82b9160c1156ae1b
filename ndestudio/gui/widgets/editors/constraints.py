"""Constraints on formulas: units, and a form that is known in part."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from ndestudio.gui.building import column, label, quiet
from ndestudio.gui.theme import GRID, monospace
from ndestudio.session.distillation.constraints import ConstraintsState


class ConstraintsBox(QWidget):
    """Signals: units_used(bool), form_known(neural_term, text)."""

    units_used = Signal(bool)
    form_known = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._neural_term = ""
        self.units = QCheckBox("Formulas respect units")
        self.units.setAccessibleName("Formulas respect units")
        self.units.setToolTip("Only sums of like units, and no logarithm of metres; units are those of data and model")
        self.about = label("", "muted", wrap=True)
        self.about.setAccessibleName("Units that are known")
        self.form_label = label("", wrap=True)
        self.form = QLineEdit()
        self.form.setFont(monospace(10))
        self.form.setAccessibleName("Known form of the formula")
        self.form.setPlaceholderText("nothing is known, or for example  mu*S/(K + S) - f(T)")
        self.form.setToolTip(
            "What is known of the formula, with unknown functions of its arguments; other names are parameters, fitted with it"
        )
        self.problem = label("", "error", wrap=True)
        self.problem.setAccessibleName("Why the known form cannot be used")
        parts = (label("Constraints", "heading"), self.units, self.about, self.form_label, self.form, self.problem)
        self.setLayout(column(*parts, spacing=GRID // 2))
        self.units.toggled.connect(self.units_used.emit)
        self.form.editingFinished.connect(self._on_form)

    def show_state(self, state: ConstraintsState) -> None:
        with quiet(self.units, self.form):
            self.units.setChecked(state.units)
            if self._neural_term != state.neural_term or not self.form.hasFocus() or not self.form.isModified():
                self._neural_term = state.neural_term
                if self.form.text() != state.form:
                    self.form.setText(state.form)
        self.units.setEnabled(state.possible or state.units)
        self.about.setText(state.text)
        self.form_label.setText(f"Known form of {state.call}")
        for widget in (self.form_label, self.form):
            widget.setVisible(bool(state.neural_term))
        self.problem.setText(state.problem)
        self.problem.setVisible(bool(state.problem))

    def _on_form(self) -> None:
        self.form.setModified(False)
        if self._neural_term:
            self.form_known.emit(self._neural_term, self.form.text())
