"""Repeated training and stopping leaves nothing behind: no thread, timer, widget, plot item, no growing memory."""

import gc
import threading
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from ndestudio.fitting.result import Fit
from ndestudio.gui.main_window import MainWindow
from ndestudio.progress import FitSnapshot, Phase, TrainStep
from ndestudio.session.session import Session
from ndestudio.session.training import controller as train_controller
from tests.session import results

Settle = Callable[[], None]
CYCLES = 4
PER_CYCLE = 40_000
"""Bytes; one model more per cycle would be ten times that."""


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(model, dataset, config, start, *, reporter) -> Fit:  # type: ignore[no-untyped-def]
        reporter.emit(Phase("final_refinement", "fitting"))
        for step in range(200):
            reporter.emit(TrainStep("final_refinement", step, 1.0 / (step + 1), None, {"a": 0.5, "b": 1.0}, 0.1))
            if step % 50 == 0:
                reporter.emit(FitSnapshot("final_refinement", step, results.model(), {}))
            if reporter.should_stop():
                break
        return results.fit()

    monkeypatch.setattr(train_controller, "_fit", fit)


def counts(window: MainWindow) -> dict[str, int]:
    view = window.views["train"]
    return {
        "threads": sum(thread.name.startswith("job") for thread in threading.enumerate()),
        "timers": len(window.findChildren(QTimer)),
        "widgets": len(view.findChildren(object)),  # type: ignore[type-var]
        "items": len(view.loss.scene().items()) + len(view.phase.plot.scene().items()),  # type: ignore[attr-defined]
    }


def test_train_stop_undo_cycles_leave_nothing_behind(
    window: MainWindow, session: Session, short_training: None, settle: Settle, qtbot: QtBot
):
    session.workspace.open(results.project(fitted=False), None)
    window.go("train")

    def cycle() -> None:
        session.train.start()
        session.train.stop()
        settle()
        session.undo()
        settle()

    def cycles() -> int:
        for _ in range(CYCLES):
            cycle()
        qtbot.waitUntil(lambda: counts(window)["threads"] == 0, timeout=60_000)
        return traced()

    tracemalloc.start()  # before the first cycle: what replaces something older must not count as growth
    marks = [cycles()]
    before = counts(window)
    marks += [cycles(), cycles(), cycles()]
    tracemalloc.stop()
    assert counts(window) == before
    # a leak grows every time; buffers of the plots that find their size do once
    grown = min(later - earlier for earlier, later in pairwise(marks))
    assert grown < CYCLES * PER_CYCLE, f"{grown} bytes more after {CYCLES} cycles"


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
