"""Running engines on systems, one process for each run, and keeping what came of it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.discovery.judging import Row, judged
from benchmarks.discovery.measurements import Measurements, measured, write_csv
from benchmarks.discovery.peers import chosen, write_slopes
from benchmarks.discovery.system import DiscoverySystem
from benchmarks.discovery.told import Question, question, term
from benchmarks.record import ROOT, commit_of

WORKER = Path(__file__).with_name("worker.py")
SYMBOLIC_WORKER = ROOT / "benchmarks" / "symbolic" / "worker.py"
ENGINES = ("ndestudio", "pysindy", "pysindy-weak", "pyoperon")
PACKAGES = {"pysindy": "pysindy", "pysindy-weak": "pysindy", "pyoperon": "pyoperon"}
SLOPES_ALONE = ("pysindy", "pyoperon")
"""Other engines that can be told a part of the law: it is taken from the slopes."""
LIMIT = 3600.0
"""Wall seconds after which a process is ended."""


@dataclass(frozen=True)
class Engine:
    """An engine, the interpreter it runs in, the checkout whose package it uses (ours), and its build."""

    name: str
    python: str
    checkout: Path
    build: str


@dataclass(frozen=True)
class Plan:
    """What to run; each combination is one row.

    Parameters
    ----------
    fits
        Folder where our engine keeps what it trained, and takes it from: only the distilling is run again.
    """

    systems: Sequence[DiscoverySystem]
    variants: Sequence[str]
    starts: Sequence[int]
    noise: Sequence[str]
    seeds: Sequence[int]
    engines: Sequence[Engine]
    seconds: float | None
    threads: int
    fits: Path | None = None


class Store:
    """Rows by their keys, appended to a file of JSON lines as they come. Without a path they are only kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rows: dict[tuple[object, ...], Row] = {}
        if path and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):  # the last line of an interrupted run may be cut off
                    row = Row(**json.loads(line))
                    self._rows[row.key] = row

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def has(self, key: tuple[object, ...]) -> bool:
        return key in self._rows

    def add(self, row: Row) -> None:
        self._rows[row.key] = row
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def engines(names: Sequence[str], checkout: Path, python: str, peers: str) -> list[Engine]:
    """The engines that are there; of others a sentence is printed."""
    found = []
    for name in names:
        package = PACKAGES.get(name)
        if package is None:
            found.append(Engine(name, python, checkout, commit_of(checkout)))
            continue
        asked = f"from importlib.metadata import version; print(version({package!r}))"
        done = subprocess.run([peers, "-c", asked], capture_output=True, text=True)
        if done.returncode:
            print(f"{name} is left out: {peers} has no package {package} (pip install {package})", file=sys.stderr)
            continue
        found.append(Engine(name, peers, checkout, done.stdout.strip()))
    return found


def run(plan: Plan, store: Store, said: Callable[[Row], None], until: float = math.inf) -> bool:
    """Run what the store does not hold; False if the time was over first.

    Parameters
    ----------
    said
        Called with each new row.
    until
        `time.monotonic()` after which nothing begins.
    """
    for noise, variant, starts, seed, system in product(
        plan.noise, plan.variants, plan.starts, plan.seeds, plan.systems
    ):
        asked = question(system, variant)
        if asked is None:
            continue
        made: Measurements | None = None
        for engine in plan.engines:
            if variant != "nothing" and engine.name not in ("ndestudio", *SLOPES_ALONE):
                continue
            row = Row(system.name, variant, starts, noise, seed, engine.name, engine.build, plan.seconds)
            if store.has(row.key):
                continue
            if time.monotonic() > until:
                return False
            made = made or measured(system, noise, starts, seed)
            store.add(_row(row, engine, made, asked, plan))
            said(store.rows[-1])
    return True


def _row(empty: Row, engine: Engine, made: Measurements, asked: Question, plan: Plan) -> Row:
    load, date = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0, datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="discovery-") as name:
        folder = Path(name)
        _write(folder, engine, made, asked, empty, plan)
        answer = _answer(folder, engine, plan.threads)
    if "chosen" not in answer:
        answer["chosen"] = chosen(answer.get("candidates", {}), made, asked)
    fields = {**asdict(empty), **judged(answer, made, asked)}
    return Row(**{**fields, "load": load, "date": date.isoformat(timespec="seconds")})


def _write(folder: Path, engine: Engine, made: Measurements, asked: Question, row: Row, plan: Plan) -> None:
    task = {
        "states": list(made.system.states),
        "sought": list(asked.sought),
        "arguments": list(asked.arguments),
        "operators": list(asked.operators),
        "terms": {state: term(state) for state in asked.sought},
        "seed": row.seed,
        "seconds": plan.seconds or 20.0,
        "threads": plan.threads,
        "symbolic_worker": str(SYMBOLIC_WORKER),
    }
    if plan.fits is not None:
        name = f"{row.system}-{row.variant}-{row.starts}-{row.noise.rstrip('%')}-{row.seed}.nde"
        task["fit"] = str(plan.fits.resolve() / name)
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    if engine.name == "ndestudio":
        write_csv(made, folder / "data.csv")
        (folder / "spec.toml").write_text(asked.spec(row.seed, plan.seconds), encoding="utf-8")
    else:
        write_slopes(made, asked, folder / "data.npz")


def _answer(folder: Path, engine: Engine, threads: int) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(engine.checkout),
        **(
            {}
            if engine.name == "ndestudio"
            else {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        ),
    }
    began = time.monotonic()
    command = [engine.python, str(WORKER), engine.name, str(folder)]
    failure = ""
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            failure = f"not finished after {LIMIT:.0f} s"
        except BaseException:
            process.kill()
            raise
    answer = folder / "answer.json"
    if answer.exists() and not failure:
        return json.loads(answer.read_text(encoding="utf-8"))
    lines = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    failure = failure or (lines[-1] if lines else f"ended with code {process.returncode}")
    return {"error": failure[:300], "wall": time.monotonic() - began, "cpu": 0.0, "chosen": {}}


def selected(rows: Sequence[Row], plan: Plan) -> Iterator[Row]:
    """The rows of a plan, whatever build of ours they are of."""
    names = {system.name for system in plan.systems}
    for row in rows:
        if (
            row.system in names
            and row.variant in plan.variants
            and row.starts in plan.starts
            and row.noise in plan.noise
            and row.seed in plan.seeds
        ):
            yield row
