"""The one place where JAX is set up: environment, compilation cache, precision, device.

64-bit floats are enabled once for the process and every array says its own precision; the context manager
`jax.enable_x64` would be part of every jit key and of every thread that forgets it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ndestudio.errors import DeviceError
from ndestudio.solve.device import Device

CACHE_BYTES = 512 * 1024 * 1024
"""Largest size of the folder with compiled programs."""

_lock = threading.Lock()
_limited: list[Any] = []
_limited_lock = threading.Lock()


def environment() -> None:
    """Set what JAX and Equinox read when they are imported; does nothing to variables the person has set.

    diffrax's checks call back into Python, which keeps its programs out of the compilation cache; NaN are found by us.
    """
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@cache
def _configured() -> Any:
    environment()
    import jax

    from ndestudio.paths import user_cache_dir

    jax.config.update("jax_enable_x64", True)
    try:
        folder = user_cache_dir() / "jax"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return jax
    jax.config.update("jax_compilation_cache_dir", str(folder))
    _prune(folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return jax


def _prune(folder: Path) -> None:
    """Remove the programs unused for longest beyond ``CACHE_BYTES`` (JAX's own limit needs a further package)."""
    try:
        files = [(entry.stat(), entry) for entry in folder.iterdir() if entry.is_file()]
        total = sum(stat.st_size for stat, _ in files)
        for stat, entry in sorted(files, key=lambda pair: max(pair[0].st_mtime, pair[0].st_atime)):
            if total <= CACHE_BYTES:
                return
            entry.unlink(missing_ok=True)
            total -= stat.st_size
    except OSError:
        return


def get_jax() -> Any:
    """The `jax` module, set up. Safe to call from any thread; the first call takes half a second or more."""
    with _lock:
        return _configured()


def device(kind: str = "auto") -> tuple[Any, Device]:
    """The JAX device to compute on and its description.

    Parameters
    ----------
    kind
        `"auto"` (a GPU if JAX sees one), `"cpu"` or `"gpu"`.

    Raises
    ------
    DeviceError
        A GPU was asked for and there is none.
    """
    jax = get_jax()
    gpu, why = _gpu(jax)
    if kind == "gpu" and gpu is None:
        raise DeviceError(f"{why} Choose the device `cpu` or `auto`.")
    if gpu is not None and kind != "cpu":
        return gpu, Device(kind="gpu", name=str(gpu.device_kind), memory=_gpu_memory(gpu))
    return jax.devices("cpu")[0], Device(
        kind="cpu",
        name=f"{processor_name()}, {os.cpu_count() or 1} cores",
        why_no_gpu="The processor was asked for." if kind == "cpu" and gpu is not None else why,
        memory=memory(),
    )


def device_info(kind: str = "auto") -> Device:
    """What `fit` would compute on, and why no GPU is used where none is (imports JAX)."""
    return device(kind)[1]


def plain_cpu() -> Device:
    """The processor, for computations that need no JAX."""
    return Device(
        kind="cpu",
        name=f"{processor_name()}, {os.cpu_count() or 1} cores",
        why_no_gpu="A model without networks to train is fitted faster on the processor.",
        memory=memory(),
    )


def _gpu(jax: Any) -> tuple[Any | None, str]:
    try:
        found = jax.devices("gpu")
    except RuntimeError:
        found = []
    if found:
        return found[0], ""
    if _has_nvidia_driver():
        return None, (
            "An NVIDIA driver is installed, but this JAX was built for the processor only; "
            "`pip install 'ndestudio[cuda]'` adds GPU support."
        )
    return None, "JAX sees no GPU on this machine."


def memory() -> int:
    """Bytes of main memory, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0


def _gpu_memory(gpu: Any) -> int:
    try:
        return int((gpu.memory_stats() or {}).get("bytes_limit", 0))
    except Exception:  # not every platform of JAX has figures
        return 0


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra on matrices of moderate size to one thread.

    Threads that wait for each other cost more than such matrices: with other work on the machine a step of
    Levenberg-Marquardt took ten times its time. The limit holds for the process until the last of those who asked is done.
    """
    with _limited_lock:
        _limited.append(_blas().limit(limits=1, user_api="blas") if not _limited else None)
    try:
        yield
    finally:
        with _limited_lock:
            if len(_limited) > 1:
                _limited.pop()
            else:
                _limited.pop().restore_original_limits()


@cache
def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _blas() -> Any:
    import scipy.linalg.blas  # noqa: F401  (the controller finds only what is loaded)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def processor_name() -> str:
    """Model name of the processor, or the machine architecture."""
    import platform

    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"
