"""Unsaved work is written aside every few seconds, and found again after a crash."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from uuid import uuid4

from ndestudio.progress import Reporter
from ndestudio.project.project import Project
from ndestudio.session.tasks import Tasks
from ndestudio.session.workspace import Workspace

_DELAY_SECONDS = 3.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leftover:
    """An autosave of a session that ended unexpectedly. `modified`: seconds since the epoch."""

    path: Path
    modified: float


class Autosave:
    """Writes the latest project to a file of its own while there is unsaved work.

    The file is called after the process, so that a later session sees whether its owner still lives.
    """

    def __init__(self, workspace: Workspace, tasks: Tasks, folder: Path | None) -> None:
        self._workspace, self._tasks = workspace, tasks
        self._folder = folder
        self._path = folder / f"{os.getpid()}-{uuid4().hex[:8]}.nde" if folder else None
        self._due: float | None = None
        self._closed = threading.Event()
        self._written: Project | None = None

    def changed(self) -> None:
        if self._path is not None and self._due is None:
            self._due = monotonic() + _DELAY_SECONDS

    def tick(self) -> None:
        """Write if it is time to."""
        if self._due is None or monotonic() < self._due or self._tasks.running("autosave"):
            return
        self._due = None
        workspace = self._workspace
        if not workspace.modified:
            self._remove()
        elif workspace.project is not self._written:
            self._written = workspace.project
            self._tasks.start(
                "autosave",
                "",
                _write,
                workspace.project,
                self._path,
                self._closed,
                failed=lambda failed: _log.error(failed.details),
            )

    def adopt(self, path: Path) -> None:
        """Take over a leftover that was recovered: it is kept until this session has written its own."""
        if self._path is not None and path.parent == self._folder:
            with contextlib.suppress(OSError):
                path.replace(self._path)

    def close(self) -> None:
        """Nothing is to be recovered of this session; a write that is under way takes its file away again."""
        self._due = None
        self._closed.set()
        self._remove()

    def leftovers(self) -> tuple[Leftover, ...]:
        """Autosaves whose session is gone, newest first."""
        if self._folder is None or not self._folder.is_dir():
            return ()
        found = [
            Leftover(path, path.stat().st_mtime)
            for path in self._folder.glob("*.nde")
            if path != self._path and not _alive(path.stem.split("-")[0])
        ]
        return tuple(sorted(found, key=lambda leftover: -leftover.modified))

    def dismiss(self, leftover: Leftover) -> None:
        """Throw a leftover away."""
        with contextlib.suppress(OSError):
            leftover.path.unlink()

    def _remove(self) -> None:
        self._written = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    """Whether a process of that number runs (another program may have got the number: then nothing is offered yet)."""
    if not pid.isdigit():
        return False
    if os.name == "nt":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, int(pid))  # type: ignore[attr-defined]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined]
        return bool(handle)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(project: Project, path: Path, closed: threading.Event, *, reporter: Reporter) -> None:
    from ndestudio.project import save_project

    del reporter
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not closed.is_set():
        save_project(project, path)
    if closed.is_set():
        path.unlink(missing_ok=True)
