"""A computation in a spawned process, for code that must not share ours (another runtime, memory that only dies with it).

``in_process`` is itself a plain function that takes a reporter, so ``jobs.submit(name, in_process, "module:function", ...)``
makes a process job with the interface of any other: the reporter is bridged, pauses included. Only our own frozen values
travel between the two processes.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import traceback
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Event, Reporter

_POLL_SECONDS = 0.05


class ProcessEnded(NdeStudioError):
    """The process ended without a result: it crashed, was killed, or did not answer the wish to stop."""


def in_process(path: str, *args: Any, reporter: Reporter, grace: float = 5.0, **kwargs: Any) -> Any:
    """Run ``module:function`` as ``function(*args, reporter=..., **kwargs)`` in a spawned process.

    Arguments:
        path: import path of a module-level function, `"package.module:name"`.
        grace: seconds the process has to answer a stop before it is killed.

    Returns:
        What the function returned.

    Raises:
        ProcessEnded: if there is no result; other exceptions of the function come back with their sentence.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, path, args, kwargs), daemon=True, name=path)
    process.start()
    theirs.close()
    try:
        return _pump(ours, reporter, grace, process)
    finally:
        ours.close()
        process.join(0.5)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _pump(connection: Connection, reporter: Reporter, grace: float, process: Any) -> Any:
    """Pass on events and answer polls until the result comes."""
    stopped_at: float | None = None
    while True:
        if stopped_at is None and reporter.should_stop():
            stopped_at = monotonic()
        if stopped_at is not None and monotonic() - stopped_at > grace:
            raise ProcessEnded(f"the process did not answer the wish to stop within {grace:g} s and was ended")
        if not connection.poll(_POLL_SECONDS):
            continue
        try:
            kind, content = connection.recv()
            if kind == "poll":
                connection.send(stopped_at is not None)
        except (EOFError, OSError):
            process.join(1.0)
            raise ProcessEnded(
                f"the process of the computation ended unexpectedly (exit code {process.exitcode}); try again, and if "
                "it happens again run with less data or fewer threads"
            ) from None
        if kind == "event":
            reporter.emit(content)
        elif kind == "result":
            return content
        elif kind == "error":
            error, details = content
            error.add_note(details)
            raise error


class _BridgeReporter:
    """Reporter inside the process; asks at most every ``_POLL_SECONDS``, and a pause is an answer that takes long."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked = -1.0
        self._stop = False

    def emit(self, event: Event) -> None:
        self._connection.send(("event", event))

    def should_stop(self) -> bool:
        if not self._stop and monotonic() - self._asked >= _POLL_SECONDS:
            self._connection.send(("poll", None))
            self._stop = bool(self._connection.recv())
            self._asked = monotonic()
        return self._stop


def _child(connection: Connection, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        module, _, name = path.partition(":")
        function = getattr(importlib.import_module(module), name)
        connection.send(("result", function(*args, reporter=_BridgeReporter(connection), **kwargs)))
    except (BrokenPipeError, EOFError):
        return  # whoever started us is gone
    except Exception as error:
        with contextlib.suppress(BrokenPipeError):
            connection.send(("error", (_portable(error), traceback.format_exc())))


def _portable(error: Exception) -> Exception:
    """The exception as something that survives the way back, with the same sentence."""
    if isinstance(error, NdeStudioError):
        rebuilt = type(error)(str(error))
        return rebuilt if str(rebuilt) == str(error) else NdeStudioError(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")
