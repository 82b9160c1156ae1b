"""What every test process starts with: quick compilation, one folder of compiled programs, one thread a library."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

WORKER = "PYTEST_XDIST_WORKER" in os.environ
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")

# programs of tests run for moments: compiling them well would take longer than running them
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false")
for name in ONE_THREAD:
    os.environ.setdefault(name, "1")
if not WORKER:  # workers and the processes that tests start inherit it, so that each program is compiled once
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="ndestudio-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of compiled programs once all workers have ended."""
    if not WORKER:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
