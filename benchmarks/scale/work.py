"""What the benchmark of executors computes where a worker finds it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ndestudio.progress import Reporter


def nothing(number: int, *, reporter: Reporter) -> int:
    del reporter
    return number


def greedy(gigabytes: int, *, reporter: Reporter) -> int:
    """Takes memory until there is none left, or so much; the process itself may have at most 2 GB."""
    import resource

    del reporter
    resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9 + _address_space(), resource.RLIM_INFINITY))
    taken = []
    for _ in range(gigabytes * 20):
        taken.append(np.ones(50_000_000 // 8))
        time.sleep(0.05)
    return len(taken)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * 4096


def counted(log: str, number: int, *, reporter: Reporter) -> int:
    """A tenth of a second; leaves a line in ``log``."""
    del reporter
    time.sleep(0.1)
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{number}\n")
    return number
