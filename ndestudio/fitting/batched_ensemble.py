"""Seeds side by side: each runs the recipe on a thread of its own, and their calls of one program are made as one.

A seed that needs a value, a gradient or a Jacobian waits until every other seed needs one too (or is done). Then the calls
that most of them wait for are made by one program, mapped over a further axis: a GPU is as fast for eight seeds as for one.
The others wait for those ahead of them, so that seeds which were apart meet again. What a seed decides (to take a step, to
damp, to stop) stays its own, as in sequence: one that runs into NaN spoils nothing for the others.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.solve.compiled import CACHE
from ndestudio.solve.jax_backend import get_jax

KEPT = 256
"""Arrays shared by the seeds that are remembered (they need not be compared again)."""
OWN = 2
"""Leading arguments that each seed has of its own: the trained vector and the free initial values."""


def get_program(key: Hashable, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...], place: Any) -> Any:
    """The compiled program, perhaps still in the making, on a JAX device or where seeds meet (``BatchedEnsemble``)."""
    if isinstance(place, BatchedEnsemble):
        return place.program(key, make, arguments)
    return CACHE.get(key, make, arguments, place)


def seeds_in_memory(place: Any) -> int:
    """How many seeds share the memory of a place."""
    return place.width if isinstance(place, BatchedEnsemble) else 1


@dataclass(eq=False)
class _Call:
    key: Hashable
    make: Callable[[], Callable[..., Any]]
    leaves: list[np.ndarray]
    tree: Any
    own: int
    found: Any = None
    error: BaseException | None = None
    done: bool = False


class BatchedEnsemble:
    """Takes the place of a device for ``width`` threads; each says when it is done (``leave``).

    ``calls`` holds, for each program run so far, how many seeds it served.
    """

    def __init__(self, width: int, device: Any) -> None:
        self.width, self.device, self.platform = width, device, device.platform
        self.calls: list[int] = []
        self._present = width
        self._waiting: list[_Call] = []
        self._busy = False
        self._changed = threading.Condition()
        self._known: OrderedDict[tuple[int, ...], tuple[tuple[np.ndarray, ...], Any]] = OrderedDict()

    def leave(self) -> None:
        """A seed is done and must not be waited for."""
        with self._changed:
            self._present -= 1
            self._changed.notify_all()

    def program(self, key: Hashable, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...]) -> Future[Any]:
        """As ``CACHE.get``: the program of one seed, whose calls are made together with those of the others."""
        future: Future[Any] = Future()

        def made(compiled: Future[Any]) -> None:
            error = compiled.exception()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result((lambda *given: self._call(key, make, given), compiled.result()[1]))

        one = _call_of(key, make, arguments)
        self._compiled([one] * self.width, [axis == 0 for axis in self._axes(one)])[0].add_done_callback(made)
        return future

    def _axes(self, call: _Call) -> list[int]:
        return [0] * call.own + [1] * (len(call.leaves) - call.own)

    def _call(self, key: Hashable, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...]) -> Any:
        """Wait for the others, then for the result."""
        call = _call_of(key, make, arguments)
        with self._changed:
            self._waiting.append(call)
            while not call.done:
                if self._busy or len(self._waiting) < self._present:
                    self._changed.wait()
                else:
                    self._lead()
        if call.error is not None:
            raise call.error
        return call.found

    def _lead(self) -> None:
        """Make the calls that most are waiting for; the lock is held, and free while the device computes."""
        groups: OrderedDict[Hashable, list[_Call]] = OrderedDict()
        for call in self._waiting:
            groups.setdefault((call.key, tuple((leaf.shape, str(leaf.dtype)) for leaf in call.leaves)), []).append(call)
        group = max(groups.values(), key=len)
        self._waiting = [call for call in self._waiting if call not in group]
        self._busy = True
        self._changed.release()
        try:
            self._run(group)
        except BaseException as error:
            for call in group:
                call.error = error
        finally:
            self._changed.acquire()
            self._busy = False
            for call in group:
                call.done = True
            self._changed.notify_all()

    def _run(self, group: Sequence[_Call]) -> None:
        # places of seeds that are elsewhere are filled by the first one: another width would be another program
        full = [*group, *[group[0]] * (self.width - len(group))]
        first, columns = group[0], list(zip(*(call.leaves for call in full), strict=True))
        shared = [None if k < first.own else self._shared(column) for k, column in enumerate(columns)]
        future, leaves = self._compiled(full, [one is None for one in shared], shared)
        tree = get_jax().tree_util
        found = future.result()[0](*tree.tree_unflatten(first.tree, leaves))
        arrays, whole = tree.tree_flatten(found)
        arrays = [np.asarray(array) for array in arrays]
        for k, call in enumerate(group):
            call.found = tree.tree_unflatten(whole, [array[k] for array in arrays])
        self.calls.append(len(group))

    def _shared(self, column: tuple[np.ndarray, ...]) -> Any:
        """The array, on the device, if it is the same for all seeds, else None."""
        key = tuple(id(array) for array in column)
        known = self._known.get(key)
        if known is None:
            same = all(array is column[0] or np.array_equal(array, column[0], equal_nan=True) for array in column[1:])
            known = (column, get_jax().device_put(column[0], self.device) if same else None)
            self._known[key] = known  # the arrays are kept too: their numbers must not be given to others
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known[1]

    def _compiled(
        self, calls: Sequence[_Call], own: Sequence[bool], shared: Sequence[Any] | None = None
    ) -> tuple[Future[Any], list[Any]]:
        """The program mapped over the arguments that are ``own``, and its arguments."""
        jax, first = get_jax(), calls[0]
        leaves = [
            np.stack([call.leaves[k] for call in calls]) if mine else (first.leaves[k] if shared is None else shared[k])
            for k, mine in enumerate(own)
        ]
        axes = tuple(jax.tree_util.tree_unflatten(first.tree, [0 if mine else None for mine in own]))
        key = ("seeds_in_memory", first.key, tuple(own), self.width)
        arguments = tuple(jax.tree_util.tree_unflatten(first.tree, leaves))
        return CACHE.get(key, lambda: jax.vmap(first.make(), in_axes=axes), arguments, self.device), leaves


def _call_of(key: Hashable, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...]) -> _Call:
    tree = get_jax().tree_util
    leaves, whole = tree.tree_flatten(arguments)
    own = sum(len(tree.tree_leaves(part)) for part in arguments[:OWN])
    return _Call(key, make, [np.asarray(leaf) for leaf in leaves], whole, own)


class Clock:
    """Seconds without the pauses that any of several threads sat through."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking, self._since, self._paused = 0, 0.0, 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self._paused

    def ask(self, question: Callable[[], bool]) -> bool:
        """The answer to ``question``; the time it takes does not count."""
        with self._lock:
            if not self._asking:
                self._since = time.perf_counter()
            self._asking += 1
        try:
            return question()
        finally:
            with self._lock:
                self._asking -= 1
                if not self._asking:
                    self._paused += time.perf_counter() - self._since
