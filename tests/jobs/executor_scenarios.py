"""A scheduler, a worker and the one who asks, each in a process of its own, and what happens when one of them is killed:

python executor_scenarios.py SCENARIO FOLDER
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import executor_functions as f

from ndestudio.errors import NdeStudioError
from ndestudio.jobs.executors import Ended, ExecutorLost, Task, WrongVersion, dask, executor
from ndestudio.progress import Note, RecordingReporter, SilentReporter

SILENT = SilentReporter()


class Cluster:
    """A scheduler and a worker."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._processes = folder, []
        self.address = self._scheduler(0)
        self._worker()

    def kill(self) -> None:
        for one in self._processes:
            one.kill()
            one.wait()
        self._processes.clear()

    def come_back(self) -> None:
        """At the same address."""
        assert self._scheduler(int(self.address.rpartition(":")[2])) == self.address
        self._worker()

    def _scheduler(self, port: int) -> str:
        file = self._folder / f"scheduler-{time.monotonic_ns()}.json"
        options = [
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-dashboard",
            "--no-show",
            "--scheduler-file",
            str(file),
        ]
        self._start("distributed.cli.dask_scheduler", options)
        until(lambda: file.exists() and file.stat().st_size > 0)
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])

    def _worker(self) -> None:
        options = [
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            str(self._folder),
        ]
        self._start("distributed.cli.dask_worker", options)

    def _start(self, module: str, options: list[str]) -> None:
        with (self._folder / "log.txt").open("ab") as log:
            self._processes.append(subprocess.Popen([sys.executable, "-m", module, *options], stdout=log, stderr=log))


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end, "it did not come up"
        time.sleep(0.05)


def counted(log: Path, count: int) -> list[Task]:
    return [Task(f"c{k}", f.counted, (str(log), k)) for k in range(count)]


def results(count: int) -> dict[str, int]:
    return {f"c{k}": k for k in range(count)}


def who_asked_dies(cluster: Cluster, folder: Path) -> None:
    log = folder / "computed.txt"
    asking = subprocess.Popen([sys.executable, __file__, "ask", str(folder), cluster.address])
    until(lambda: log.exists() and len(log.read_text(encoding="utf-8").split()) >= 2)
    os.kill(asking.pid, signal.SIGKILL)
    asking.wait()
    one = executor(f"dask:{cluster.address}")
    found = {ended.key: ended.result for ended in one.map(counted(log, 6), shared=(0,), reporter=SILENT)}
    one.close()
    assert found == results(6)
    times = log.read_text(encoding="utf-8").split()
    assert len(times) <= 6 + 2, f"computed again: {times}"  # but what the one who died had taken away


def ask(folder: Path, address: str) -> None:
    for _ in executor(f"dask:{address}").map(counted(folder / "computed.txt", 6), shared=(0,), reporter=SILENT):
        pass


def a_scheduler_comes_back(cluster: Cluster, folder: Path) -> None:
    reporter = RecordingReporter()
    one = executor(f"dask:{cluster.address}")
    found: dict[str, Ended] = {}
    for ended in one.map(counted(folder / "computed.txt", 8), shared=(0,), reporter=reporter):
        found[ended.key] = ended
        if len(found) == 2:
            cluster.kill()
            cluster.come_back()
    one.close()
    assert {key: ended.result for key, ended in found.items()} == results(8)
    assert any(isinstance(event, Note) and "trying again" in event.text for event in reporter.events)


def a_scheduler_stays_away(cluster: Cluster, folder: Path) -> None:
    one = dask.Dask(cluster.address, patience=1.0)
    dask._FINDING_SECONDS = 1
    cluster.kill()
    said = raised(ExecutorLost, lambda: list(one.map(counted(folder / "log", 1), shared=(0,), reporter=SILENT)))
    assert "start again when it is back" in said
    one.close()
    assert "nothing answers at" in raised(NdeStudioError, lambda: executor(f"dask:{cluster.address}"))


def a_worker_of_another_version(cluster: Cluster, folder: Path) -> None:
    one = dask.Dask(cluster.address)
    dask.__version__ = "0.0.0"
    said = raised(WrongVersion, lambda: list(one.map(counted(folder / "log", 1), shared=(0,), reporter=SILENT)))
    assert "this program is version 0.0.0" in said
    one.close()


def raised(kind: type[NdeStudioError], call: Callable[[], object]) -> str:
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "ask":
        ask(folder, sys.argv[3])
        return
    cluster = Cluster(folder)
    try:
        globals()[name](cluster, folder)
    finally:
        cluster.kill()


if __name__ == "__main__":
    main()
