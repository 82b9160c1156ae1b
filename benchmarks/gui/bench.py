"""The real window for measuring: its timers, its session, its worker processes, and a clock for the event loop."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ndestudio.gui.bridge import Bridge
    from ndestudio.gui.main_window import MainWindow
    from ndestudio.session.session import Session

THREADS = "NDE_BENCH_THREADS"
"""Environment variable that keeps all computations on threads of the window's process, for comparison."""

SPEC = Path(__file__).parents[2] / "examples" / "lynx_hare" / "spec.toml"


class Bench:
    """The real window with its timers, and a clock that counts late ticks."""

    def __init__(self, autosave: Path | None = None) -> None:
        sys.setswitchinterval(0.001)
        from ndestudio.gui import theme
        from ndestudio.gui.app import make_application, make_workers
        from ndestudio.gui.garbage import Collector

        self.application = make_application()
        self.workers = {} if os.environ.get(THREADS) else make_workers()
        self._autosave = autosave
        theme.install(self.application, "light")
        self.session, self.window, self.bridge = self._make()
        self.collector = Collector()

    def _make(self) -> tuple[Session, MainWindow, Bridge]:
        from ndestudio.gui.bridge import Bridge
        from ndestudio.gui.main_window import MainWindow
        from ndestudio.session.session import Session

        session = Session(autosave_folder=self._autosave, workers=self.workers)
        window = MainWindow(session)
        bridge = Bridge(session)
        window.resize(1280, 800)
        window.show()
        self.application.processEvents()
        window.repaint()
        return session, window, bridge

    def reopen(self) -> None:
        """Close the window, as a person would who throws unsaved work away, and open another."""
        self.close()
        self.session, self.window, self.bridge = self._make()

    def close(self) -> None:
        from PySide6.QtCore import QEvent

        self.bridge.close()
        self.window._may_leave = lambda opening: True  # type: ignore[method-assign]
        self.window.close()
        self.window.deleteLater()
        self.bridge.deleteLater()
        self.application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        self.application.processEvents()

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end)

    def until(self, condition: Callable[[], bool], limit: float = 300.0) -> float:
        """Run the event loop until ``condition`` holds; seconds it took."""
        from PySide6.QtCore import QEventLoop

        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > limit:
                raise TimeoutError("the condition did not come about")
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            time.sleep(0.0005)
        return time.monotonic() - began

    def idle(self) -> bool:
        return not self.session.tasks.busy

    def open_sample(self) -> None:
        self.window.open_files([str(SPEC)])
        self.until(lambda: self.session.project.dataset is not None and self.idle())


class Pace:
    """How often news come and how often the plots of a view are drawn.

    ``look`` is called in every turn of the event loop. Things move between two news that are at most ``NEXT`` seconds apart;
    while libraries are loaded and programs compiled there is nothing to draw.
    """

    NEXT = 0.25

    def __init__(self, view: Any, version: Callable[[], int]) -> None:
        self._redraw, self._version = view.redraw, version
        self._drawn, self._heard = self._redraw.count, version()
        self._news: list[float] = []
        self._rounds: list[float] = []
        self._begin = time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if (version := self._version()) != self._heard:
            self._heard = version
            self._news.append(now)
        if self._redraw.count != self._drawn:
            self._drawn = self._redraw.count
            self._rounds.append(now)

    def figures(self) -> dict[str, float]:
        """Rounds of all plots per second, over all and while things move; news per second then; part of the time then."""
        total = time.monotonic() - self._begin
        news, rounds = np.array(self._news), np.array(self._rounds)
        gaps = np.diff(news)
        moving = gaps <= self.NEXT
        seconds = float(gaps[moving].sum())
        position = np.searchsorted(news, rounds) - 1
        inside = (position >= 0) & (position < len(gaps))
        drawn = int(moving[position[inside]].sum())
        return {
            "redraws_per_s": round(len(rounds) / total, 1),
            "redraws_per_s_moving": round(drawn / max(seconds, 1e-9), 1),
            "news_per_s_moving": round(int(moving.sum()) / max(seconds, 1e-9), 1),
            "moving": round(seconds / total, 2),
        }


class Lag:
    """A timer of 10 ms; its delays are what a person feels.

    `own_work`: processor time of the window's thread between two ticks. `served`: the delay without the time in which the
    thread was ready and no core was free for it (Linux counts it); both do not depend on who else computes.
    """

    PERIOD = 0.010

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.delays: list[float] = []
        self.work: list[float] = []
        self._last = time.perf_counter()
        self._cpu, self._queue = time.thread_time(), _queued()
        self.queued: list[float] = []
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self._tick)
        self.timer.start(round(1000 * self.PERIOD))

    def _tick(self) -> None:
        now, cpu, queue = time.perf_counter(), time.thread_time(), _queued()
        self.delays.append(now - self._last - self.PERIOD)
        self.work.append(cpu - self._cpu)
        self.queued.append(queue - self._queue)
        self._last, self._cpu, self._queue = now, cpu, queue

    def figures(self) -> dict[str, Any]:
        self.timer.stop()
        late = 1000 * np.maximum(np.array(self.delays[1:]), 0.0)
        served = np.maximum(late - 1000 * np.array(self.queued[1:]), 0.0)
        return {
            "lag_median_ms": round(float(np.median(late)), 1),
            "lag_p99_ms": round(float(np.percentile(late, 99)), 1),
            "lag_worst_ms": round(float(late.max()), 1),
            "served_p99_ms": round(float(np.percentile(served, 99)), 1),
            "served_worst_ms": round(float(served.max()), 1),
            "own_work_p99_ms": round(1000 * float(np.percentile(self.work[1:], 99)), 1),
            "own_work_worst_ms": round(1000 * max(self.work[1:]), 1),
            "ticks": len(late),
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        }


def _queued() -> float:
    """Seconds this thread has been ready to run while no core was free; 0 where the system does not count it."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0
