"""What runs many independent computations: in this process, in others of this machine, on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Event, Reporter


class ExecutorLost(NdeStudioError):
    """What should compute is gone and did not come back; what had ended is kept."""


class WrongVersion(NdeStudioError):
    """A worker runs another version of the program."""


@dataclass(frozen=True, eq=False)
class Task:
    """One computation.

    Parameters
    ----------
    key
        Stands for its content: tasks of the same key have the same result, and an executor that still has it does not
        compute it again.
    function
        A function of a module, called as ``function(*shared, *args, reporter=...)``.
    partial
        Whether what it returns after a stop is handed over, too, as far as the executor hears of it.
    """

    key: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    partial: bool = False


@dataclass(frozen=True, eq=False)
class Ended:
    """How a task ended.

    Parameters
    ----------
    result
        What the function returned, None where there is a problem.
    problem
        A sentence, "" where there is a result.
    worker
        Where it was computed.
    seconds
        Wall time of the function alone.
    cut_short
        It was stopped on the way: the result of a partial task.
    """

    key: str
    result: Any = None
    problem: str = ""
    worker: str = ""
    seconds: float = 0.0
    cut_short: bool = False


@dataclass(frozen=True)
class Load(Event):
    """What an executor does now.

    Parameters
    ----------
    workers
        Names of those that take tasks.
    running, waiting, ended
        Numbers of tasks.
    """

    executor: str
    workers: tuple[str, ...]
    running: int
    waiting: int
    ended: int


@runtime_checkable
class Executor(Protocol):
    """Runs tasks, in any order, and hands over each result as it comes."""

    @property
    def name(self) -> str:
        """What a person calls it: `local:2`."""
        ...

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        """Each task once, as it ends; after a stop no more, and what was cut short is left out.

        Parameters
        ----------
        shared
            First arguments of all tasks; they travel to each worker once.
        reporter
            Hears of the load, and is asked whether to stop.

        Raises
        ------
        ExecutorLost
            What computes is gone and did not come back.
        WrongVersion
            No worker runs this version of the program.
        """
        ...

    def close(self) -> None:
        """End what was started for it."""
        ...


def fault(words: str) -> str:
    """The sentence for what a function raised that is no sentence of ours.

    Parameters
    ----------
    words
        Class and text of the exception.
    """
    if words.startswith("MemoryError") or "RESOURCE_EXHAUSTED" in words or "Out of memory" in words:
        return (
            f"there was too little memory for it ({words}); give the workers more, or start fewer of them on a machine"
        )
    return f"a fault of the program: {words}"


@dataclass
class TaskReporter:
    """The reporter of a task among many: its events are nobody's business, its stop is that of all."""

    asked: Callable[[], bool] = field(default=lambda: False)
    stopped: bool = False

    def emit(self, event: Event) -> None:
        del event

    def should_stop(self) -> bool:
        self.stopped = self.stopped or self.asked()
        return self.stopped
