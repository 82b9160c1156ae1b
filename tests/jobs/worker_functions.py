"""Functions for the tests of workers; a spawned process imports them from here by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.progress import Note, Reporter


@dataclass(frozen=True, eq=False)
class Record:
    values: np.ndarray
    inside: tuple[Record, ...] = ()


def pid(*, reporter: Reporter) -> int:
    return os.getpid()


def pid_after(seconds: float, *, reporter: Reporter) -> int:
    time.sleep(seconds)
    return os.getpid()


def same(value: Any, *, reporter: Reporter) -> Any:
    return value


def wrapped(record: Record, *, reporter: Reporter) -> Record:
    reporter.emit(Note(str(len(record.inside))))
    return Record(record.inside[0].values, (record, record.inside[0]))


def until_stopped(*, reporter: Reporter) -> str:
    reporter.emit(Note("going"))
    while not reporter.should_stop():
        time.sleep(0.005)
    return "what was reached"


def deaf(*, reporter: Reporter) -> None:
    reporter.emit(Note("going"))
    time.sleep(60)


def silent(*, reporter: Reporter) -> None:
    time.sleep(60)


def crash(*, reporter: Reporter) -> None:
    os._exit(7)


def bad_equation(*, reporter: Reporter) -> None:
    raise EquationError("a bracket is missing; close it", line=3, column=5, length=2)


def unportable(*, reporter: Reporter) -> None:
    error = EquationError("a bracket is missing; close it")
    error.line = lambda: None  # type: ignore[assignment]
    raise error
