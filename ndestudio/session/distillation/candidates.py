"""Rows of a Pareto front from candidates and what scoring said about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ndestudio.distil.result import ScoredCandidate, held_out
from ndestudio.expression.tree import Expr
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.fitted import FittedModel
from ndestudio.session.distillation.state import FrontRow, Source
from ndestudio.symbolic.front import Candidate

_FOUND = 3
"""Digits of constants that no trajectory was simulated with: more would say what is not known."""
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
    neural_term: str = "",
    in_use: FittedModel | None = None,
    alone: Metrics | None = None,
    digits: int = 4,
) -> tuple[FrontRow, ...]:
    """One row for each candidate shown.

    A formula has one set of constants wherever it is shown, see ``constants_of``.

    Parameters
    ----------
    scored
        By position among the scored candidates.
    accepted
        Position among the scored candidates of the accepted one, -1 for none.
    in_use
        The model with the accepted formulas.
    alone
        Its errors, where the accepted formula is the only one in it.
    digits
        Significant digits of constants.
    """
    rows = []
    for index, candidate in enumerate(shown_candidates(front, scored)):
        position = scored_position(candidate, scored)
        entry = scored.get(position)
        accepting = entry is not None and position == accepted
        expression, source = constants_of(candidate, entry, neural_term, in_use if accepting else None)
        metrics = alone if accepting and alone is not None else entry.metrics if entry else None
        rows.append(
            FrontRow(
                index=index,
                complexity=candidate.complexity,
                loss=candidate.loss,
                text=_text(expression, min(digits, _FOUND) if source == "search" else digits),
                trajectory_error=held_out_error(metrics) if metrics else None,
                scored=position,
                chosen=chosen is not None and key(candidate) == key(chosen),
                accepted=accepting,
                pinned=pinned is not None and key(candidate) == key(pinned),
                note=entry.sentence if entry else "",
                on_front=index < len(front),
                source=source,
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


def constants_of(
    candidate: Candidate, scored: ScoredCandidate | None, neural_term: str, in_use: FittedModel | None
) -> tuple[Expr, Source]:
    """The formula with the constants that count for it, and where they come from.

    Those of the model in use where the formula is in it; else as refitted through the solver, the formula alone in the
    place of its network; else as the search found them on the values of the network.

    Parameters
    ----------
    in_use
        The model that the formula is in, None where it is in none.
    """
    from ndestudio.model.replace import formula_filled

    for model, source in ((in_use, "use"), (scored.model if scored else None, "refit")):
        if model is not None and neural_term in model.replacements:
            found = formula_filled(model, neural_term)
            if found is not None:
                return found, source  # type: ignore[return-value]
    return candidate.expression, "search"


@lru_cache(maxsize=400)
def _text(expression: Expr, digits: int) -> str:
    from ndestudio.expression import to_text

    return _LONG.sub(lambda found: f"{float(found.group()):.{digits}g}", to_text(expression))
