"""What the tests of executors compute, where a worker finds it by its name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Reporter


def product(factor: int, number: int, *, reporter: Reporter) -> int:
    del reporter
    return factor * number


def refused(factor: int, number: int, *, reporter: Reporter) -> int:
    del factor, reporter
    if number == 1:
        raise NdeStudioError("one is not taken")
    return number


def endless(factor: int, number: int, *, reporter: Reporter) -> int:
    del factor
    until = time.monotonic() + 60
    while time.monotonic() < until and not reporter.should_stop():
        time.sleep(0.02)
    return number


def killed_once(factor: int, path: str, *, reporter: Reporter) -> str:
    """Ends its process the first time."""
    del factor, reporter
    mark = Path(path)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark.name


def killed(factor: int, number: int, *, reporter: Reporter) -> int:
    del factor, reporter
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def counted(factor: int, path: str, number: int, *, reporter: Reporter) -> int:
    """Leaves a line for each time it is computed."""
    del factor, reporter
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{number}\n")
    time.sleep(0.15)
    return number


def threads(factor: int, *, reporter: Reporter) -> str:
    del factor, reporter
    return os.environ.get("OMP_NUM_THREADS", "")
