"""Rows of a Pareto front from candidates and what scoring said about them."""

from __future__ import annotations

from collections.abc import Mapping

from ndestudio.distil.result import ScoredCandidate
from ndestudio.model.metrics import Metrics
from ndestudio.session.distil_state import FrontRow
from ndestudio.symbolic.front import Candidate, Front


def front_rows(
    front: Front,
    scored: Mapping[int, ScoredCandidate],
    *,
    chosen: Candidate | None = None,
    accepted: int = -1,
    pinned: Candidate | None = None,
) -> tuple[FrontRow, ...]:
    """One row per candidate of the front.

    Arguments:
        scored: by position among the scored candidates.
        accepted: position among the scored candidates of the accepted one, -1 for none.
    """
    from ndestudio.expression import to_text

    by_form = {entry.candidate.expression: (index, entry) for index, entry in scored.items()}
    rows = []
    for index, candidate in enumerate(front.candidates):
        position, entry = by_form.get(candidate.expression, (-1, None))
        rows.append(
            FrontRow(
                index=index,
                complexity=candidate.complexity,
                loss=candidate.loss,
                text=to_text(candidate.expression),
                trajectory_error=held_out_error(entry.metrics) if entry else None,
                scored=position,
                chosen=chosen is not None and candidate.expression == chosen.expression,
                accepted=entry is not None and position == accepted,
                pinned=pinned is not None and candidate == pinned,
                note=entry.sentence if entry else "",
            )
        )
    return tuple(rows)


def accepted_of(rows: tuple[FrontRow, ...]) -> FrontRow | None:
    """The accepted row, else the chosen one, None without either."""
    return next((row for row in rows if row.accepted), None) or next((row for row in rows if row.chosen), None)


def held_out_error(metrics: Metrics) -> float | None:
    """Mean NRMSE on the first of validation, test and training data that there is."""
    for part in (metrics.validation, metrics.test, metrics.train):
        if "mean" in part:
            return part["mean"]
    return None


def candidate_errors(scored: ScoredCandidate | None) -> tuple[tuple[str, float], ...]:
    """Mean NRMSE by part of the data, where known."""
    if scored is None:
        return ()
    parts = (
        ("training", scored.metrics.train),
        ("validation", scored.metrics.validation),
        ("test", scored.metrics.test),
    )
    return tuple((name, part["mean"]) for name, part in parts if "mean" in part)
