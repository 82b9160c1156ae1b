"""Figures kept as data: one line of JSON each in ``benchmarks/results/SUITE.jsonl``, only ever appended to.

A suite that was given ``--record`` calls `record`; ``python -m benchmarks.series`` shows what was kept.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Machine:
    """Where figures were measured; ``load`` is the mean number of running processes of the last minute, when it was asked."""

    cpu: str
    cores: int
    load: float
    python: str


@dataclass(frozen=True)
class Figure:
    """One measured value; ``commit`` ends in `+` where the tree was not clean."""

    date: str
    commit: str
    machine: Machine
    suite: str
    name: str
    value: float
    unit: str
    command: str


def record(suite: str, values: Mapping[str, tuple[float, str]], *, commit: str = "", folder: Path = RESULTS) -> Path:
    """Append figures of one run to the file of their suite.

    Parameters
    ----------
    suite
        Name of the benchmark, and of the file.
    values
        Name of a figure -> value and unit. Values that are not finite are left out: nothing was measured.
    commit
        What was measured; the commit of this checkout if empty.
    folder
        Where the files are.

    Returns
    -------
    Path
        The file.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{suite}.jsonl"
    date, where = datetime.now(UTC).isoformat(timespec="seconds"), machine()
    commit = commit or commit_of(ROOT)
    with path.open("a", encoding="utf-8") as file:
        for name, (value, unit) in values.items():
            if math.isfinite(value):
                figure = Figure(date, commit, where, suite, name, float(f"{value:.4g}"), unit, _command())
                file.write(json.dumps(asdict(figure)) + "\n")
    return path


def recorded(suite: str, folder: Path = RESULTS) -> Iterator[Figure]:
    """The figures of a suite, oldest first."""
    for line in (folder / f"{suite}.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        yield Figure(**{**fields, "machine": Machine(**fields["machine"])})


def suites(folder: Path = RESULTS) -> list[str]:
    """Names of the suites of which something was kept."""
    return sorted(path.stem for path in folder.glob("*.jsonl"))


def flat(value: object, prefix: str = "") -> dict[str, tuple[float, str]]:
    """Numbers of nested mappings as figures: keys joined by a space, the unit read off a name's end (`_s`, `_ms`, `_MB`)."""
    found: dict[str, tuple[float, str]] = {}
    if isinstance(value, Mapping):
        for key, one in value.items():
            found.update(flat(one, f"{prefix} {key}".strip()))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        end = prefix.rpartition("_")[2]
        found[prefix] = float(value), end if end in ("s", "ms", "MB") else ""
    return found


def machine() -> Machine:
    """This machine, now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return Machine(_processor(), os.cpu_count() or 1, round(load, 1), platform.python_version())


def commit_of(checkout: Path) -> str:
    """Short commit of a checkout, with a `+` where something in it is not committed; empty outside of git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short", "HEAD")
    changed = git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results", ":!benchmarks/*/results"
    )
    return f"{commit}+" if commit and changed else commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _command() -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).name
    return " ".join(["python -m", name, *sys.argv[1:]])
