"""Many fits at once: the speed of executors, what a task costs, and what kills cost.

    python -m benchmarks.scale                    # 16 seeds of the Lotka-Volterra example; overhead; 10 kills of each kind
    python -m benchmarks.scale --seeds 64 --kills 30
    python -m benchmarks.scale --parts speed overhead --executors local dask

``speed``: training of ``examples/lotka_volterra`` once for each seed, with one worker and with two of the same executor, from the same warm
cache of compiled programs, workers started beforehand. ``overhead``: tasks that do nothing. ``kills``: the one who asks, or a
worker, is killed at a random moment of a run of 0.1 s tasks and the same is asked again: results that were kept must not be computed again.
``scheduler``: the same of a Dask scheduler that is killed and comes back. ``network``: a scheduler and workers in a network namespace that is cut off for
a minute (as root). ``memory``: tasks that need more than there is.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.record import ROOT
from benchmarks.scale import big, faults, work
from ndestudio.jobs.executors import Executor, Task, executor
from ndestudio.progress import SilentReporter
from ndestudio.project.spec import load_spec
from ndestudio.project.sweep.folder import made
from ndestudio.project.sweep.run import sweep
from ndestudio.project.sweep.vary import Variation

SPEC = ROOT / "examples" / "lotka_volterra" / "spec.toml"
SILENT = SilentReporter()
TASKS = 200
PARTS = ("speed", "overhead", "kills", "scheduler", "network", "memory", "gradient")
LONG = 12


def speed(kind: str, seeds: int) -> None:
    """Seconds of a sweep over seeds with one worker and with two."""
    spec = load_spec(SPEC)
    spec = msgspec.structs.replace(spec, train=msgspec.structs.replace(spec.train, device="cpu"))
    seconds = {}
    for count in (1, 2):
        workers = executor(f"{kind}:{count}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                warm = made(Path(folder) / "warm", spec, [_seeds(1_000, 2 * count)], work="train")
                sweep(warm, workers)
                measured = made(Path(folder) / "measured", spec, [_seeds(0, seeds)], work="train")
                began = time.perf_counter()
                end = sweep(measured, workers)
                seconds[count] = time.perf_counter() - began
                assert end.computed == seeds, "some variants were not computed"
        finally:
            workers.close()
        print(f"  {kind}:{count}  {seeds} seeds in {seconds[count]:.1f} s", flush=True)
    print(f"  {kind}    two workers are {seconds[1] / seconds[2]:.2f} times as quick as one", flush=True)


def _seeds(first: int, count: int) -> Variation:
    return Variation(("train", "seed"), tuple(range(first, first + count)))


def overhead(kind: str) -> None:
    """Milliseconds of a task that does nothing, workers started beforehand."""
    workers = executor(f"{kind}:2")
    try:
        list(workers.map([Task(f"first-{k}", work.nothing, (k,)) for k in range(8)], reporter=SILENT))
        began = time.perf_counter()
        tasks = [Task(f"nothing-{k}", work.nothing, (k,)) for k in range(TASKS)]
        assert len(list(workers.map(tasks, reporter=SILENT))) == TASKS
        print(f"  {kind}:2  {(time.perf_counter() - began) / TASKS * 1e3:.1f} ms a task", flush=True)
    finally:
        workers.close()


def kills(count: int) -> None:
    """The one who asks, killed; a worker process, killed."""
    with tempfile.TemporaryDirectory() as folder:
        _report(
            "the one who asks", [_killed_client(Path(folder) / f"client-{k}", random.Random(k)) for k in range(count)]
        )
        _report("a worker", [_killed_worker(Path(folder) / f"worker-{k}.txt", random.Random(k)) for k in range(count)])


def _report(who: str, found: list[tuple[int, int]]) -> None:
    lost, twice = sum(one[0] for one in found), sum(one[1] for one in found)
    print(f"  {who} killed {len(found)} times: {lost} results lost, {twice} that were kept computed again", flush=True)


def _killed_client(folder: Path, chance: random.Random) -> tuple[int, int]:
    """A sweep of the command line, killed and gone on with; results lost, and results made again."""
    folder.mkdir()
    data = folder / "decay.csv"
    data.write_text("t,A\n" + "".join(f"{k},{4 * 0.7**k}\n" for k in range(12)), encoding="utf-8")
    spec = folder / "spec.toml"
    spec.write_text('[data]\nfile = "decay.csv"\n[model]\nequations = "d(A)/dt = -k*A"\n', encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "ndestudio",
        "sweep",
        str(spec),
        "--vary",
        f"train.seed=0..{LONG - 1}",
        "--work",
        "train",
    ]
    command += ["-o", str(folder / "out"), "--executor", "local:2", "--quiet"]
    running = subprocess.Popen(command, cwd=ROOT)
    results = folder / "out" / "results"
    _wait(lambda: results.is_dir() and any(results.glob("*.json")))
    time.sleep(chance.uniform(0, 1.0))
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    subprocess.run(command, cwd=ROOT, check=True)
    there = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    return LONG - len(there), sum(there.get(path) != when for path, when in kept.items())


def _killed_worker(log: Path, chance: random.Random) -> tuple[int, int]:
    workers = executor("local:2")
    moment, killed, found = chance.randrange(1, LONG - 2), False, set()
    try:
        for ended in workers.map([Task(str(k), work.counted, (str(log), k)) for k in range(LONG)], reporter=SILENT):
            found.add(ended.result)
            if len(found) == moment and not killed:
                killed = True
                time.sleep(chance.uniform(0, 0.1))
                os.kill(chance.choice(_pids(workers)), signal.SIGKILL)
    finally:
        workers.close()
    times = log.read_text(encoding="utf-8").split()
    # the task that was cut off may have left its line already: that is no result that was kept
    return LONG - len(found), max(0, len(times) - LONG - 1)


def _pids(workers: Executor) -> tuple[int, ...]:
    from ndestudio.jobs.executors.local import Local

    assert isinstance(workers, Local)
    return workers.pids


def _wait(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not there():
        assert time.monotonic() < until, "it did not begin"
        time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["speed", "overhead", "kills"])
    parser.add_argument("--trajectories", type=int, default=10_000)
    parser.add_argument("--gone", type=float, default=60.0, help="seconds without a network")
    parser.add_argument("--executors", nargs="+", choices=("local", "dask"), default=["local", "dask"])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    if "speed" in options.parts:
        print("A sweep over seeds")
        for kind in options.executors:
            speed(kind, options.seeds)
    if "overhead" in options.parts:
        print("A task that does nothing")
        for kind in options.executors:
            overhead(kind)
    if "kills" in options.parts:
        print("Kills at random moments")
        kills(options.kills)
    if "scheduler" in options.parts:
        print("A scheduler killed at random moments")
        faults.scheduler_kills(options.kills)
    if "gradient" in options.parts:
        print(f"One gradient of {options.trajectories} trajectories x 100 points")
        big.gradient(options.trajectories)
    if "network" in options.parts:
        print("A network that is gone")
        faults.network(options.gone)
    if "memory" in options.parts:
        print("Too little memory")
        faults.memory()


if __name__ == "__main__":
    main()
