"""A computation in a spawned process, for code that must not share ours: tracing and compiling would hold up the window's
thread, another runtime or a card's memory only dies with its process.

``Worker.run`` and ``in_process`` call a plain function that takes a reporter, and are called on a job's thread: events,
stop and pause are bridged. Only our own values travel between the two processes.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.jobs.ledger import Ledger
from ndestudio.progress import Event, Reporter

_POLL_SECONDS = 0.05
_DETACHED_GRACE = 1.0
_BEGIN_GRACE = 0.5


class ProcessEnded(NdeStudioError):
    """The process ended without a result: it crashed, was killed, or did not answer the wish to stop."""


_ENVIRONMENT = threading.Lock()


@contextlib.contextmanager
def _with_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """A spawned process gets the environment of this one as it is when it starts."""
    with _ENVIRONMENT:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def in_process(path: str, *args: Any, reporter: Reporter, grace: float = 5.0, **kwargs: Any) -> Any:
    """Run ``module:function`` as ``function(*args, reporter=..., **kwargs)`` in a process of its own.

    Parameters
    ----------
    path
        Import path of a module-level function, `"package.module:name"`.
    grace
        Seconds the process has to answer a stop before it is killed.

    Returns
    -------
    Any
        What the function returned.

    Raises
    ------
    ProcessEnded
        If there is no result; other exceptions of the function come back with their sentence.
    """
    worker = Worker(path)
    try:
        return worker.run(_named, path, *args, reporter=reporter, grace=grace, **kwargs)
    finally:
        worker.close()


class NotBegun(ProcessEnded):
    """A stop came before the computation had said anything: it was still loading what it needs."""


class Worker:
    """A spawned process that runs one call after the other, and keeps what it has imported and compiled.

    Parameters
    ----------
    name
        For lists of processes.
    lower
        How much lower its priority is (0..19, where the system has such a thing): the window comes first.
    environment
        Variables it starts with; those that libraries read when they are imported.
    """

    def __init__(
        self, name: str = "ndestudio worker", lower: int = 0, environment: Mapping[str, str] | None = None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, lower), daemon=True, name=name)
        with _with_environment(environment or {}):
            self._process.start()
        theirs.close()
        self._ledger = Ledger()
        self._closing = threading.Lock()
        self._closed = False

    @property
    def usable(self) -> bool:
        """Whether it can take another call."""
        return not self._closed and self._process.is_alive()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        reporter: Reporter,
        grace: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run ``function(*args, reporter=..., **kwargs)`` over there.

        Parameters
        ----------
        function
            module-level, so that it can be found there by its name.
        grace
            Seconds to answer a stop before the process is killed (None: it is waited for, unless it has not said
            anything yet, or the job is detached and nobody waits for the answer).

        Raises
        ------
        ProcessEnded
            If there is no result; other exceptions of the function come back with their sentence.
        """
        try:
            self._connection.send_bytes(self._ledger.dumps((function, args, kwargs)))
            self._ledger.enter(args)
            done, content = self._pump(reporter, grace)
        except BaseException:
            self.close()  # who knows what the other side still says
            raise
        if done:
            return content
        error, details = content
        error.add_note(details)
        raise error

    def kill(self) -> None:
        """End the process, whatever it does; the call that runs in it, on another thread, notices."""
        with self._closing:
            if not self._closed:
                self._process.kill()

    def close(self) -> None:
        """End the process and let go of it. Not while another thread is in ``run``."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._connection.close()
            self._process.join(0.05)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()

    def _pump(self, reporter: Reporter, grace: float | None) -> tuple[bool, Any]:
        """Pass on events and answer polls until the result comes."""
        stopped_at: float | None = None
        begun = False
        while True:
            if stopped_at is None and reporter.should_stop():
                stopped_at = monotonic()
            if stopped_at is not None:
                _check_grace(monotonic() - stopped_at, begun, grace, reporter)
            if (message := self._receive()) is None:
                continue
            kind, content = message
            begun = True
            if kind == "poll":
                with contextlib.suppress(OSError):  # the next receive says what happened
                    self._connection.send_bytes(self._ledger.dumps(stopped_at is not None))
            elif kind == "event":
                reporter.emit(content)
            else:
                return kind == "result", content

    def _receive(self) -> tuple[str, Any] | None:
        try:
            if not self._connection.poll(_POLL_SECONDS):
                return None
            return self._ledger.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._process.join(1.0)
            raise ProcessEnded(
                f"the process of the computation ended unexpectedly (exit code {self._process.exitcode}); try again, and "
                "if it happens again run with less data or fewer threads"
            ) from None


def _check_grace(waited: float, begun: bool, grace: float | None, reporter: Reporter) -> None:
    if grace is None and not begun and waited > _BEGIN_GRACE:
        raise NotBegun("it was stopped before it had begun; nothing was changed")
    if grace is None and getattr(reporter, "detached", False):
        grace = _DETACHED_GRACE
    if grace is not None and waited > grace:
        raise ProcessEnded(f"the process did not answer the wish to stop within {grace:g} s and was ended")


class _BridgeReporter:
    """Reporter inside the process; asks at most every ``_POLL_SECONDS``, and a pause is an answer that takes long."""

    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._talking = threading.Lock()
        self._asked = -1.0
        self._stop = False

    def emit(self, event: Event) -> None:
        with self._talking:
            self._connection.send_bytes(self._ledger.dumps(("event", event)))

    def should_stop(self) -> bool:
        with self._talking:
            if not self._stop and monotonic() - self._asked >= _POLL_SECONDS:
                self._connection.send_bytes(self._ledger.dumps(("poll", None)))
                self._stop = bool(self._ledger.loads(self._connection.recv_bytes()))
                self._asked = monotonic()
            return self._stop


def _serve(connection: Connection, lower: int) -> None:
    """Calls until the other side is gone."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    if lower and hasattr(os, "nice"):
        os.nice(lower)
    sys.setswitchinterval(0.005)
    ledger = Ledger()
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, args, kwargs = ledger.loads(connection.recv_bytes())
            ledger.enter(args)
            connection.send_bytes(_answer(ledger, _BridgeReporter(connection, ledger), function, args, kwargs))
            del function, args, kwargs


def _answer(ledger: Ledger, reporter: Reporter, function: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
    try:
        return ledger.dumps(("result", function(*args, reporter=reporter, **kwargs)))
    except (BrokenPipeError, EOFError):
        raise
    except Exception as error:
        details = traceback.format_exc()
        with contextlib.suppress(Exception):  # an error may carry what cannot travel; its sentence always can
            if isinstance(error, NdeStudioError):
                return ledger.dumps(("error", (error, details)))
        kind = NdeStudioError(str(error)) if isinstance(error, NdeStudioError) else RuntimeError(_words(error))
        return ledger.dumps(("error", (kind, details)))


def _end_with_parent() -> None:
    """Nobody wants the result of a process whose window is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _named(path: str, *args: Any, reporter: Reporter, **kwargs: Any) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)(*args, reporter=reporter, **kwargs)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
