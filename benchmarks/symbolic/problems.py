"""All problems of the benchmark, and which of them are meant."""

from __future__ import annotations

from benchmarks.symbolic.classic import ANCHORS, KEIJZER, LIVERMORE, NGUYEN
from benchmarks.symbolic.further import FURTHER
from benchmarks.symbolic.problem import CLASSIC, TEXTBOOK, BenchmarkProblem
from benchmarks.symbolic.textbook import TEXTBOOK_PROBLEMS


def all_problems() -> tuple[BenchmarkProblem, ...]:
    """Anchors, classic sets and textbook right-hand sides, in this order."""
    return (*ANCHORS, *NGUYEN, *KEIJZER, *LIVERMORE, *TEXTBOOK_PROBLEMS, *FURTHER)


def select(groups: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> tuple[BenchmarkProblem, ...]:
    """Problems of the groups (`"textbook"` and `"classic"` stand for several) and of the names; all without either."""
    wanted = set(groups)
    if "textbook" in wanted:
        wanted |= set(TEXTBOOK)
    if "classic" in wanted:
        wanted |= set(CLASSIC)
    everything = all_problems()
    if not wanted and not names:
        return everything
    return tuple(problem for problem in everything if problem.group in wanted or problem.name in names)
