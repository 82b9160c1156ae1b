"""Run engines on problems, each engine in a process of its own, and put what they found into a table."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.symbolic.problem import BenchmarkProblem, draw
from benchmarks.symbolic.score import Assessment, judge_clean, judge_noisy, read

HERE = Path(__file__).resolve().parent
MARGIN = 60.0
"""Seconds that a task may take beyond its limit before its process is ended and the next task gets a new one."""


@dataclass(frozen=True)
class Row:
    """One engine on one problem with one seed and noise level. Seconds are of the task; ``startup`` of the process's imports."""

    engine: str
    problem: str
    group: str
    seed: int
    noise: float
    recovered: bool
    fitted: bool
    wall: float
    cpu: float
    startup: float
    evaluations: int
    formula: str
    truth: str
    error: float
    wide: float
    note: str = ""
    seconds: float = 0.0
    threads: int = 1

    @property
    def key(self) -> tuple[str, str, int, float]:
        return (self.engine, self.problem, self.seed, self.noise)


@dataclass(frozen=True)
class Engine:
    """A name of ``worker.ENGINES``, the Python it runs in, and the limits tried one after the other.

    Our engine and gplearn end when the target is reached. pyoperon cannot, so that it is run with rising limits and the
    shortest run that recovers counts.
    """

    name: str
    python: str
    ladder: tuple[float, ...]


def engines(names: Sequence[str], peers: str | None, seconds: float) -> tuple[Engine, ...]:
    """The engines that can run here; what cannot is said on standard error."""
    found = []
    for name in names:
        python = sys.executable if name in ("ndestudio", "pysr") else peers or sys.executable
        probe = {"pyoperon": "import pyoperon", "gplearn": "import gplearn", "pysindy": "import pysindy"}.get(
            name, "pass"
        )
        if name == "pysr":
            from ndestudio.symbolic import PysrEngine

            missing = PysrEngine().unavailable()
            if missing:
                print(f"left out: {missing}", file=sys.stderr)
                continue
        if subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode:
            print(f"left out: {name} is not installed in {python}", file=sys.stderr)
            continue
        shorter = [t for t in (1.0, 3.0) if t < seconds] if name == "pyoperon" else []
        ladder = (*shorter, seconds)
        found.append(Engine(name, python, ladder))
    return tuple(found)


CHUNK = 24
"""Tasks of one process: few enough that little is lost when a run is cut off, enough to share its start-up."""


def run(
    engine: Engine,
    tasks: Sequence[tuple[BenchmarkProblem, int]],
    noise: float,
    threads: int,
    said: Callable[[Row], None] = lambda row: None,
    config: dict[str, Any] | None = None,
    until: float = math.inf,
) -> list[Row]:
    """One engine on problems and seeds; stages of the ladder are run for what the one before did not recover.

    Parameters
    ----------
    said
        Called with each row as soon as it is known.
    until
        No further chunk of tasks begins after this ``time.monotonic()``.
    """
    rows: list[Row] = []
    for first in range(0, len(tasks), CHUNK):
        if time.monotonic() > until:
            break
        chunk = list(tasks[first : first + CHUNK])
        found: dict[tuple[str, int], Row] = {}
        for seconds in engine.ladder:
            answers = _answers(engine, chunk, noise, seconds, threads, config or {})
            for (problem, seed), answer in zip(chunk, answers, strict=True):
                row = _row(engine, problem, seed, noise, answer)
                found[problem.name, seed] = replace(row, seconds=seconds, threads=threads)
            chunk = [(problem, seed) for problem, seed in chunk if not found[problem.name, seed].recovered]
        for row in found.values():
            said(row)
        rows += found.values()
    return rows


def _answers(
    engine: Engine,
    tasks: Sequence[tuple[BenchmarkProblem, int]],
    noise: float,
    seconds: float,
    threads: int,
    config: dict[str, Any],
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="symbolic-benchmark-") as name:
        folder = Path(name)
        described = []
        for number, (problem, seed) in enumerate(tasks):
            samples = draw(problem, seed=seed, noise=noise)
            np.savez(folder / f"task{number}.npz", X=samples.X, y=samples.y, names=np.array(problem.names))
            described.append(
                {
                    "name": f"task{number}",
                    "operators": list(problem.operators),
                    "seconds": seconds,
                    "seed": seed,
                    "threads": threads,
                    "noise": noise,
                    "config": config,
                }
            )
        found: dict[str, dict[str, Any]] = {}
        left = described
        while left:
            done = _process(engine, folder, left, seconds, threads)
            found |= done
            left = [task for task in left if task["name"] not in found]
            if left:  # the process died or hung on the first task that is left
                found[left[0]["name"]] = {
                    "formulas": [],
                    "evaluations": 0,
                    "wall": seconds,
                    "cpu": 0.0,
                    "startup": 0.0,
                    "error": "the process ended",
                }
                left = left[1:]
        return [found[task["name"]] for task in described]


def _process(
    engine: Engine, folder: Path, tasks: list[dict[str, Any]], seconds: float, threads: int
) -> dict[str, dict[str, Any]]:
    """Answers of one process, up to its end."""
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    answers = folder / "answers.jsonl"
    answers.unlink(missing_ok=True)
    root = str(HERE.parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": root,
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
    process = subprocess.Popen(
        [engine.python, str(HERE / "worker.py"), engine.name, str(folder)],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    known, last = 0, time.monotonic()
    while process.poll() is None:
        count = answers.read_text(encoding="utf-8").count("\n") if answers.exists() else 0
        if count > known:
            known, last = count, time.monotonic()
        if time.monotonic() - last > seconds + MARGIN:
            process.kill()
            process.wait()
        time.sleep(0.2)
    if not answers.exists():
        return {}
    lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    startup = lines[0]["ready"] if lines else 0.0
    return {line["name"]: {**line, "startup": startup} for line in lines[1:]}


def _row(engine: Engine, problem: BenchmarkProblem, seed: int, noise: float, answer: dict[str, Any]) -> Row:
    samples = draw(problem, seed=seed, noise=noise)
    formulas = read(answer["formulas"])
    if not formulas:
        assessment = Assessment(False, False, "", float("inf"), float("inf"))
    elif noise:
        assessment = judge_noisy(problem, samples, formulas[0])
    else:
        assessment = judge_clean(problem, samples, formulas)
    return Row(
        engine.name,
        problem.name,
        problem.group,
        seed,
        noise,
        wall=answer["wall"],
        cpu=answer["cpu"],
        startup=answer["startup"],
        evaluations=answer["evaluations"],
        truth=problem.truth,
        note=answer.get("error", ""),
        **asdict(assessment),
    )


def julia_found() -> bool:
    return shutil.which("julia") is not None
