"""Every executor keeps the same promises; those with processes also keep them when a process dies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.errors import SpecError
from ndestudio.jobs.executors import Ended, Executor, Load, Task, executor
from ndestudio.progress import Event, Note, RecordingReporter, SilentReporter

sys.path.insert(0, str(Path(__file__).parent))
import executor_functions as f

SILENT = SilentReporter()
FOLDER = str(Path(__file__).parent)


@pytest.fixture(scope="module", params=["here", "local:2", "dask:2"])
def made(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param.startswith("dask"):
        pytest.importorskip("distributed", reason="Dask is not installed")
    with _path():
        one = executor(request.param)
        yield one
        one.close()


@contextlib.contextmanager
def _path() -> Iterator[None]:
    """Workers find the functions of the tests."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (FOLDER, before)))
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def by_key(ended: Iterator[Ended]) -> dict[str, Ended]:
    return {one.key: one for one in ended}


def test_each_task_ends_once_and_the_load_is_told(made: Executor) -> None:
    reporter = RecordingReporter()
    tasks = [Task(f"product-{k}", f.product, (k,)) for k in range(7)]
    found = list(made.map(tasks, shared=(3,), reporter=reporter))
    assert sorted((one.key, one.result) for one in found) == [(f"product-{k}", 3 * k) for k in range(7)]
    assert all(one.worker and not one.problem for one in found)
    assert any(isinstance(event, Load) and event.workers for event in reporter.events)


def test_what_a_task_refuses_is_its_sentence_and_the_others_go_on(made: Executor) -> None:
    found = by_key(made.map([Task(f"r{k}", f.refused, (k,)) for k in range(3)], shared=(0,), reporter=SILENT))
    assert found["r1"].problem == "one is not taken"
    assert [found[key].result for key in ("r0", "r2")] == [0, 2]


def test_a_stop_leaves_out_what_was_cut_short(made: Executor) -> None:
    class Soon:
        def __init__(self) -> None:
            self.until = time.monotonic() + 0.5

        def emit(self, event: Event) -> None:
            pass

        def should_stop(self) -> bool:
            return time.monotonic() > self.until

    began = time.monotonic()
    assert list(made.map([Task(f"e{k}", f.endless, (k,)) for k in range(5)], shared=(0,), reporter=Soon())) == []
    assert time.monotonic() - began < 30


def test_no_tasks(made: Executor) -> None:
    assert list(made.map([], shared=(1,), reporter=SILENT)) == []


@pytest.fixture
def local() -> Iterator[Executor]:
    with _path():
        one = executor("local:2")
        yield one
        one.close()


def test_a_process_that_is_killed_costs_nothing_but_time(local: Executor, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    tasks = [Task(name, f.killed_once, (str(tmp_path / name),)) for name in ("a", "b", "c")]
    found = by_key(local.map(tasks, shared=(0,), reporter=reporter))
    assert {key: one.result for key, one in found.items()} == {"a": "a", "b": "b", "c": "c"}
    assert sum(isinstance(event, Note) and "computed again" in event.text for event in reporter.events) == 3


def test_a_task_that_ends_every_process_is_a_row_with_a_sentence(local: Executor) -> None:
    found = by_key(local.map([Task(f"k{k}", f.killed, (k,)) for k in range(3)], shared=(0,), reporter=SILENT))
    assert "happened 3 times" in found["k1"].problem
    assert (found["k0"].result, found["k2"].result) == (0, 2)


def test_processes_share_the_processors(local: Executor) -> None:
    (found,) = local.map([Task("t", f.threads)], shared=(0,), reporter=SILENT)
    assert int(found.result) == max(1, len(os.sched_getaffinity(0)) // 2)


@pytest.mark.parametrize("text", ["cloud", "local:0", "local:x", "here:2", "dask:none", ""])
def test_what_is_no_executor_is_told_with_those_there_are(text: str) -> None:
    with pytest.raises(SpecError, match="there are here, local"):
        executor(text)


@pytest.mark.parametrize(
    "scenario",
    ["who_asked_dies", "a_scheduler_comes_back", "a_scheduler_stays_away", "a_worker_of_another_version"],
)
def test_what_happens_on_a_cluster_elsewhere(scenario: str, tmp_path: Path) -> None:
    """In a process of its own: what is killed leaves open connections behind."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    script = Path(__file__).with_name("executor_scenarios.py")
    with _path():
        done = subprocess.run(
            [sys.executable, str(script), scenario, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr[-3000:]
