"""The events a job ends with: exactly one of them, and nothing after it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Event


@dataclass(frozen=True, eq=False)
class Finished(Event):
    """The job returned ``result``; also after a stop, when it hands back what it reached."""

    result: Any


@dataclass(frozen=True, eq=False)
class Failed(Event):
    """The job raised.

    Parameters
    ----------
    sentence
        For the person.
    details
        Traceback, for the log.
    error
        The exception when it is one of ours (it may carry a place: line and column, row), else None.
    """

    sentence: str
    details: str
    error: NdeStudioError | None = None


def failure(error: BaseException) -> Failed:
    """The event for an exception: our own ones speak for themselves, others are bugs or broken installations."""
    details = "".join(traceback.format_exception(error))
    _drop_frames(error)
    if isinstance(error, NdeStudioError):
        return Failed(str(error), details, error)
    if isinstance(error, MemoryError):
        return Failed("the computer ran out of memory; use fewer rows, trajectories or seeds and try again", details)
    what = f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(": ")
    return Failed(f"an unexpected error ended the computation ({what}); the log has the details", details)


def _drop_frames(error: BaseException | None) -> None:
    """Forget the stack frames: they would keep every array of the computation alive as long as the event."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
