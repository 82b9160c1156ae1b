"""A Dask cluster in processes of its own, here or in a network namespace, that can be killed and cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.record import ROOT

NAMESPACE, OURS, THEIRS = "ndefar", "ndenear0", "ndefar0"
HERE, FAR = "10.213.7.1", "10.213.7.2"


class Cluster:
    """A scheduler and workers.

    Parameters
    ----------
    prefix
        What the commands begin with, to run them elsewhere.
    """

    def __init__(
        self, folder: Path, workers: int = 2, host: str = "127.0.0.1", prefix: tuple[str, ...] = (), memory: str = ""
    ) -> None:
        self._folder, self._host, self._prefix, self._memory = folder, host, prefix, memory
        self._count = workers
        self._scheduler_process: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []
        self.address = self._scheduler(0)
        self._add_workers()

    @property
    def pids(self) -> list[int]:
        """Of the workers."""
        return [one.pid for one in self._workers]

    def kill_scheduler(self) -> None:
        assert self._scheduler_process is not None
        self._scheduler_process.kill()
        self._scheduler_process.wait(30)

    def come_back(self) -> None:
        """A scheduler at the same address, with workers; those there were may have left with it."""
        assert self._scheduler(int(self.address.rpartition(":")[2])) == self.address
        self._add_workers()

    def close(self) -> None:
        for one in [self._scheduler_process, *self._workers]:
            if one is not None:
                with suppress(OSError):
                    one.kill()
                one.wait(30)

    def _scheduler(self, port: int) -> str:
        file = self._folder / f"scheduler-{time.monotonic_ns()}.json"
        command = [
            "--host",
            self._host,
            "--port",
            str(port),
            "--no-dashboard",
            "--no-show",
            "--scheduler-file",
            str(file),
        ]
        self._scheduler_process = self._start("distributed.cli.dask_scheduler", command)
        until(lambda: file.exists() and file.stat().st_size > 0)
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])

    def _add_workers(self) -> None:
        self._workers = [one for one in self._workers if one.poll() is None]
        guard = ["--nanny", "--memory-limit", self._memory] if self._memory else ["--no-nanny"]
        for _ in range(self._count):
            command = [
                self.address,
                "--nthreads",
                "1",
                "--no-dashboard",
                *guard,
                "--local-directory",
                str(self._folder),
            ]
            self._workers.append(self._start("distributed.cli.dask_worker", command))

    def _start(self, module: str, options: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "log.txt").open("ab") as log:
            command = [*self._prefix, sys.executable, "-m", module, *options]
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def until(there: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something, not for ever."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come up"
        time.sleep(0.05)


@contextmanager
def far_network() -> Iterator[tuple[str, ...]]:
    """A network namespace that a pair of cables leads to; yields what a command begins with to run there.

    Raises
    ------
    OSError
        This machine does not allow it.
    """
    if os.geteuid() != 0:
        raise OSError("network namespaces need the rights of root")
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", OURS, "type", "veth", "peer", "name", THEIRS, "netns", NAMESPACE)
        ip("addr", "add", f"{HERE}/24", "dev", OURS)
        ip("link", "set", OURS, "up")
        ip("-n", NAMESPACE, "addr", "add", f"{FAR}/24", "dev", THEIRS)
        ip("-n", NAMESPACE, "link", "set", THEIRS, "up")
        ip("-n", NAMESPACE, "link", "set", "lo", "up")
        yield ("ip", "netns", "exec", NAMESPACE)
    finally:
        subprocess.run(["ip", "link", "del", OURS], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)


def ip(*words: str) -> None:
    """`ip WORDS`, refused with what it says."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
