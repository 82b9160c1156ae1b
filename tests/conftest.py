"""What every test process starts with: shapes checked as the code runs, quick compilation, one thread for each library."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

PACKAGES = ("data", "distil", "model", "symbolic")
"""Those whose annotations, shapes among them, are checked on each call by the tests of these packages: checks everywhere took a quarter of
all processor time. NDE_TEST_TYPES names modules or packages to check instead, in all tests, separated by commas, or none ("")."""
LEFT_OUT = (
    # called from inner loops: with them the tests of distilling took four times the processor time
    "ndestudio.model.basis",
    "ndestudio.model.networks",
    "ndestudio.model.evaluate",
    # called for each cell or line of a table
    "ndestudio.data.cells",
    "ndestudio.data.readers.dialect",
    "ndestudio.data.readers.frames",
    "ndestudio.data.readers.plain",
    "ndestudio.data.shape.below",
    "ndestudio.data.tables.finder",
    "ndestudio.data.tables.kinds",
    "ndestudio.data.tables.layout",
    # beartype takes `Self` only in classes that it decorates whole, which jaxtyping does not ask of it
    "ndestudio.symbolic.regressor",
)
TYPES = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
"""An int will do where a float is asked for, as type checkers have it (PEP 484)."""
ROOT = Path(__file__).parents[1]
WORKER = "PYTEST_XDIST_WORKER" in os.environ
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def checked_modules() -> tuple[str, ...]:
    """What is checked: each module of ``PACKAGES`` that is not left out, or what the environment names."""
    named = os.environ.get("NDE_TEST_TYPES")
    if named is not None:
        return tuple(filter(None, named.split(",")))
    files = [path for package in PACKAGES for path in (ROOT / "ndestudio" / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files if path.stem != "__init__"}
    return tuple(sorted(modules - set(LEFT_OUT)))


# programs of tests run for moments: compiling them well would take longer than running them
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false")
for variable in ONE_THREAD:  # the other cores have other tests
    os.environ.setdefault(variable, "1")
if not WORKER:  # workers and the processes that tests start inherit it, so that each program is compiled once
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="ndestudio-tests-")
checked = checked_modules()
if checked:
    early = [name for name in sys.modules if name in checked]
    assert not early, f"imported before their annotations could be checked: {early}"
    install_import_hook(checked, TYPES)
    sys.setrecursionlimit(5_000)  # a checked call takes several frames

# tracing makes many small objects that live on: looking through all of them again and again took a tenth of the time
gc.set_threshold(50_000, 20, 50)

# the same examples every time, and no judgement by the clock: a test that fails does so again
settings.register_profile("tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

LONGEST = (
    "symbolic/test_native_sanitized.py",
    "fitting/test_conformance.py",
    "gui/test_end_to_end.py",
    "distil/test_pipeline.py",
    "cli/test_end_to_end.py",
    "export/test_artefacts.py",
    "fitting/test_fit.py",
    "fitting/test_comparison.py",
    "solve/test_registry.py",
    "gui/test_train_view.py",
    "gui/test_cycles.py",
    "project/test_script.py",
    "distil/test_next_run.py",
    "distil/test_fit_and_distil.py",
)
"""Files that take longest; they begin first, so that no worker waits for the other at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""
    places = {ROOT / "tests" / name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def _types_where_they_belong(request: pytest.FixtureRequest) -> Iterator[None]:
    """Annotations are checked in the tests of the packages that are checked, unless the environment names what is."""
    parts = request.path.relative_to(ROOT / "tests").parts
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", "NDE_TEST_TYPES" not in os.environ and parts[0] not in PACKAGES)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of compiled programs once all workers have ended."""
    if not WORKER:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that hands over what the annotations forbid: shapes and types are not checked."""
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)
