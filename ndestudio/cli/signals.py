"""Ctrl+C and SIGTERM as a wish to stop; the second one ends the program at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from ndestudio.cli.exit_codes import INTERRUPTED


class StopSignals:
    """While entered, the first SIGINT or SIGTERM calls ``on_stop``; the second one ends the process with code 130.

    Use it from the main thread.
    """

    def __init__(self, on_stop: Callable[[], None], before_exit: Callable[[], object] = lambda: None) -> None:
        self._on_stop = on_stop
        self._before_exit = before_exit
        self._old: dict[int, Any] = {}
        self.received = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.received:
            self._before_exit()
            os._exit(INTERRUPTED)
        self.received = True
        self._on_stop()
