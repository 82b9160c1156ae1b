"""Cyclic garbage is collected on the GUI thread alone.

A collection on a worker thread (JAX allocates enough to trigger one at any moment) would destroy Qt objects there and
crash the application. Automatic collection is therefore switched off while a ``Collector`` lives.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from functools import cache
from time import monotonic

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MS = 1000
_TRIM_SECONDS = 60.0
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Numbers of settings in glibc's malloc.h."""


class Collector(QObject):
    """Collects by generation from a timer, with the thresholds Python would use."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        gc.freeze()
        self._trimmed = monotonic()
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
        if monotonic() - self._trimmed > _TRIM_SECONDS:
            self._trimmed = monotonic()
            give_back_memory()

    def close(self) -> None:
        """Stop, and leave collection as it was found."""
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()


def give_back_memory() -> None:
    """Let the system have the pages that are free; glibc keeps them, scattered by plots and results that are gone."""
    trim = _from_c("malloc_trim")
    if trim is not None:
        trim(0)


def keep_memory_together() -> None:
    """Few heaps, and none of the large arrays in them: what short-lived threads leave between other things is not given back.

    By default glibc opens up to eight heaps per core, and puts arrays of up to 32 MB in them once one such was freed.
    """
    mallopt = _from_c("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 64 * 1024)


@cache
def _from_c(name: str) -> Callable[..., int] | None:
    """A function of glibc; None elsewhere (musl has none of these)."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
