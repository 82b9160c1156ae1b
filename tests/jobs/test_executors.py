"""Every executor keeps the same promises; those with processes also keep them when a process dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.errors import SpecError
from ndestudio.jobs.executors import Ended, Executor, ExecutorLost, Load, Task, WrongVersion, executor
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


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and a worker in processes of their own."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    with _path():
        processes: list[subprocess.Popen[bytes]] = []
        try:
            address = _started_scheduler(processes, tmp_path, port=0)
            _started_worker(processes, tmp_path, address)
            yield address, processes
        finally:
            for one in processes:
                one.kill()
                one.wait()


def _started_scheduler(processes: list[subprocess.Popen[bytes]], folder: Path, port: int) -> str:
    file = folder / f"scheduler-{len(processes)}.json"
    command = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    processes.append(_program([*command, "--no-show", "--scheduler-file", str(file)], folder))
    _until(file.exists)
    import json

    return str(json.loads(file.read_text(encoding="utf-8"))["address"])


def _started_worker(processes: list[subprocess.Popen[bytes]], folder: Path, address: str) -> None:
    command = ["-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    processes.append(_program([*command, "--local-directory", str(folder)], folder))


def _program(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)


def _until(there: object) -> None:
    until = time.monotonic() + 60
    while not there():  # type: ignore[operator]
        assert time.monotonic() < until, "it did not come up"
        time.sleep(0.05)


def test_who_asked_dies_and_what_had_ended_is_not_computed_again(
    scheduler: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, _ = scheduler
    log = tmp_path / "computed.txt"
    script = tmp_path / "ask.py"
    script.write_text(
        "import sys\n"
        "import executor_functions as f\n"
        "from ndestudio.jobs.executors import Task, executor\n"
        "from ndestudio.progress import SilentReporter\n"
        "one = executor(f'dask:{sys.argv[1]}')\n"
        "for _ in one.map([Task(f'c{k}', f.counted, (sys.argv[2], k)) for k in range(6)], shared=(0,), reporter=SilentReporter()):\n"
        "    pass\n",
        encoding="utf-8",
    )
    asking = subprocess.Popen([sys.executable, str(script), address, str(log)])
    _until(lambda: log.exists() and len(log.read_text(encoding="utf-8").split()) >= 2)
    os.kill(asking.pid, signal.SIGKILL)
    asking.wait()
    again = executor(f"dask:{address}")
    tasks = [Task(f"c{k}", f.counted, (str(log), k)) for k in range(6)]
    found = by_key(again.map(tasks, shared=(0,), reporter=SILENT))
    again.close()
    assert {key: one.result for key, one in found.items()} == {f"c{k}": k for k in range(6)}
    times = log.read_text(encoding="utf-8").split()
    # results that the one who died had taken away are gone from the scheduler; those it had not are computed once
    assert len(times) <= 6 + 2


def test_a_scheduler_that_is_lost_and_comes_back_costs_no_result(
    scheduler: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, processes = scheduler
    reporter, log = RecordingReporter(), tmp_path / "computed.txt"
    one = executor(f"dask:{address}")
    tasks = [Task(f"c{k}", f.counted, (str(log), k)) for k in range(8)]
    found: dict[str, Ended] = {}
    for ended in one.map(tasks, shared=(0,), reporter=reporter):
        found[ended.key] = ended
        if len(found) == 2:
            for process in processes:
                process.kill()
                process.wait()
            same = _started_scheduler(processes, tmp_path, port=int(address.rpartition(":")[2]))
            assert same == address
            _started_worker(processes, tmp_path, address)
    one.close()
    assert {key: ended.result for key, ended in found.items()} == {f"c{k}": k for k in range(8)}
    assert any(isinstance(event, Note) and "trying again" in event.text for event in reporter.events)


def test_a_scheduler_that_stays_away_is_told_and_a_worker_of_another_version_gets_nothing(
    scheduler: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ndestudio.jobs.executors import dask

    address, processes = scheduler
    one = dask.Dask(address, patience=1.0)
    monkeypatch.setattr(dask, "__version__", "0.0.0")
    with pytest.raises(WrongVersion, match=r"this program is version 0\.0\.0"):
        list(one.map([Task("p", f.product, (1,))], shared=(1,), reporter=SILENT))
    monkeypatch.undo()
    for process in processes:
        process.kill()
        process.wait()
    with pytest.raises(ExecutorLost, match="start again when it is back"):
        list(one.map([Task("p", f.product, (1,))], shared=(1,), reporter=SILENT))
    one.close()
    with pytest.raises(SpecError, match="nothing answers at"):
        executor(f"dask:{address}")
