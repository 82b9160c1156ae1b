"""What a repetition says of each number: exact, within tolerance, different, not verified."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ndestudio.distil.structure import difference
from ndestudio.export.gather import job
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.replace import formula_filled
from ndestudio.project.project import Project

Verdict = Literal["exact", "within tolerance", "different", "not verified"]
TOLERANCE = 0.02
"""Relative: a step that ends when its time is over goes further on a faster machine."""
_EXACT = 1e-12
_DIGITS = 5


@dataclass(frozen=True)
class Number:
    """A number, or a formula, of a result and of its repetition.

    Parameters
    ----------
    name
        `k`, `f(S, P)`, `validation error of x`.
    before, now
        As text; "" where there is none.
    apart
        Relative difference; None where that means nothing.
    """

    name: str
    before: str
    now: str
    verdict: Verdict
    apart: float | None = None


def verdicts(before: Project, now: Project, tolerance: float = TOLERANCE) -> tuple[Number, ...]:
    """Each number of the results of ``before`` beside that of ``now``.

    Parameters
    ----------
    tolerance
        Relative difference that counts as the same; a parameter within the confidence limits it had before does, too.
    """
    old, new = job(before), job(now)
    found: list[Number] = []
    if old.model is None:
        return ()
    limits = old.fit.intervals if old.fit is not None and old.model is old.network_model else {}
    of_formulas = {name for one in old.model.replacements.values() for name in one.parameters}
    for name, value in old.model.parameters.items():
        if name not in of_formulas:
            other = new.model.parameters.get(name) if new.model is not None else None
            found.append(_number(name, value, other, tolerance, limits.get(name)))
    for name in _terms(before):
        first = formula_filled(old.model, name)
        second = formula_filled(new.model, name) if new.model is not None else None
        found.append(_formula(name, first, second, tolerance))
    found += _errors(old.metrics, new.metrics, tolerance)
    return tuple(found)


def summary(numbers: tuple[Number, ...]) -> str:
    """One sentence."""
    if not numbers:
        return "There was no result to compare with."
    counts = {verdict: sum(one.verdict == verdict for one in numbers) for verdict in _ORDER}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"{len(numbers)} numbers and formulas: {', '.join(parts)}."


_ORDER: tuple[Verdict, ...] = ("exact", "within tolerance", "different", "not verified")


def _terms(project: Project) -> tuple[str, ...]:
    model = project.fit.model if project.fit is not None else None
    return tuple(term.name for term in model.system.neural_terms) if model is not None else ()


def _errors(old: Metrics | None, new: Metrics | None, tolerance: float) -> list[Number]:
    found = []
    for part, words in (("train", "training"), ("validation", "validation"), ("test", "test")):
        before: Mapping[str, float] = getattr(old, part) if old is not None else {}
        now: Mapping[str, float] = getattr(new, part) if new is not None else {}
        for column, value in before.items():
            name = f"{words} error" if column == "mean" else f"{words} error of {column}"
            found.append(_number(name, value, now.get(column), tolerance))
    return found


def _number(
    name: str, before: float, now: float | None, tolerance: float, limits: tuple[float, float] | None = None
) -> Number:
    shown = f"{before:.{_DIGITS}g}"
    if now is None or not (math.isfinite(before) and math.isfinite(now)):
        same = now is not None and before == now
        return Number(name, shown, "" if now is None else f"{now:.{_DIGITS}g}", "exact" if same else "not verified")
    scale = max(abs(before), abs(now))
    apart = abs(now - before) / scale if scale > 0 else 0.0
    within = apart <= tolerance or (limits is not None and limits[0] <= now <= limits[1])
    verdict: Verdict = "exact" if apart <= _EXACT else "within tolerance" if within else "different"
    return Number(name, shown, f"{now:.{_DIGITS}g}", verdict, apart)


def _formula(name: str, before: Expr | None, now: Expr | None, tolerance: float) -> Number:
    first, second = (short_text(one, _DIGITS) if one is not None else "" for one in (before, now))
    if before is None:
        # networks of two trainings have no numbers that mean the same
        return Number(name, "a network", second or "a network", "not verified" if now is None else "different")
    if now is None:
        return Number(name, first, "a network", "different")
    if before == now:
        return Number(name, first, second, "exact", 0.0)
    apart = difference(before, now)
    if apart is None:
        return Number(name, first, second, "different")
    verdict: Verdict = "exact" if apart <= _EXACT else "within tolerance" if apart <= tolerance else "different"
    return Number(name, first, second, verdict, apart)
