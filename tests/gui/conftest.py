"""A window offscreen. Every test fails that leaves windows, threads or timers behind, and Qt's warnings are errors."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from ndestudio.gui import theme
from ndestudio.gui.bridge import Bridge
from ndestudio.gui.main_window import MainWindow
from ndestudio.jobs import Jobs
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from tests.session.helpers import LYNX_HARE

OPEN = 60_000
"""Milliseconds to wait for work that takes well under a second on an idle machine."""


@pytest.fixture(scope="session", autouse=True)
def _collect_on_this_thread_only() -> Iterator[None]:
    """No collection on a worker thread: it would destroy Qt objects there."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _nothing_left_behind(qtbot: QtBot, qapp: QApplication) -> Iterator[None]:
    threads = set(threading.enumerate())
    windows = {id(widget) for widget in qapp.topLevelWidgets()}
    yield
    qapp.sendPostedEvents(None, 52)  # deferred deletions
    qapp.processEvents()
    gc.collect()
    left = [type(w).__name__ for w in qapp.topLevelWidgets() if id(w) not in windows and w.isVisible()]
    assert not left, f"windows left behind: {left}"
    alive = [t.name for t in threading.enumerate() if t not in threads and t.is_alive() and t.name.startswith("job")]
    assert not alive, f"threads left behind: {alive}"
    running = [timer for timer in qapp.findChildren(QTimer) if timer.isActive()]
    assert not running, f"timers left behind: {running}"
    gc.freeze()  # what has outlived a collection belongs to the libraries; the next one need not look at it


@pytest.fixture(autouse=True)
def _no_question_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that no test answers fails; further data files replace those that are open."""

    def answer(box: QMessageBox) -> int:
        found = next((one for one in box.buttons() if one.text().replace("&", "") == "Replace the data"), None)
        assert found is not None, f"a question that nobody answers: {box.text()}"
        found.click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)


@pytest.fixture
def light(qapp: QApplication) -> theme.Theme:
    return theme.install(qapp, "light")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with real jobs."""
    jobs = Jobs()
    made = Session(jobs, SettingsStore(tmp_path / "settings.json"), tmp_path / "autosave")
    yield made
    made.close()
    assert jobs.close(30.0), "a job outlived its test"


@pytest.fixture
def window(qtbot: QtBot, session: Session, light: theme.Theme, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window, as wide as the smallest screen it must fit."""
    made = MainWindow(session)
    bridge = Bridge(session)
    qtbot.addWidget(made, before_close_func=lambda widget: monkeypatch.setattr(widget, "_may_leave", lambda _: True))
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    bridge.close()


@pytest.fixture
def settle(qtbot: QtBot, qapp: QApplication, session: Session) -> Callable[[], None]:
    """Wait until no job runs and the window shows what they said."""

    def wait() -> None:
        from ndestudio.gui.widgets.redraw import Redraw

        qtbot.waitUntil(lambda: not session.tasks.busy, timeout=OPEN)
        for redraw in [one for widget in qapp.topLevelWidgets() for one in widget.findChildren(Redraw)]:
            redraw.now()  # what was put off for a few milliseconds

    return wait


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "lynx.csv"
    path.write_text(LYNX_HARE, encoding="utf-8")
    return path
