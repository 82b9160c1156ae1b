"""Laws from noisy trajectories: ours beside pysindy, its weak form, and pyoperon on smoothed slopes, in one command.

    python -m benchmarks.discovery [--quick] [--noise 1% 5%] [--variants nothing linear] [--starts 4 2]
    python -m benchmarks.discovery --only ndestudio --systems lorenz,logistic --verbose
    python -m benchmarks.discovery --checkout OTHER_CHECKOUT       # an other build of ours
    python -m benchmarks.discovery --budget 3600                   # begin nothing after an hour; run again to go on
    python -m benchmarks.discovery --fits FOLDER --only ndestudio   # keep what was trained; distil again by a changed build
    python -m benchmarks.discovery --show                          # the tables of what is kept

What was run before, with the same build, is not run again.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.discovery import tables
from benchmarks.discovery.judging import Row
from benchmarks.discovery.measurements import NOISE
from benchmarks.discovery.run import ENGINES, Plan, Store, engines, run, selected
from benchmarks.discovery.systems import QUICK, systems
from benchmarks.discovery.told import VARIANTS
from benchmarks.record import ROOT, commit_of, machine, record

RESULTS = Path(__file__).with_name("results") / "runs.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(argv)
    plan = _plan(parser, given)
    store = Store(given.output)
    if not given.show:
        until = time.monotonic() + given.budget
        print(f"{len(plan.systems)} systems; {machine()}; {commit_of(given.checkout)}", flush=True)
        if not run(plan, store, _said if given.verbose else lambda row: None, until):
            print("the budget is spent; run again to go on", flush=True)
    rows = list(selected(store.rows, plan))
    builds = {engine.build for engine in plan.engines if engine.name == "ndestudio"}
    if not given.all_builds:
        rows = [row for row in rows if row.engine != "ndestudio" or row.build in builds]
    rows = [row for row in rows if row.engine in {engine.name for engine in plan.engines}]
    for title, table in (
        ("Right", tables.right),
        ("Right elsewhere and not in ours", tables.never_worse),
        ("Calibration", tables.calibration),
        ("Right by how much longer the next best form is", tables.margins),
        ("Lost by ours", tables.lost),
    ):
        print(f"\n## {title}\n\n{table(rows)}")
    if given.record:
        print(f"kept in {record('discovery', tables.figures(rows))}")
    return 0


def _said(row: Row) -> None:
    mark = "+" if row.all_right else "?" if row.all_reachable else "-"
    laws = "; ".join(f"{state}' = {law[:80]}" for state, law in row.laws.items()) or row.note
    print(
        f"{mark} {row.system} {row.variant} {row.noise} {row.starts} starts {row.engine} {row.cpu:.1f} CPU-s "
        f"{row.wall:.1f} s: {laws}",
        flush=True,
    )


def _plan(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Plan:
    known = systems()
    names = [name for name in given.systems.split(",") if name] or (QUICK if given.quick else list(known))
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no system `{unknown[0]}`; choose from {', '.join(known)}")
    chosen = given.only.split(",")
    if unknown := [name for name in chosen if name not in ENGINES]:
        parser.error(f"there is no engine `{unknown[0]}`; choose from {', '.join(ENGINES)}")
    python = given.python or str(_interpreter(given.checkout))
    return Plan(
        [known[name] for name in names],
        given.variants,
        given.starts,
        given.noise,
        range(given.seeds),
        engines(chosen, given.checkout.resolve(), python, given.peers),
        given.seconds,
        given.threads,
        given.fits,
    )


def _interpreter(checkout: Path) -> Path:
    places = (checkout / ".venv/bin/python", checkout / ".venv/Scripts/python.exe")
    return next((place.absolute() for place in places if place.exists()), Path(sys.executable))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"twelve systems: {', '.join(QUICK)}")
    parser.add_argument("--systems", default="", help="names, separated by commas; default: all")
    parser.add_argument("--only", default=",".join(ENGINES), help="engines, separated by commas")
    parser.add_argument("--noise", nargs="+", default=["1%", "5%"], choices=NOISE)
    parser.add_argument("--variants", nargs="+", default=["nothing"], choices=VARIANTS, help="what is told")
    parser.add_argument("--starts", nargs="+", type=int, default=[4], choices=[2, 4], help="trajectories")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, help="wall seconds of the search for a law; default: the program's own"
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="of other engines")
    parser.add_argument("--budget", type=float, default=math.inf, help="wall seconds; nothing begins after them")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="build of ours; default: this one")
    parser.add_argument("--python", help="its interpreter; default: that of its `.venv`")
    parser.add_argument("--peers", default=sys.executable, help="interpreter with pysindy and pyoperon")
    parser.add_argument(
        "--fits", type=Path, help="folder for what ours trains; what is there is not trained again, but only distilled"
    )
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="file of results (JSON lines)")
    parser.add_argument("--show", action="store_true", help="only the tables")
    parser.add_argument("--all-builds", action="store_true", help="tables of all builds of ours that are kept")
    parser.add_argument(
        "--record", action="store_true", help="keep the figures (python -m benchmarks.series discovery)"
    )
    parser.add_argument("--verbose", action="store_true", help="a line for each run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
