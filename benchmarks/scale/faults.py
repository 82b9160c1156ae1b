"""A killed scheduler, a network that is gone for a minute, workers that run out of memory."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.scale import work
from benchmarks.scale.cluster import FAR, OURS, Cluster, far_network, ip
from ndestudio.jobs.executors import Ended, Task, executor
from ndestudio.progress import Event, Note

TASKS = 12


class Heard:
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event.text)

    def should_stop(self) -> bool:
        return False


def killed_scheduler(folder: Path, chance: random.Random) -> tuple[int, int, bool]:
    """Results lost, results computed again that had been handed over, and whether it was told."""
    folder.mkdir()
    log, heard, found = folder / "computed.txt", Heard(), {}
    cluster = Cluster(folder)
    workers = executor(f"dask:{cluster.address}")
    moment, kept = chance.randrange(0, TASKS - 3), ""

    def strike() -> None:
        cluster.kill_scheduler()
        cluster.come_back()

    try:
        tasks = [Task(f"s{k}", work.counted, (str(log), k)) for k in range(TASKS)]
        if moment == 0:  # before the first result
            later = threading.Timer(chance.uniform(0, 0.5), strike)
            later.start()
        for ended in workers.map(tasks, reporter=heard):
            found[ended.key] = ended.result
            if len(found) == moment:
                time.sleep(chance.uniform(0, 0.1))
                kept = ",".join(found)
                strike()
        times = log.read_text(encoding="utf-8").split()
        again = sum(times.count(key[1:]) > 1 for key in kept.split(",") if key)
        lost = TASKS - len(found)
        return lost, again, any("does not answer" in one or "forgotten" in one for one in heard.notes)
    finally:
        workers.close()
        cluster.close()


def scheduler_kills(count: int) -> None:
    """The scheduler of a Dask cluster, killed and started again, workers and all."""
    with tempfile.TemporaryDirectory() as folder:
        found = [killed_scheduler(Path(folder) / f"{k}", random.Random(k)) for k in range(count)]
    lost, again = sum(one[0] for one in found), sum(one[1] for one in found)
    told = sum(one[2] for one in found)
    print(
        f"  the scheduler killed {count} times: {lost} results lost, {again} that were handed over computed again, told {told} times",
        flush=True,
    )


def network(seconds: float) -> None:
    """The cable to the scheduler and its workers pulled for ``seconds``, in a network namespace."""
    try:
        with far_network() as prefix, tempfile.TemporaryDirectory() as folder:
            _cut_off(Path(folder), prefix, seconds)
    except OSError as error:
        print(f"  not measured: {error}", flush=True)


def _cut_off(folder: Path, prefix: tuple[str, ...], seconds: float) -> None:
    log, heard = folder / "computed.txt", Heard()
    cluster = Cluster(folder, host=FAR, prefix=prefix)
    workers = executor(f"dask:{cluster.address}")
    found: dict[str, Ended] = {}
    restored: list[float] = []

    def back() -> None:
        ip("link", "set", OURS, "up")
        restored.append(time.monotonic())

    try:
        for ended in workers.map([Task(f"n{k}", work.counted, (str(log), k)) for k in range(TASKS)], reporter=heard):
            found[ended.key] = ended
            if len(found) == 3:
                ip("link", "set", OURS, "down")
                threading.Timer(seconds, back).start()
        after = time.monotonic() - restored[0] if restored else 0.0
    finally:
        workers.close()
        cluster.close()
    times = log.read_text(encoding="utf-8").split()
    print(
        f"  network gone for {seconds:.0f} s: {TASKS - len(found)} of {TASKS} results lost, {len(times) - TASKS} computed again, all there "
        f"{after:.1f} s after it was back; told: {heard.notes or 'nothing'}",
        flush=True,
    )


def memory() -> None:
    """Tasks that need more memory than their worker has, among others."""
    tasks = [Task(f"m{k}", work.counted, ("/dev/null", k)) for k in range(6)] + [Task("large", work.greedy, (64,))]
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), memory="500MB")
        for name, workers in (("local:2", executor("local:2")), ("dask", executor(f"dask:{cluster.address}"))):
            heard = Heard()
            try:
                found = {one.key: one for one in workers.map(tasks, reporter=heard)}
            finally:
                workers.close()
            good = sum(not one.problem for one in found.values())
            large = found.get("large", Ended("large"))
            print(f"  {name}: {good} of 6 small tasks done, the large one: {large.problem or large.result}", flush=True)
        cluster.close()
