"""One timer for everything that is drawn anew while something runs."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from PySide6.QtCore import QObject, Qt, QTimer

_STEP_MS = 20
_ROUND_SECONDS = 0.07
"""A round begins this long after the one before it at the earliest: drawing takes its time from what computes."""


class Redraw(QObject):
    """Draws the parts of a view one after the other, each in a turn of the event loop of its own.

    A round is asked for as often as there is news; one that goes on is finished first. Four parts are drawn some 10 times a
    second each, and no turn takes longer than its costliest part.
    """

    def __init__(self, parent: QObject, *parts: Callable[[], None]) -> None:
        super().__init__(parent)
        self._parts = parts
        self._next = 0
        self._again = False
        self._began = 0.0
        self._drawing = False
        self.count = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._step)

    def close(self) -> None:
        """Draw nothing more; what it drew is gone."""
        self._timer.stop()
        self._parts = ()
        self.deleteLater()

    def ask(self) -> None:
        """Draw soon."""
        if not self._parts:
            return
        if self._timer.isActive() or self._drawing:
            self._again = True
        else:
            self._begin_round()

    def now(self) -> None:
        """Draw everything at once."""
        self._timer.stop()
        self._next, self._again = 0, False
        for part in self._parts:
            part()
        self.count += 1

    def _begin_round(self) -> None:
        waited = perf_counter() - self._began
        self._timer.start(max(0, round(1000 * (_ROUND_SECONDS - waited))))

    def _step(self) -> None:
        if not self._parts:
            return
        if self._next == 0:
            self._began, self._again = perf_counter(), False
        part = self._parts[self._next]
        self._next = (self._next + 1) % len(self._parts)
        self._drawing = True
        try:
            part()
        finally:
            self._drawing = False
        if not self._parts:
            return
        if self._next != 0:
            self._timer.start(_STEP_MS)
            return
        self.count += 1
        if self._again:
            self._begin_round()
