"""Train, stop, undo, close, again and again: does anything grow?

    python -m benchmarks.gui cycles --minutes 60

Each cycle opens the sample, trains (real JAX, stopped after some steps; every fifth one to the end, then searches), takes
everything back and does it again, closes the window and opens another one in the same process.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QTimer

from benchmarks.gui.bench import Bench
from ndestudio.gui.garbage import give_back_memory
from ndestudio.session.ports import STAGES

SETTLED = 10
"""Cycles before growth counts: caches and buffers find their size."""


def run(minutes: float, log: Path | None = None) -> dict[str, Any]:
    """Cycles for so many minutes.

    Parameters
    ----------
    log
        A line for each cycle is written there.
    """
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        kept: list[dict[str, float]] = []
        while time.monotonic() < end or len(kept) < 2:
            _cycle(bench, len(kept))
            kept.append(_census(bench))
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(kept[-1]) + "\n")
        bench.close()
    return _summary(kept, minutes)


def _cycle(bench: Bench, number: int) -> None:
    bench.open_sample()
    session = bench.session
    session.train.change_settings(preset="quick", seed=number % 3)
    for stage in STAGES:
        bench.window.go(stage)
        bench.spin(0.05)
    bench.window.go("train")
    session.train.start()
    live = session.train.live
    if number % 5 == 4:
        bench.until(lambda: not session.tasks.running("fit"))
        bench.window.go("distil")
        session.distil.change_settings(seconds=1.0)
        session.distil.start()
        bench.spin(1.0)
        session.distil.stop()
    else:
        bench.until(lambda: bool(live and live.curves) or not session.tasks.running("fit"))
        bench.spin(0.3)
        session.train.stop()
    bench.until(bench.idle)
    while session.workspace.undo_text:
        session.undo()
        bench.application.processEvents()
    while session.workspace.redo_text:
        session.redo()
        bench.application.processEvents()
    bench.until(bench.idle)
    bench.reopen()


def _census(bench: Bench) -> dict[str, float]:
    bench.spin(0.2)
    gc.collect()
    give_back_memory()  # as the window does every minute
    own = psutil.Process()
    workers = [psutil.Process(pid).memory_info().rss for one in bench.workers.values() for pid in one.pids]
    return {
        "seconds": round(time.monotonic(), 1),
        "window_mb": round(own.memory_info().rss / 1e6, 1),
        "workers_mb": round(sum(workers) / 1e6, 1),
        "workers": len(workers),
        "threads": threading.active_count(),
        "os_threads": own.num_threads(),
        "files": own.num_fds() if hasattr(own, "num_fds") else 0,
        "widgets": len(bench.application.allWidgets()),
        "windows": len([w for w in bench.application.topLevelWidgets() if w.isVisible()]),
        "timers": sum(len(w.findChildren(QTimer)) for w in bench.application.topLevelWidgets()),
        "objects": len(gc.get_objects()),
    }


def _summary(kept: list[dict[str, float]], minutes: float) -> dict[str, Any]:
    def level(name: str, part: list[dict[str, float]]) -> float:
        return float(np.median([one[name] for one in part]))

    settled = kept[SETTLED : SETTLED + 5] or kept[-1:]
    last = kept[-5:]
    names = [name for name in kept[0] if name != "seconds"]
    return {
        "minutes": minutes,
        "cycles": len(kept),
        "after_ten": {name: level(name, settled) for name in names},
        "at_the_end": {name: level(name, last) for name in names},
        "window_growth_percent": round(100 * (level("window_mb", last) / level("window_mb", settled) - 1), 1),
        "workers_growth_percent": round(
            100 * (level("workers_mb", last) / max(1, level("workers_mb", settled)) - 1), 1
        ),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
