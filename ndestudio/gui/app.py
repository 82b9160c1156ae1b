"""Starts the window."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QPixmapCache
from PySide6.QtWidgets import QApplication

from ndestudio import __version__
from ndestudio.gui import theme
from ndestudio.gui.bridge import Bridge
from ndestudio.gui.garbage import Collector, keep_memory_together
from ndestudio.gui.icons import application_icon
from ndestudio.gui.instance import Instance, hand_over
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.prefetch import Prefetch
from ndestudio.jobs import Workers
from ndestudio.paths import user_state_dir
from ndestudio.session.purposes import COMPUTE, PREVIEW, Place
from ndestudio.session.session import Session
from ndestudio.session.shell import Toast

_log = logging.getLogger("ndestudio")

_WARM_UP_MS = 1000
"""The window is up by then."""

_PIXMAPS_KB = 3072
"""Pixels the style keeps. A progress bar leaves a picture for each of its lengths: by default up to 10 MB of them."""


def main(files: Sequence[str | Path] = (), *, alone: bool = False) -> int:
    """Open the window, with files if there are any, and stay until it is closed.

    Parameters
    ----------
    alone
        A window that is there already opens the files instead, and later ones are opened in this one.

    Returns
    -------
    int
        The exit code of the process.
    """
    sys.setswitchinterval(0.001)  # workers hand the interpreter back sooner, so that the window stays smooth
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    start_log()
    application = make_application()
    if alone and hand_over(files):
        return 0
    workers = make_workers()
    session = Session(autosave_folder=user_state_dir() / "autosave", workers=workers)
    theme.install(application, session.settings.value.scheme)
    window = MainWindow(session)
    bridge = Bridge(session)
    prefetch = Prefetch(window)
    _report_unexpected(window)
    window.show()
    if files:
        QTimer.singleShot(0, lambda: window.open_files([str(Path(file).absolute()) for file in files]))
    QTimer.singleShot(_WARM_UP_MS, session.warm_up)
    instance = Instance(lambda paths: _come_forward(window, paths)) if alone else None
    collector = Collector()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    code = application.exec()
    prefetch.close()
    if instance is not None:
        instance.close()
    bridge.close()
    collector.close()
    for one in workers.values():
        one.close()
    # a thread in the middle of a compilation cannot be interrupted; its work is not wanted any more
    if any(thread.name.startswith("job") for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(code)
    return code


def _come_forward(window: MainWindow, paths: list[str]) -> None:
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.raise_()
    window.activateWindow()
    if paths:
        QTimer.singleShot(0, lambda: window.open_files(paths))  # a question must not keep the other process waiting


def make_workers() -> dict[Place, Workers]:
    """The processes that compute, so that the window never waits for the interpreter; started when first needed."""
    return {COMPUTE: Workers("ndestudio compute"), PREVIEW: Workers("ndestudio preview", kept=2, patience=0.5)}


def make_application() -> QApplication:
    """The application object (the existing one when there is one)."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    keep_memory_together()
    application.setApplicationName("NDE Studio")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("ndestudio")
    application.setWindowIcon(application_icon())
    QPixmapCache.setCacheLimit(_PIXMAPS_KB)
    return application


def start_log(folder: Path | None = None) -> Path:
    """Write the log to a file of at most a megabyte, two older ones kept.

    Returns
    -------
    Path
        The file.
    """
    folder = folder or user_state_dir() / "log"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ndestudio.log"
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s: %(message)s"))
    logger = logging.getLogger("ndestudio")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.info("NDE Studio %s starts", __version__)
    return path


def _report_unexpected(window: MainWindow) -> None:
    """Exceptions that nobody took go to the log, and as a sentence to the person."""

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        _log.error("unexpected error\n%s", details)
        text = "Something unexpected went wrong; your work is kept. The details help whoever looks into it."
        window.show_toast(Toast(text, "error", details))

    def on_message(kind: QtMsgType, _context: object, message: str) -> None:
        level = logging.INFO if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
        _log.log(level, "Qt: %s", message)

    sys.excepthook = on_exception
    threading.excepthook = lambda args: _log.error(
        "unexpected error in a thread", exc_info=(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    )
    qInstallMessageHandler(on_message)
