"""Tasks on a Dask cluster: one that is started here, or one that runs elsewhere and is reached by its address.

Results are futures that the scheduler keeps under the key of their task. They are published, so that they outlive the one who asked:
whoever asks for the same task again finds its result or the run that still goes on, and nothing is computed twice.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from ndestudio import __version__
from ndestudio.errors import NdeStudioError, SpecError
from ndestudio.jobs.executors.base import Ended, ExecutorLost, Load, Task, TaskReporter, WrongVersion, fault
from ndestudio.progress import Note, Reporter

if TYPE_CHECKING:
    from distributed import Future

_LOOK_SECONDS = 0.2
_ASK_SECONDS = 1.0
_FINDING_SECONDS = 10
_RETRIES = 2
_LOST = ("cancelled", "lost")
_PARCEL = 32
"""Futures that are published, and forgotten, together."""
_PUBLISHED = "ndestudio-"


class Dask:
    """An ``Executor`` on `distributed`.

    Parameters
    ----------
    address
        Of a scheduler, `tcp://host:8786`; "" starts a cluster on this machine.
    workers
        Processes of a cluster that is started here (None: one for each processor).
    patience
        Seconds a scheduler may be away before that is an error.

    Raises
    ------
    SpecError
        `distributed` is not installed, or nothing answers at the address.
    """

    def __init__(self, address: str = "", workers: int | None = None, patience: float = 90.0) -> None:
        self._address, self._patience = address, patience
        self._cluster: Any = None
        if not address:
            from ndestudio.jobs.executors.local import available_processors, share_of_threads

            count = workers or available_processors()
            cluster = _distributed().LocalCluster(
                n_workers=count,
                env=share_of_threads(count),
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",  # none at all would still take the usual port, which others have
                silence_logs=logging.CRITICAL,
            )
            self._cluster = cluster
        self._stop = f"ndestudio-stop-{uuid4().hex}"
        self._parcels: dict[str, set[str]] = {}
        """Name that futures are published under -> keys of those whose results were not taken yet."""
        self._client: Any = self._connected()

    @property
    def name(self) -> str:
        return f"dask:{self._address}" if self._address else "dask"

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return self._address or cast("str", self._cluster.scheduler_address)

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        left = {task.key: task for task in tasks}
        ended = 0
        lost_at: float | None = None
        while left:
            try:
                for one in self._round(left, shared, reporter, len(tasks)):
                    left.pop(one.key, None)
                    ended += 1
                    lost_at = None
                    yield one
                return
            except _Away as error:
                lost_at = lost_at or monotonic()
                if monotonic() - lost_at > self._patience:
                    raise ExecutorLost(
                        f"the scheduler at {self.address} did not answer for {self._patience:.0f} s; {ended} of {len(tasks)} results "
                        "are kept, start again when it is back"
                    ) from None
                reporter.emit(Note(f"{error}; trying again", "warning"))
                if not self._again(reporter):
                    return

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)

    def _round(self, left: dict[str, Task], shared: tuple[Any, ...], reporter: Reporter, total: int) -> Iterator[Ended]:
        """Until all have ended, or the scheduler is away."""
        futures: dict[str, Future] = {}
        try:
            allowed = self._allowed(reporter)
            futures = self._submitted(list(left.values()), shared, allowed)
            yield from self._results(futures, reporter, total)
        except (OSError, TimeoutError) as error:  # CommClosedError is an OSError
            raise _Away(f"the scheduler at {self.address} does not answer") from error
        except RuntimeError as error:
            if self._client.status == "running":
                raise
            raise _Away(f"the scheduler at {self.address} does not answer") from error  # its loop was closed meanwhile

    def _submitted(self, tasks: list[Task], shared: tuple[Any, ...], allowed: list[str] | None) -> dict[str, Future]:
        futures = self._found({task.key for task in tasks})
        fresh = [task for task in tasks if task.key not in futures]
        if not fresh:
            return futures
        common = self._common(shared)
        for start in range(0, len(fresh), _PARCEL):
            parcel = {task.key: self._future(task, common, allowed) for task in fresh[start : start + _PARCEL]}
            name = f"{_PUBLISHED}{uuid4().hex}"
            self._client.publish_dataset(parcel, name=name)
            self._parcels[name] = set(parcel)
            futures |= parcel
        return futures

    def _found(self, keys: set[str]) -> dict[str, Future]:
        """Of tasks that somebody asked for before."""
        futures: dict[str, Future] = {}
        for name in self._client.list_datasets():
            if not name.startswith(_PUBLISHED):
                continue
            try:
                parcel = self._client.get_dataset(name)
            except KeyError:  # somebody took it meanwhile
                continue
            known = {key: one for key, one in parcel.items() if key in keys and one.status not in ("error", *_LOST)}
            if known:
                futures |= known
                self._parcels[name] = set(parcel)
        return futures

    def _future(self, task: Task, common: Future, allowed: list[str] | None) -> Future:
        return self._client.submit(
            _computed,
            task.key,
            task.function,
            common,
            task.args,
            self._stop,
            __version__,
            key=f"{_PUBLISHED}{task.key}",
            workers=allowed,
            allow_other_workers=False,
            retries=_RETRIES,
            pure=True,
        )

    def _common(self, shared: tuple[Any, ...]) -> Future:
        """What all tasks take first, as a task of its own: scattered data would be gone with the workers that hold them."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            return self._client.submit(_Shared, shared, key=f"{self._stop}-{uuid4().hex}", pure=True)

    def _results(self, futures: dict[str, Future], reporter: Reporter, total: int) -> Iterator[Ended]:
        distributed = _distributed()
        waiting, seen = dict(futures), 0.0
        ended = total - len(futures)
        while waiting:
            if reporter.should_stop():
                distributed.Event(self._stop, client=self._client).set()
                self._client.cancel(list(waiting.values()), asynchronous=False, force=True)
                self._taken(*waiting)
                return
            for key in [key for key, one in waiting.items() if one.status != "pending"]:
                one = _ended(key, waiting.pop(key))
                ended += 1
                yield one
                self._taken(key)
            if monotonic() - seen > _ASK_SECONDS:
                seen = monotonic()
                reporter.emit(self._load(len(waiting), ended))
            if waiting:
                with (
                    self._client.as_current(),
                    contextlib.suppress(TimeoutError, distributed.CancelledError),
                ):
                    distributed.wait(list(waiting.values()), timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")

    def _load(self, waiting: int, ended: int) -> Load:
        if self._client.status != "running":
            raise _Away(f"the scheduler at {self.address} does not answer")
        information = self._client.scheduler_info(n_workers=-1)["workers"]
        processing = self._client.processing()
        running = min(sum(1 for keys in processing.values() if keys), waiting)
        return Load(self.name, tuple(sorted(information)), running, waiting - running, ended)

    def _allowed(self, reporter: Reporter) -> list[str] | None:
        """Addresses of the workers that run this version, None where all do."""
        versions = self._client.run(_version, on_error="return")
        other = {address: said for address, said in versions.items() if said != __version__}
        if not versions:
            reporter.emit(Note(f"the scheduler at {self.address} has no workers yet; waiting for the first", "warning"))
            return None
        if not other:
            return None
        sentence = "; ".join(
            f"the worker at {address} {f'runs version {said}' if isinstance(said, str) else 'has not got the program'}"
            for address, said in sorted(other.items())
        )
        if len(other) == len(versions):
            raise WrongVersion(f"{sentence}; this program is version {__version__}: install the same on the workers")
        reporter.emit(Note(f"{sentence}; this program is version {__version__}, so it gets no tasks", "warning"))
        return [address for address in versions if address not in other]

    def _again(self, reporter: Reporter) -> bool:
        """Connect once more, as long as patience lasts; whether to go on."""
        until = monotonic() + self._patience
        while monotonic() < until:
            if reporter.should_stop():
                return False
            with contextlib.suppress(Exception):
                self._client.close(timeout=1)
            try:
                self._client = self._connected()
                return True
            except SpecError:
                sleep(_ASK_SECONDS)
        return True

    def _connected(self) -> Any:
        distributed = _distributed()
        try:
            return distributed.Client(self.address, timeout=_FINDING_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise SpecError(
                f"nothing answers at {self.address} ({error}); start a scheduler there (`dask scheduler`) or name another address, "
                "as dask:tcp://HOST:8786"
            ) from None

    def _taken(self, *keys: str) -> None:
        """The one who asked has these results: once it has all of a parcel, the scheduler may forget that."""
        for name, left in list(self._parcels.items()):
            left.difference_update(keys)
            if not left:
                del self._parcels[name]
                with contextlib.suppress(KeyError, OSError):
                    self._client.unpublish_dataset(name)


class _Away(Exception):
    """The scheduler does not answer, or has forgotten what it was asked; says which."""


class _Shared:
    """What all tasks take first, on a worker."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values


class _Asked:
    """Whether the one who asked wants no more, asked not too often."""

    def __init__(self, name: str) -> None:
        self._name, self._at, self._stop = name, -_ASK_SECONDS, False

    def __call__(self) -> bool:
        if not self._stop and monotonic() - self._at > _ASK_SECONDS:
            self._at = monotonic()
            with contextlib.suppress(Exception):  # nobody to ask: go on, the result is wanted
                self._stop = _distributed().Event(self._name).is_set()
        return self._stop


def _computed(
    key: str,
    function: Callable[..., Any],
    shared: _Shared,
    args: tuple[Any, ...],
    stop: str,
    version: str,
    /,
) -> Ended:
    """On a worker."""
    import distributed

    if version != __version__:
        raise WrongVersion(f"the worker runs version {__version__} and the one who asked version {version}")
    reporter = TaskReporter(_Asked(stop))
    started = perf_counter()
    worker = str(distributed.get_worker().address)
    try:
        result = function(*shared.values, *args, reporter=reporter)
    except NdeStudioError as error:
        return Ended(key, problem=str(error), worker=worker, seconds=perf_counter() - started)
    return Ended(key, result, worker=worker, seconds=perf_counter() - started)


def _ended(key: str, future: Future) -> Ended:
    from distributed import CancelledError, KilledWorker

    if future.status in _LOST:
        raise _Away("the scheduler has forgotten tasks")
    try:
        if future.status == "finished":
            return future.result()
        error = future.exception()
    except CancelledError:
        raise _Away("the scheduler has forgotten tasks") from None
    if isinstance(error, WrongVersion):
        raise _Away(str(error))
    if isinstance(error, KilledWorker):
        return Ended(
            key,
            problem=f"its workers ended while it was computed, one after the other (the last one at {error.last_worker.address}), perhaps for "
            "want of memory",
        )
    return Ended(key, problem=fault(f"{type(error).__name__}: {error}"))


def _version() -> str:
    return __version__


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise SpecError("Dask is not installed; install it with `pip install ndestudio[cluster]`") from None
    return distributed
