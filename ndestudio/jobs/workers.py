"""A few worker processes, lent to jobs one at a time and kept for the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from ndestudio.jobs.process import NotBegun, ProcessEnded, Worker
from ndestudio.progress import Phase, Reporter

_LOOK_SECONDS = 0.05


class Workers:
    """Runs functions in spawned processes, at most ``limit`` of them at once.

    ``jobs.submit(name, workers.run, function, ...)`` makes a job of it. A free process is used again, the one used last
    first: it has the libraries loaded and the programs compiled.

    Parameters
    ----------
    name
        For lists of processes.
    limit
        Processes at most; a job beyond that waits for its turn.
    kept
        Processes that stay when nothing runs.
    patience
        Seconds a job waits for a busy process before it starts another: loading the libraries takes longer.
    lower
        How much lower the priority of the processes is.
    """

    def __init__(self, name: str, limit: int = 2, kept: int = 1, patience: float = 3.0, lower: int = 5) -> None:
        self._name, self._limit, self._kept, self._patience, self._lower = name, limit, kept, patience, lower
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._starting = 0
        self._closed = False

    def run(self, function: Callable[..., Any], *args: Any, reporter: Reporter, **kwargs: Any) -> Any:
        """``function(*args, reporter=..., **kwargs)`` in a process.

        Raises
        ------
        ProcessEnded
            The process died or nobody wants the result any more; else what the function raised.
        """
        worker = self._borrow(reporter)
        try:
            return worker.run(function, *args, reporter=reporter, **kwargs)
        finally:
            self._give_back(worker)

    def close(self) -> None:
        """End all processes, whatever they do."""
        with self._changed:
            self._closed = True
            idle, busy = tuple(self._idle), tuple(self._busy)
            self._idle.clear()
            self._changed.notify_all()
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.close()

    @property
    def pids(self) -> tuple[int, ...]:
        with self._changed:
            return tuple(worker.pid for worker in (*self._idle, *self._busy) if worker.usable)

    def _borrow(self, reporter: Reporter) -> Worker:
        began, told = monotonic(), False
        while True:
            with self._changed:
                if worker := self._take_idle():
                    return worker
                running = len(self._busy) + self._starting
                waited = monotonic() - began
                if running == 0 or (running < self._limit and waited > self._patience):
                    self._starting += 1
                    break
                self._changed.wait(_LOOK_SECONDS)
            if not told and waited > self._patience:
                told = True
                reporter.emit(Phase("waiting", "waiting for other computations to end"))
            if reporter.should_stop():
                raise NotBegun("it was stopped before its turn came; nothing was changed")
        return self._start()

    def _take_idle(self) -> Worker | None:
        if self._closed:
            raise ProcessEnded("the program ends; nothing more is computed")
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                self._busy.append(worker)
                return worker
            worker.close()
        return None

    def _start(self) -> Worker:
        try:
            worker = Worker(self._name, self._lower)
        except BaseException:
            with self._changed:
                self._starting -= 1
            raise
        with self._changed:
            self._starting -= 1
            self._busy.append(worker)
            if self._closed:
                worker.kill()
        return worker

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.remove(worker)
            keep = worker.usable and not self._closed and len(self._idle) < self._kept
            if keep:
                self._idle.append(worker)
            self._changed.notify_all()
        if not keep:
            worker.close()
