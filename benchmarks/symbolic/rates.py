"""Evaluations per second at 100, 1,000 and 10,000 rows with 1 and 2 threads, on the operators of T0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.symbolic.problems import select
from benchmarks.symbolic.run import Engine, _answers

ROWS = (100, 1_000, 10_000)


def rates(engines: Sequence[Engine], seconds: float, threads: Sequence[int] = (1, 2)) -> str:
    """A table of expressions per wall second on T0's operators and five features.

    The target is pure noise, so that no engine stops early. What an engine calls an evaluation is its own: ours counts distinct
    expressions whose coefficients were fitted, pyoperon residual and Jacobian evaluations, gplearn programs.
    """
    (problem,) = select(names=("T0",))
    lines = [
        "| engine | threads | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |",
        "| --- " * (2 + len(ROWS)) + "|",
    ]
    for engine in engines:
        if engine.name == "pysindy":
            continue
        for count in threads:
            if engine.name == "gplearn" and count > 1:
                continue
            cells = []
            for rows in ROWS:
                # our engine holds back a fifth of noisy rows, so that it gets as many more
                given = rows * 5 // 4 if engine.name in ("ndestudio", "pysr") else rows
                noisy = replace(problem, rows=given)
                (answer,) = _answers(engine, [(noisy, 0)], 30.0, seconds, count, {})
                cells.append(f"{answer['evaluations'] / max(answer['wall'], 1e-9):,.0f}")
            lines.append(f"| {engine.name} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
