"""Two builds side by side: ``python -m benchmarks.compare OLD [NEW] [--suite NAME,...] [--rounds 3] [--record]``.

OLD and NEW are checkouts (NEW: this one). Each is measured with `.venv/bin/python` of its own, or with the interpreter named
by ``--old-python`` and ``--new-python``, always with its own package first on the path and a cache folder of its own that
one run beforehand fills. The timings alternate (old, new, new, old, ...), so that what else the machine does strikes both;
what is compared is the best of all rounds, which noise disturbs least. Seconds are wall time, `cpu` processor time.

Suites: `start` (import, `--version`, help), `window` (to a painted window), `refit`, `distil`, `race`, `whole` (`ndestudio run` of the
specs named by ``--spec``, from files to exported equations).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.record import ROOT, commit_of, machine, record

TIMINGS = Path(__file__).with_name("timings.py")
WORSE = 1.05
REPEATS = {"start": 10}
"""Rounds of a suite for each one that is asked for: it is over in a moment."""
LIMIT = 900.0
Values = dict[str, float]


@dataclass(frozen=True)
class Build:
    """A checkout, the interpreter that runs it, a folder for its compiled programs and settings, and specs for ``whole``."""

    name: str
    checkout: Path
    python: Path
    home: Path
    specs: tuple[Path, ...] = ()

    def run(self, *arguments: str) -> tuple[float, str]:
        """Wall seconds and standard output of the interpreter with these arguments, in the checkout."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "XLA_FLAGS")}
        environment |= {"PYTHONPATH": str(self.checkout), "QT_QPA_PLATFORM": "offscreen"}
        environment |= dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(self.home))
        begin = time.perf_counter()
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise SystemExit(
                f"{self.name} build, `{' '.join(arguments)}`: {done.stderr.strip() or done.stdout.strip()}"
            )
        return seconds, done.stdout


def start(build: Build, folder: Path) -> Values:
    """Whole processes, once each: wall seconds, and processor time where the system tells it."""
    commands = {
        "python alone": ("-c", "pass"),
        "import ndestudio": ("-c", "import ndestudio"),
        "ndestudio --version": ("-m", "ndestudio", "--version"),
        "names of a script": (
            "-c",
            "import ndestudio as n; n.fit, n.load, n.ModelConfig, n.TrainConfig, n.refit, n.run",
        ),
    }
    found: Values = {}
    for name, command in commands.items():
        before = _children()
        found[f"start: {name}"] = build.run(*command)[0]
        if before is not None:
            found[f"start: {name} cpu"] = (_children() or 0.0) - before
    return found


def _children() -> float | None:
    """Processor seconds of ended child processes; None on Windows, which does not tell."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def window(build: Build, folder: Path) -> Values:
    """The checkout's own measurement of its window."""
    line = build.run("-m", "benchmarks.gui", "start")[1].splitlines()[-1]
    found = json.loads(line.removeprefix("start:"))
    return {"window: painted": found["best_of_4_s"], "window: painted, median": found["median_s"]}


def whole(build: Build, folder: Path) -> Values:
    """Everything that `ndestudio run` does with each spec."""
    found: Values = {}
    for spec in build.specs:
        before, name = _children(), spec.parent.name
        found[f"whole: {name}"] = build.run(
            "-m", "ndestudio", "run", str(spec), "-o", str(folder / f"{build.name}-{name}"), "--quiet"
        )[0]
        if before is not None:
            found[f"whole: {name} cpu"] = (_children() or 0.0) - before
    return found


def _timing(name: str) -> Callable[[Build, Path], Values]:
    def measured(build: Build, folder: Path) -> Values:
        return json.loads(build.run(str(TIMINGS), name, str(folder))[1].splitlines()[-1])

    return measured


SUITES: dict[str, Callable[[Build, Path], Values]] = {
    "start": start,
    "window": window,
    "refit": _timing("refit"),
    "distil": _timing("distil"),
    "race": _timing("race"),
    "whole": whole,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="checkout of the build to compare with")
    parser.add_argument("new", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--suite", default=",".join(SUITES), help="which timings, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--old-python", type=Path)
    parser.add_argument("--new-python", type=Path)
    parser.add_argument(
        "--spec", type=Path, action="append", help="a spec of the suite `whole` (default: lynx and hare)"
    )
    parser.add_argument("--record", action="store_true", help="keep the new build's figures and the ratios")
    given = parser.parse_args(argv)
    chosen = given.suite.split(",")
    if unknown := set(chosen) - set(SUITES):
        parser.error(f"there is no suite `{', '.join(sorted(unknown))}`; choose from {', '.join(SUITES)}")
    with tempfile.TemporaryDirectory(prefix="ndestudio-compare-") as name:
        folder = Path(name)
        specs = tuple(spec.resolve() for spec in given.spec or [ROOT / "examples" / "lynx_hare" / "spec.toml"])
        builds = [
            replace(_build("old", given.old, given.old_python, folder), specs=specs),
            replace(_build("new", given.new, given.new_python, folder), specs=specs),
        ]
        print(f"{machine()}\nold: {commit_of(builds[0].checkout)}, new: {commit_of(builds[1].checkout)}", flush=True)
        found = measure(builds, chosen, given.rounds, folder)
    print(f"\nload at the end {machine().load}; best of {given.rounds} rounds\n" + "\n".join(table(*found)))
    if given.record:
        _keep(*found, commit_of(builds[1].checkout))
    return 0


def measure(
    builds: Sequence[Build], chosen: Sequence[str], rounds: int, folder: Path
) -> tuple[list[Values], list[Values]]:
    """The values of each round, of the old build and of the new one."""
    if set(chosen) & {"refit", "distil", "race"}:
        builds[0].run(str(TIMINGS), "prepare", str(folder))
    found: tuple[list[Values], list[Values]] = ([], [])
    for suite in chosen:
        for build in builds if suite in ("refit", "distil", "race") else ():
            SUITES[suite](build, folder)  # compiles what the rounds then find in the cache
        for number in range(rounds * REPEATS.get(suite, 1)):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                values = SUITES[suite](builds[which], folder)
                found[which].append(values)
                print(f"{suite}, round {number + 1}, {builds[which].name}: {json.dumps(values)}", flush=True)
    return found


def table(old: Sequence[Values], new: Sequence[Values]) -> list[str]:
    """Best values of both builds, their ratio, and the ratio of each round."""
    lines = [f"{'':42}{'old':>10}{'new':>10}{'new/old':>9}   rounds"]
    for name in dict.fromkeys(name for values in (*old, *new) for name in values):
        before, after = (_of(name, values) for values in (old, new))
        if not before or not after:
            lines.append(f"{name:42}{_best(before):>10}{_best(after):>10}{'':9}   only in one build")
            continue
        ratio = min(after) / min(before) if min(before) else float("nan")
        each = " ".join(f"{b / a:.2f}" for a, b in zip(before, after, strict=False) if a)
        mark = " <- worse" if ratio > WORSE else ""
        lines.append(f"{name:42}{min(before):10.4g}{min(after):10.4g}{ratio:9.3f}   {each}{mark}")
    return lines


def _of(name: str, rounds: Sequence[Values]) -> list[float]:
    return [values[name] for values in rounds if name in values]


def _best(values: Sequence[float]) -> str:
    return f"{min(values):.4g}" if values else "-"


def _build(name: str, checkout: Path, python: Path | None, folder: Path) -> Build:
    checkout = checkout.resolve()
    if not (checkout / "ndestudio" / "__init__.py").is_file():
        raise SystemExit(f"{checkout} is no checkout of NDE Studio: there is no ndestudio/__init__.py in it")
    own = next(
        (one for one in (checkout / ".venv/bin/python", checkout / ".venv/Scripts/python.exe") if one.exists()), None
    )
    home = folder / name
    home.mkdir()
    return Build(name, checkout, python or own or Path(sys.executable), home)


def _keep(old: Sequence[Values], new: Sequence[Values], commit: str) -> None:
    values: dict[str, tuple[float, str]] = {}
    for name in dict.fromkeys(name for one in new for name in one):
        before, after = _of(name, old), _of(name, new)
        values[name] = min(after), "" if "no time" in name else "s"
        if before and min(before):
            values[f"{name}, new/old"] = min(after) / min(before), ""
    print(f"kept in {record('compare', values, commit=commit)}")


if __name__ == "__main__":
    sys.exit(main())
