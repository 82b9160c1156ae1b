"""A formula: typeset, its errors, and what can be done with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ndestudio.gui.building import button, flow, label, set_kind, tool_button
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.math_view import MathView
from ndestudio.session.distillation.state import CandidateState
from ndestudio.wording import percent

_ERRORS_TIP = (
    "Root-mean-square errors of whole simulated trajectories, in % of the spread of the data, by part of the data. `Alone`: "
    "this formula in the place of its network, the other terms as trained. `In use`: the model that is exported."
)
_CONSTANTS_TIPS = {
    "use": "The constants are those of the model in use, which Whole model and Export show too.",
    "refit": "The constants were refitted through the solver with this formula alone in the place of its network. Once it is "
    "in use together with others, all constants are refitted together.",
    "search": "The constants are those the search found on values of the network; they are refitted through the solver once "
    "the formula is simulated.",
}


class CandidatePanel(QWidget):
    """Signals: accepted(neural term, index), reverted(neural term), pinned(neural term, index, -1 to let go).

    Parameters
    ----------
    second
        The panel of the pinned formula.
    """

    accepted = Signal(str, int)
    reverted = Signal(str)
    pinned = Signal(str, int)

    def __init__(self, *, second: bool = False) -> None:
        super().__init__()
        self._state: CandidateState | None = None
        self._second = second
        self.heading = label("Pinned" if second else "Formula", "heading")
        self.badge = label("", "badge-good")
        self.math = MathView(scale=1.15)
        self.math.setMinimumHeight(36)
        self.facts = ElidedLabel()
        self.errors = label("", wrap=True, selectable=True)
        self.errors.setToolTip(_ERRORS_TIP)
        self.note = label("", "warning", wrap=True)
        self.copy_button = tool_button("copy", "Copy the formula as text", self._copy)
        self.pin_button = tool_button(
            "pin", "Let go of the pinned formula" if second else "Pin it, to compare with others (P)", self._pin
        )
        self.accept_button = button(
            "Substitute",
            self._accept,
            icon_name="check",
            kind="" if second else "primary",
            tip="Replace the neural term by this formula, its constants refitted through the solver (Ctrl+Return, one step to undo)",
        )
        self.revert_button = button(
            "Back to network",
            self._revert,
            icon_name="undo",
            tip="Make the term neural again (Ctrl+Backspace, one step to undo)",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        actions = (self.copy_button, self.pin_button, self.revert_button, self.accept_button)
        layout.addWidget(flow(self.heading, self.badge, *actions))
        layout.addSpacing(GRID // 2)
        layout.addWidget(self.math)
        layout.addSpacing(GRID // 2)
        layout.addWidget(self.facts)
        layout.addWidget(self.errors)
        layout.addWidget(self.note)
        layout.addStretch(1)

    def show_candidate(self, state: CandidateState | None, may_accept: bool) -> None:
        """Show a formula; None keeps nothing."""
        neural_term = state.neural_term if state else ""
        if (
            state is None
            or self._state is None
            or state.text != self._state.text
            or neural_term != self._state.neural_term
        ):
            self.math.clear()
        self._state = state
        for one in (self.copy_button, self.pin_button):
            one.setEnabled(state is not None)
        self.accept_button.setEnabled(
            state is not None and may_accept and not state.row.accepted and not state.refitting
        )
        self.revert_button.setVisible(state is not None and state.row.accepted)
        self.accept_button.setVisible(state is None or not state.row.accepted)
        if state is None:
            for words in (self.facts, self.errors, self.note, self.badge):
                words.setText("")
            self.badge.hide()
            self.note.hide()
            return
        self.math.show_formula(state.formula)
        self.math.setToolTip(state.text)
        badge, kind = _badge(state)
        self.badge.setText(badge)
        self.badge.setVisible(bool(badge))
        set_kind(self.badge, kind)
        self.facts.show_text(_facts(state), "muted")
        self.facts.setToolTip(f"{_facts(state)}\n{_CONSTANTS_TIPS[state.row.source]}")
        self.errors.setText(_errors(state))
        self.note.setText(state.row.note)
        self.note.setVisible(bool(state.row.note))

    def _copy(self) -> None:
        if self._state is not None:
            QGuiApplication.clipboard().setText(self._state.text)

    def _pin(self) -> None:
        if self._state is not None:
            self.pinned.emit(self._state.neural_term, -1 if self._second else self._state.row.index)

    def _accept(self) -> None:
        if self._state is not None:
            self.accepted.emit(self._state.neural_term, self._state.row.index)

    def _revert(self) -> None:
        if self._state is not None:
            self.reverted.emit(self._state.neural_term)


def _badge(state: CandidateState) -> tuple[str, str]:
    if state.refitting:
        return "refitting …", "badge-warning"
    if state.row.accepted:
        return "in use", "badge-good"
    if state.row.chosen:
        return "suggested", "badge-good"
    return (
        ("", "badge")
        if state.row.scored >= 0
        else (
            "not fitted yet" if state.stochastic else "not simulated yet",
            "badge",
        )
    )


def _facts(state: CandidateState) -> str:
    loss = math.sqrt(state.row.loss) if state.row.loss >= 0 and math.isfinite(state.row.loss) else math.nan
    source = {"use": "constants as in use", "refit": "constants refitted, it alone", "search": "constants as found"}
    if state.stochastic:
        said = f"{percent(loss)} of what single transitions say is left, most of it noise"
        return f"Complexity {state.row.complexity} · {said} · {source[state.row.source]}"
    return f"Complexity {state.row.complexity} · as found it misses the network by {percent(loss)} · {source[state.row.source]}"


def _errors(state: CandidateState) -> str:
    """Errors of simulated trajectories, each with what was simulated."""
    if state.stochastic:
        return (
            "" if state.row.scored >= 0 else "Substitute it to fit its constants by the likelihood of the transitions."
        )
    if not state.errors and not state.errors_together:
        return "Substitute it to see how the whole model follows the data."
    before = dict(state.errors_before)
    lines = []
    if state.errors_together:
        whose = "In use" if state.together < 2 else f"All {state.together} formulas in use, together"
        lines.append(f"{whose}: {_parts(state.errors_together)}")
    if state.errors and state.together != 1:
        lines.append(f"This formula alone: {_parts(state.errors)}")
    if known := [(name, before[name]) for name, _ in state.errors or state.errors_together if name in before]:
        lines.append(f"With the network{'s' if state.together > 1 else ''}: {_parts(known)}")
    return "\n".join(lines)


def _parts(errors: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {percent(error)}" for name, error in errors)
