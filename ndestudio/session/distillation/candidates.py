"""Rows of a Pareto front from candidates and what scoring said about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ndestudio.distil.result import ScoredCandidate, held_out
from ndestudio.expression.tree import Expr
from ndestudio.fitting.metrics import Metrics
from ndestudio.session.distillation.state import FrontRow
from ndestudio.symbolic.front import Candidate

_DIGITS = 5
_LONG = re.compile(r"(?<![\w.])\d+\.?\d*(?:[eE][+-]?\d+)?(?![\w.])")
"""Numbers as the printer writes them; a list needs no sixteen digits."""


def shown_candidates(front: Sequence[Candidate], scored: Mapping[int, ScoredCandidate]) -> tuple[Candidate, ...]:
    """The front, then what was scored without being of it (terms may be dropped when all equations are joined)."""
    known = {key(candidate) for candidate in front}
    extra = [entry.candidate for entry in scored.values() if key(entry.candidate) not in known]
    return (*front, *extra)


def key(candidate: Candidate) -> tuple[int, float]:
    """What a candidate is known by: scoring simplifies its formula and leaves complexity and loss as they were."""
    return candidate.complexity, candidate.loss


def scored_position(candidate: Candidate | None, scored: Mapping[int, ScoredCandidate]) -> int:
    """Position among the scored candidates, -1 when it is none of them."""
    if candidate is None:
        return -1
    return next((index for index, entry in scored.items() if key(entry.candidate) == key(candidate)), -1)


def front_rows(
    front: Sequence[Candidate],
    scored: Mapping[int, ScoredCandidate],
    *,
    chosen: Candidate | None = None,
    accepted: int = -1,
    pinned: Candidate | None = None,
) -> tuple[FrontRow, ...]:
    """One row for each candidate shown.

    Parameters
    ----------
    scored
        By position among the scored candidates.
    accepted
        Position among the scored candidates of the accepted one, -1 for none.
    """
    rows = []
    for index, candidate in enumerate(shown_candidates(front, scored)):
        position = scored_position(candidate, scored)
        entry = scored.get(position)
        rows.append(
            FrontRow(
                index=index,
                complexity=candidate.complexity,
                loss=candidate.loss,
                text=_text(candidate.expression),
                trajectory_error=held_out_error(entry.metrics) if entry else None,
                scored=position,
                chosen=chosen is not None and key(candidate) == key(chosen),
                accepted=entry is not None and position == accepted,
                pinned=pinned is not None and key(candidate) == key(pinned),
                note=entry.sentence if entry else "",
                on_front=index < len(front),
            )
        )
    return tuple(rows)


def accepted_of(rows: tuple[FrontRow, ...]) -> FrontRow | None:
    """The accepted row, else the chosen one, None without either."""
    return next((row for row in rows if row.accepted), None) or next((row for row in rows if row.chosen), None)


def held_out_error(metrics: Metrics) -> float | None:
    """Mean NRMSE on the first of validation, test and training data that there is."""
    found = held_out(metrics)
    return None if found is None else found[0]


def errors_of(metrics: Metrics | None) -> tuple[tuple[str, float], ...]:
    """Mean NRMSE by part of the data, where known."""
    if metrics is None:
        return ()
    parts = (("training", metrics.train), ("validation", metrics.validation), ("test", metrics.test))
    return tuple((name, part["mean"]) for name, part in parts if "mean" in part)


@lru_cache(maxsize=400)
def _text(expression: Expr) -> str:
    from ndestudio.expression import to_text

    return _LONG.sub(lambda found: f"{float(found.group()):.{_DIGITS}g}", to_text(expression))
