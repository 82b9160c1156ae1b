"""Jobs on threads: start, pause, resume, stop, detach, and one queue of what they say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from time import monotonic
from typing import Any, NewType

from ndestudio.jobs.events import Failed, Finished, failure
from ndestudio.jobs.mailbox import Mailbox
from ndestudio.progress import Event

JobId = NewType("JobId", int)

# macOS gives secondary threads 512 KiB, too little for tracing a deep model
_STACK_BYTES = 32 * 2**20
_starting = threading.Lock()
_REMEMBERED = 200
"""Jobs that ended and can still be asked about."""


class JobState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    """Asked to pause: the job holds at its next ``should_stop()``."""
    STOPPING = "stopping"
    """Asked to stop: the job hands back what it reached at its next ``should_stop()``."""
    FINISHED = "finished"
    FAILED = "failed"
    DETACHED = "detached"
    """Nobody listens any more; the job ends at its next ``should_stop()``, its events and result are dropped."""


class Control:
    """The ``Reporter`` a job is given: emits into the mailbox, and ``should_stop()`` blocks while the job is paused."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._paused = False
        self._stop = False
        self._detached = False

    def emit(self, event: Event) -> None:
        with self._changed:
            if self._detached:
                return
        self._send(event)

    def should_stop(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: not self._paused or self._stop)
            return self._stop

    def pause(self) -> None:
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify_all()

    def detach(self) -> None:
        with self._changed:
            self._detached = self._stop = True
            self._changed.notify_all()

    @property
    def detached(self) -> bool:
        """Whether nobody listens any more."""
        with self._changed:
            return self._detached

    def state(self) -> JobState:
        with self._changed:
            if self._detached:
                return JobState.DETACHED
            if self._stop:
                return JobState.STOPPING
            return JobState.PAUSED if self._paused else JobState.RUNNING


@dataclass(eq=False)
class _Job:
    id: JobId
    name: str
    control: Control
    thread: threading.Thread | None = None
    end: JobState | None = None
    started: float = field(default_factory=monotonic)


class Jobs:
    """Runs functions on threads and queues their events with the job's id.

    The last event of a job is ``Finished`` or ``Failed``; a detached job says nothing more. All methods may be called
    from any thread; one consumer drains.
    """

    def __init__(self) -> None:
        self._mailbox = Mailbox()
        self._ids = count(1)
        self._jobs: dict[JobId, _Job] = {}
        self._lock = threading.Lock()

    def submit(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> JobId:
        """Start ``function(*args, reporter=..., **kwargs)`` on a thread of its own.

        Parameters
        ----------
        name
            For the status bar and the thread's name.

        Returns
        -------
        JobId
            The id its events carry.
        """
        id_ = JobId(next(self._ids))
        job = _Job(id_, name, Control(lambda event: self._mailbox.put(id_, event)))
        job.thread = threading.Thread(
            target=self._work, args=(job, function, args, kwargs), name=f"job {id_}: {name}", daemon=True
        )
        with self._lock:
            self._jobs[id_] = job
            self._forget_oldest()
        with _starting:
            before = threading.stack_size(_STACK_BYTES)
            try:
                job.thread.start()
            finally:
                threading.stack_size(before)
        return id_

    def _forget_oldest(self) -> None:
        """A window that stays open for days starts many small jobs; only the newest that ended are remembered."""
        ended = [id_ for id_, job in self._jobs.items() if job.end is not None]
        for id_ in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._jobs[id_]

    def pause(self, id_: JobId) -> None:
        """Hold the job at its next ``should_stop()``."""
        self._control(id_).pause()

    def resume(self, id_: JobId) -> None:
        self._control(id_).resume()

    def stop(self, id_: JobId) -> None:
        """Ask the job to hand back what it reached; works during a pause."""
        self._control(id_).stop()

    def detach(self, id_: JobId) -> None:
        """Discard a job, also one that cannot answer now because it is compiling: nothing of it is heard any more."""
        self._control(id_).detach()
        self._mailbox.discard(id_)

    def drain(self, limit: int | None = None, timeout: float = 0.0) -> list[tuple[JobId, Event]]:
        """Events so far, oldest first.

        Parameters
        ----------
        limit
            At most this many (the rest stays queued).
        timeout
            Seconds to wait for the first event (0: do not wait).
        """
        return [(JobId(sender), event) for sender, event in self._mailbox.take(limit, timeout)]

    def state(self, id_: JobId) -> JobState:
        """Where the job is now; KeyError for an id that never was."""
        job = self._jobs[id_]
        state = job.control.state()
        return state if state is JobState.DETACHED else job.end or state

    def name(self, id_: JobId) -> str:
        return self._jobs[id_].name

    def seconds(self, id_: JobId) -> float:
        """Wall seconds since the job started."""
        return monotonic() - self._jobs[id_].started

    def active(self) -> tuple[JobId, ...]:
        """Jobs that still run and are listened to, oldest first."""
        live = (JobState.RUNNING, JobState.PAUSED, JobState.STOPPING)
        with self._lock:
            ids = tuple(self._jobs)
        return tuple(id_ for id_ in ids if self.state(id_) in live)

    def join(self, id_: JobId, timeout: float | None = None) -> bool:
        """Wait for the job's thread to end; False if it still runs after ``timeout`` seconds."""
        thread = self._jobs[id_].thread
        assert thread is not None
        thread.join(timeout)
        return not thread.is_alive()

    def close(self, timeout: float = 5.0) -> bool:
        """Detach everything and wait for the threads.

        Returns
        -------
        bool
            Whether all of them ended (a job in the middle of a compilation cannot be interrupted).
        """
        with self._lock:
            ids = tuple(self._jobs)
        for id_ in ids:
            self.detach(id_)
        deadline = monotonic() + timeout
        ended = [self.join(id_, max(0.0, deadline - monotonic())) for id_ in ids]
        return all(ended)

    def _control(self, id_: JobId) -> Control:
        return self._jobs[id_].control

    def _work(self, job: _Job, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            event: Finished | Failed = Finished(function(*args, reporter=job.control, **kwargs))
        except BaseException as error:
            event = failure(error)
        job.end = JobState.FINISHED if isinstance(event, Finished) else JobState.FAILED
        job.control.emit(event)
