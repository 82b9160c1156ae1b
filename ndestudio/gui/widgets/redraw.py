"""One timer for everything that is drawn anew while something runs."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS = 66


class Redraw(QObject):
    """Calls ``draw`` at most 15 times a second, at once after a quiet spell, and never in vain."""

    def __init__(self, parent: QObject, draw: Callable[[], None]) -> None:
        super().__init__(parent)
        self._draw = draw
        self._last = 0.0
        self.count = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.now)

    def ask(self) -> None:
        """Draw soon."""
        wait = self._last + _PERIOD_MS / 1000 - monotonic()
        if wait <= 0:
            self.now()
        elif not self._timer.isActive():
            self._timer.start(max(1, round(1000 * wait)))

    def now(self) -> None:
        self._timer.stop()
        self.count += 1
        self._draw()
        self._last = monotonic()
