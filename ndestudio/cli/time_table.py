"""Where the time of a job goes: its stack looked at 200 times a second, wall and processor seconds by stage and kind of work.

The kind of a moment is that of the innermost frame that tells one. A call that holds the interpreter delays the look, and its
time counts with what is found after it; kinds of less than a tenth of a second are therefore rough.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

KINDS = ("import", "trace", "compile", "solve", "linear algebra", "search", "drawing", "programs", "Python", "idle")
EVERY = 0.005
"""Seconds between looks."""

_PLACES: tuple[tuple[str, str, str], ...] = (
    ("importlib._bootstrap", "", "import"),
    ("jax/_src/compiler.py", "", "compile"),
    ("jax/_src/interpreters/mlir.py", "", "trace"),
    ("jax/_src/interpreters/partial_eval.py", "", "trace"),
    ("jax/_src/interpreters/pxla.py", "__call__", "solve"),
    ("jax/_src/array.py", "", "solve"),
    ("jax/_src/", "", "trace"),
    ("numpy/linalg/", "", "linear algebra"),
    ("scipy/linalg/", "", "linear algebra"),
    ("scipy/integrate/", "", "solve"),
    ("ndestudio/symbolic/", "", "search"),
    ("ndestudio/solve/", "", "solve"),
    ("ndestudio/fitting/engines.py", "", "solve"),
    ("matplotlib/", "", "drawing"),
    ("subprocess.py", "", "programs"),
)
"""Part of a file's path, function ("": any), kind; the first that fits a frame counts."""
_WAITS = (("threading.py", "wait"), ("queue.py", "get"), ("selectors.py", "select"), ("futures/_base.py", "result"))

Seconds = tuple[float, float]
"""Wall and processor."""


class TimeTable:
    """Looks at the thread that is within ``looking``; ``stage`` says which row of the table counts."""

    def __init__(self) -> None:
        self.stage = "start"
        self._found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at this thread from now until the end of the block."""
        ended = threading.Event()
        watch = threading.Thread(target=self._look, args=(threading.get_ident(), ended), name="time table", daemon=True)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()

    @property
    def seconds(self) -> Mapping[tuple[str, str], Seconds]:
        """Stage and kind of work -> wall and processor seconds (of all threads, and of programs that were run)."""
        return {place: (wall, cpu) for place, (wall, cpu) in self._found.items()}

    def __str__(self) -> str:
        return table_text(self.seconds)

    def _look(self, thread: int, ended: threading.Event) -> None:
        wall, cpu = time.perf_counter(), _processor_seconds()
        while not ended.wait(EVERY):
            frame = sys._current_frames().get(thread)
            kind = kind_of(frame) if frame is not None else "idle"
            now, used = time.perf_counter(), _processor_seconds()
            place = self._found[(self.stage, kind)]
            place[0] += now - wall
            place[1] += used - cpu
            wall, cpu = now, used


def kind_of(frame: FrameType | None) -> str:
    """What kind of work a stack does, one of ``KINDS``."""
    innermost = True
    while frame is not None:
        file, function = frame.f_code.co_filename.replace("\\", "/"), frame.f_code.co_name
        if innermost and any(file.endswith(end) and function == name for end, name in _WAITS):
            return "idle"
        innermost = False
        for part, name, kind in _PLACES:
            if part in file and name in ("", function):
                return kind
        frame = frame.f_back
    return "Python"


def table_text(seconds: Mapping[tuple[str, str], Seconds]) -> str:
    """A row for each stage and one for their sum, a column for each kind of work: wall / processor seconds."""
    stages = list(dict.fromkeys(stage for stage, _ in seconds))
    kinds = [kind for kind in KINDS if any(known == kind for _, known in seconds)]
    rows = [["wall / CPU s", *kinds, "all"]]
    for label, chosen in [*((stage, [stage]) for stage in stages), ("all", stages)]:
        cells = [_sum(seconds, chosen, [kind]) for kind in kinds]
        rows.append([label, *map(_cell, cells), _cell(_sum(seconds, chosen, kinds))])
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _sum(seconds: Mapping[tuple[str, str], Seconds], stages: list[str], kinds: list[str]) -> Seconds:
    found = [seconds.get((stage, kind), (0.0, 0.0)) for stage in stages for kind in kinds]
    return sum(wall for wall, _ in found), sum(cpu for _, cpu in found)


def _cell(value: Seconds) -> str:
    return f"{value[0]:.1f} / {value[1]:.1f}" if max(value) >= 0.05 else "."


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
