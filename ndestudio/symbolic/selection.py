"""From candidates to a Pareto front with its choice made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ndestudio.expression.tree import Expr, walk
from ndestudio.symbolic.choice import choose
from ndestudio.symbolic.front import Candidate, Front

SMALLEST_LOSS = 1e-28
"""NMSE below which double precision cannot tell candidates apart; losses are held above it before taking logarithms."""


def pareto(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Members by rising complexity, each with a loss below that of all simpler ones, with their scores.

    score = -d(log loss)/d(complexity) against the next simpler member (Cranmer 2023, arXiv:2305.01582).
    """
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda member: (member.complexity, member.loss)):
        if not math.isfinite(candidate.loss) or (front and candidate.loss >= front[-1].loss):
            continue
        score = 0.0
        if front:
            drop = math.log(max(front[-1].loss, SMALLEST_LOSS)) - math.log(max(candidate.loss, SMALLEST_LOSS))
            score = drop / (candidate.complexity - front[-1].complexity)
        front.append(replace(candidate, score=score))
    return tuple(front)


def structure_nats(expr: Expr) -> float:
    """Length of a formula without its constants: nodes times the logarithm of the number of different symbols, in nats.

    Bartlett, Desmond and Ferreira 2023 (IEEE Transactions on Evolutionary Computation), equation 4.
    """
    nodes = list(walk(expr))
    symbols = {_symbol(node) for node in nodes}
    return len(nodes) * math.log(max(2, len(symbols)))


def make_front(
    candidates: Iterable[Candidate],
    *,
    rows: int,
    vocabulary: int,
    noise: float | None = None,
    held_out_rows: int = 0,
    version: int = 0,
    evaluations: int = 0,
    seconds: float = 0.0,
) -> Front:
    """A front of ``candidates`` with its choice made (see ``symbolic.choice.choose`` for the arguments)."""
    members = pareto(candidates)
    best, reason = choose(members, rows, vocabulary, noise, held_out_rows)
    return Front(members, version, evaluations, seconds, best, reason)


def _symbol(node: Expr) -> str:
    kind = type(node).__name__
    return kind + str(getattr(node, "operator", getattr(node, "function", getattr(node, "name", ""))))
