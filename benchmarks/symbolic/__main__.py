"""`python -m benchmarks.symbolic`: recovery, time to it and speed of our engine and of the peers that are installed."""

from __future__ import annotations

import argparse
import os
import platform
import time

from benchmarks.record import record
from benchmarks.symbolic import tables
from benchmarks.symbolic.problem import OPERATORS, BenchmarkProblem
from benchmarks.symbolic.problems import select
from benchmarks.symbolic.rates import rates
from benchmarks.symbolic.run import Engine, Row, engines, run
from benchmarks.symbolic.store import Store

ALL = ("ndestudio", "pysr", "pyoperon", "gplearn", "pysindy")


def main() -> None:
    options = _options()
    if options.memory is not None or options.stops or options.startup:
        _behaviour(options)
        return
    store = Store(options.output)
    problems = _problems(options)
    if not options.show:
        _run(options, problems, store)
    names = {problem.name for problem in problems}
    rows = [row for row in store.rows if row.problem in names]
    print(
        f"\n## Sets\n\n{tables.by_set(rows)}\n\n## Anchors\n\n{tables.anchors(rows)}\n\n## Groups\n\n{tables.by_group(rows)}"
    )
    print(f"\n## Not always recovered by ndestudio\n\n{tables.lost(rows)}")
    if options.record:
        print(f"kept in {record('symbolic', tables.figures(rows))}")


def _run(options: argparse.Namespace, problems: tuple[BenchmarkProblem, ...], store: Store) -> None:
    seeds = range(1 if options.quick else options.seeds)
    until = time.monotonic() + 60.0 * options.minutes
    found = engines(options.engines, options.peers, options.seconds)
    print(
        f"{len(problems)} problems, {len(seeds)} seeds, {options.seconds:g} s, {options.threads} threads, "
        f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    if options.rates:
        print(f"\n## Evaluations per wall second\n\n{rates(found, 2.0 if options.quick else 5.0)}", flush=True)
        return

    def said(row: Row) -> None:
        store.add(row)
        if options.verbose:
            mark = "+" if row.recovered else "-"
            print(
                f"{mark} {row.engine} {row.problem} seed {row.seed} {row.noise:.0%} {row.cpu:.2f} CPU-s {row.formula[:100]}",
                flush=True,
            )

    for seed in seeds:  # a run that is cut off has whole seeds of all engines
        for noise in options.noise:
            for engine in found:
                _one(engine, problems, seed, noise, options, store, said, until)


def _one(
    engine: Engine,
    problems: tuple[BenchmarkProblem, ...],
    seed: int,
    noise: float,
    options,
    store: Store,
    said,
    until: float,
) -> None:
    open_tasks = [(p, seed) for p in problems if not store.has(engine.name, p.name, seed, noise)]
    if not open_tasks or time.monotonic() > until:
        return
    began = time.monotonic()
    rows = run(engine, open_tasks, noise, options.threads, said, None, until)
    right = sum(row.recovered for row in rows)
    print(
        f"{engine.name}, noise {noise:.0%}, seed {seed}: {right}/{len(rows)} in {time.monotonic() - began:.0f} s",
        flush=True,
    )


def _problems(options: argparse.Namespace) -> tuple[BenchmarkProblem, ...]:
    problems = select(tuple(options.groups), tuple(options.problems))
    every = 8 if options.quick else options.every
    return tuple(p for k, p in enumerate(problems) if p.group == "anchor" or k % every == 0)


def _behaviour(options: argparse.Namespace) -> None:
    from benchmarks.symbolic.behaviour import memory, startup, stops

    if options.startup:
        print(startup())
    if options.stops:
        print(stops(options.stops, options.threads))
    if options.memory is not None:
        print(memory(60.0 * options.memory, options.threads))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.symbolic", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, every eighth problem and the anchors")
    parser.add_argument("--engines", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--groups", nargs="+", default=[], choices=[*OPERATORS, "textbook", "classic"])
    parser.add_argument("--problems", nargs="+", default=[], help="names, such as T0 ecology/allee")
    parser.add_argument("--every", type=int, default=1, help="take every nth problem, and all anchors")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="wall seconds for each task")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.01, 0.05])
    parser.add_argument("--peers", help="Python of an environment with pyoperon, gplearn, pysindy (default: this one)")
    parser.add_argument("--verbose", action="store_true", help="a line for each task")
    parser.add_argument("-o", "--output", help="file of results (JSON lines); tasks that are in it are not run again")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing after so many; run again to go on")
    parser.add_argument("--record", action="store_true", help="keep the figures (python -m benchmarks.series symbolic)")
    parser.add_argument("--show", action="store_true", help="only the tables of what the file of results holds")
    parser.add_argument("--rates", action="store_true", help="only evaluations per second by rows and threads")
    parser.add_argument("--startup", action="store_true", help="only seconds from start of Python to a first front")
    parser.add_argument(
        "--stops", type=int, nargs="?", const=200, default=0, help="only stopping, so many random times"
    )
    parser.add_argument("--memory", type=float, nargs="?", const=10.0, help="only resident memory over so many minutes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
