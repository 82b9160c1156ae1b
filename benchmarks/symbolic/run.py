"""Run engines on problems, each engine in a process of its own, and put what they found into a table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.symbolic.problems import Problem, draw
from benchmarks.symbolic.score import Verdict, judge_clean, judge_noisy, read

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


def run(
    engine: Engine,
    problems: Sequence[Problem],
    seeds: Sequence[int],
    noise: float,
    threads: int,
    said: Callable[[Row], None] = lambda row: None,
    config: dict[str, Any] | None = None,
) -> list[Row]:
    """All problems and seeds with one engine; stages of the ladder are run for what the one before did not recover."""
    open_tasks = [(problem, seed) for problem in problems for seed in seeds]
    rows: dict[tuple[str, int], Row] = {}
    for seconds in engine.ladder:
        answers = _answers(engine, open_tasks, noise, seconds, threads, config or {})
        for (problem, seed), answer in zip(open_tasks, answers, strict=True):
            rows[problem.name, seed] = _row(engine, problem, seed, noise, answer)
        open_tasks = [(problem, seed) for problem, seed in open_tasks if not rows[problem.name, seed].recovered]
    for row in rows.values():
        said(row)
    return list(rows.values())


def _answers(
    engine: Engine,
    tasks: Sequence[tuple[Problem, int]],
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


def _row(engine: Engine, problem: Problem, seed: int, noise: float, answer: dict[str, Any]) -> Row:
    samples = draw(problem, seed=seed, noise=noise)
    formulas = read(answer["formulas"])
    if not formulas:
        verdict = Verdict(False, False, "", float("inf"), float("inf"))
    elif noise:
        verdict = judge_noisy(problem, samples, formulas[0])
    else:
        verdict = judge_clean(problem, samples, formulas)
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
        **asdict(verdict),
    )


def table(rows: Sequence[Row]) -> str:
    """Recovery and median seconds to it, by engine, group and noise, as Markdown."""
    lines = [
        "| engine | group | noise | recovered | reproduced rows | median CPU-s to recovery | median wall s | start-up s | evaluations/CPU-s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    keys = sorted(
        {(row.noise, row.group, row.engine) for row in rows}, key=lambda key: (key[0], _order(key[1]), key[2])
    )
    for noise, group, engine in keys:
        mine = [row for row in rows if (row.noise, row.group, row.engine) == (noise, group, engine)]
        right = [row for row in mine if row.recovered]
        cpu = f"{median(row.cpu for row in right):.2f}" if right else "-"
        wall = f"{median(row.wall for row in right):.2f}" if right else "-"
        rate = sum(row.evaluations for row in mine) / max(sum(row.cpu for row in mine), 1e-9)
        lines.append(
            f"| {engine} | {group} | {noise:.0%} | {len(right)}/{len(mine)} ({len(right) / len(mine):.0%}) "
            f"| {sum(row.fitted for row in mine) / len(mine):.0%} | {cpu} | {wall} "
            f"| {median(row.startup for row in mine):.1f} | {rate:,.0f} |"
        )
    return "\n".join(lines)


def _order(group: str) -> int:
    from benchmarks.symbolic.problems import OPERATORS

    return list(OPERATORS).index(group) if group in OPERATORS else -1


def lost(rows: Sequence[Row], engine: str = "ndestudio") -> str:
    """Problems that an engine did not always recover, with its best formula: each is a lead."""
    lines = []
    for key in sorted({(row.noise, row.problem) for row in rows if row.engine == engine}):
        mine = [row for row in rows if (row.noise, row.problem) == key and row.engine == engine]
        wrong = [row for row in mine if not row.recovered]
        if wrong:
            row = wrong[0]
            lines.append(
                f"{row.problem} ({row.noise:.0%} noise): {len(mine) - len(wrong)}/{len(mine)}; truth `{row.truth}`; found "
                f"`{row.formula[:160]}` (NMSE {row.error:.1e}, wide {row.wide:.1e}){' ' + row.note if row.note else ''}"
            )
    return "\n".join(lines)


def julia_found() -> bool:
    return shutil.which("julia") is not None
