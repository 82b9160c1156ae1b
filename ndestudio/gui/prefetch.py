"""What the person will need next is prepared while they look at the start page: a little at a time, never in their way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QTimer

from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.stages import prepare_plots
from ndestudio.session.ports import STAGES

_FIRST_MS = 600
_BETWEEN_MS = 150


class Prefetch(QObject):
    """Imports the plotting library, then makes the view of each stage, one step at a time.

    Steps wait while jobs run: then the window has better things to do. The warming up of the worker processes is none of them.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._steps: list[Callable[[], object]] = [prepare_plots]
        self._steps += [partial(window.prepare, stage) for stage in STAGES]
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._step)
        self._timer.start(_FIRST_MS)

    def close(self) -> None:
        self._timer.stop()

    def _step(self) -> None:
        if not self._window.session.tasks.occupied:
            self._steps.pop(0)()
        if self._steps:
            self._timer.start(_BETWEEN_MS)
