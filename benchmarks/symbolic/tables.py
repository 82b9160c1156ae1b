"""Rows of results as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.symbolic.problem import OPERATORS, TEXTBOOK
from benchmarks.symbolic.run import Row

HEAD = (
    "| engine | noise | {what} | recovered | reproduced rows | median CPU-s to recovery | median wall s | start-up s | evaluations/CPU-s |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def by_group(rows: Sequence[Row]) -> str:
    """Recovery and median seconds to it, by noise, group and engine."""
    return _table(rows, "group", lambda row: row.group)


def by_set(rows: Sequence[Row]) -> str:
    """The same with the textbook fields taken together."""
    return _table(rows, "set", lambda row: "textbook" if row.group in TEXTBOOK else row.group)


def anchors(rows: Sequence[Row]) -> str:
    """The anchors one by one, noise-free."""
    chosen = [row for row in rows if row.group == "anchor" and row.noise == 0.0]
    return _table(chosen, "problem", lambda row: row.problem)


def _table(rows: Sequence[Row], what: str, part: Callable[[Row], str]) -> str:
    lines = [HEAD[0].format(what=what), HEAD[1]]
    keys = sorted({(row.noise, part(row), row.engine) for row in rows}, key=lambda k: (k[0], _order(k[1]), k[1], k[2]))
    for noise, name, engine in keys:
        mine = [row for row in rows if (row.noise, part(row), row.engine) == (noise, name, engine)]
        right = [row for row in mine if row.recovered]
        cpu = f"{median(row.cpu for row in right):.2f}" if right else "-"
        wall = f"{median(row.wall for row in right):.2f}" if right else "-"
        rate = sum(row.evaluations for row in mine) / max(sum(row.cpu for row in mine), 1e-9)
        lines.append(
            f"| {engine} | {noise:.0%} | {name} | {len(right)}/{len(mine)} ({len(right) / len(mine):.0%}) "
            f"| {sum(row.fitted for row in mine) / len(mine):.0%} | {cpu} | {wall} "
            f"| {median(row.startup for row in mine):.1f} | {rate:,.0f} |"
        )
    return "\n".join(lines)


def figures(rows: Sequence[Row]) -> dict[str, tuple[float, str]]:
    """Of each engine and noise: the share of problems recovered, and median processor seconds to it."""
    found: dict[str, tuple[float, str]] = {}
    for engine, noise in sorted({(row.engine, row.noise) for row in rows}):
        mine = [row for row in rows if (row.engine, row.noise) == (engine, noise)]
        right = [row for row in mine if row.recovered]
        found[f"{engine}, noise {noise:.0%}: recovered of {len(mine)}"] = len(right) / len(mine), ""
        if right:
            found[f"{engine}, noise {noise:.0%}: processor time to recovery"] = median(row.cpu for row in right), "s"
    return found


def _order(name: str) -> int:
    names = [*OPERATORS, "textbook"]
    return names.index(name) if name in names else -1


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
