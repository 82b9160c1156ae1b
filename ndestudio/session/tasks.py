"""Jobs by purpose: at most one of a kind counts, and what an outdated one says is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, runtime_checkable

from ndestudio.jobs import Failed, Finished, JobId, Workers
from ndestudio.progress import Event, Phase, Progress
from ndestudio.session.purposes import Place, PurposeName, purpose


@runtime_checkable
class Runner(Protocol):
    """The part of ``jobs.Jobs`` a session uses."""

    def submit(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> JobId: ...

    def pause(self, id_: JobId) -> None: ...

    def resume(self, id_: JobId) -> None: ...

    def stop(self, id_: JobId) -> None: ...

    def detach(self, id_: JobId) -> None: ...

    def drain(self) -> list[tuple[JobId, Event]]: ...


@dataclass(eq=False)
class Task:
    """A running job and what is known of it.

    Parameters
    ----------
    slot
        Its purpose (`"preview"`, `"fit"`, ...).
    title
        Words for the status bar; "" for work too small to be shown.
    """

    id: JobId
    slot: PurposeName
    title: str
    started: float
    on_event: Callable[[Event], None] | None
    on_done: Callable[[Any], None] | None
    on_failed: Callable[[Failed], None] | None
    phase: Phase | None = None
    phase_started: float = 0.0
    progress: Progress | None = None
    stopping: bool = False
    held: float | None = None

    @property
    def paused(self) -> bool:
        return self.held is not None

    @property
    def seconds(self) -> float:
        """Since it began, without pauses."""
        return (monotonic() if self.held is None else self.held) - self.started

    def hold(self) -> None:
        if self.held is None:
            self.held = monotonic()

    def go_on(self) -> None:
        if self.held is not None:
            self.started += monotonic() - self.held
            self.held = None


class Tasks:
    """Starts jobs and hands their events to whoever asked for them.

    Parameters
    ----------
    runner
        What runs them.
    on_failed
        Told of failures that nobody else takes.
    workers
        Processes by place (see ``purposes``); where there are none, their jobs run on threads.
    """

    def __init__(
        self,
        runner: Runner,
        on_failed: Callable[[Task, Failed], None],
        workers: Mapping[Place, Workers] | None = None,
    ) -> None:
        self._runner = runner
        self._workers = workers or {}
        self._on_failed = on_failed
        self._tasks: dict[JobId, Task] = {}
        self._slots: dict[PurposeName, JobId] = {}
        self.on_start: Callable[[], None] | None = None

    def start(
        self,
        slot: PurposeName,
        title: str,
        function: Callable[..., Any],
        *args: Any,
        done: Callable[[Any], None] | None = None,
        event: Callable[[Event], None] | None = None,
        failed: Callable[[Failed], None] | None = None,
    ) -> Task:
        """Run ``function(*args, reporter=...)`` where its purpose says; a job already in ``slot`` is discarded.

        Raises
        ------
        ValueError
            The purpose is not declared in ``purposes``.
        """
        workers = self._workers.get(purpose(slot).where)
        self.discard(slot)
        call = (function, *args) if workers is None else (workers.run, function, *args)
        id_ = self._runner.submit(title or slot, *call)
        task = Task(id_, slot, title, monotonic(), event, done, failed)
        self._tasks[id_] = task
        self._slots[slot] = id_
        if self.on_start:
            self.on_start()
        return task

    def running(self, slot: PurposeName) -> Task | None:
        """The job in ``slot``, None when there is none."""
        id_ = self._slots.get(slot)
        return self._tasks.get(id_) if id_ is not None else None

    def shown(self) -> Iterator[Task]:
        """Running jobs with a title, oldest first."""
        return (task for task in self._tasks.values() if task.title)

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    @property
    def occupied(self) -> bool:
        """Whether anything runs that a person has asked for or waits for."""
        return any(not task.slot.startswith("warm-up") for task in self._tasks.values())

    @property
    def unfinished(self) -> Task | None:
        """A training, search, recovery test or repetition that runs: what it found would be lost with it."""
        lasting: tuple[PurposeName, ...] = ("fit", "distil", "recovery", "replay")
        found = (self.running(slot) for slot in lasting)
        return next((task for task in found if task is not None), None)

    def pause(self, slot: PurposeName) -> None:
        if task := self.running(slot):
            self._runner.pause(task.id)
            task.hold()

    def resume(self, slot: PurposeName) -> None:
        if task := self.running(slot):
            self._runner.resume(task.id)
            task.go_on()

    def stop(self, slot: PurposeName) -> None:
        """Ask the job to hand back what it reached."""
        if task := self.running(slot):
            self._runner.stop(task.id)
            task.go_on()
            task.stopping = True

    def discard(self, slot: PurposeName) -> None:
        """Forget the job and its result."""
        if task := self.running(slot):
            self._runner.detach(task.id)
            self._forget(task)

    def discard_all(self) -> None:
        for slot in tuple(self._slots):
            self.discard(slot)

    def drain(self) -> bool:
        """Hand out what arrived.

        Returns
        -------
        bool
            Whether anything did.
        """
        events = self._runner.drain()
        for id_, event in events:
            task = self._tasks.get(id_)
            if task is not None:
                self._hand_out(task, event)
        return bool(events)

    def _hand_out(self, task: Task, event: Event) -> None:
        match event:
            case Finished(result=result):
                self._forget(task)
                if task.on_done:
                    task.on_done(result)
            case Failed():
                self._forget(task)
                if task.on_failed:
                    task.on_failed(event)
                else:
                    self._on_failed(task, event)
            case _:
                if isinstance(event, Phase):
                    task.phase, task.phase_started, task.progress = event, monotonic(), None
                elif isinstance(event, Progress):
                    task.progress = event
                if task.on_event:
                    task.on_event(event)

    def _forget(self, task: Task) -> None:
        self._tasks.pop(task.id, None)
        if self._slots.get(task.slot) == task.id:
            del self._slots[task.slot]
