"""Compiled programs, kept for the life of the process and, by JAX, between processes.

A program depends on the structure of the model, the method and the shapes of the arrays. Everything a person edits while
training (data, weights, bounds, noise, penalties, rates) is an argument. Compiling runs on a thread, so that a stage can
start while the program of the next one is being made; nothing can cancel a compilation, so waiting for one polls the
reporter.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from ndestudio.progress import Phase, Reporter
from ndestudio.solve.jax_backend import get_jax

KEPT = 64
"""Programs kept in memory."""


class Stopped(Exception):
    """The reporter asked to stop while a program was being waited for."""


class _Cache:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._programs: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self.compilations = 0

    def get(
        self, key: Hashable, make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...], device: Any
    ) -> Future[Any]:
        """The compiled program, perhaps still in the making."""
        jax = get_jax()
        leaves, tree = jax.tree_util.tree_flatten(arguments)
        whole = (key, tree, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves), str(device))
        with self._lock:
            found = self._programs.get(whole)
            if found is not None:
                self._programs.move_to_end(whole)
                return found
            future: Future[Any] = Future()
            self._programs[whole] = future
            self.compilations += 1
            while len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        shapes = jax.tree_util.tree_map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments)
        thread = threading.Thread(
            target=self._compile, args=(whole, future, make, shapes, device), name="compile", daemon=True
        )
        thread.start()
        return future

    def _compile(self, key: Hashable, future: Future[Any], make: Any, shapes: Any, device: Any) -> None:
        jax = get_jax()
        begin = time.perf_counter()
        try:
            with jax.default_device(device):
                program = jax.jit(make()).lower(*shapes).compile()
            future.set_result((program, time.perf_counter() - begin))
        except BaseException as error:
            with self._lock:
                self._programs.pop(key, None)
            future.set_exception(error)

    def pending(self) -> list[Future[Any]]:
        with self._lock:
            return [one for one in self._programs.values() if not one.done()]


CACHE = _Cache()


def finish_compiling(seconds: float) -> None:
    """Wait for the programs in the making: where a process ends meanwhile, XLA ends it with an abort."""
    deadline = time.monotonic() + seconds
    for one in CACHE.pending():
        with suppress(Exception):
            one.result(timeout=max(deadline - time.monotonic(), 0.0))


def compilations() -> int:
    """Programs made in this process so far."""
    return CACHE.compilations


def wait(future: Future[Any], reporter: Reporter, what: str) -> tuple[Any, float]:
    """The program and the seconds spent waiting for it; says so if it takes a moment.

    Raises
    ------
    Stopped
        The reporter asked to stop (the compilation runs on in the background and is kept).
    """
    begin = time.perf_counter()
    told = False
    while not future.done():
        waited = time.perf_counter() - begin
        if not told and waited > 0.15:
            reporter.emit(Phase("compiling", f"compiling {what}: once for each form of the model, then it is kept"))
            told = True
        if reporter.should_stop():
            raise Stopped
        try:
            future.result(timeout=0.1)
        except TimeoutError:
            continue
    return future.result()[0], time.perf_counter() - begin
