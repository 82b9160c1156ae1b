"""What the benchmark of executors computes where a worker finds it."""

from __future__ import annotations

import time
from pathlib import Path

from ndestudio.progress import Reporter


def nothing(number: int, *, reporter: Reporter) -> int:
    del reporter
    return number


def counted(log: str, number: int, *, reporter: Reporter) -> int:
    """A tenth of a second; leaves a line in ``log``."""
    del reporter
    time.sleep(0.1)
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{number}\n")
    return number
