"""The one timer between jobs and the window: it lets the session hand out what workers queued."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from ndestudio.session.session import Session

_BUSY_MS = 40
_IDLE_MS = 200


class Bridge(QObject):
    """Drains at most 25 times a second while jobs run, and looks five times a second otherwise."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_IDLE_MS)
        session.tasks.on_start = self.wake

    def wake(self) -> None:
        """A job was started."""
        if self._timer.interval() != _BUSY_MS:
            self._timer.setInterval(_BUSY_MS)

    def close(self) -> None:
        self._timer.stop()
        self._session.tasks.on_start = None

    def _tick(self) -> None:
        self._session.tick()
        wanted = _BUSY_MS if self._session.tasks.busy else _IDLE_MS
        if self._timer.interval() != wanted:
            self._timer.setInterval(wanted)
