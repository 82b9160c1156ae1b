"""Many computations of one function, for those who need all results, in the order of the questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.jobs.executors.base import Ended, Executor, Load, Task
from ndestudio.jobs.executors.content import content_key
from ndestudio.progress import Event, Note, Progress, Reporter


class AllFailed(NdeStudioError):
    """None of several computations came to a result; the sentence is that of the first."""


def gathered(
    executor: Executor,
    function: Callable[..., Any],
    questions: Sequence[tuple[Any, ...]],
    *,
    shared: tuple[Any, ...] = (),
    names: Sequence[str],
    reporter: Reporter,
    partial: bool = False,
) -> list[Any]:
    """``function(*shared, *question, reporter=...)`` for each question.

    Parameters
    ----------
    names
        Of the questions, for sentences.
    partial
        Whether what a stop cuts short is a result.

    Returns
    -------
    list[Any]
        A result for each question; None where one failed (its sentence is a ``Note``) or was not reached before a stop.

    Raises
    ------
    AllFailed
        None came to a result, and the first failed.
    ExecutorLost, WrongVersion
        As ``Executor.map``.
    """
    common = content_key(function, *shared)
    keys = [content_key(common, *question) for question in questions]
    asked = dict(zip(keys, questions, strict=True))
    tasks = [Task(key, function, question, partial) for key, question in asked.items()]
    found: dict[str, Ended] = {}
    own = _Gathering(reporter, len(tasks))
    for ended in executor.map(tasks, shared=shared, reporter=own):
        found[ended.key] = ended
        own.reached(len(found))
    failures = [(name, found[key].problem) for name, key in zip(names, keys, strict=True) if _failed(found, key)]
    if failures and len(failures) == len(keys):
        raise AllFailed(failures[0][1])
    for name, problem in failures:
        reporter.emit(Note(f"{name} came to nothing: {problem}", "warning"))
    return [found[key].result if key in found and not found[key].problem else None for key in keys]


def _failed(found: dict[str, Ended], key: str) -> bool:
    return key in found and bool(found[key].problem)


class _Gathering:
    """What an executor hears of the one who asked: its load becomes progress."""

    def __init__(self, reporter: Reporter, total: int) -> None:
        self._reporter, self._total = reporter, total
        self.should_stop = reporter.should_stop

    def emit(self, event: Event) -> None:
        self._reporter.emit(event)
        if isinstance(event, Load):
            workers = f"{len(event.workers)} worker{'s' if len(event.workers) != 1 else ''}"
            text = f"{event.ended} of {self._total}, {event.running} running on {workers}"
            self._reporter.emit(Progress(min(event.ended / self._total, 1.0), None, text))

    def reached(self, ended: int) -> None:
        self._reporter.emit(Progress(ended / self._total, None, f"{ended} of {self._total}"))
