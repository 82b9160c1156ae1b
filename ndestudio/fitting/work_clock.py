"""Time by the work that was done: limits of presets should not depend on what else a machine does."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST = 1.0 / 3.0
"""Part of the seconds that passed that counts in any case."""


class WorkClock:
    """Seconds since it was made: those that passed, or the processor time of the program where that is less (others keep
    the machine busy), but at least a third of those that passed.

    Parameters
    ----------
    clock
        Tells the seconds that passed.
    busy
        Tells the processor time.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, busy: Callable[[], float] = time.process_time
    ) -> None:
        self._clock, self._busy = clock, busy
        self._begin, self._begin_busy = clock(), busy()

    def __call__(self) -> float:
        passed = self._clock() - self._begin
        return max(min(passed, self._busy() - self._begin_busy), LEAST * passed)
