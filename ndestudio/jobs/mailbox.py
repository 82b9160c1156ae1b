"""The queue between workers and whoever drains it."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from itertools import count

from ndestudio.progress import Event, FitSnapshot, FrontUpdate, Progress


def coalescing_key(event: Event) -> Hashable | None:
    """Events with equal keys supersede each other: only the newest is worth showing. None: keep every one."""
    match event:
        case FitSnapshot():
            return FitSnapshot
        case Progress():
            return Progress
        case FrontUpdate(neural_term=neural_term):
            return (FrontUpdate, neural_term)
        case _:
            return None


class Mailbox:
    """A thread-safe queue of (sender, event) in which large or frequent events replace their predecessors.

    A slow consumer therefore holds at most one model and one front per neural term and job, however fast a job emits.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._sequence = count()
        self._events: dict[int, tuple[int, Event]] = {}
        self._newest: dict[Hashable, int] = {}

    def put(self, sender: int, event: Event) -> None:
        key = coalescing_key(event)
        with self._arrived:
            position = next(self._sequence)
            if key is not None:
                self._events.pop(self._newest.get((sender, key), -1), None)
                self._newest[(sender, key)] = position
            self._events[position] = (sender, event)
            self._arrived.notify_all()

    def take(self, limit: int | None = None, timeout: float = 0.0) -> list[tuple[int, Event]]:
        """The oldest events, at most ``limit``; waits up to ``timeout`` seconds for the first one."""
        with self._arrived:
            if timeout > 0:
                self._arrived.wait_for(lambda: bool(self._events), timeout)
            positions = list(self._events)[:limit]
            return [self._events.pop(position) for position in positions]

    def discard(self, sender: int) -> None:
        """Throw away what ``sender`` has queued."""
        with self._arrived:
            for position in [position for position, (who, _) in self._events.items() if who == sender]:
                del self._events[position]
            for key in [key for key in self._newest if isinstance(key, tuple) and key[0] == sender]:
                del self._newest[key]

    def __len__(self) -> int:
        with self._arrived:
            return len(self._events)
