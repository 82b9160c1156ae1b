"""Functions for the process tests; a spawned process imports them from here by name."""

from __future__ import annotations

import os
import time

from ndestudio.errors import DataError
from ndestudio.progress import Note, Reporter


def double(x: int, *, reporter: Reporter) -> int:
    reporter.emit(Note(f"doubling {x}"))
    return 2 * x


def until_stopped(*, reporter: Reporter) -> str:
    reporter.emit(Note("going"))
    while not reporter.should_stop():
        time.sleep(0.005)
    return "what was reached"


def counting(*, reporter: Reporter) -> int:
    n = 0
    while not reporter.should_stop():
        n += 1
        reporter.emit(Note(str(n)))
        time.sleep(0.06)
    return n


def deaf(*, reporter: Reporter) -> None:
    reporter.emit(Note("going"))
    time.sleep(60)


def bad_data(*, reporter: Reporter) -> None:
    raise DataError("the file is empty; add rows", path="a.csv")


def bug(*, reporter: Reporter) -> None:
    raise ZeroDivisionError("one by zero")


def crash(*, reporter: Reporter) -> None:
    os._exit(7)


def unpicklable(*, reporter: Reporter) -> object:
    return lambda: None
