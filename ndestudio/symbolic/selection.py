"""From candidates to a Pareto front, and the choice of one member.

The choice follows the minimum description length of symbolic regression: the bits for the residuals, for the structure and for
the constants (Bartlett, Desmond & Ferreira 2023, IEEE Trans. Evol. Comput., equation 5, with the parameter term at its
large-sample value of half a logarithm of the number of rows, which is BIC's; Schwarz 1978).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ndestudio.expression.tree import Expr, numbers, walk
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
    """Length of the formula without its constants: nodes times the logarithm of the number of different symbols, in nats."""
    nodes = list(walk(expr))
    symbols = {_symbol(node) for node in nodes}
    return len(nodes) * math.log(max(2, len(symbols)))


def description_length(candidate: Candidate, rows: int, noise: float | None = None) -> float:
    """Nats needed for the residuals of ``rows`` samples and for the formula; smaller is better.

    Arguments:
        noise: standard deviation of the noise relative to the target's. Residuals below that level are not counted as a gain:
            a formula that explains noise is no better than one that leaves it.
    """
    loss = candidate.loss if candidate.held_out is None else max(candidate.loss, candidate.held_out)
    if not math.isfinite(loss):
        return math.inf
    floor = max(SMALLEST_LOSS, 1e-13 if noise is None else max(noise, 1e-7) ** 2)
    constants = len(numbers(candidate.expression))
    residuals = 0.5 * rows * math.log(max(loss, floor))
    return residuals + structure_nats(candidate.expression) + 0.5 * constants * math.log(max(rows, 2))


def choose(candidates: Sequence[Candidate], rows: int, noise: float | None = None) -> tuple[int, str]:
    """Index of the member with the smallest description length (-1 without members), and the reason."""
    if not candidates:
        return -1, "no formula with a finite error was found"
    lengths = [description_length(candidate, rows, noise) for candidate in candidates]
    best = min(range(len(candidates)), key=lambda index: (lengths[index], candidates[index].complexity))
    candidate = candidates[best]
    measure = "on held-out samples" if candidate.held_out is not None else "on the samples"
    error = candidate.loss if candidate.held_out is None else candidate.held_out
    reason = (
        f"shortest description of {rows} samples: complexity {candidate.complexity} with a normalised error of "
        f"{error:.2g} {measure}; more complex members gain less than they cost"
    )
    if noise:
        reason += f", counting nothing below the noise of {noise:.2g}"
    return best, reason


def make_front(
    candidates: Iterable[Candidate],
    *,
    rows: int,
    noise: float | None = None,
    version: int = 0,
    evaluations: int = 0,
    seconds: float = 0.0,
) -> Front:
    """A front of ``candidates`` with its choice made."""
    members = pareto(candidates)
    best, reason = choose(members, rows, noise)
    return Front(members, version, evaluations, seconds, best, reason)


def _symbol(node: Expr) -> str:
    kind = type(node).__name__
    return kind + str(getattr(node, "operator", getattr(node, "function", getattr(node, "name", ""))))
