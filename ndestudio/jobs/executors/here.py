"""Tasks one after the other in this process: nothing is started, and an interpreter's debugger sees all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.jobs.executors.base import Ended, Load, Task, TaskReporter, fault
from ndestudio.progress import Reporter

NAME = "here"


class Here:
    """An ``Executor`` without workers."""

    name = NAME

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        for number, task in enumerate(tasks):
            if reporter.should_stop():
                return
            reporter.emit(Load(NAME, (NAME,), 1, len(tasks) - number - 1, number))
            own = TaskReporter(reporter.should_stop)
            ended = computed(task, shared, own)
            if own.stopped and not task.partial:
                return
            yield replace(ended, cut_short=own.stopped)

    def close(self) -> None:
        pass


def computed(task: Task, shared: tuple[Any, ...], reporter: Reporter, worker: str = NAME) -> Ended:
    """The task's result, or the sentence of what the program says of it. Other exceptions are faults and rise."""
    started = perf_counter()
    try:
        result = task.function(*shared, *task.args, reporter=reporter)
    except NdeStudioError as error:
        return Ended(task.key, problem=str(error), worker=worker, seconds=perf_counter() - started)
    except MemoryError as error:
        problem = fault(f"MemoryError: {error}")
        return Ended(task.key, problem=problem, worker=worker, seconds=perf_counter() - started)
    return Ended(task.key, result, worker=worker, seconds=perf_counter() - started)
