"""What every test process starts with: shapes checked as the code runs, quick compilation, one thread for each library."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest
from jaxtyping import install_import_hook

CHECKED = (
    "ndestudio.data",
    "ndestudio.distil",
    "ndestudio.expression",
    "ndestudio.model",
    "ndestudio.symbolic.engine",
    "ndestudio.symbolic.evolution",
    "ndestudio.symbolic.front",
    "ndestudio.symbolic.losses",
    "ndestudio.symbolic.selection",
    "ndestudio.symbolic.snapshots",
    "ndestudio.symbolic.template",
)
"""Packages and modules whose annotations, shapes among them, are checked on each call. NDE_TEST_TYPES names others, separated
by commas, or none ("")."""
TYPES = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
"""An int will do where a float is asked for, as type checkers have it (PEP 484)."""
WORKER = "PYTEST_XDIST_WORKER" in os.environ
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")

# programs of tests run for moments: compiling them well would take longer than running them
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false")
for variable in ONE_THREAD:  # the other cores have other tests
    os.environ.setdefault(variable, "1")
if not WORKER:  # workers and the processes that tests start inherit it, so that each program is compiled once
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="ndestudio-tests-")
checked = tuple(filter(None, os.environ.get("NDE_TEST_TYPES", ",".join(CHECKED)).split(",")))
if checked:
    early = [name for name in sys.modules if name.startswith(tuple(f"{package}." for package in checked))]
    assert not early, f"imported before their annotations could be checked: {early}"
    install_import_hook(checked, TYPES)
    sys.setrecursionlimit(5_000)  # a checked call takes several frames


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of compiled programs once all workers have ended."""
    if not WORKER:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that hands over what the annotations forbid: shapes and types are not checked."""
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)
