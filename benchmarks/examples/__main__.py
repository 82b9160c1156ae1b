"""Runs every example from its spec, several seeds each, and prints what was found: equations, held-out errors, seconds.

    python -m benchmarks.examples
    python -m benchmarks.examples --only lynx_hare,pendulum --seeds 0 1 2 --data FOLDER

The two measurement files that are not bundled (`examples/pendulum`, `examples/gause`) are looked for in ``--data`` and
beside their specs; without them the example is named as skipped. Each run is a process of its own, started from the
command line as a person would.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.record import record

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("lynx_hare", "school_flu", "oscillator", "lotka_volterra", "pendulum", "gause")
FOREIGN = {"pendulum": "pendulum_motion_capture.csv", "gause": "gause_paramecium_1934.csv"}
LIMIT = 600.0


@dataclass(frozen=True)
class Row:
    """One run: ``result`` is its equations.json, None if it did not get there (``failure`` says why)."""

    example: str
    seed: int
    wall: float
    result: dict[str, Any] | None
    failure: str = ""


def foreign_file(example: str, folders: tuple[Path, ...]) -> Path | None:
    """The measurement file of an example that does not bundle it, None where it is nowhere."""
    places = (folder / FOREIGN[example] for folder in (*folders, EXAMPLES / example))
    return next((place for place in places if place.is_file()), None)


def run(example: str, seed: int, data: Path | None, keep: Path) -> Row:
    """One run of the command line; its files stay in ``keep``."""
    out = keep / f"{example}-{seed}"
    command = [sys.executable, "-m", "ndestudio", "run", str(EXAMPLES / example / "spec.toml")]
    command += ["-o", str(out), "--seed", str(seed), "--quiet"]
    if data is not None:
        command += ["--data", str(data)]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
        failure = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except subprocess.TimeoutExpired:
        failure = [f"not finished after {LIMIT:.0f} s"]
    wall = time.perf_counter() - start
    path = out / "equations.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return Row(example, seed, wall, result, failure[0] if failure else "")


def error(result: dict[str, Any], part: str) -> str:
    value = result["metrics"].get(f"{part}_nrmse", {}).get("mean")
    return "-" if value is None else f"{value:.3g}"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| example | seed | equations | NRMSE train / validation / test | seconds: train, distil (whole process) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if row.result is None:
            lines.append(
                f"| {row.example} | {row.seed} | failed: {row.failure or 'no equations were written'} | | {row.wall:.0f} |"
            )
            continue
        equations = "; ".join(f"{state}' = {shown(text)}" for state, text in row.result["equations"].items())
        errors = " / ".join(error(row.result, part) for part in ("train", "validation", "test"))
        seconds = row.result["seconds"]
        spent = f"{seconds.get('train', 0.0):.1f}, {seconds.get('distil', 0.0):.1f} ({row.wall:.0f})"
        lines.append(f"| {row.example} | {row.seed} | `{equations}` | {errors} | {spent} |")
    return "\n".join(lines)


def shown(text: str) -> str:
    """An equation with its numbers to five digits."""
    from ndestudio.expression import parse_expression, to_text
    from ndestudio.expression.tree import Expr, Number, transform

    def short(node: Expr) -> Expr:
        return Number(float(f"{node.value:.5g}")) if isinstance(node, Number) else node

    return to_text(transform(parse_expression(text, functions=None), short))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.examples", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--only", default=",".join(NAMES), help="examples, separated by commas")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", type=Path, action="append", default=[], help="folder with files that are not bundled")
    parser.add_argument("--keep", type=Path, help="folder that keeps everything the runs wrote")
    parser.add_argument("--record", action="store_true", help="keep the figures (python -m benchmarks.series examples)")
    arguments = parser.parse_args()
    keep = arguments.keep or Path(tempfile.mkdtemp(prefix="examples-"))
    rows: list[Row] = []
    for example in arguments.only.split(","):
        data = foreign_file(example, tuple(arguments.data)) if example in FOREIGN else None
        if example in FOREIGN and data is None:
            print(f"{example}: skipped, {FOREIGN[example]} was found nowhere", flush=True)
            continue
        for seed in arguments.seeds:
            rows.append(run(example, seed, data, keep))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print()
    print(table(rows))
    if arguments.record:
        print(f"kept in {record('examples', figures(rows))}")


def figures(rows: list[Row]) -> dict[str, tuple[float, str]]:
    """Of each example and seed: seconds of the whole process, of training and distilling, and the errors."""
    found: dict[str, tuple[float, str]] = {}
    for row in rows:
        if row.result is None:
            continue
        name = f"{row.example}, seed {row.seed}"
        found[f"{name}: whole process"] = row.wall, "s"
        found.update({f"{name}: {part}": (spent, "s") for part, spent in row.result["seconds"].items()})
        for part in ("train", "validation", "test"):
            value = row.result["metrics"].get(f"{part}_nrmse", {}).get("mean")
            if value is not None:
                found[f"{name}: {part} error"] = value, ""
    return found


if __name__ == "__main__":
    main()
