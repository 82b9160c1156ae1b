"""How our engine behaves beside what it finds: memory over time, stopping, start-up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from ndestudio.progress import Event, SilentReporter
from ndestudio.symbolic import EvolutionEngine, SearchConfig, SearchProblem

OPERATORS = ("+", "-", "*", "/", "sin", "cos", "exp")


def _problem(rows: int, columns: int, seed: int = 0) -> SearchProblem:
    """Noisy rows of a formula that is not found, so that a search goes on."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2.0, 2.0, (rows, columns))
    y = np.tanh(X[:, 0] * X[:, 1] + 0.3) * np.exp(-0.4 * X[:, -1] ** 2) + 0.1 * rng.standard_normal(rows)
    return SearchProblem(X, y, tuple(f"x{k}" for k in range(columns)))


def resident() -> float:
    """Resident memory of this process in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024.0
    raise RuntimeError("no VmRSS in /proc/self/status")


class _Watched(SilentReporter):
    """Notes resident memory at regular times."""

    def __init__(self, every: float) -> None:
        self.every, self.began, self.seen = every, time.monotonic(), [(0.0, resident())]

    def emit(self, event: Event) -> None:
        del event
        now = time.monotonic() - self.began
        if now - self.seen[-1][0] >= self.every:
            self.seen.append((now, resident()))


def memory(seconds: float, threads: int) -> str:
    """Resident memory over a long search at 5,000 rows, as a table, with its growth over the second half."""
    reporter = _Watched(seconds / 20.0)
    config = SearchConfig(operators=OPERATORS, seconds=seconds, threads=threads)
    result = EvolutionEngine().search(_problem(5_000, 5), config, reporter, lambda front: None)
    lines = ["| minutes | resident MiB |", "| --- | --- |"]
    lines += [f"| {at / 60.0:.1f} | {size:.1f} |" for at, size in reporter.seen]
    later = [size for at, size in reporter.seen if at > seconds / 2.0]
    growth = max(later) - later[0] if later else float("nan")
    return "\n".join([*lines, "", f"Growth over the second half: {growth:.1f} MiB. {result.sentence}"])


class _Stopper(SilentReporter):
    """Asks to stop from a given moment on."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.when = 0.0

    def ask(self) -> None:
        self.when = time.monotonic()
        self.asked.set()

    def should_stop(self) -> bool:
        return self.asked.is_set()


def stops(trials: int, threads: int) -> str:
    """Seconds from the request to stop until the search has returned with its front, at random moments."""
    rng = np.random.default_rng(1)
    lines = [
        "| rows | columns | all rows at once | trials | median ms | 95% ms | worst ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rows, columns, whole in ((1_000, 5, False), (100_000, 5, True), (1_000_000, 5, False), (1_000_000, 5, True)):
        problem = _problem(rows, columns)
        waits = []
        count = trials if rows < 100_000 else max(1, trials // 4)
        for seed in range(count):
            reporter = _Stopper()
            options = {"batch": 10_000_000} if whole else {}
            config = SearchConfig(operators=OPERATORS, seconds=60.0, threads=threads, seed=seed, options=options)
            timer = threading.Timer(float(rng.uniform(0.0, 1.5)), reporter.ask)
            timer.start()
            EvolutionEngine().search(problem, config, reporter)
            waits.append(1e3 * (time.monotonic() - reporter.when))
            timer.join()
        middle, high = np.percentile(waits, [50, 95])
        lines.append(
            f"| {rows:,} | {columns} | {'yes' if whole else 'no'} | {count} | {middle:.1f} | {high:.1f} | {max(waits):.1f} |"
        )
    return "\n".join(lines)


_FIRST = """
import time, numpy as np
from ndestudio.progress import SilentReporter
from ndestudio.symbolic import EvolutionEngine, SearchConfig, SearchProblem
X = np.random.default_rng(0).uniform(0.1, 4.0, (512, 3))
class Reporter(SilentReporter):
    seen = False
    def should_stop(self):
        return self.seen
def front(_):
    Reporter.seen = True
EvolutionEngine().search(SearchProblem(X, np.tanh(X[:, 0] * X[:, 1]) + X[:, 2], ("a", "b", "c")), SearchConfig(threads=2), Reporter(), front)
"""


def startup(trials: int = 5) -> str:
    """Seconds from the start of the interpreter until a first front has been shown and the search has ended."""
    waits = []
    for _ in range(trials):
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", _FIRST], check=True)
        waits.append(time.monotonic() - began)
    return f"start of Python to first front: median {np.median(waits):.2f} s, worst {max(waits):.2f} s of {trials}"
