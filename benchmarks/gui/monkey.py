"""A monkey at the window: clicks, keys, drops, edits, trainings, by chance and by the hour.

    python -m benchmarks.gui monkey --minutes 10 --seed 0 --log monkey.jsonl
    python -m benchmarks.gui.monkey monkey.jsonl            # does the logged actions again, and says where it fails

It looks for exceptions (of slots, events, threads and jobs), warnings of Qt and hangs. The action before a failure is the
last one of the log.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PySide6.QtCore import QEventLoop, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QDesktopServices, QDrag
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox
from shiboken6 import isValid

from benchmarks.gui.bench import Bench
from benchmarks.gui.monkey_files import make_files
from benchmarks.gui.monkey_hands import Action, Hands, press
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session

HANG_SECONDS = 30.0
SLOW_SECONDS = 1.0
_OF_NO_CONSEQUENCE = "commitData called with an editor that does not belong"
"""Qt's words when a table is filled anew while a cell of it is edited: the unfinished text is dropped, as it should be."""

# the others are said of a window without a screen, or of what only a program can ask for
_IGNORED = (
    _OF_NO_CONSEQUENCE,
    "This plugin does not support",
    "QFont::",
    "propagateSizeHints",
    "keyToAscii",
    "edit: editing failed",
)


@dataclass
class Watch:
    """What went wrong, and after which action."""

    log: Path | None = None
    number: int = 0
    action: Action = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slow: list[tuple[float, Action]] = field(default_factory=list)
    beat: float = field(default_factory=time.monotonic)

    def before(self, action: Action) -> None:
        self.number, self.action, self.beat = self.number + 1, action, time.monotonic()
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(action) + "\n")

    def after(self) -> None:
        seconds = time.monotonic() - self.beat
        if seconds > SLOW_SECONDS:
            self.slow.append((round(seconds, 2), self.action))

    def fail(self, what: str) -> None:
        text = f"action {self.number} {json.dumps(self.action)}\n{what}"
        if what not in "".join(self.failures):
            self.failures.append(text)
            print(text, file=sys.stderr, flush=True)


@contextmanager
def watched(watch: Watch, files: list[str], folder: Path, hands: Hands) -> Iterator[None]:
    """Failures go to ``watch``; what would wait for a person (file dialogs, questions, drags) answers by chance."""

    def on_exception(kind: Any, error: Any, trace: Any) -> None:
        watch.fail("".join(traceback.format_exception(kind, error, trace)))

    def on_message(kind: QtMsgType, _context: object, message: str) -> None:
        quiet = kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
        if not quiet and not any(words in message for words in _IGNORED):
            watch.fail(f"Qt: {message}")

    class Errors(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if ("Traceback" in text and "unexpected error" in text) or record.levelno >= logging.ERROR:
                watch.fail(text)

    chance = hands.random
    answers = (QMessageBox.StandardButton.Save, QMessageBox.StandardButton.Discard, QMessageBox.StandardButton.Cancel)
    suffixes = (".nde", ".svg", ".pdf", ".png", ".txt", "")
    target = lambda *_, **__: (str(folder / f"saved{chance.randrange(3)}{chance.choice(suffixes)}"), "")  # noqa: E731
    errors = Errors()
    logging.getLogger("ndestudio").addHandler(errors)
    before = sys.excepthook, threading.excepthook
    sys.excepthook = on_exception
    threading.excepthook = lambda a: on_exception(a.exc_type, a.exc_value, a.exc_traceback)
    handler = qInstallMessageHandler(on_message)
    with (
        patch.object(QFileDialog, "getOpenFileNames", lambda *_, **__: (chance.sample(files, 1), "")),
        patch.object(QFileDialog, "getOpenFileName", lambda *_, **__: (chance.choice(files), "")),
        patch.object(QFileDialog, "getSaveFileName", target),
        patch.object(QFileDialog, "getExistingDirectory", lambda *_, **__: str(folder / "all")),
        patch.object(QMessageBox, "exec", lambda _: chance.choice(answers)),
        patch.object(QDesktopServices, "openUrl", lambda *_: True),
        patch.object(QDrag, "exec", lambda *_: None),
    ):
        try:
            yield
        finally:
            sys.excepthook, threading.excepthook = before
            qInstallMessageHandler(handler)
            logging.getLogger("ndestudio").removeHandler(errors)


def play(
    watch: Watch,
    hands: Hands,
    actions: Iterator[Action],
    settle: Callable[[float], object],
) -> Counter[str]:
    """Perform actions one after the other, the event loop running in between.

    Returns
    -------
    Counter[str]
        How often each kind was done.
    """
    done: Counter[str] = Counter()
    for action in actions:
        watch.before(action)
        _in_event_loop(lambda action=action: done.update([action["do"]] if hands.perform(action) else []), watch)
        _in_event_loop(lambda action=action: settle(action.get("wait", 0.0)), watch)
        watch.after()
    return done


def _in_event_loop(act: Callable[[], object], watch: Watch) -> None:
    """As events come to a window: what an action wants deleted is so after it, not in the middle of it."""
    loop, impatient = QEventLoop(), QTimer()

    def answer() -> None:  # a menu that waits for a choice, in an event loop of its own
        popup = QApplication.activePopupWidget()
        if popup is not None:
            keys = (Qt.Key.Key_Down, Qt.Key.Key_Return) if watch.number % 2 else (Qt.Key.Key_Escape,)
            for key in keys:
                if isValid(popup):
                    press(popup, key)

    def do() -> None:
        try:
            act()
        except Exception:
            watch.fail(traceback.format_exc())
        loop.quit()

    impatient.timeout.connect(answer)
    impatient.start(700)
    QTimer.singleShot(0, do)
    loop.exec()
    impatient.stop()


def by_chance(hands: Hands, seconds: float) -> Iterator[Action]:
    """Actions for so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        wait = hands.random.choice((0.0, 0.0, 0.0, 0.01, 0.05, 0.3))
        yield {**hands.choose(), "wait": wait}


def hooks_of(session: Callable[[], Session]) -> dict[str, tuple[int, Callable[[], object]]]:
    """Starting and stopping of what computes; by clicks alone it would be rare."""

    def quick() -> None:
        session().train.change_settings(preset="quick", time_limit=10.0)
        session().distil.change_settings(seconds=2.0)

    return {
        "quick": (2, quick),
        "train": (3, lambda: session().train.start()),
        "stop training": (2, lambda: session().train.stop()),
        "pause training": (1, lambda: session().train.pause()),
        "resume training": (1, lambda: session().train.resume()),
        "discard training": (1, lambda: session().train.discard()),
        "search": (2, lambda: session().distil.start()),
        "stop searching": (1, lambda: session().distil.stop()),
    }


def run(minutes: float, seed: int, log: Path | None = None, replay: Path | None = None) -> dict[str, Any]:
    """The real window with real trainings.

    Parameters
    ----------
    log
        Each action is written there before it is done (as JSON, one a line).
    replay
        Such a file, to be done again instead of actions by chance.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder / "autosave")
        watch = Watch(log)
        files = make_files(folder / "files")
        hooks = hooks_of(lambda: bench.session)
        hooks["close and open"] = (1, bench.reopen)
        hands = Hands(lambda: bench.window, files, seed, hooks)
        lines = replay.read_text(encoding="utf-8").splitlines() if replay else []
        actions = iter([json.loads(line) for line in lines]) if replay else by_chance(hands, 60 * minutes)
        _guard(watch)
        with watched(watch, files, folder, hands):
            bench.window.open_files([file for file in files if file.endswith("lynx_hare/spec.toml")][:1])
            bench.spin(1.0)
            done = play(watch, hands, actions, lambda seconds: _settle(bench, seconds))
            bench.session.tasks.discard_all()
            bench.spin(2.0)
            bench.close()
        return {
            "seed": seed,
            "minutes": minutes,
            "actions": watch.number,
            "done": dict(done.most_common()),
            "failures": watch.failures,
            "slower_than_1_s": sorted(watch.slow, key=lambda one: -one[0])[:20],
        }


def _settle(bench: Bench, seconds: float) -> None:
    bench.spin(seconds)
    if not bench.window.isVisible():  # it was quit
        bench.reopen()


def _guard(watch: Watch) -> None:
    """Say where all threads are, and end, when an action does not come back."""

    def look() -> None:
        while True:
            time.sleep(1.0)
            if time.monotonic() - watch.beat > HANG_SECONDS:
                print(f"hang in action {watch.number} {json.dumps(watch.action)}", file=sys.stderr, flush=True)
                faulthandler.dump_traceback()
                sys.stderr.flush()
                import os

                os._exit(3)

    threading.Thread(target=look, name="guard", daemon=True).start()


def front_window() -> MainWindow:
    """The window that is there."""
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())


if __name__ == "__main__":
    import os

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(json.dumps(run(0.0, 0, replay=Path(sys.argv[1])), indent=2))
    os._exit(0)
