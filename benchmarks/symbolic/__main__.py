"""`python -m benchmarks.symbolic`: recovery, time to it and speed of our engine and of the peers that are installed."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from pathlib import Path

from benchmarks.symbolic.problems import OPERATORS, select
from benchmarks.symbolic.rates import rates
from benchmarks.symbolic.run import Row, engines, lost, run, table

ALL = ("ndestudio", "pysr", "pyoperon", "gplearn", "pysindy")


def main() -> None:
    options = _options()
    problems = select(tuple(options.groups), tuple(options.problems))
    if options.quick:
        problems = tuple(problem for k, problem in enumerate(problems) if problem.group == "anchor" or k % 8 == 0)
    seeds = range(1 if options.quick else options.seeds)
    found = engines(options.engines, options.peers, options.seconds)
    print(
        f"{len(problems)} problems, {len(seeds)} seeds, {options.seconds:g} s, {options.threads} threads, {platform.processor() or platform.machine()}"
    )
    rows: list[Row] = []
    for noise in options.noise:
        for engine in found:
            rows += run(
                engine, problems, seeds, noise, options.threads, _progress if options.verbose else lambda row: None
            )
            print(
                f"\n{engine.name}, noise {noise:.0%}\n{table([r for r in rows if r.engine == engine.name and r.noise == noise])}",
                flush=True,
            )
            if options.output:
                Path(options.output).write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    print(f"\n{table(rows)}\n\nNot always recovered by ndestudio:\n{lost(rows)}")
    if not options.no_rates:
        print(f"\nEvaluations per wall second\n{rates(found, 2.0 if options.quick else 5.0)}")


def _progress(row: Row) -> None:
    mark = "+" if row.recovered else "-"
    print(
        f"{mark} {row.engine} {row.problem} seed {row.seed} noise {row.noise:.0%} {row.cpu:.2f} CPU-s {row.formula[:100]}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.symbolic", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, every eighth problem and the anchors")
    parser.add_argument("--engines", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--groups", nargs="+", default=[], choices=[*OPERATORS, "textbook", "classic"])
    parser.add_argument("--problems", nargs="+", default=[], help="names, such as T0 ecology/allee")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="wall seconds for each task")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.01, 0.05])
    parser.add_argument("--peers", help="Python of an environment with pyoperon, gplearn, pysindy (default: this one)")
    parser.add_argument("--no-rates", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="a line for each task")
    parser.add_argument("-o", "--output", help="JSON file with all rows")
    return parser.parse_args()


if __name__ == "__main__":
    main()
