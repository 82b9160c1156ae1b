"""Cyclic garbage is collected on the GUI thread alone.

A collection on a worker thread (JAX allocates enough to trigger one at any moment) would destroy Qt objects there and
crash the application. Automatic collection is therefore switched off while a ``Collector`` lives.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MS = 1000


class Collector(QObject):
    """Collects by generation from a timer, with the thresholds Python would use."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        gc.freeze()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(_INTERVAL_MS)

    def collect(self) -> None:
        """Collect the generations that are due, the youngest first."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        if counts[0] > thresholds[0]:
            due = 0
            if counts[1] > thresholds[1]:
                due = 2 if counts[2] > thresholds[2] else 1
            gc.collect(due)

    def close(self) -> None:
        """Stop, and leave collection as it was found."""
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()
