"""Which member of a front to take: a stated rule that does not chase noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ndestudio.expression.tree import numbers
from ndestudio.symbolic.front import Candidate

EXACT = 1e-13
"""Below this NMSE, losses differ by rounding only."""


def choose(
    candidates: Sequence[Candidate],
    rows: int,
    vocabulary: int,
    noise: float | None = None,
    held_out_rows: int = 0,
) -> tuple[int, str]:
    """The candidate with the shortest description of data and formula among those that hold out of sample.

    The description length of a candidate with NMSE `L`, `k` fitted numbers and complexity `C` is, in nats,

        rows / 2 * log(L) + k / 2 * log(rows) + C * log(vocabulary)

    that is the Bayesian information criterion (Schwarz 1978) plus the cost of writing the formula itself in an
    alphabet of operators and variables (minimum description length: Rissanen 1978; for symbolic regression Udrescu et
    al. 2020, Bartlett, Desmond and Ferreira 2023). With several targets the first part is a sum over them. `L` is not
    counted below ``EXACT``, nor, where the noise is known, below what noise leaves over. With held-out rows only
    candidates whose held-out NMSE lies within two standard errors (2 sqrt(2 / held_out_rows), relative, for normal
    errors) of the smallest are considered.

    Parameters
    ----------
    candidates
        Of a front, by rising complexity.
    rows
        Samples that were fitted.
    vocabulary
        Number of operators and variables.
    noise
        Standard deviation of the noise relative to that of y, where known.
    held_out_rows
        Number of held-out samples (0: none).

    Returns
    -------
    tuple[int, str]
        Index of the choice (-1 if there are no candidates) and the reason, a sentence.
    """
    if not candidates:
        return -1, ""
    floor = EXACT
    if noise:
        floor = max(floor, noise**2 * max(0.5, 1.0 - 2.0 * math.sqrt(2.0 / max(rows, 8))))
    eligible = _eligible(candidates, held_out_rows, floor)
    lengths = {
        index: 0.5 * rows * sum(math.log(max(loss, floor)) for loss in _losses(candidates[index]))
        + 0.5 * sum(len(numbers(formula)) for formula in candidates[index].expressions) * math.log(max(rows, 2))
        + candidates[index].complexity * math.log(max(vocabulary, 2))
        for index in eligible
    }
    best = min(lengths, key=lambda index: (lengths[index], index))
    chosen = candidates[best]
    if chosen.loss <= EXACT:
        return best, "the simplest formula that reproduces the samples to rounding"
    reason = "the shortest description of the samples (Bayesian information criterion and size of the formula)"
    if len(eligible) < len(candidates):
        reason += " among those that hold on the held-out rows"
    elif noise and chosen.loss <= noise**2 * 1.2:
        reason += "; its error is what the noise leaves"
    return best, reason


def _losses(candidate: Candidate) -> tuple[float, ...]:
    return candidate.losses or (candidate.loss,)


def _eligible(candidates: Sequence[Candidate], held_out_rows: int, floor: float) -> list[int]:
    every = list(range(len(candidates)))
    known = [c.held_out for c in candidates if c.held_out is not None and math.isfinite(c.held_out)]
    if held_out_rows <= 0 or not known:
        return every
    limit = max(min(known) * (1.0 + 2.0 * math.sqrt(2.0 / held_out_rows)), floor)
    return [i for i in every if (h := candidates[i].held_out) is not None and h <= limit] or every
