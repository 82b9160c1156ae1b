"""Tasks in spawned processes of this machine, each with its share of the processors."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.jobs.executors.base import Ended, Load, Task, TaskReporter, fault
from ndestudio.jobs.process import NotBegun, ProcessEnded, Worker
from ndestudio.progress import Note, Reporter

_TRIES = 3
"""Processes a task may cost: one that needs more memory than there is would end all that come."""
_LOOK_SECONDS = 0.1
_THREADS: tuple[str, ...] = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NPROC",
)
"""How the libraries are told how many threads to make; NPROC is how XLA is."""


class Local:
    """An ``Executor`` of processes on this machine.

    Parameters
    ----------
    workers
        How many processes (None: one for each processor).
    lower
        How much lower their priority is.
    """

    def __init__(self, workers: int | None = None, lower: int = 0) -> None:
        processors = available_processors()
        self._count = max(1, workers if workers is not None else processors)
        self._environment = share_of_threads(self._count)
        self._lower = lower
        self._closing = threading.Event()
        self._workers: dict[int, Worker] = {}
        self._changed = threading.Lock()

    @property
    def name(self) -> str:
        return f"local:{self._count}"

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that compute."""
        with self._changed:
            return tuple(one.pid for one in self._workers.values() if one.usable)

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        said: queue.SimpleQueue[Ended | Note | BaseException | None] = queue.SimpleQueue()
        stop = threading.Event()
        threads = [
            threading.Thread(
                target=self._serve, args=(place, waiting, shared, said, stop), name=f"executor {place}", daemon=True
            )
            for place in range(min(self._count, len(tasks)))
        ]
        for thread in threads:
            thread.start()
        ended, serving = 0, len(threads)
        try:
            while serving:
                if reporter.should_stop():
                    stop.set()
                try:
                    one = said.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    continue
                if one is None:
                    serving -= 1
                elif isinstance(one, Note):
                    reporter.emit(one)
                elif isinstance(one, BaseException):
                    raise one
                else:
                    ended += 1
                    left = waiting.qsize()
                    names = tuple(f"process {pid}" for pid in self.pids)
                    reporter.emit(Load(self.name, names, len(tasks) - ended - left, left, ended))
                    yield one
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def close(self) -> None:
        self._closing.set()
        with self._changed:
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            worker.close()

    def _serve(
        self,
        place: int,
        waiting: queue.SimpleQueue[Task],
        shared: tuple[Any, ...],
        said: queue.SimpleQueue[Ended | Note | BaseException | None],
        stop: threading.Event,
    ) -> None:
        try:
            while not stop.is_set():
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                ended = self._ended(place, task, shared, said, stop)
                if ended is not None:
                    said.put(ended)
        except BaseException as error:  # a fault of the program: the one who asked is told
            said.put(error)
        finally:
            said.put(None)

    def _ended(
        self,
        place: int,
        task: Task,
        shared: tuple[Any, ...],
        said: queue.SimpleQueue[Ended | Note | BaseException | None],
        stop: threading.Event,
    ) -> Ended | None:
        """How a task ended, after a few processes where they die; None if it was cut short by a stop."""
        for attempt in range(1, _TRIES + 1):
            worker = self._worker(place)
            name = f"process {worker.pid}"
            own = TaskReporter(stop.is_set)
            started = perf_counter()
            try:
                result = worker.run(task.function, *shared, *task.args, reporter=own)
            except NotBegun:
                return None
            except ProcessEnded as error:
                if stop.is_set():
                    return None
                seconds = perf_counter() - started
                if attempt == _TRIES:
                    sentence = f"{error}; that happened {_TRIES} times, perhaps there is too little memory"
                    return Ended(task.key, problem=sentence, worker=name, seconds=seconds)
                said.put(Note(f"{name} ended unexpectedly; its task is computed again", "warning"))
            except NdeStudioError as error:
                return (
                    None
                    if own.stopped
                    else Ended(task.key, problem=str(error), worker=name, seconds=perf_counter() - started)
                )
            except RuntimeError as error:
                # what the function raised over there and is no sentence of ours: one row fails, not all
                return Ended(task.key, problem=fault(str(error)), worker=name, seconds=perf_counter() - started)
            else:
                if own.stopped and not task.partial:
                    return None
                seconds = perf_counter() - started
                return Ended(task.key, result, worker=name, seconds=seconds, cut_short=own.stopped)
        return None

    def _worker(self, place: int) -> Worker:
        with self._changed:
            worker = self._workers.get(place)
        if worker is not None and worker.usable:
            return worker
        if worker is not None:
            worker.close()
        made = Worker(f"ndestudio executor {place}", self._lower, self._environment)
        with self._changed:
            self._workers[place] = made
        return made


def share_of_threads(workers: int) -> dict[str, str]:
    """Variables that tell the libraries of each of so many processes how many threads to make."""
    return dict.fromkeys(_THREADS, str(max(1, available_processors() // workers)))


def available_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
