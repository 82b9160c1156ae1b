"""Tables of the rows that are kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.discovery.judging import Row

Cells = Sequence[object]


def markdown(head: Cells, rows: Iterable[Cells]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, head)) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _grouped(rows: Iterable[Row], key: Callable[[Row], tuple]) -> list[tuple[tuple, list[Row]]]:
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return sorted(groups.items())


def right(rows: Sequence[Row]) -> str:
    """Systems and laws that are right, by noise, variant and engine."""
    cells = []
    for key, some in _grouped(rows, lambda row: (row.variant, row.noise, row.starts, row.engine, row.build)):
        laws = [value for row in some for value in row.right.values()]
        cells.append(
            [
                *key,
                f"{sum(row.all_right for row in some)}/{len(some)}",
                f"{sum(laws)}/{len(laws)}",
                f"{sum(row.all_reachable for row in some)}/{len(some)}",
                f"{_median(row.derivative for row in some):.2g}",
                f"{_median(row.complexity for row in some):.0f}",
                f"{_median(row.cpu for row in some):.1f}",
                f"{_median(row.wall for row in some):.1f}",
                f"{_median(row.load for row in some):.0f}",
            ]
        )
    head = ("told", "noise", "starts", "engine", "build", "systems right", "laws right", "reachable")
    return markdown((*head, "derivative error", "complexity", "CPU-s", "wall s", "load"), cells)


def calibration(rows: Sequence[Row]) -> str:
    """Whether our engine knows: of laws it calls determined the share that is right, of wrong ones the share it warns of."""
    cells = []
    for key, some in _grouped(
        (row for row in rows if row.engine == "ndestudio"), lambda row: (row.build, row.variant, row.noise)
    ):
        laws = [(row.right[s], row.certain.get(s, False), row.warned.get(s, False)) for row in some for s in row.right]
        certain = [correct for correct, sure, _ in laws if sure]
        wrong = [warned for correct, _, warned in laws if not correct]
        true = [warned for correct, _, warned in laws if correct]
        cells.append([*key, len(laws), _share(certain), _share(wrong), _share(true)])
    head = ("build", "told", "noise", "laws", "told as determined: right", "wrong: warned of", "right: warned of")
    return markdown(head, cells)


NATS = re.compile(r"describes them (\d+(?:\.\d+)?) nats (longer|shorter)")
EDGES = (0.0, 2.0, 4.0, 5.0, 6.0, 8.0, 12.0)
"""Nats between which laws are counted together."""


def margins(rows: Sequence[Row]) -> str:
    """How often laws are right, by the nats by which the next best form is a longer description: where the limit belongs."""
    found: dict[tuple[str, int], list[bool]] = {}
    for row in rows:
        for state, correct in row.right.items() if row.engine == "ndestudio" else ():
            told = NATS.search(" ".join(row.said.get(state, ())))
            if told:
                nats = float(told[1]) if told[2] == "longer" else -float(told[1])
                found.setdefault((row.build, sum(nats >= edge for edge in EDGES)), []).append(correct)
    cells = [[build, _between(place), _share(some)] for (build, place), some in sorted(found.items())]
    return markdown(("build", "next best longer by", "right"), cells)


def _between(place: int) -> str:
    low, high = ("", *(f"{edge:g}" for edge in EDGES))[place], (*(f"{edge:g}" for edge in EDGES), "")[place]
    return f"{low} to {high} nats" if low and high else f"less than {high}" if high else f"{low} nats and more"


def lost(rows: Sequence[Row]) -> str:
    """Laws that our engine missed, and whether it had them among its candidates."""
    cells = [
        [row.system, row.variant, row.noise, row.starts, row.build, state, f"`{row.laws.get(state, row.note or '-')[:110]}`",
         _mark(row.structure.get(state)), _mark(row.reachable.get(state)), _mark(row.warned.get(state))]
        for row in rows if row.engine == "ndestudio" for state, correct in row.right.items() if not correct
    ]  # fmt: skip
    return markdown(
        ("system", "told", "noise", "starts", "build", "law of", "found", "structure", "among candidates", "warned"),
        cells,
    )


def never_worse(rows: Sequence[Row]) -> str:
    """Systems that another engine got right, without looking at the truth, and ours did not."""
    cells = []
    for key, some in _grouped(rows, lambda row: (row.system, row.variant, row.noise, row.starts, row.seed)):
        ours = [row for row in some if row.engine == "ndestudio"]
        others = sorted({row.engine for row in some if row.engine != "ndestudio" and row.all_right})
        cells += [[*key, row.build, ", ".join(others)] for row in ours if others and not row.all_right]
    return markdown(("system", "told", "noise", "starts", "seed", "build", "right in"), cells) if cells else "none"


def figures(rows: Sequence[Row]) -> dict[str, tuple[float, str]]:
    """What `benchmarks.record` keeps: shares of systems, and medians of seconds."""
    found: dict[str, tuple[float, str]] = {}
    for key, some in _grouped(rows, lambda row: (row.engine, row.variant, row.noise, row.starts)):
        name = "{}, {} told, {}, {} starts".format(*key)
        found[f"{name}: right"] = sum(row.all_right for row in some) / len(some), ""
        found[f"{name}: cpu"] = _median(row.cpu for row in some), "s"
    return found


def _median(values: Iterable[float]) -> float:
    known = list(values)
    return median(known) if known else math.nan


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values)}/{len(values)} ({sum(values) / len(values):.0%})" if values else "-"


def _mark(value: bool | None) -> str:
    return "yes" if value else "no"
