"""What tests of sessions share."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest.mock import Mock

from ndestudio.jobs import Failed, Finished, JobId
from ndestudio.progress import Event
from ndestudio.session.session import Session

LYNX_HARE = """year,hare [thousand pelts],lynx [thousand pelts]
1900,30.0,4.0
1901,47.2,6.1
1902,70.2,9.8
1903,77.4,35.2
1904,36.3,59.4
1905,20.6,41.7
1906,18.1,19.0
1907,21.4,13.0
1908,22.0,8.3
1909,25.4,9.1
"""


class FakeRunner:
    """Runs nothing: a test says what each job emits and how it ends."""

    def __init__(self) -> None:
        self.submitted: list[tuple[JobId, str, Callable[..., Any], tuple[Any, ...]]] = []
        self.calls: list[tuple[str, JobId]] = []
        self._ids = count(1)
        self._events: list[tuple[JobId, Event]] = []

    def submit(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> JobId:
        id_ = JobId(next(self._ids))
        self.submitted.append((id_, name, function, args))
        return id_

    def pause(self, id_: JobId) -> None:
        self.calls.append(("pause", id_))

    def resume(self, id_: JobId) -> None:
        self.calls.append(("resume", id_))

    def stop(self, id_: JobId) -> None:
        self.calls.append(("stop", id_))

    def detach(self, id_: JobId) -> None:
        self.calls.append(("detach", id_))

    def drain(self) -> list[tuple[JobId, Event]]:
        events, self._events = self._events, []
        return events

    def say(self, id_: JobId, event: Event) -> None:
        self._events.append((id_, event))

    def last(self, name: str) -> tuple[JobId, Callable[..., Any], tuple[Any, ...]]:
        """The newest job whose function is called ``name``."""
        for id_, _, function, args in reversed(self.submitted):
            if function.__name__ == name:
                return id_, function, args
        raise AssertionError(f"no job runs `{name}`; there are {[f.__name__ for _, _, f, _ in self.submitted]}")

    def finish(self, name: str, result: Any) -> None:
        self.say(self.last(name)[0], Finished(result))

    def fail(self, name: str, sentence: str, error: Any = None) -> None:
        self.say(self.last(name)[0], Failed(sentence, "Traceback", error))


def wait(session: Session, until: Callable[[], object] | None = None, seconds: float = 60.0) -> None:
    """Let jobs run until nothing does, or until something holds."""
    end = time.monotonic() + seconds
    while session.tasks.busy if until is None else not until():
        assert time.monotonic() < end, "the jobs of the session did not end"
        session.tick()
        time.sleep(0.002)


def toasts(shell: Mock) -> list[str]:
    """Texts of the messages shown."""
    return [call.args[0].text for call in shell.show_toast.call_args_list]
