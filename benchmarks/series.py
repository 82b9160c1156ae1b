"""Show how the kept figures went: ``python -m benchmarks.series [SUITE ...] [--only TEXT] [--last N]``.

One line per measurement: when, which commit, the value, and its ratio to the measurement before. Ratios between machines,
or between loads, tell nothing: a change of machine is marked and has none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import RESULTS, Figure, recorded, suites


def main(argv: Sequence[str] | None = None, folder: Path = RESULTS) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: all that were kept")
    parser.add_argument("--only", default="", help="figures with this text in their name")
    parser.add_argument("--last", type=int, default=10, help="how many measurements of each figure")
    given = parser.parse_args(argv)
    known = suites(folder)
    if unknown := set(given.suites) - set(known):
        print(
            f"nothing was kept of {', '.join(sorted(unknown))}; there is: {', '.join(known) or 'nothing'}",
            file=sys.stderr,
        )
        return 2
    for suite in given.suites or known:
        print(f"\n{suite}")
        series: dict[str, list[Figure]] = {}
        for figure in recorded(suite, folder):
            series.setdefault(figure.name, []).append(figure)
        for name, figures in series.items():
            if given.only in name:
                print("\n".join(lines(name, figures, given.last)))
    return 0


def lines(name: str, figures: Sequence[Figure], last: int) -> list[str]:
    """The table of one figure."""
    found = [f"  {name}" + (f" [{figures[-1].unit}]" if figures[-1].unit else "")]
    for number, figure in enumerate(figures):
        before = figures[number - 1] if number else None
        if number >= len(figures) - last:
            where = f"load {figure.machine.load:.1f}"
            found.append(
                f"    {figure.date[:16]}  {figure.commit:10} {figure.value:>10.4g} {_change(before, figure):>9}  {where}"
            )
    return found


def _change(before: Figure | None, now: Figure) -> str:
    if before is None:
        return ""
    if (before.machine.cpu, before.machine.cores) != (now.machine.cpu, now.machine.cores):
        return "machine"
    return f"x {now.value / before.value:.3f}" if before.value else ""


if __name__ == "__main__":
    sys.exit(main())
